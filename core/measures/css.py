"""CSS, consecutive structural similarity (Noise2Atom, Appl. Microsc. 50:23, 2020): how alike frames in a row are.

It rewards smearing: a mean over all frames is perfectly consistent, and shows nothing that happened. So it is never
optimised, and never shown without that of the raw movie and of a plain mean of five frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.measures.aligned import overlapping
from core.measures.fidelity import similarity

_SIDE = 7


def css(
    frames: npt.NDArray[np.floating],
    data_range: float,
    lag: int = 1,
    shifts: npt.NDArray[np.float64] | None = None,
    smooth: bool = True,
    segments: Sequence[tuple[int, int]] = (),
) -> float | None:
    """Return the mean over t of SSIM(D_t, D_(t - lag)); None where no two frames are that far apart.

    Parameters
    ----------
    frames
        (T, H, W).
    data_range
        One for the whole movie, in the units of the frames.
    shifts
        (T, 2): where the picture lies in each frame, in px; frames are compared after alignment.
    smooth
        Whether frames are smooth enough to be moved by parts of a px (raw frames are moved by whole px).
    segments
        Stretches (start, stop) that belong together; no pair crosses a border.

    Raises
    ------
    ValueError
        `lag` or `data_range` is not positive.
    """
    if lag < 1 or not data_range > 0:
        raise ValueError(f"CSS needs a lag of 1 or more and a positive range, not {lag} and {data_range}")
    values = []
    for start, stop in segments or ((0, len(frames)),):
        for t in range(start + lag, stop):
            shift = (0.0, 0.0) if shifts is None else tuple(float(s) for s in shifts[t] - shifts[t - lag])
            before, now = overlapping(frames[t - lag], frames[t], (shift[0], shift[1]), smooth)
            if min(before.shape) >= _SIDE:
                values.append(similarity(before, now, data_range))
    return float(np.mean(values)) if values else None


def mean_of_five(frames: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return (T, H, W): each frame averaged with its two neighbours on either side (fewer at the ends)."""
    stack = np.asarray(frames, np.float64)
    return np.stack([stack[max(0, t - 2) : t + 3].mean(axis=0) for t in range(len(stack))])
