"""Spike-ins: synthetic atoms and events put into real recordings, and fresh noise that matches a recording's.

What is put in carries the recording's own kind of noise, so a denoiser can't tell it from what was there. Bright atoms
are electrons more: y' = y + Poisson(a), which for counts is exactly a recording of the sum. Dark ones are electrons
fewer: y' ~ Binomial(y, k) with k the share that is kept, exactly Poisson(k l) if y ~ Poisson(l). Integrating detectors
get the bright electrons through their spread and gain; their dark atoms scale the signal and give back the noise that
scaling took away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from core.noise.thinning import whole_counts
from core.simulation.detectors.transfer import Profile, check_profile, spread

Array = NDArray[np.float64]
Stack = NDArray[np.float32]
_REACH = 6.0  # sigmas
_SMOOTH = 3.0  # px, for the local mean that dark atoms on integrating detectors need


@dataclass(frozen=True)
class Recording:
    """What is known of the detector of a recording.

    Attributes
    ----------
    gain, offset
        Stored units an electron, and of the black level.
    counts
        Values are counts of single electrons (gain 1, offset 0).
    profile
        How an electron's signal spreads: (share, sigma in px) of Gaussians, the MTF's counterpart. Of a counting
        detector: how wrongly an electron may be placed.
    read_noise
        Sigma in electrons.
    excess
        Variance of the signal over that of counts, for one electron a px at low frequencies (1 and more).
    """

    gain: float = 1.0
    offset: float = 0.0
    counts: bool = True
    profile: Profile = ((1.0, 0.0),)
    read_noise: float = 0.0
    excess: float = 1.0

    def __post_init__(self) -> None:
        check_profile(self.profile)
        if not self.gain > 0 or self.read_noise < 0 or self.excess < 1:
            raise ValueError(
                f"a recording with a gain of {self.gain}, a read noise of {self.read_noise} and an excess of "
                f"{self.excess}: the gain must be above 0, the noise 0 or more, the excess 1 or more"
            )
        if self.counts and (self.gain != 1 or self.offset != 0):
            raise ValueError(f"counts have a gain of 1 and no offset, not {self.gain} and {self.offset}")

    def fresh(self, expected: NDArray[Any], dtype: str, rng: np.random.Generator) -> NDArray[Any]:
        """Record expected electrons (H, W) or (T, H, W) anew; they are taken as spread already, the noise is not.

        v = offset + gain (l + S(n) + r), n = sqrt(excess) (Poisson(l) - l), S the spread, r read noise.
        """
        mean = np.maximum(np.asarray(expected, dtype=np.float64), 0.0)
        arrived = rng.poisson(mean)
        if self.counts:
            return stored(arrived.astype(np.float64), dtype)
        noise = spread((arrived - mean) * np.sqrt(self.excess), self.profile)
        noise += rng.normal(0.0, self.read_noise, mean.shape)
        return stored(self.offset + self.gain * (mean + noise), dtype)


def stored(values: Array, dtype: str) -> NDArray[Any]:
    """Return values in a file's dtype, whole numbers rounded and clipped to its range."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return values.astype(kind)
    limits = np.iinfo(kind)
    return np.clip(np.rint(values), limits.min, limits.max).astype(kind)


@dataclass(frozen=True)
class Spike:
    """One synthetic atom or event: a Gaussian, summed over each px, there from frame `start` up to `stop`.

    Attributes
    ----------
    y, x
        Place in px of the picture: in frame t it is at (y, x) + shifts[t].
    sigma
        Width in px, before the detector's spread.
    electrons
        Bright: electrons it adds to a frame, all in all.
    depth
        Dark: share of the electrons that it takes away at its centre, 0 to 1; only one of the two is above 0.
    start, stop
        Frames; None is the end of the movie.
    """

    y: float
    x: float
    sigma: float
    electrons: float = 0.0
    depth: float = 0.0
    start: int = 0
    stop: int | None = None

    def __post_init__(self) -> None:
        if not self.sigma > 0 or self.electrons < 0 or not 0 <= self.depth <= 1:
            raise ValueError(f"an impossible spike: {self}")
        if (self.electrons > 0) == (self.depth > 0):
            raise ValueError(f"a spike is bright (electrons) or dark (depth), one of them: {self}")

    def there(self, frame: int) -> bool:
        """Whether it is there in a frame."""
        return self.start <= frame and (self.stop is None or frame < self.stop)

    def shape(self, size: tuple[int, int], shift: NDArray[np.float64]) -> tuple[Array, tuple[slice, slice]]:
        """Return its part of each px (sum 1 if it lies inside) and where in the frame this patch belongs."""
        parts, places = [], []
        for centre, side in ((self.y + shift[0], size[0]), (self.x + shift[1], size[1])):
            low = int(np.clip(np.floor(centre - _REACH * self.sigma), 0, side))
            high = int(np.clip(np.ceil(centre + _REACH * self.sigma) + 1, low, side))
            edges = np.arange(low, high + 1) - 0.5 - centre
            parts.append(np.diff(erf(edges / (self.sigma * np.sqrt(2)))) / 2)
            places.append(slice(low, high))
        return np.outer(parts[0], parts[1]), (places[0], places[1])


@dataclass(frozen=True)
class Spiked:
    """A recording with spikes in it.

    Attributes
    ----------
    values : (T, H, W)
        In the dtype of the recording.
    added : float32 (T, H, W)
        Expected electrons that bright spikes added, after the spread.
    kept : float32 (T, H, W)
        Share of the electrons that dark spikes left, after the spread.
    """

    values: NDArray[Any]
    added: Stack
    kept: Stack


def put_in(
    frames: NDArray[Any],
    spikes: Sequence[Spike],
    recording: Recording,
    seed: int,
    shifts: NDArray[np.float64] | None = None,
) -> Spiked:
    """Put spikes into a recording.

    Parameters
    ----------
    frames : (T, H, W)
        As stored; not changed.
    seed
        The same seed puts in the same electrons.
    shifts : (T, 2), optional
        Where the picture lies in each frame, y, x in px; None: it rests.

    Raises
    ------
    NoiseError
        Code ``not-counts``: the recording is said to be of counts, and is not.
    ValueError
        `frames` or `shifts` have another shape.
    """
    if frames.ndim != 3:
        raise ValueError(f"spikes are put into movies (T, H, W), not into arrays of shape {frames.shape}")
    moves = np.zeros((len(frames), 2)) if shifts is None else np.asarray(shifts, dtype=np.float64)
    if moves.shape != (len(frames), 2):
        raise ValueError(f"{len(frames)} frames need shifts of shape ({len(frames)}, 2), not {moves.shape}")
    values = np.empty_like(frames)
    added, kept = np.zeros(frames.shape, np.float32), np.ones(frames.shape, np.float32)
    for t, frame in enumerate(frames):
        rng = np.random.default_rng([seed, t])
        here = [spike for spike in spikes if spike.there(t)]
        if not here:
            values[t] = frame
            continue
        bright, dark = _expected(here, frame.shape, moves[t])
        change = _into_counts if recording.counts else _into_signal
        values[t] = stored(change(frame, bright, dark, recording, rng), frames.dtype.str)
        added[t] = spread(bright, recording.profile) if bright.any() else 0.0
        kept[t] = 1 - spread(1 - dark, recording.profile)
    return Spiked(values, added, kept)


def _expected(spikes: list[Spike], size: tuple[int, int], shift: NDArray[np.float64]) -> tuple[Array, Array]:
    """Return the electrons that are added and the share that is kept, (H, W) each, before the spread."""
    bright, dark = np.zeros(size), np.ones(size)
    for spike in spikes:
        part, place = spike.shape(size, shift)
        bright[place] += spike.electrons * part
        dark[place] *= 1 - spike.depth * np.minimum(part * (2 * np.pi * spike.sigma**2), 1.0)
    return bright, dark


def _into_counts(
    frame: NDArray[Any], bright: Array, dark: Array, recording: Recording, rng: np.random.Generator
) -> Array:
    left = np.clip(1 - spread(1 - dark, recording.profile), 0.0, 1.0)
    counts = rng.binomial(whole_counts(frame), left)
    return np.asarray(counts + rng.poisson(np.maximum(spread(bright, recording.profile), 0.0)), dtype=np.float64)


def _into_signal(
    frame: NDArray[Any], bright: Array, dark: Array, recording: Recording, rng: np.random.Generator
) -> Array:
    """Scale by k and give back variance: k l e + r^2 is wanted, k^2 (l e + r^2) is left; k (1 - k) l e is missing."""
    electrons = (np.asarray(frame, dtype=np.float64) - recording.offset) / recording.gain
    left = np.clip(1 - spread(1 - dark, recording.profile), 0.0, 1.0)
    mean = np.maximum(spread(electrons, ((1.0, _SMOOTH),)), 0.0)
    missing = np.sqrt(left * (1 - left) * mean * recording.excess)
    back = spread(missing * rng.standard_normal(frame.shape), recording.profile)
    back += recording.read_noise * np.sqrt(1 - left**2) * rng.standard_normal(frame.shape)
    more = bright + np.sqrt(recording.excess) * (rng.poisson(bright) - bright)
    return np.asarray(recording.offset + recording.gain * (electrons * left + back + spread(more, recording.profile)))
