"""Formats that are recognised but not read yet, and files that are often dropped by mistake: each named."""

from __future__ import annotations

from pathlib import Path

from core.movies.errors import Unsupported
from core.movies.files import RandomAccessFile
from core.movies.format import HEAD_BYTES, Entry, Format

_HDF5 = b"\x89HDF\r\n\x1a\n"
_EXPORT = "Export it as a TIFF stack or MRC file from the program that wrote it, and open that."
_HDF5_NAMES = {
    ".emd": "EMD (Velox or Berkeley)",
    ".hspy": "HyperSpy",
    ".nxs": "NeXus",
    ".dm5": "DM5",
}
_MAGIC = (
    (b"MQ1,", "Merlin MIB"),
    (b"HDR,", "Merlin header (HDR)"),
    (b"\xff\xd8\xff", "JPEG picture"),
    (b"GIF8", "GIF animation"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "GZIP archive"),
    (b"RIFF", "AVI video"),
)
_EXTENSIONS = {
    ".mib": "Merlin MIB",
    ".hdr": "Merlin header (HDR)",
    ".tvips": "TVIPS",
    ".gtg": "Gatan K2 (GTG)",
    ".eer": "Falcon EER",
    ".raw": "raw data without a header",
    ".bin": "raw data without a header",
    ".blo": "NanoMegas BLO",
    ".zspy": "HyperSpy (Zarr)",
}


def name_of(head: bytes, extension: str) -> str | None:
    """The name of a format that is known but not read; None if it is unknown."""
    if head.startswith(_HDF5):
        return _HDF5_NAMES.get(extension, "HDF5")
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return "MP4 video"
    return _EXTENSIONS.get(extension)


def _entries(file: RandomAccessFile) -> list[Entry]:
    name = name_of(file.read(0, min(HEAD_BYTES, file.size)), Path(file.path).suffix.lower())
    raise Unsupported.about(file.path, f"{name}: this kind of file can't be read yet.", _EXPORT)


FORMAT = Format("other", tuple(_EXTENSIONS), lambda head, extension: name_of(head, extension) is not None, _entries)
