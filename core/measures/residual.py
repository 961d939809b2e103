"""What a result took away: how strong it is, how it is spread, and whether it looks like noise.

With l the result in electrons, y the raw frame and z = (y - l) / sqrt(l):

- dispersion D = mean z^2, on sums over 8 x 8 px (a detector with an MTF blurs noise over a few px): about 1 is
  consistent; below 1 noise was kept; above 1 signal was lost, or the gain is wrong. By 32 x 32 blocks it is a map.
- against the noise itself: power of the residual over that of the raw frames' noise, measured between neighbouring
  frames, so that no gain is needed.
- whiteness: the autocorrelation of y - l at the nearest px, less that of the noise; and with the next frame's.
- leakage: correlation of y - l with l, and with the size of l's gradient; power of y - l at the spots of l's lattice
  over its surroundings.

QUALITY measures 5, 7 and 8; none of them can be trusted alone: doing nothing passes whiteness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.ndimage import median_filter

from core.measures.clips import Clip
from core.measures.cross_spectra import CrossSpectra
from core.measures.windows import WindowGrid

Array = npt.NDArray[np.float64]

BLOCK = 8
MAP_BLOCK = 32
_REACH = 4
_SPOT, _AROUND = 8.0, 7
_DARK = 1e-3


@dataclass(frozen=True)
class Residual:
    """The sums of a movie's residual.

    Attributes
    ----------
    dispersion : float or None
        Mean z^2 on sums over 8 x 8 px; None where the result has no positive intensity.
    dispersion_map : float64 (h, w)
        The same by 32 x 32 blocks, over all frames.
    in_time : float or None
        Correlation of the residuals of neighbouring frames, px by px; None for one frame.
    with_result, with_gradient : float
        Correlation of the residual with the result, and with the size of its gradient.
    fine : float or None
        Power of the residual over the raw frames', in second differences between px: near 0 if nothing was done.
    """

    dispersion: float | None
    dispersion_map: Array
    in_time: float | None
    with_result: float
    with_gradient: float
    fine: float | None = None


def residual(clips: Sequence[Clip]) -> Residual:
    """Add up the residuals of all frames of the clips, of one size."""
    height, width = clips[0].raw.shape[1:]
    side = min(BLOCK, height, width)
    squares: Array = np.zeros((max(1, height // MAP_BLOCK), max(1, width // MAP_BLOCK)))
    expected = np.zeros_like(squares)
    own = beside = 0.0
    fine_left = fine_raw = 0.0
    with_result, with_gradient = _Correlation(), _Correlation()
    for clip in clips:
        before = None
        for raw, result in zip(clip.raw, clip.result, strict=True):
            f = result.astype(np.float64)
            r = raw.astype(np.float64) - f
            squares += _grid_sums(np.square(_sums(r, side)), squares.shape)
            expected += _grid_sums(_sums(f, side), squares.shape)
            fine_left += float(np.square(np.diff(r, 2, axis=0)).sum() + np.square(np.diff(r, 2, axis=1)).sum())
            y = raw.astype(np.float64)
            fine_raw += float(np.square(np.diff(y, 2, axis=0)).sum() + np.square(np.diff(y, 2, axis=1)).sum())
            steps = np.gradient(f)
            with_result.add(r, f)
            with_gradient.add(r, np.hypot(*steps))
            if before is not None:
                beside += float(np.sum(r * before))
                own += float(np.sqrt(np.sum(r * r) * np.sum(before * before)))
            before = r
    total = float(expected.sum())
    floor = max(_DARK * total / expected.size, 1e-30)
    return Residual(
        dispersion=float(squares.sum()) / total if total > 0 else None,
        dispersion_map=squares / np.maximum(expected, floor),
        in_time=beside / own if own > 0 else None,
        with_result=with_result.value,
        with_gradient=with_gradient.value,
        fine=fine_left / fine_raw if fine_raw > 0 else None,
    )


def _sums(values: Array, side: int) -> Array:
    rows, columns = (length // side for length in values.shape)
    cut = values[: rows * side, : columns * side]
    return np.asarray(cut.reshape(rows, side, columns, side).sum(axis=(1, 3)))


def _grid_sums(values: Array, shape: tuple[int, ...]) -> Array:
    """Add values up over a coarser grid of this shape."""
    rows, columns = (
        np.minimum(np.arange(length) * parts // length, parts - 1)
        for length, parts in zip(values.shape, shape, strict=True)
    )
    place = rows[:, None] * shape[1] + columns[None]
    return np.asarray(np.bincount(place.ravel(), values.ravel(), shape[0] * shape[1]).reshape(shape))


class _Correlation:
    """Correlation of two images over all frames, each frame's means taken off."""

    def __init__(self) -> None:
        self._cross = self._first = self._second = 0.0

    def add(self, first: Array, second: Array) -> None:
        a, b = first - first.mean(), second - second.mean()
        self._cross += float(np.sum(a * b))
        self._first += float(np.sum(a * a))
        self._second += float(np.sum(b * b))

    @property
    def value(self) -> float:
        power = (self._first * self._second) ** 0.5
        return self._cross / power if power > 0 else 0.0


@dataclass(frozen=True)
class ResidualSpectrum:
    """Of the power of the residual.

    Attributes
    ----------
    over_noise : float or None
        Over that of the raw frames' noise, all frequencies together; None for one frame.
    correlation : float
        The largest autocorrelation within 4 px, by size, the noise's own taken off where it is known.
    at_spots : float or None
        Over its surroundings, at the spots of the result's lattice; None where there are none.
    noise_correlation : float
        The noise's own largest autocorrelation.
    """

    over_noise: float | None
    correlation: float
    at_spots: float | None
    noise_correlation: float = 0.0


def residual_spectrum(clips: Sequence[Clip], spectra: CrossSpectra | None) -> ResidualSpectrum | None:
    """Judge the power spectrum of the residual; None for frames that are too small.

    Without `spectra` (one frame) the noise is taken for white.
    """
    if spectra is None:
        found = _own_powers(clips)
        if found is None:
            return None
        grid, power, result = found
        noise = np.full_like(power, float(np.median(power[grid.weights > 0])))
        known = False
    else:
        grid = spectra.grid
        power = (spectra.yy - 2 * spectra.fy + spectra.ff).sum(axis=0)
        result = spectra.ff.sum(axis=0)
        noise = np.maximum((spectra.yy - spectra.yz).sum(axis=0), 0.0)
        known = True
    weights = grid.weights
    size = float((noise * weights).sum())
    if not size > 0 or not float((power * weights).sum()) > 0:
        return None
    return ResidualSpectrum(
        over_noise=float((power * weights).sum()) / size if known else None,
        correlation=_largest(_lags(power * (weights > 0)) - _lags(noise * (weights > 0))),
        at_spots=_at_spots(power, result, weights > 0),
        noise_correlation=_largest(_lags(noise * (weights > 0)) - _lags((weights > 0).astype(np.float64))),
    )


def _own_powers(clips: Sequence[Clip]) -> tuple[WindowGrid, Array, Array] | None:
    try:
        grid = WindowGrid.fitting(clips[0].raw.shape[1], clips[0].raw.shape[2], 0.5)
    except ValueError:
        return None
    places = grid.places([])
    power: Array = np.zeros(grid.weights.shape)
    result = np.zeros_like(power)
    for clip in clips:
        for raw, one in zip(clip.raw, clip.result, strict=True):
            power += np.square(np.abs(grid.spectra(raw - one, places))).sum(axis=0)
            result += np.square(np.abs(grid.spectra(one, places))).sum(axis=0)
    return grid, power, result


def _lags(power: Array) -> Array:
    """Autocorrelation within 4 px, 1 at the centre."""
    side = power.shape[0]
    lags = fft.irfft2(power, s=(side, side))
    near = np.r_[0 : _REACH + 1, -_REACH:0]
    return np.asarray(lags[np.ix_(near, near)] / lags[0, 0])


def _largest(values: Array) -> float:
    return float(values.flat[np.argmax(np.abs(values))])


def _at_spots(power: Array, result: Array, useful: npt.NDArray[np.bool_]) -> float | None:
    """Mean over the spots of the residual's power over the median around each."""
    around = [median_filter(one, size=_AROUND, mode="wrap") for one in (power, result)]
    spots = useful & (result > _SPOT * around[1]) & (around[1] > 0) & (around[0] > 0)
    if not spots.any():
        return None
    return float(np.average(power[spots] / around[0][spots], weights=result[spots]))
