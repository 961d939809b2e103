"""SER series of both versions, with or without their EMI file."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.movie_files.pixels import Pixels, Sparse

_CODES = {
    "uint8": 1,
    "uint16": 2,
    "uint32": 3,
    "int8": 4,
    "int16": 5,
    "int32": 6,
    "float32": 7,
    "float64": 8,
    "complex64": 9,
    "complex128": 10,
}

_EMI = """<ObjectInfo><Uuid>b3546ac9</Uuid><ExperimentalConditions><MicroscopeConditions>\
<AcceleratingVoltage>{voltage}</AcceleratingVoltage><Tilt1>0.000000</Tilt1></MicroscopeConditions>\
</ExperimentalConditions><ExperimentalDescription><Root><Data><Label>Magnification</Label>\
<Value>19500</Value><Unit>x</Unit></Data></Root></ExperimentalDescription><AcquireDate>Sun Feb 21 17:49:06 2016\
</AcquireDate><AcquireInfo><DwellTimePath>{exposure}</DwellTimePath><CameraNamePath>BM-Ceta</CameraNamePath>\
{more}</AcquireInfo><Manufacturer>FEI</Manufacturer></ObjectInfo>"""


def write_ser(
    path: Path,
    pixels: Pixels,
    *,
    version: str = "new",
    valid: int | None = None,
    total: int | None = None,
    step: tuple[float, float] = (5e-11, 4e-11),
    type_code: int | None = None,
    spectra: bool = False,
    times: bool = True,
    blank: Sequence[int] = (),
) -> Path:
    """Write a SER file.

    Parameters
    ----------
    path : Path
        ``NAME_1.ser`` if an EMI file ``NAME.emi`` belongs to it.
    pixels : ndarray or Sparse (T, H, W), or (T, N) for spectra
        Rows from the top; they are stored from the bottom.
    version : str
        ``old`` (32-bit offsets) or ``new``.
    valid, total : int
        What the header claims; the number of frames by default.
    step : (along y, along x)
        Size of a pixel in m, or in 1/m for diffraction.
    type_code : int
        Overrides the code of the type.
    blank : sequence of int
        Frames whose description is wiped: zeros stand in its place.
    """
    frames = pixels.shape[0]
    valid = frames if valid is None else valid
    total = valid if total is None else total
    code, size = ("q", 8) if version == "new" else ("i", 4)
    head = _head(version, spectra, total, valid)
    table_at = len(head)
    slots = max(frames, min(total, 4 * frames + 8))
    first = table_at + 2 * slots * size
    before = 26 if spectra else 50
    frame_bytes = pixels.nbytes // max(1, frames)
    stride = before + frame_bytes + 8
    offsets = [first + index * stride for index in range(frames)] + [0] * (slots - frames)
    tags = [first + index * stride + before + frame_bytes for index in range(frames)] + [0] * (slots - frames)
    kind = _CODES[pixels.dtype.name] if type_code is None else type_code
    with path.open("wb") as stream:
        stream.write(head + struct.pack(f"<{slots}{code}", *offsets) + struct.pack(f"<{slots}{code}", *tags))
        for index in range(frames):
            stream.seek(offsets[index])
            described = _element(pixels, step, kind, spectra)
            stream.write(bytes(len(described)) if index in blank else described)
            frame = pixels.frames.get(index) if isinstance(pixels, Sparse) else pixels[index]
            if frame is not None:
                stream.write(_stored(frame, spectra))
            stream.seek(tags[index])
            stream.write(struct.pack("<iI", 0x4152, 1456073345 + index if times else 0))
    return path


def _head(version: str, spectra: bool, total: int, valid: int) -> bytes:
    """All before the table of offsets."""
    code, size = ("q", 8) if version == "new" else ("i", 4)
    head = struct.pack("<3H", 0x4949, 0x0197, 0x0220 if version == "new" else 0x0210)
    head += struct.pack("<4i", 0x4120 if spectra else 0x4122, 0x4152, total, valid)
    table_at = len(head) + size + 4 + 4 + 16 + 4 + 4 + 6 + 4
    head += struct.pack("<" + code, table_at) + struct.pack("<i", 1)
    head += struct.pack("<iddii", total, 0.0, 1.0, 0, 6) + b"Number" + struct.pack("<i", 0)
    assert len(head) == table_at
    return head


def _element(pixels: Pixels, step: tuple[float, float], kind: int, spectra: bool) -> bytes:
    if spectra:
        return struct.pack("<ddihi", 0.0, 10.0, 0, kind, pixels.shape[1])
    height, width = pixels.shape[1:]
    return struct.pack("<ddiddih2i", 0.0, step[1], 0, 0.0, step[0], 0, kind, width, height)


def _stored(frame: Any, spectra: bool) -> bytes:
    rows = frame if spectra else frame[::-1]
    return bytes(rows.astype(rows.dtype.newbyteorder("<")).tobytes())


def write_emi(path: Path, *, voltage: float = 300000, exposure: float = 0.25, frame_time: float | None = None) -> Path:
    """Write an EMI file; `frame_time` makes it that of a scan."""
    more = "" if frame_time is None else f"<FrameTime>{frame_time}</FrameTime>"
    text = _EMI.format(voltage=voltage, exposure=exposure, more=more)
    path.write_bytes(b"JK\x00\x02\x00\x00\x00\x00\x04M\x01\x00" + b"\x01" * 40 + text.encode() + b"\x02" * 40)
    return path
