"""PNG: grey pictures of 8 or 16 bits, as frames of a numbered series or alone. They carry no calibration."""

from __future__ import annotations

import struct

import numpy as np

from core.movies.errors import Malformed, Truncated, Unsupported
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format, Opened
from core.movies.formats import refusals
from core.movies.sources import CallbackSource, Frame
from core.protocol.movie import DatasetInfo, MovieMeta

_MAGIC = b"\x89PNG\r\n\x1a\n"
_GREY = 0
_COLOURS = {2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGBA"}
# Deflate packs at most 1032:1; a header that claims more lies.
_LARGEST_RATIO = 1100
_LARGEST = 1 << 31


def _sniff(head: bytes, extension: str) -> bool:
    return head.startswith(_MAGIC)


def _entries(file: RandomAccessFile) -> list[Entry]:
    if file.size < 57:
        raise Truncated.about(file.path, "The PNG picture ends within its header.")
    head = file.read(0, 29)
    length, name, width, height, bits, colour = struct.unpack(">I4sIIBB", head[8:26])
    if length != 13 or name != b"IHDR" or not width or not height or bits not in (1, 2, 4, 8, 16):
        raise Malformed.about(file.path, "The PNG picture's header is damaged.")
    dtype = np.dtype(np.uint16 if bits == 16 else np.uint8)
    if width * height * bits // 8 > min(_LARGEST, file.size * _LARGEST_RATIO):
        raise Malformed.about(
            file.path, f"The PNG header claims {height} x {width} px, far more than {file.size} bytes can hold."
        )
    refusal = None
    if colour != _GREY:
        refusal = refusals.COLOUR if colour in (2, 3, 6) else f"This PNG picture is {_COLOURS.get(colour, 'unknown')}."
    elif bits < 8:
        refusal = f"This PNG picture has {bits} bits a pixel: a drawing, not counts from a detector."
    info = DatasetInfo(key="0", title="", shape=(1, height, width), dtype=dtype.name, refusal=refusal)
    return [Entry(info, lambda: _open(file, info))]


def _open(file: RandomAccessFile, info: DatasetInfo) -> Opened:
    _, height, width = info.shape
    tail = file.read(file.size - 12, 12)
    if b"IEND" not in tail and not _ends(file):
        raise Truncated.about(file.path, "The PNG picture ends before its last line.")
    meta = MovieMeta(
        path=file.path,
        format="PNG",
        dataset=info.key,
        frames=1,
        height=height,
        width=width,
        dtype=info.dtype,
        declared_frames=1,
    )
    return Opened(meta, CallbackSource(lambda _: _decode(file, info), file.close, one_at_a_time=False))


def _ends(file: RandomAccessFile) -> bool:
    """Whether the chunks lead to the last one; bytes may follow it."""
    at = len(_MAGIC)
    while at + 12 <= file.size:
        length, name = struct.unpack(">I4s", file.read(at, 8))
        if name == b"IEND":
            return True
        at += 12 + int(length)
    return False


def _decode(file: RandomAccessFile, info: DatasetInfo) -> Frame:
    import imagecodecs

    try:
        frame: Frame = np.asarray(imagecodecs.png_decode(file.read(0, file.size)))
    except imagecodecs.PngError as error:
        raise Malformed.about(file.path, f"The PNG picture is damaged: {error}.") from error
    if frame.shape != info.shape[1:] or frame.dtype.name != info.dtype:
        raise Unsupported.about(file.path, "The PNG picture is not what its header says.")
    return frame


FORMAT = Format("PNG", (".png",), _sniff, _entries)
