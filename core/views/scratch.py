"""The scratch file through which pixels travel between processes: slots of fixed size on the local disk.

The window makes and removes the file; reader and engine write slots, the window reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ITEM = 4


def write_slot(path: str | Path, slot_bytes: int, slot: int, array: NDArray[Any]) -> None:
    """Put an image into a slot, as float32.

    Parameters
    ----------
    path : str or Path
        The scratch file; it exists.
    slot_bytes : int
        Size of a slot.
    slot : int
        Its number, from 0.
    array : ndarray (height, width)
        Any real type.

    Raises
    ------
    ValueError
        The image does not fit into a slot.
    OSError
        The file is gone, or the disk full.
    """
    image = np.ascontiguousarray(array, dtype="<f4")
    if image.ndim != 2 or image.nbytes > slot_bytes or slot < 0:
        raise ValueError(
            f"an image of {image.shape} px ({image.nbytes} bytes) does not fit a slot of {slot_bytes} bytes"
        )
    with open(path, "r+b") as file:
        file.seek(slot * slot_bytes)
        file.write(image.data)


def read_slot(path: str | Path, slot_bytes: int, slot: int, height: int, width: int) -> NDArray[np.float32]:
    """Take an image out of a slot: a new float32 array (height, width).

    Raises
    ------
    ValueError
        The size does not fit a slot, or the slot was never written.
    OSError
        The file is gone.
    """
    count = height * width
    if height < 0 or width < 0 or count * _ITEM > slot_bytes or slot < 0:
        raise ValueError(f"an image of {height} x {width} px does not fit a slot of {slot_bytes} bytes")
    with open(path, "rb") as file:
        file.seek(slot * slot_bytes)
        data = file.read(count * _ITEM)
    if len(data) != count * _ITEM:
        raise ValueError(f"slot {slot} holds {len(data)} bytes, not the {count * _ITEM} of an image")
    return np.frombuffer(data, "<f4").astype(np.float32).reshape(height, width)
