"""Merlin MIB files, processed and raw, and the HDR beside them.

The raw mode is packed word by word, so that a mistake of the reader's own turning of arrays shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KINDS = {"uint8": ("U08", 6), "uint16": ("U16", 12), "uint32": ("U32", 24)}


def write_mib(
    path: Path,
    pixels: NDArray[Any],
    *,
    raw: int | None = None,
    quad: bool = False,
    times: Sequence[float] | None = None,
    exposure_ns: int = 1_000_000,
    extension: bool = True,
    hdr: dict[str, str] | None = None,
) -> Path:
    """Write a MIB file.

    Parameters
    ----------
    path : Path
        The file.
    pixels : ndarray (T, H, W)
        uint8, uint16 or uint32, as they are to be seen.
    raw : int
        Depth of the counters in raw mode; processed by default.
    quad : bool
        Four chips, two by two.
    times : sequence of float
        Of the frames in s after noon of 1 May 2024 (UTC); every millisecond by default.
    extension : bool
        The header repeats time, exposure and depth behind the chips' settings.
    hdr : dict
        Lines of the HDR file beside it; none by default.
    """
    count = len(pixels)
    with path.open("wb") as stream:
        for frame in range(count):
            seconds = times[frame] if times is not None else frame * 1e-3
            moment = datetime(2024, 5, 1, 12, tzinfo=UTC) + timedelta(seconds=seconds)
            stream.write(_header(pixels[frame], frame, raw, quad, moment, exposure_ns, extension))
            rows = pixels[frame, ::-1]
            if raw is None:
                stream.write(rows.astype(rows.dtype.newbyteorder(">")).tobytes())
            else:
                stream.write(_pack(_chips(rows) if quad else rows, raw))
    if hdr is not None:
        lines = ["HDR,\t", *(f"{key}:\t{value}" for key, value in hdr.items()), "End\t"]
        path.with_suffix(".hdr").write_text("\r\n".join(lines).ljust(2048), encoding="latin-1")
    return path


def _header(
    frame: NDArray[Any], number: int, raw: int | None, quad: bool, moment: datetime, exposure_ns: int, extension: bool
) -> bytes:
    height, width = frame.shape
    kind, depth = _KINDS[frame.dtype.name]
    if raw is not None:
        kind, depth = "R64", raw
        if quad:
            height, width = height // 2, width * 2
        if raw == 24:
            width *= 2
    chips, length = (4, 768) if quad else (1, 384)
    local = moment + timedelta(hours=1)
    fields = ["MQ1", f"{number + 1:06}", f"{length:05}", f"{chips:02}", f"{width:04}", f"{height:04}", kind]
    fields += ["   2x2" if quad else "   1x1", "0F" if quad else "01", f"{local:%Y-%m-%d %H:%M:%S.%f}"]
    fields += [f"{exposure_ns * 1e-9:.6f}", "0", "0", "0", *["0.000000E+0"] * 8]
    fields += ["3RX", *["001"] * 27] * chips
    if extension:
        fields += ["MQ1A", f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z", f"{exposure_ns}ns", str(depth), ""]
    else:
        fields += [str(depth)]
    return ",".join(fields).encode("ascii").ljust(length, b"\x00")


def _chips(rows: NDArray[Any]) -> NDArray[Any]:
    """A row of chip 4, 3, 2 and 1 after the other; chips 3 and 4 are turned."""
    half, side = rows.shape[0] // 2, rows.shape[1] // 2
    out = []
    for k in range(half):
        below = rows[len(rows) - 1 - k]
        out.append([*below[side:][::-1], *below[:side][::-1], *rows[k][side:], *rows[k][:side]])
    return np.array(out, rows.dtype)


def _pack(rows: NDArray[Any], depth: int) -> bytes:
    if depth == 24:
        return _pack(rows >> 12, 12) + _pack(rows & 0xFFF, 12)
    each = {1: 64, 6: 8, 12: 4}[depth]
    bits = 64 // each
    out = bytearray()
    values = rows.reshape(-1).tolist()
    for start in range(0, len(values), each):
        word = 0
        # The first pixel of a word is its lowest bits, and words are sent big-endian.
        for place in range(each):
            word |= values[start + place] << bits * place
        out += word.to_bytes(8, "big")
    return bytes(out)
