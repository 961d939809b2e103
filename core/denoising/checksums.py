"""Checksums of frames, made on the pass that reads or writes them anyway."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

SIZE = 32


def of_frame(frame: npt.NDArray[np.generic]) -> bytes:
    """SHA-256 of a frame's pixels, row by row, little-endian; 32 bytes."""
    little = np.ascontiguousarray(frame, dtype=frame.dtype.newbyteorder("<"))
    # A view as bytes: numpy hands out no buffer of some types (bool is fine, float16 on old versions is not).
    return hashlib.sha256(little.reshape(-1).view(np.uint8).data).digest()


def of_all(frames: Iterable[bytes]) -> str:
    """SHA-256 over the frames' checksums in order, as hexadecimal digits; empty if one of them is not known."""
    digest = hashlib.sha256()
    for one in frames:
        if not one:
            return ""
        digest.update(one)
    return digest.hexdigest()
