"""The arrival of electrons: counted, counted with losses, or turned into light and summed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.simulation.detectors.effect import Array, Effect, require
from core.simulation.detectors.transfer import Profile, check_profile, profile_transfer, spread

Words = NDArray[np.uint64]
_BITS = 64


@dataclass(frozen=True)
class Efficiency(Effect):
    """A share of the electrons is not seen at all: expected electrons times `share`. Conserves nothing else."""

    share: float

    def __post_init__(self) -> None:
        require(0 < self.share <= 1, f"an efficiency of {self.share}")

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Scale the expected electrons."""
        return electrons * self.share

    def expected(self, electrons: Array) -> Array:
        """Scale the expected electrons."""
        return electrons * self.share


@dataclass(frozen=True)
class Counting(Effect):
    """The ideal counter: y ~ Poisson(expected electrons), every pixel and frame on its own."""

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Draw counts."""
        return rng.poisson(electrons).astype(np.float64)


@dataclass(frozen=True)
class CoincidenceCounting(Effect):
    """Counting in many fast sub-frames, where neighbouring electrons of one sub-frame are taken for one.

    A frame is the sum of n sub-frames; an electron is an event in a pixel of one of them. An event is lost if the same
    pixel has one already, or if one of four neighbours on one side (drawn anew after 64 sub-frames at most) has an
    event of the same sub-frame: touching events are one cluster and count once. So
    E[y] = n p_0 prod_k (1 - p_k) with p = 1 - exp(-electrons / n); the loss is about 4.5 electrons / n, the variance is
    below the mean, and neighbours are anti-correlated: the data are sub-Poisson, as those of fast counting cameras are
    (Li et al., Journal of Structural Biology 184 (2013) 251).

    Attributes
    ----------
    rate
        Mean electrons a px in one sub-frame; with the mean of the frame it gives the number of sub-frames. Real
        cameras are run at 0.003 to 0.03.
    """

    rate: float

    def __post_init__(self) -> None:
        require(0 < self.rate < 0.5, f"{self.rate} electrons a px and sub-frame")

    def _sub_frames(self, electrons: Array) -> tuple[int, int]:
        """Return into how many words of how many sub-frames (64 at most) a frame is divided."""
        needed = max(1.0, float(electrons.mean()) / self.rate)
        words = math.ceil(needed / _BITS)
        return words, min(_BITS, math.ceil(needed / words))

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Draw counts."""
        words, bits = self._sub_frames(electrons)
        out = np.zeros(electrons.shape)
        for _ in range(words):
            events = _throw(rng.poisson(electrons / words), bits, rng)
            flips = rng.integers(0, 2, 2)
            out += np.bitwise_count(_first_of_clusters(events, int(flips[0]), int(flips[1])))
        return out

    def expected(self, electrons: Array) -> Array:
        """Return the mean counts, the mean over the four sides."""
        words, bits = self._sub_frames(electrons)
        sub_frames = words * bits
        chance = -np.expm1(-electrons / sub_frames)
        free = np.pad(1 - chance, [(0, 0)] * (electrons.ndim - 2) + [(1, 1), (1, 1)], constant_values=1.0)
        height, width = electrons.shape[-2:]

        def at(row: int, column: int) -> Array:
            return np.asarray(free[..., 1 + row : 1 + row + height, 1 + column : 1 + column + width])

        total = np.zeros(electrons.shape)
        for row in (-1, 1):
            for column in (-1, 1):
                total += at(row, -1) * at(row, 0) * at(row, 1) * at(0, column)
        return np.asarray(sub_frames * chance * total / 4)


def _throw(counts: NDArray[np.int64], bits: int, rng: np.random.Generator) -> Words:
    """Give each electron of a pixel one of `bits` sub-frames; returns one bit a sub-frame."""
    flat = counts.reshape(-1)
    out = np.zeros(flat.shape, dtype=np.uint64)
    places = np.flatnonzero(flat)
    number = 1
    while len(places):
        out[places] |= np.uint64(1) << rng.integers(0, bits, len(places), dtype=np.uint64)
        places = places[flat[places] > number]
        number += 1
    return out.reshape(counts.shape)


def _first_of_clusters(events: Words, below: int, right: int) -> Words:
    """Drop the events that have a neighbour in the row before and in the column before (or after, by the flips)."""
    turned = events[..., ::-1, :] if below else events
    turned = turned[..., ::-1] if right else turned
    taken = np.zeros_like(turned)
    taken[..., 1:] |= turned[..., :-1]
    taken[..., 1:, :] |= turned[..., :-1, :]
    taken[..., 1:, 1:] |= turned[..., :-1, :-1]
    taken[..., 1:, :-1] |= turned[..., :-1, 1:]
    kept = turned & ~taken
    kept = kept[..., ::-1] if right else kept
    return kept[..., ::-1, :] if below else kept


@dataclass(frozen=True)
class Spot:
    """What one kind of electron track leaves in a scintillator and its sensor.

    Attributes
    ----------
    share
        How many electrons do this.
    amplitude
        Mean signal of one, relative to the others.
    profile
        How it is spread: (share, sigma in px) of each Gaussian.
    """

    share: float
    amplitude: float
    profile: Profile


@dataclass(frozen=True)
class Scintillator(Effect):
    """Electrons turned into light and summed: noise and signal pass through the spread, each in its own way.

    Electrons are Poisson; each belongs to one kind of track k (drawn with its share w_k), and leaves a signal a_k,
    Gamma-distributed with the relative standard deviation `fluctuation`, spread by the profile M_k(q). The mean signal
    of an electron is 1. Then, with e = 1 + fluctuation^2,

    - MTF(q) = sum w_k a_k M_k(q) (times the pixel's sinc),
    - NPS(q) = sum w_k a_k^2 e M_k(q)^2 for one electron a px,
    - DQE(q) = MTF^2 / NPS.

    A few tracks that are wide and bright make NPS fall more slowly than MTF^2, as measured: Meyer and Kirkland,
    Microscopy Research and Technique 49 (2000) 269; McMullan et al., Ultramicroscopy 109 (2009) 1126.
    """

    spots: tuple[Spot, ...]
    fluctuation: float = 0.0

    def __post_init__(self) -> None:
        require(abs(sum(s.share for s in self.spots) - 1) < 1e-9, "the shares of the tracks must add up to 1")
        require(self.fluctuation >= 0, f"a fluctuation of {self.fluctuation}")
        for spot in self.spots:
            require(spot.share > 0 and spot.amplitude > 0, "a track without share or signal")
            check_profile(spot.profile)

    @property
    def _amplitudes(self) -> list[float]:
        mean = sum(s.share * s.amplitude for s in self.spots)
        return [s.amplitude / mean for s in self.spots]

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Draw the light of every kind of track, and add it up."""
        out = np.zeros(electrons.shape)
        for spot, amplitude in zip(self.spots, self._amplitudes, strict=True):
            light = pulses(rng.poisson(electrons * spot.share).astype(np.float64), self.fluctuation, rng)
            out += amplitude * spread(light, spot.profile)
        return out

    def expected(self, electrons: Array) -> Array:
        """Return the electrons blurred by the MTF (without the sinc, which the picture has already)."""
        parts = [
            (spot.share * amplitude * share, sigma)
            for spot, amplitude in zip(self.spots, self._amplitudes, strict=True)
            for share, sigma in spot.profile
        ]
        return np.maximum(spread(electrons, tuple(parts)), 0.0)

    def mtf(self, frequency: Array) -> Array:
        """Return the MTF at `frequency` (cycles a px, along a row), the pixel's own sinc included."""
        total = sum(
            s.share * a * profile_transfer(s.profile, frequency)
            for s, a in zip(self.spots, self._amplitudes, strict=True)
        )
        return np.asarray(total * np.sinc(frequency))

    def nps(self, frequency: Array) -> Array:
        """Return the noise power at `frequency` (cycles a px) for one electron a px; above 1 at 0 by fluctuations."""
        excess = 1 + self.fluctuation**2
        return np.asarray(
            sum(
                excess * s.share * a**2 * profile_transfer(s.profile, frequency) ** 2
                for s, a in zip(self.spots, self._amplitudes, strict=True)
            )
        )


def pulses(counts: Array, fluctuation: float, rng: np.random.Generator) -> Array:
    """Return the summed signal of `counts` electrons a px, each Gamma-distributed with mean 1.

    `fluctuation` is the relative standard deviation of one; the sum of n is Gamma with n / fluctuation^2 for its shape.
    """
    if fluctuation == 0:
        return counts
    shape = 1 / fluctuation**2
    return np.asarray(rng.standard_gamma(counts * shape) / shape)


@dataclass(frozen=True)
class Photomultiplier(Effect):
    """A scanning detector: Poisson electrons, each a pulse of varying height; no spread over pixels.

    The variance is electrons * (1 + fluctuation^2): the excess noise of a photomultiplier (about 1.1 to 1.5 with its
    scintillator). Joy, Joy and Bunn, Scanning 18 (1996) 533; Jones and Nellist, Microscopy and Microanalysis 19 (2013)
    1050.
    """

    fluctuation: float = 0.5

    def __post_init__(self) -> None:
        require(self.fluctuation >= 0, f"a fluctuation of {self.fluctuation}")

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Draw pulses and sum them."""
        return pulses(rng.poisson(electrons).astype(np.float64), self.fluctuation, rng)


@dataclass(frozen=True)
class SecondaryElectrons(Effect):
    """Secondary electrons come in bunches: y ~ Poisson(N delta), N ~ Poisson(n) beam electrons a px.

    `delta` (mean secondaries a beam electron, 0.1 to 1) follows the picture, n = mean(electrons) / `mean_yield` is the
    same everywhere; variance = electrons * (1 + delta): a Neyman A distribution. Reimer, Scanning Electron Microscopy
    (1998), 5.2. `fluctuation` is that of the photomultiplier behind.
    """

    mean_yield: float = 0.2
    fluctuation: float = 0.4

    def __post_init__(self) -> None:
        require(self.mean_yield > 0, f"a mean yield of {self.mean_yield}")
        require(self.fluctuation >= 0, f"a fluctuation of {self.fluctuation}")

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Draw beam electrons, their secondaries, and the pulses of these."""
        beam = float(electrons.mean()) / self.mean_yield
        if beam <= 0:
            return np.zeros(electrons.shape)
        arrived = rng.poisson(beam, electrons.shape)
        return pulses(rng.poisson(arrived * (electrons / beam)).astype(np.float64), self.fluctuation, rng)
