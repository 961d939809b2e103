"""Signal to noise of the raw movie, from two looks at the same scene."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.measures.aligned import overlapping


def two_frame_snr(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], shift: tuple[float, float] = (0.0, 0.0)
) -> float | None:
    """Return rho / (1 - rho), the variance of the signal over that of one frame's noise; None for constant frames.

    rho is the correlation of two raw frames (H, W) over all frequencies (Frank and Al-Ali, Nature 256, 1975). Anything
    that both frames share counts as signal, a camera's fixed pattern included; motion between them counts as noise.
    May be slightly negative.

    Parameters
    ----------
    shift
        How far the picture in `second` lies from that in `first`, in px; taken up by whole px.
    """
    a, b = overlapping(first, second, shift, smooth=False)
    if a.size < 2:
        return None
    a, b = a - a.mean(), b - b.mean()
    power = float(np.sqrt(np.sum(a * a) * np.sum(b * b)))
    if power == 0:
        return None
    rho = float(np.sum(a * b)) / power
    return rho / (1 - rho) if rho < 1 else float("inf")
