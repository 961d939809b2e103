"""Blind tuning: parameters of a method chosen on the movie itself, by its error against noisy looks it did not see.

Two looks at the same scene whose noise is uncorrelated are all it takes: E|f(given) - target|^2 is the true error plus
the target's noise, which is the same for every choice. Where the looks come from:

- whole counts are thinned (`core.noise.thinning`): exact;
- other data get noise of their own added, n ~ N(0, v): given = y + a n, target = y - n / a are uncorrelated if v is
  y's noise variance (the coupled bootstrap: Oliveira, Lei and Tibshirani, "Unbiased risk estimation in the normal means
  problem via coupled bootstrap techniques", 2021; for small a Stein's unbiased risk). Each n is used with both signs,
  which cancels most of what it adds to the estimate's own scatter;
- frames beside each other are looks of their own, whatever the noise's colour: used where the noise of neighbouring px
  is correlated and the drift can be followed (a method over time leaves out the frame that it is judged by).

Everything is seeded: the same movie gives the same choice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.denoising.context import RunContext
from core.denoising.denoiser import ElectronMovie, Frames
from core.denoising.scaling import pixel_variance
from core.measures.aligned import overlapping
from core.motion.trajectory import follow
from core.noise.spectrum import NoiseSpectrum, measure_spectrum
from core.noise.thinning import thin

# A choice of parameters: plain JSON numbers, as they go into `State.parameters`.
Parameters = Mapping[str, float]

LOOK_SIDE = 512
_SHARE = 0.1
_MIX = 0.25
_COUNTED = 0.98
_NEAR = 1e-3
_ROUNDS = 3
# Frames that are followed, and the correlation from which noise counts as correlated.
_STRETCH = 4
_CORRELATED = 0.1
# Pairs of frames by which a spectrum is measured.
_SPECTRA = 6


@dataclass(frozen=True)
class Look:
    """What a method is given, and what its result is held against.

    Attributes
    ----------
    given : float32 (T, H, W)
        Frames in electrons of a full exposure (thinned frames are scaled up again).
    target : float32 (T, H, W)
        Another noisy look at the same frames, in the same unit; its noise is not correlated with that of `given`.
    shift : tuple of float
        How far the picture lies in `target` from that in `given`, rows and columns in px.
    fold : int
        Which part of the same frames this is.
    """

    given: Frames
    target: Frames
    shift: tuple[float, float] = (0.0, 0.0)
    fold: int = 0

    def loss(self, result: Frames) -> float:
        """Mean squared difference of a result (T, H, W) and the target: its error plus the target's noise."""
        if self.shift == (0.0, 0.0):
            return float(np.mean(np.square(result - self.target), dtype=np.float64))
        both = [overlapping(one, other, self.shift, True) for one, other in zip(result, self.target, strict=True)]
        return float(np.mean([np.mean(np.square(one - other)) for one, other in both]))

    def middle(self, side: int) -> Look:
        """Return the middle of the look, `side` px at most."""
        return replace(self, given=middle(self.given, side), target=middle(self.target, side))


def thinned_look(frames: npt.ArrayLike, seed: int, share: float = _SHARE) -> Look:
    """Split whole counts (any shape): `share` of the electrons become the target, the others are given.

    Raises
    ------
    NoiseError
        These are no counts.
    """
    given, target = thin(frames, (1 - share, share), seed)
    return Look((given / (1 - share)).astype(np.float32), (target / share).astype(np.float32))


def coupled_looks(
    frames: Frames, variance: npt.ArrayLike, seed: int, mix: float = _MIX, spectrum: NoiseSpectrum | None = None
) -> tuple[Look, Look]:
    """Make two looks of frames (any shape) by noise of their own variance, one with each sign.

    Parameters
    ----------
    variance
        Noise variance of each px in electrons squared, or one for all; not made of the px' own value alone.
    mix
        `given` has 1 + mix^2 times the frames' noise, the target 1 + 1 / mix^2 times.
    spectrum
        The noise's power by frequency, relative to white noise of that variance; the noise added is drawn with it.
    """
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(np.shape(frames), dtype=np.float32)
    if spectrum is not None:
        noise = spectrum.colour(noise)
    noise = noise * np.sqrt(np.maximum(variance, 0)).astype(np.float32)
    return tuple(  # type: ignore[return-value]
        Look((frames + sign * mix * noise).astype(np.float32), (frames - sign / mix * noise).astype(np.float32))
        for sign in (1.0, -1.0)
    )


def whole_counts_of(frames: Frames) -> npt.NDArray[np.int64] | None:
    """Return frames as whole counts, or None if they are none: stand-ins of hot px are rounded, scaled data refused."""
    if float(frames.min()) < -0.5:
        return None
    whole = np.rint(frames)
    if np.mean(np.abs(frames - whole) < _NEAR) < _COUNTED:
        return None
    return np.maximum(whole, 0).astype(np.int64)


def noise_of(movie: ElectronMovie, electrons: Frames) -> float | None:
    """Return the noise variance of a px in electrons squared, or None where it is Poisson's."""
    return pixel_variance(movie.scale, electrons[0])


def spectrum_of(movie: ElectronMovie, variance: float | None, context: RunContext) -> NoiseSpectrum | None:
    """Return the spectrum of the noise of what is no count, relative to Poisson's or to a variance; None of counts.

    By differences of frames that follow each other, a few over the movie, where there are several.
    """
    pairs = [frame for first, stop in movie.segments for frame in range(first, stop - 1)]
    follow = bool(pairs)
    frames: list[Frames] = []
    for place in spread(len(pairs) if follow else movie.frames, _SPECTRA):
        context.check()
        first = pairs[place] if follow else place
        frames += list(middle(movie.block(first, first + (2 if follow else 1)).electrons))
        if variance is None and whole_counts_of(frames[0]) is not None:
            return None
    return measure_spectrum(frames, follow, variance)


def folded_looks(
    electrons: Frames, variance: float | None, seed: int, folds: int, spectrum: NoiseSpectrum | None = None
) -> tuple[Look, ...]:
    """Return looks at frames (T, H, W), together less noisy than `frame_looks`: each electron is a target's once.

    Of whole counts there are as many looks as `folds`; of other data two, the coupled ones. Parameters as there.
    """
    counts = whole_counts_of(electrons) if variance is None else None
    if counts is None:
        return tuple(replace(one, fold=k) for k, one in enumerate(frame_looks(electrons, variance, seed, spectrum)))
    parts = thin(counts, (1 / folds,) * folds, seed)
    rest = 1 - 1 / folds
    return tuple(
        Look(((counts - part) / rest).astype(np.float32), (part * folds).astype(np.float32), fold=number)
        for number, part in enumerate(parts)
    )


def frame_looks(
    electrons: Frames, variance: float | None, seed: int, spectrum: NoiseSpectrum | None = None
) -> tuple[Look, ...]:
    """Return looks at frames (T, H, W): thinned ones of whole counts, coupled ones of other data.

    Parameters
    ----------
    variance : float or None
        Noise variance of a px; None is Poisson's, the local mean.
    spectrum : NoiseSpectrum or None
        That of what is no count, relative to the variance; None is white.
    """
    counts = whole_counts_of(electrons) if variance is None else None
    if counts is not None:
        return (thinned_look(counts, seed),)
    white = local_mean(electrons) if variance is None else variance
    return coupled_looks(electrons, white, seed, spectrum=spectrum)


def neighbour_looks(movie: ElectronMovie, context: RunContext, side: int = LOOK_SIDE) -> tuple[Look, ...]:
    """Return looks at frames beside each other, where the noise is correlated between px and the drift is certain.

    Nothing otherwise: white noise is split better within a frame, and what can't be followed would be smoothed away.
    """
    if movie.frames < _STRETCH or len(movie.meta.segments) > 1:
        return ()
    start = (movie.frames - _STRETCH) // 2
    frames = np.concatenate(
        [middle(movie.block(frame, frame + 1).electrons, side) for frame in range(start, start + _STRETCH)]
    )
    context.check()
    if neighbour_correlation(frames) < _CORRELATED:
        return ()
    path = follow(frames, context.check)
    if not path.certain:
        return ()
    out = []
    for first in range(0, _STRETCH - 1, 2):
        rows, columns = path.shifts[first + 1] - path.shifts[first]
        out.append(Look(frames[first : first + 1], frames[first + 1 : first + 2], (float(rows), float(columns))))
    return tuple(out)


def neighbour_correlation(frames: Frames) -> float:
    """Return the correlation of the noise of px beside each other, by differences of frames (T, H, W)."""
    change = np.diff(frames, axis=0)
    change -= change.mean(axis=(1, 2), keepdims=True)
    power = float(np.mean(np.square(change), dtype=np.float64))
    down = float(np.mean(change[:, 1:] * change[:, :-1], dtype=np.float64))
    beside = float(np.mean(change[:, :, 1:] * change[:, :, :-1], dtype=np.float64))
    return max(abs(down), abs(beside)) / power if power > 0 else 0.0


def local_mean(electrons: Frames, radius: int = 3) -> Frames:
    """Return the mean over (2 radius + 1)^2 px around each px of frames (T, H, W), none below 0."""
    from scipy import ndimage

    side = 2 * radius + 1
    out = ndimage.uniform_filter(electrons, (1,) * (electrons.ndim - 2) + (side, side), mode="reflect")
    return np.maximum(np.asarray(out, dtype=np.float32), 0)


def search(
    grid: Mapping[str, Sequence[float]], start: Parameters, loss: Callable[[Parameters], float]
) -> dict[str, float]:
    """Return the choice of least loss: one parameter after the other is walked to its best, until none moves.

    Parameters
    ----------
    grid
        The values that each parameter may take, in ascending order; the first parameter is walked first.
    start
        Where to begin: one value of each grid.
    loss
        Called once a choice; smaller is better. It may raise to stop.
    """
    known: dict[tuple[float, ...], float] = {}

    def of(choice: Parameters) -> float:
        key = tuple(choice[name] for name in grid)
        if key not in known:
            known[key] = loss(choice)
        return known[key]

    best = {name: start[name] for name in grid}
    for _ in range(_ROUNDS):
        before = dict(best)
        for name, values in grid.items():
            _walk(best, name, list(values), of)
        if best == before:
            break
    return best


def _walk(best: dict[str, float], name: str, values: list[float], of: Callable[[Parameters], float]) -> None:
    """Move one parameter of `best` downhill, in place."""
    place = values.index(best[name])
    for step in (1, -1):
        moved = False
        while 0 <= place + step < len(values) and of({**best, name: values[place + step]}) < of(best):
            place += step
            best[name] = values[place]
            moved = True
        if moved:
            return


def mean_loss(looks: Sequence[Look], run: Callable[[Frames], Frames]) -> float:
    """Return the mean loss of a method, frames (T, H, W) in and out, over looks."""
    return float(np.mean([look.loss(run(look.given)) for look in looks]))


def spread(frames: int, most: int) -> list[int]:
    """Return up to `most` frame numbers, evenly spread over a movie, its first and last among them."""
    return sorted({int(number) for number in np.linspace(0, frames - 1, min(most, frames))})


def middle(frames: Frames, side: int = LOOK_SIDE) -> Frames:
    """Return a copy of the middle of frames (T, H, W), `side` px at most: a view would keep the whole."""
    top, left = (max(0, (length - side) // 2) for length in frames.shape[-2:])
    return frames[..., top : top + side, left : left + side].copy()
