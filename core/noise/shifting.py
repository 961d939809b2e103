"""Moving a picture by a part of a pixel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft


def phase(shift: npt.NDArray[np.float64], size: tuple[int, int]) -> npt.NDArray[np.complex64]:
    """What moves a picture of `size` (H, W) by `shift` (rows, columns) px if its ``rfft2`` is multiplied with it."""
    rows = np.exp(-2j * np.pi * fft.fftfreq(size[0]) * shift[0]).astype(np.complex64)
    columns = np.exp(-2j * np.pi * fft.rfftfreq(size[1]) * shift[1]).astype(np.complex64)
    return np.asarray(rows[:, None] * columns[None], dtype=np.complex64)
