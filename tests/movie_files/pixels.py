"""Pixels for test files: ramps in which every pixel of every frame is told apart, and sparse movies of any size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray


def ramp(shape: tuple[int, ...], dtype: str = "uint16") -> NDArray[Any]:
    """0, 1, 2 ... in C order, wrapped into the type; negative ones too where it is signed."""
    numbers = np.arange(int(np.prod(shape)))
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return (numbers % 3 == 0).reshape(shape)
    if kind.kind == "i":
        numbers = numbers - numbers.size // 2
    if kind.kind in "iu":
        size = 1 << (8 * min(kind.itemsize, 4))
        numbers = (numbers % size).astype(np.int64)
        if kind.kind == "i":
            numbers = np.where(numbers >= size // 2, numbers - size, numbers)
        return numbers.astype(kind).reshape(shape)
    return (numbers - numbers.size / 3).astype(kind).reshape(shape)


@dataclass(frozen=True)
class Sparse:
    """A movie of which only some frames are stored; the others are holes that read as zero."""

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    frames: Mapping[int, NDArray[Any]] = field(default_factory=dict)

    @property
    def ndim(self) -> int:
        """Three axes."""
        return 3

    @property
    def frame_bytes(self) -> int:
        """Of one frame."""
        return self.shape[1] * self.shape[2] * self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Of the whole movie."""
        return self.shape[0] * self.frame_bytes


Pixels = NDArray[Any] | Sparse


def write_pixels(stream: BinaryIO, pixels: Pixels) -> None:
    """Write pixels at the position of `stream`, and leave it behind them."""
    if not isinstance(pixels, Sparse):
        stream.write(np.ascontiguousarray(pixels).tobytes())
        return
    start = stream.tell()
    for index, frame in pixels.frames.items():
        stream.seek(start + index * pixels.frame_bytes)
        stream.write(np.ascontiguousarray(frame, pixels.dtype).tobytes())
    stream.seek(start + pixels.nbytes - 1)
    if pixels.shape[0] - 1 in pixels.frames:
        stream.seek(1, 1)
    else:
        stream.write(b"\x00")
