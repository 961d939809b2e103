"""How much of a result's error a plain linear correction takes away: signal put back, or noise smoothed away.

With x the truth, f the result and y the raw frame, an estimate with the least mean squared error leaves nothing to be
had from either: ``E[(x - f) h*(y - f)] = 0`` and ``E[(x - f) h*f] = 0`` for every filter h (the normal equations).
So, ring by ring in Fourier space (the filters look at no direction: not every spot of a lattice must be met),

- over-smoothed: ``c = <x - f, y - f> > 0``; adding back ``B (y - f)``, B = c / <y - f, y - f>, lowers the error by
  ``2 B c - B^2 <y - f, y - f>``;
- over-fitted: ``d = <x - f, f> < 0``; shrinking by ``A = d / <f, f>`` lowers it by ``2 A d - A^2 <f, f>``.

Content of one frame alone that is no noise (atoms that hop, jitter of a scan) looks like noise that was kept. But a
result that keeps a share k of noise is correlated with what was taken away, <y - f, f> = k (1 - k) N, and the truth is
not: the shrinkage counts as far as it is. A scan's lines, whose brightness differs, are left out; the rest of each ring
stands for them.

x is stood in for by other frames (`cross_spectra`). B and A are learned on one half of the movie and tested on the
other, so that noise earns nothing. The truth itself has c = d = 0, whatever its other frames look like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.measures.cross_spectra import CrossSpectra

Array = npt.NDArray[np.float64]

# How many standard errors a ring must stand out to be corrected.
_SURE = 2.5
# The same for noise that result and looks share, and its least share of the noise.
_SURE_SHARED, _LEAST_SHARED = 5.0, 0.01
# Frames that follow each other share the products of their noise.
_INDEPENDENT = 0.5
_RINGS_PER_OCTAVE = 3
# Where the error is far below what a single frame allows, it is judged against this share of that.
_FLOOR = 0.1
_LINE_CELLS = 2
# Shares of the raw power below which a ring of the result, or of what was taken away, is empty.
_EMPTY, _HARDLY_TAKEN = 2e-3, 0.35


@dataclass(frozen=True)
class Share:
    """A share of the error that a correction removes; `low` and `high` are two standard errors away."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Removable:
    """What corrections would remove.

    Attributes
    ----------
    put_back, smoothed : Share
        Of the result's error, by adding back a part of the residual, and by shrinking the result, in each ring.
    error, error_deviation : float
        Mean squared error a px without the beam's level, electrons squared, and its standard error.
    noise : float
        Noise variance a px of a raw frame.
    attainable : float
        Error of the best linear filter of one frame (Wiener's), as far as signal could be told from noise.
    own_noise : float
        Share of a frame's own noise that is left in its result, over all frequencies.
    taken : float
        Power of what was taken away over that of the noise.
    """

    put_back: Share
    smoothed: Share
    error: float
    error_deviation: float
    noise: float
    attainable: float
    own_noise: float
    taken: float


def removable(spectra: CrossSpectra, frame_alone: bool = True) -> Removable:
    """Learn both corrections on either half and test them on the other.

    Parameters
    ----------
    frame_alone
        Each result was made of its own frame alone. If not, what was taken away holds noise of other frames too, and
        what one frame alone shows can't be told from noise.
    """
    weights = spectra.grid.weights
    pixels = float(spectra.windows.sum()) * spectra.grid.side**2
    back, smooth = np.zeros(len(spectra.windows)), np.zeros(len(spectra.windows))
    steady = _off_lines(spectra)
    for half in (False, True):
        train, test = spectra.half == half, spectra.half != half
        if not train.any() or not test.any():
            train = test = np.ones(len(spectra.windows), dtype=np.bool_)
        factor = _put_back_factor(spectra, train)
        gain = factor * (2 * _residual_product(spectra, test) - factor * _residual_power(spectra, test))
        back[test] = (gain * weights).sum(axis=(1, 2))
        factor = _shrink_factor(spectra, train)
        gain = factor * (2 * (spectra.fz - spectra.ff)[test] - factor * spectra.ff[test])
        certain = _noise_share(spectra, test) if frame_alone else 1.0
        smooth[test] = (gain * certain * steady).sum(axis=(1, 2))
    errors = ((spectra.yz - 2 * spectra.fz + spectra.ff) * weights * _where_anything_is(spectra)).sum(axis=(1, 2))
    noise = float(((spectra.yy - spectra.yz) * weights).sum())
    own = float(((spectra.fy - spectra.fz) * weights).sum())
    left = float(((spectra.yy - 2 * spectra.fy + spectra.ff) * weights).sum())
    attainable = _attainable(spectra)
    return Removable(
        put_back=_share(back, errors, spectra.windows, attainable),
        smoothed=_share(smooth, errors, spectra.windows, attainable),
        error=float(errors.sum()) / pixels,
        error_deviation=_deviation(errors, spectra.windows) / pixels,
        noise=noise / pixels,
        attainable=attainable / pixels,
        own_noise=own / noise if noise > 0 else 0.0,
        taken=left / noise if noise > 0 else 0.0,
    )


def holds_its_look(spectra: CrossSpectra) -> bool:
    """Whether noise of the frames that stand in for the truth is in the result.

    Then <z - f, y - f> without the frame's own noise, ``yz - 2 fz + ff``, is below zero in some ring for sure: by the
    variance of the noise they share. Every other fault of a result makes it larger.
    """
    everywhere = np.ones(len(spectra.windows), dtype=np.bool_)
    excess = (2 * spectra.fz - spectra.ff - spectra.yz).sum(axis=0)
    noise = np.maximum((spectra.yy - spectra.yz).sum(axis=0), 0.0)
    shared = _factor(spectra, everywhere, excess, spectra.yy.sum(axis=0), _SURE_SHARED)
    [raw, apart] = _ring_means(spectra, [spectra.yy.sum(axis=0), noise])
    found = (shared * raw * spectra.grid.weights).sum()
    return bool(found > _LEAST_SHARED * (apart * spectra.grid.weights * (shared > 0)).sum() and found > 0)


def _where_anything_is(spectra: CrossSpectra) -> Array:
    """1 in rings that hold some of the result, or signal for sure; elsewhere noise would only add its scatter."""
    everywhere = np.ones(len(spectra.windows), dtype=np.bool_)
    signal = _factor(spectra, everywhere, spectra.yz.sum(axis=0), spectra.yy.sum(axis=0)) > 0
    result, raw = _ring_means(spectra, [spectra.ff.sum(axis=0), spectra.yy.sum(axis=0)])
    return np.asarray(signal | (result > _EMPTY * raw), dtype=np.float64)


def _off_lines(spectra: CrossSpectra) -> Array:
    """Weights without the cells where a scan's lines differ in brightness: the others of their ring count for them."""
    weights = spectra.grid.weights
    off = weights.copy()
    off[:, :_LINE_CELLS] = 0.0
    rings = _rings(spectra).ravel()
    every, left = np.bincount(rings, weights.ravel()), np.bincount(rings, off.ravel())
    return np.asarray(off * (every / np.where(left > 0, left, 1.0))[rings].reshape(off.shape), dtype=np.float64)


def _noise_share(spectra: CrossSpectra, test: npt.NDArray[np.bool_]) -> Array:
    """How much of what a result has of its frame alone is noise, by its correlation with what was taken away."""
    own = (spectra.fy - spectra.fz)[test].sum(axis=0)
    every = (spectra.yy - spectra.yz)[test].sum(axis=0)
    both = (spectra.fy - spectra.ff)[test].sum(axis=0)
    taken = _residual_power(spectra, test).sum(axis=0)
    own, every, both, taken = _ring_means(spectra, [own, every, both, taken])
    left = np.where(every > 0, own * (1 - own / np.where(every > 0, every, 1.0)), 0.0)
    share = np.clip(both / np.where(left > 0, left, np.inf), 0.0, 1.0)
    # Where next to nothing was taken away, it is noise at any rate.
    return np.where((taken < _HARDLY_TAKEN * every) | (own <= 0), 1.0, share)


def _residual_product(spectra: CrossSpectra, blocks: npt.NDArray[np.bool_]) -> Array:
    """<z - f, y - f>."""
    return np.asarray((spectra.yz - spectra.fz - spectra.fy + spectra.ff)[blocks])


def _residual_power(spectra: CrossSpectra, blocks: npt.NDArray[np.bool_]) -> Array:
    """<y - f, y - f>."""
    return np.asarray((spectra.yy - 2 * spectra.fy + spectra.ff)[blocks])


def _put_back_factor(spectra: CrossSpectra, train: npt.NDArray[np.bool_]) -> Array:
    product = _residual_product(spectra, train).sum(axis=0)
    power = _residual_power(spectra, train).sum(axis=0)
    return np.minimum(_factor(spectra, train, product, power), 1.0)


def _shrink_factor(spectra: CrossSpectra, train: npt.NDArray[np.bool_]) -> Array:
    product = (spectra.ff - spectra.fz)[train].sum(axis=0)
    power = spectra.ff[train].sum(axis=0)
    return -np.minimum(_factor(spectra, train, product, power), 1.0)


def _factor(
    spectra: CrossSpectra, train: npt.NDArray[np.bool_], product: Array, power: Array, least: float = _SURE
) -> Array:
    """Divide `product` by `power`, ring by ring, where it is above zero for sure."""
    other = (spectra.zz - 2 * spectra.fz + spectra.ff)[train].sum(axis=0)
    looks = _INDEPENDENT * float(spectra.looks[train].sum())
    wanted, size, spread = _ring_means(spectra, [product, power, other])
    deviation = np.sqrt(np.maximum(size * spread, 0.0) / (2 * looks * _members(spectra)))
    out = np.zeros_like(product)
    sure = (wanted > least * deviation) & (size > 0)
    out[sure] = wanted[sure] / size[sure]
    return out


def _rings(spectra: CrossSpectra) -> npt.NDArray[np.intp]:
    steps = np.log2(np.maximum(spectra.grid.frequency * spectra.grid.side, 1.0)) * _RINGS_PER_OCTAVE
    return np.asarray(np.rint(steps), dtype=np.intp)


def _members(spectra: CrossSpectra) -> Array:
    """How many independent cells each cell's ring has: mirrored ones count once."""
    rings, weights = _rings(spectra).ravel(), spectra.grid.weights.ravel() / 2
    return np.asarray(np.maximum(np.bincount(rings, weights)[rings], 1.0).reshape(spectra.grid.weights.shape))


def _ring_means(spectra: CrossSpectra, values: list[Array]) -> list[Array]:
    rings, weights = _rings(spectra).ravel(), spectra.grid.weights.ravel()
    size = np.maximum(np.bincount(rings, weights), 1e-12)
    return [(np.bincount(rings, weights * one.ravel()) / size)[rings].reshape(one.shape) for one in values]


def _attainable(spectra: CrossSpectra) -> float:
    """Wiener's error, S N / (S + N) in every ring whose signal S stands out of its noise N."""
    everywhere = np.ones(len(spectra.windows), dtype=np.bool_)
    signal = spectra.yz.sum(axis=0)
    noise = np.maximum(_ring_means(spectra, [(spectra.yy - spectra.yz).sum(axis=0)])[0], 0.0)
    kept = _factor(spectra, everywhere, signal, spectra.yy.sum(axis=0))
    return float((np.clip(kept, 0.0, 1.0) * noise * spectra.grid.weights).sum())


def _share(gains: Array, errors: Array, windows: Array, attainable: float) -> Share:
    floor = max(_FLOOR * attainable, 1e-30)
    gain, error = float(gains.sum()), float(errors.sum())
    # An error that is not told from nothing is taken as large as it may be.
    size = max(error, floor, 2 * _deviation(errors, windows))
    value = gain / size
    spread = 2 * _deviation(gains - value * errors, windows) / size
    return Share(value, value - spread, value + spread)


def _deviation(values: Array, windows: Array) -> float:
    """Standard error of a sum over blocks of so many windows."""
    count = len(values)
    if count < 2:
        return float(np.abs(values).sum())
    apart = values - values.sum() * windows / windows.sum()
    return float(np.sqrt(np.square(apart).sum() * count / (count - 1)))
