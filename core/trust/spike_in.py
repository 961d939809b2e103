"""Spike-in test: synthetic atoms and events put into the real electrons, and what the method makes of them.

Half of the atoms are as strong and as wide as a typical one of the raw movie, half are half as strong. They appear in
the middle of the piece, in vacant places, and stay; they ride on the picture's drift. The same movie without them is
denoised too: the difference is what the method makes of the atoms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.simulation.spike_ins import Spike, put_in
from core.trust.subject import LEAST, Subject

Array = npt.NDArray[np.float64]

_STRENGTHS = (1.0, 0.5)
_VACANT_WIDTHS, _VACANT_SPACINGS = 3.5, 0.9
_APART_WIDTHS = 8.0
_BORDER_WIDTHS = 5.0
_APERTURE_WIDTHS = 2.5
_LEAST_FOR_STEPS = 4


@dataclass(frozen=True)
class Recovery:
    """Spike-ins of one strength.

    Attributes
    ----------
    strength : float
        Relative to a typical atom.
    places, looks : int
        How many atoms, and in how many frames all in all they were looked for.
    found : float
        Share that was drawn, at least half as high as it was put in.
    position_px : float or None
        Root mean square distance of the found ones from the true place, along one axis.
    intensity_bias : float
        Mean of the difference that the atom makes, summed over its area, relative to what was put in, minus 1, in
        percent: -100 is an atom wiped out.
    intensity_error : float
        Standard error of that, in percent.
    """

    strength: float
    places: int
    looks: int
    found: float
    position_px: float | None
    intensity_bias: float
    intensity_error: float


@dataclass(frozen=True)
class SpikeIn:
    """What became of the atoms that were put in.

    Attributes
    ----------
    recoveries : tuple of Recovery
    response : tuple of float
        Strength of the atoms in each frame relative to the plateau after they appeared; empty with too few frames.
    first : int
        Frame of the piece in which they appeared.
    smear_frames : float or None
        How many frames' worth of the event lies on the wrong side of it: 0 for a method that keeps frames apart, about
        n / 4 for a mean over n frames.
    """

    recoveries: tuple[Recovery, ...]
    response: tuple[float, ...]
    first: int
    smear_frames: float | None


def spike_in(subject: Subject, places: int, seed: int) -> SpikeIn:
    """Put up to so many atoms of each strength into the piece and follow them."""
    rng = np.random.default_rng([seed, 3])
    spots = _vacant(subject, places * len(_STRENGTHS), rng)
    first = len(subject.electrons) // 2
    if not len(spots) or subject.atoms.raw_height <= 0:
        return SpikeIn((), (), first, None)
    strengths = np.resize(_STRENGTHS, len(spots))
    spikes = [_spike(subject, spot, strength, first) for spot, strength in zip(spots, strengths, strict=True)]
    subject.context.progress("putting atoms in", 0, 1, None, None)
    spiked = put_in(subject.electrons, spikes, subject.recording, seed, subject.shifts)
    result = subject.again(np.asarray(spiked.values, dtype=np.float32))
    plain = subject.denoised.astype(np.float64)
    expected = np.asarray(spiked.added, dtype=np.float64) - np.maximum(plain, 0) * (1 - spiked.kept)
    change = result - plain
    amplitudes = _amplitudes(subject, change, expected, spots, first)
    recoveries = tuple(
        _recovery(subject, result, spots[strengths == one], amplitudes[:, strengths == one], one, first)
        for one in _STRENGTHS
        if np.any(strengths == one)
    )
    response, smear = _step(amplitudes * strengths, first, subject)
    return SpikeIn(recoveries, response, first, smear)


def _spike(subject: Subject, spot: Array, strength: float, first: int) -> Spike:
    atoms = subject.atoms
    height = strength * atoms.raw_height
    y, x = float(spot[0]), float(spot[1])
    if not atoms.dark:
        return Spike(y, x, atoms.raw_width, electrons=height * 2 * np.pi * atoms.raw_width**2, start=first)
    frame = subject.denoised[first]
    here = max(float(frame[round(y), round(x)]), 1e-6)
    return Spike(y, x, atoms.raw_width, depth=min(1.0, height / here), start=first)


def _vacant(subject: Subject, wanted: int, rng: np.random.Generator) -> Array:
    """Choose places (n, 2), in px of the picture at rest, where no atom is in any frame, far from each other."""
    from scipy.spatial import cKDTree

    atoms = subject.atoms
    shape = np.array(subject.denoised.shape[1:])
    margin = _BORDER_WIDTHS * atoms.width + np.abs(subject.shifts).max(axis=0)
    high = shape - 1 - margin
    if np.any(high <= margin) or atoms.typical <= 0:
        return np.zeros((0, 2))
    free = _VACANT_WIDTHS * atoms.width
    if np.isfinite(atoms.spacing):
        free = max(free, _VACANT_SPACINGS * atoms.spacing)
    taken = [
        atoms.peaks(frame, LEAST * atoms.typical).positions - shift
        for frame, shift in zip(subject.denoised, subject.shifts, strict=True)
    ]
    others = np.concatenate(taken)
    tree = cKDTree(others) if len(others) else None
    chosen: list[Array] = []
    for spot in rng.uniform(margin, high, (400 * wanted, 2)):
        if len(chosen) == wanted:
            break
        if tree is not None and tree.query(spot)[0] < free:
            continue
        if all(np.hypot(*(spot - other)) >= _APART_WIDTHS * atoms.width for other in chosen):
            chosen.append(spot)
    return np.array(chosen).reshape(-1, 2)


def _aperture(subject: Subject, spot: Array, shift: Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    radius = _APERTURE_WIDTHS * subject.atoms.width
    y, x = spot + shift
    reach = int(np.ceil(radius))
    rows, cols = np.mgrid[round(y) - reach : round(y) + reach + 1, round(x) - reach : round(x) + reach + 1]
    near = np.hypot(rows - y, cols - x) <= radius
    return rows[near], cols[near]


def _amplitudes(subject: Subject, change: Array, expected: Array, spots: Array, first: int) -> Array:
    """Change over what was put in, summed over each atom's area (T, n); before it appears, over what comes then."""
    out = np.zeros((len(change), len(spots)))
    for t, shift in enumerate(subject.shifts):
        for k, spot in enumerate(spots):
            rows, cols = _aperture(subject, spot, shift)
            there_rows, there_cols = _aperture(subject, spot, subject.shifts[max(t, first)])
            put = float(expected[max(t, first)][there_rows, there_cols].sum())
            out[t, k] = float(change[t][rows, cols].sum()) / put if put else 0.0
    return out


def _recovery(
    subject: Subject, result: npt.NDArray[np.float32], spots: Array, amplitudes: Array, strength: float, first: int
) -> Recovery:
    from scipy.spatial import cKDTree

    atoms = subject.atoms
    # A method that uses time is judged where it has seen the atom from all its frames.
    late = min(len(result) - 1, first + subject.denoiser.frames_before)
    radius = 2 * atoms.width
    off: list[Array] = []
    looks = 0
    for t in range(late, len(result)):
        found = atoms.peaks(result[t], LEAST * strength * atoms.typical)
        looks += len(spots)
        if not len(found):
            continue
        true = spots + subject.shifts[t]
        far, which = cKDTree(found.positions).query(true)
        off += list(found.positions[which[far <= radius]] - true[far <= radius])
    each = amplitudes[late:].mean(axis=0)
    return Recovery(
        strength=strength,
        places=len(spots),
        looks=looks,
        found=len(off) / looks if looks else 0.0,
        position_px=float(np.sqrt(np.mean(np.square(off)))) if off else None,
        intensity_bias=100 * (float(each.mean()) - 1),
        intensity_error=100 * float(each.std(ddof=1)) / len(each) ** 0.5 if len(each) > 1 else float("inf"),
    )


def _step(amplitudes: Array, first: int, subject: Subject) -> tuple[tuple[float, ...], float | None]:
    """Return the response of each frame and how many frames' worth lies on the wrong side of the event."""
    frames = len(amplitudes)
    if frames < _LEAST_FOR_STEPS:
        return (), None
    mean = amplitudes.mean(axis=1)
    reach = max(subject.denoiser.frames_before, subject.denoiser.frames_after)
    start = min(first + reach, frames - 1)
    plateau = float(mean[start:].mean())
    if plateau <= 0:
        return (), None
    response = mean / plateau
    before = response[max(0, first - reach) : first].sum()
    after = (1 - response[first : first + reach]).sum()
    return tuple(float(one) for one in response), float(max(0.0, before) + max(0.0, after))
