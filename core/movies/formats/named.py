"""Formats that are recognised but not read yet, and files that are often dropped by mistake: each named."""

from __future__ import annotations

from pathlib import Path

from core.movies.errors import Unsupported
from core.movies.files import RandomAccessFile
from core.movies.format import HEAD_BYTES, Entry, Format

_EXPORT = "Export it as a TIFF stack or MRC file from the program that wrote it, and open that."
_ADVICE = {
    "raw data without a header": "Type its layout: height, width, type of the numbers, and bytes before the first frame"
    " (on the command line --dataset raw:512x512:uint16:offset=0).",
    "NanoMegas BLO": "It holds the diffraction patterns of a scan, not a movie in time; open the images themselves.",
}
_MAGIC = (
    (b"IMGBLO", "NanoMegas BLO"),
    (b"\xff\xd8\xff", "JPEG picture"),
    (b"GIF8", "GIF animation"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"\x1f\x8b", "GZIP archive"),
    (b"RIFF", "AVI video"),
)
_EXTENSIONS = {
    ".gtg": "Gatan K2 (GTG)",
    ".raw": "raw data without a header",
    ".bin": "raw data without a header",
    ".blo": "NanoMegas BLO",
    ".zspy": "HyperSpy (Zarr)",
}


def name_of(head: bytes, extension: str) -> str | None:
    """The name of a format that is known but not read; None if it is unknown."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return "MP4 video"
    return _EXTENSIONS.get(extension)


def _entries(file: RandomAccessFile) -> list[Entry]:
    name = name_of(file.read(0, min(HEAD_BYTES, file.size)), Path(file.path).suffix.lower())
    advice = _ADVICE.get(name or "", _EXPORT)
    layout = name == "raw data without a header"
    what = "This looks like raw data: no header tells its layout." if layout else f"{name}: this can't be read here."
    raise Unsupported.about(file.path, what, advice)


FORMAT = Format("other", tuple(_EXTENSIONS), lambda head, extension: name_of(head, extension) is not None, _entries)
