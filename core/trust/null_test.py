"""Null test: how many atoms a method draws where there are none.

A movie of nothing but noise, matched to the real one in mean, gain, read noise and the noise's correlation, is denoised
with the choices made for the real movie, and its atoms are counted as in the real one. Two nulls: one is flat, the
other keeps the slow shading of the real movie. Flat noise is too kind: inventions stand beside lattices, which
`would_it_come_back` looks at.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.stats import chi2

from core.trust.subject import LEAST, Subject

_STRENGTHS = (0.25, LEAST, 1.0)
# The shading's blur in widths of an atom and in spacings: no atom is left in it.
_SHADE_WIDTHS, _SHADE_SPACINGS = 6.0, 2.0


@dataclass(frozen=True)
class Rate:
    """Atoms a frame: `value` and its 95 % interval (of counting, Garwood 1936), at `strength` of a typical one."""

    strength: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class NullTest:
    """Atoms a frame in the real movie and in matched noise, at several strengths.

    Attributes
    ----------
    frames : int
        Noise frames of each kind.
    real, flat, shaded : tuple of Rate
        In the real movie, in flat noise and in noise with the movie's slow shading.
    """

    frames: int
    real: tuple[Rate, ...]
    flat: tuple[Rate, ...]
    shaded: tuple[Rate, ...]


def null_test(subject: Subject, frames: int, seed: int) -> NullTest:
    """Denoise so many frames of matched noise, of each kind, and count what looks like an atom."""
    length = len(subject.electrons)
    # From the middle of each movie of noise, where a method that uses time sees all that it looks at.
    looks = [min(length, frames - done) for done in range(0, frames, length)]
    wanted = [range((length - count) // 2, (length - count) // 2 + count) for count in looks]
    began = time.monotonic()
    real = _counts(subject, subject.denoised)
    kinds = []
    for kind, expected in enumerate((_flat(subject), _shaded(subject))):
        found = []
        for number, which in enumerate(wanted):
            subject.progress("denoising noise", kind * len(wanted) + number, 2 * len(wanted), began)
            rng = np.random.default_rng([seed, kind, number])
            found.append(_counts(subject, subject.again(subject.noise_on(expected, rng), which)))
        kinds.append(_rates(np.concatenate(found)))
    return NullTest(frames, _rates(real), kinds[0], kinds[1])


def _flat(subject: Subject) -> np.ndarray:
    means = subject.electrons.mean(axis=(1, 2), dtype=np.float64)
    return np.broadcast_to(means[:, None, None], subject.electrons.shape)


def _shaded(subject: Subject) -> np.ndarray:
    blur = _SHADE_WIDTHS * subject.atoms.width
    if np.isfinite(subject.atoms.spacing):
        blur = max(blur, _SHADE_SPACINGS * subject.atoms.spacing)
    return np.asarray(ndimage.gaussian_filter(subject.denoised.astype(np.float64), (0, blur, blur), mode="reflect"))


def _counts(subject: Subject, denoised: np.ndarray) -> np.ndarray:
    """Number of atoms (frames, strengths)."""
    atoms = subject.atoms
    least = _STRENGTHS[0] * atoms.typical
    heights = [atoms.peaks(frame, least).heights for frame in denoised]
    return np.array([[int(np.sum(one >= strength * atoms.typical)) for strength in _STRENGTHS] for one in heights])


def _rates(counts: np.ndarray) -> tuple[Rate, ...]:
    return tuple(
        Rate(strength, *poisson_interval(int(total), len(counts)))
        for strength, total in zip(_STRENGTHS, counts.sum(axis=0), strict=True)
    )


def poisson_interval(total: int, frames: int) -> tuple[float, float, float]:
    """Return the mean a frame and its exact 95 % interval, for a Poisson count in so many frames."""
    low = chi2.ppf(0.025, 2 * total) / 2 if total else 0.0
    high = chi2.ppf(0.975, 2 * total + 2) / 2
    return total / frames, float(low) / frames, float(high) / frames
