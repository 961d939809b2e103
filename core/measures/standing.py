"""Do results stand still, or lag behind, while the raw picture moves?

At a lag of s frames, ``<f_t, f_(t+s)>`` is read at the same pixel, and where the picture has drifted to. A picture that
moves agrees with itself along the drift, and so do results that look at one frame each. Frames that were averaged in
place share their noise, and what was smeared, at the same pixel instead, over however many frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from core.measures.clips import Clip
from core.measures.windows import WindowGrid

_LAGS = (1, 2, 3)
_LEAST_PAIRS = 6
_SIDE = 64
_SCATTER = 1.6
_MOVED = 0.1


@dataclass(frozen=True)
class Standing:
    """Standard errors that speak for results that agree at the same pixel (above 0) or along the drift (below).

    `share` is that excess, 1 if nothing agrees along the drift; `raw` are the standard errors of the raw frames, below
    0 where it is sure that the picture moves.
    """

    surety: float
    share: float
    raw: float


def standing(clips: Sequence[Clip]) -> Standing | None:
    """Measure it at the lag that says most; None for too few frames, or a picture that doesn't move."""
    found = [one for one in (_at_lag(clips, lag) for lag in _LAGS) if one is not None]
    return max(found, key=lambda one: one.surety) if found else None


def _at_lag(clips: Sequence[Clip], lag: int) -> Standing | None:
    result: list[float] = []
    raw: list[float] = []
    for clip in clips:
        try:
            grid = WindowGrid.fitting(clip.raw.shape[1], clip.raw.shape[2], 0.5, _SIDE)
        except ValueError:
            return None
        weights = grid.weights
        for frame in range(clip.frames - lag):
            move = clip.move(frame, frame + lag)
            places = grid.places([move])
            if not len(places) or float(np.hypot(*move)) < _MOVED:
                continue
            excess = 1 - _phase(grid, move)
            for frames, into in ((clip.result, result), (clip.raw, raw)):
                first, second = grid.spectra(frames[frame], places), grid.spectra(frames[frame + lag], places)
                both = (first.conj() * second).sum(axis=0)
                size = np.sqrt((np.abs(first) ** 2).sum(axis=0) * (np.abs(second) ** 2).sum(axis=0))
                # Each pair counts alike, however far the picture goes between them.
                most = float((size * np.abs(excess) * weights).sum())
                if most > 0:
                    into.append(float(((both * excess).real * weights).sum()) / most)
    if min(len(result), len(raw)) < _LEAST_PAIRS:
        return None
    return Standing(_surety(result), float(np.mean(result)), _surety(raw))


def _phase(grid: WindowGrid, move: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
    rows = np.exp(2j * np.pi * fft.fftfreq(grid.side) * move[0])
    columns = np.exp(2j * np.pi * fft.rfftfreq(grid.side) * move[1])
    return np.asarray(rows[:, None] * columns[None])


def _surety(values: Sequence[float]) -> float:
    """Mean over its standard error; frames that were averaged share noise, so the scatter says too little."""
    every = np.array(values)
    deviation = _SCATTER * float(every.std(ddof=1)) / np.sqrt(len(every))
    mean = float(every.mean())
    return mean / deviation if deviation > 1e-9 * abs(mean) else float(np.sign(mean)) * 1e3
