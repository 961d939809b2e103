"""ncempy as a second reader of a file's geometry.

Our own walks are the authority, because they are bounded and read what ncempy refuses or confuses: it allocates from
a header's counts, knows no pixel types 5, 8, 14, 23, 27 and 28 and no big-endian files, lets its counters of tags wrap
at 127, and collects calibrations by substring, so that they can belong to another image. But it is the field's
reader: where it can read a file that has passed our walk, it must find the pixels at the same place, and the user is
told if it does not.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.movies import ncempy_io
from core.protocol.movie import Issue

# ncempy reads a tag in some ten microseconds; a tree above this would make opening slow for a second opinion only.
MOST_TAGS = 3000
_MOST_READ = 16 << 20

_REFUSALS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def dm_pixels(path: str) -> set[tuple[int, int]] | None:
    """Where ncempy finds arrays of pixels in a DM file: (offset, bytes); None if it can't read it."""
    module = ncempy_io.load("dm")
    if module is None:
        return None

    class Buffered(module.fileDM):  # type: ignore[misc, name-defined]
        def fromfile(self, stream: BinaryIO, dtype: Any, count: int) -> NDArray[Any]:
            # np.fromfile takes 20 us a call, and there are a dozen calls a tag.
            kind, number = np.dtype(dtype), int(count)
            if not 0 <= number * kind.itemsize <= _MOST_READ:
                raise ValueError("more than a tag may hold")
            return np.frombuffer(stream.read(number * kind.itemsize), kind)

    try:
        # An open file makes it read instead of mapping the file, which could kill the process on a network drive.
        with Path(path).open("rb", buffering=1 << 16) as stream, np.errstate(all="ignore"):
            found = Buffered(stream)
            return {(int(offset), int(size)) for offset, size in zip(found.dataOffset, found.dataSize, strict=False)}
    except _REFUSALS:
        return None


def ser_offsets(path: str) -> list[int] | None:
    """Where ncempy finds the valid elements of a SER file; None if it can't read it."""
    module = ncempy_io.load("ser")
    if module is None:
        return None

    class WithoutEmi(module.fileSER):  # type: ignore[misc, name-defined]
        def _read_emi(self) -> None:  # an incomplete EMI must not block the pixels
            self._emi = None

    try:
        with Path(path).open("rb") as stream, np.errstate(all="ignore"):
            return [int(offset) for offset in WithoutEmi(stream).head["DataOffsetArray"]]
    except _REFUSALS:
        return None


def disagreement(what: str) -> Issue:
    """The issue for a file that two readers read differently."""
    return Issue(
        level="warning",
        code="readers-disagree",
        text=f"another reader (ncempy) finds {what} elsewhere in the file; check that the first frame looks right",
    )
