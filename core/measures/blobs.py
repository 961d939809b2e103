"""Is each blob that a result draws, an atom say, in its movie?

All frames are moved along the drift and averaged: F of the result, R of result less raw frames, V the variance of R
from frame to frame. Where F has a blob, its shape less its surroundings is the template t, and

    z = sum(t R) / sqrt(sum(t^2 V)),    share = sum(t R) / sum(t F).

For the truth z is noise; filters that lose contrast have z below 0; an invented blob has a share of 1 (beside others,
whose shape its template holds too, of less) and a z that grows with its contrast, the dose and the frames. It is the
matched filter, the most that any test of one place can tell of a known shape (Turin, IRE Trans. Inf. Theory 6, 311,
1960). V is scaled up to the scatter of R at the blobs' size, so that a camera's pattern, which stays, isn't taken for
atoms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, maximum_filter

from core.measures.clips import Clip

Array = npt.NDArray[np.float64]

# Sizes that are looked for, as sigmas in px; least height over that of the highest blobs.
_SIGMAS = (1.5, 3.0)
_LEAST_HEIGHT = 0.25
_HIGHEST = 99.5
_LEAST_FRAMES = 6
_SMOOTH = 6.0
# Standard errors, and share of a blob, that the movie must lack.
_SURE, _SHARE = 6.0, 0.3
# A movie that lacks far more than was drawn has a dark pixel there.
_MOST = 1.5


@dataclass(frozen=True)
class Blob:
    """A blob that the movie doesn't show: where it lies in the middle frame, its share that is lacking, its surety."""

    y: int
    x: int
    share: float
    surety: float


def added_blobs(clip: Clip) -> list[Blob]:
    """Find blobs that are drawn without being in the movie, the surest first, each once."""
    if clip.frames < _LEAST_FRAMES:
        return []
    moves = np.rint(clip.shifts - clip.shifts[clip.frames // 2]).astype(np.intp)
    drawn = np.zeros(clip.raw.shape[1:])
    beyond, squares = np.zeros_like(drawn), np.zeros_like(drawn)
    for raw, result, move in zip(clip.raw, clip.result, moves, strict=True):
        back = (-int(move[0]), -int(move[1]))
        drawn += np.roll(result, back, (0, 1))
        rest = np.roll(result.astype(np.float64) - raw, back, (0, 1))
        beyond += rest
        squares += rest**2
    frames = clip.frames
    drawn, beyond = drawn / frames, beyond / frames
    variance = gaussian_filter(np.maximum(squares / frames - beyond**2, 0), _SMOOTH) / (frames - 1)
    edge = int(np.abs(moves).max()) + 1
    found: list[Blob] = []
    for sigma in _SIGMAS:
        found += _of_size(drawn, beyond, variance, sigma, edge)
    apart: list[Blob] = []
    for one in sorted(found, key=lambda blob: -blob.surety):
        if all(np.hypot(one.y - other.y, one.x - other.x) > 2 * max(_SIGMAS) for other in apart):
            apart.append(one)
    return apart


def _of_size(drawn: Array, beyond: Array, variance: Array, sigma: float, edge: int) -> list[Blob]:
    reach = int(np.ceil(3 * sigma))
    height, width = drawn.shape
    edge += reach
    if min(height, width) <= 2 * edge + 2:
        return []
    inner = np.s_[edge:-edge, edge:-edge]
    detail = gaussian_filter(drawn, sigma / 2) - gaussian_filter(drawn, 2.5 * sigma)
    steps = np.arange(-reach, reach + 1)
    taper = np.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / (2 * (1.5 * sigma) ** 2))
    variance = variance * _colour(beyond, variance, sigma, inner)
    out = []
    for signed in (detail, -detail):
        least = _LEAST_HEIGHT * float(np.percentile(signed[inner], _HIGHEST))
        tops = (signed == maximum_filter(signed, int(4 * sigma) | 1)) & (signed > max(least, 0.0))
        for y, x in np.argwhere(tops[inner]) + edge:
            at = np.s_[y - reach : y + reach + 1, x - reach : x + reach + 1]
            patch = drawn[at]
            shape = taper * (patch - np.average(patch, weights=taper))
            size, noise = float((shape * patch).sum()), float((shape**2 * variance[at]).sum())
            more = float((shape * beyond[at]).sum())
            if noise > 0 and _SHARE * size < more < _MOST * size and more > _SURE * np.sqrt(noise):
                out.append(Blob(int(y), int(x), more / size, more / float(np.sqrt(noise))))
    return out


def _colour(beyond: Array, variance: Array, sigma: float, inner: tuple[slice, slice]) -> float:
    """How much more the mean residual scatters, at the size of blobs, than white noise would; 1 or more."""

    def band(values: Array) -> Array:
        return np.asarray(gaussian_filter(values, sigma) - gaussian_filter(values, 2 * sigma))

    single = np.zeros((8 * int(np.ceil(2 * sigma)) + 1,) * 2)
    single[single.shape[0] // 2, single.shape[1] // 2] = 1.0
    expected = float(np.square(band(single)).sum()) * variance[inner]
    ratios = np.square(band(beyond)[inner]) / np.maximum(expected, 1e-300)
    # The median of a squared normal variable is 0.455 of its variance: few blobs don't change it.
    return max(1.0, float(np.median(ratios)) / 0.455)
