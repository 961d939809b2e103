"""The camera's fixed pattern: what stays at its pixel while the specimen drifts.

Each frame is taken for a specimen S that moves by d and a pattern F that doesn't. The uncompensated mean U and the
drift-compensated mean C of the frames then are, for each spatial frequency, U = S p + F and C = S + F p*, where p is
the mean of exp(-2 pi i k d); their solution is F = (U - p C) / (1 - |p|^2). Where the drift is too short for a
frequency (|p| near 1) nothing can be told, and nothing is claimed.

The first and the second half of the movie give two patterns. What they share is the pattern's strength; what they
don't is noise, and what the specimen left behind, and is taken out by a Wiener filter. A pattern that may be a
specimen at rest (smooth, lattice-like, local, or stronger than what moves) is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import fft

from core.noise.shifting import phase
from core.noise.temporal import Image, Read, Step

Spectrum = npt.NDArray[np.complex64]
Real = npt.NDArray[np.float64]
Verdict = Literal["found", "nothing", "still", "mixed", "smooth", "lattice", "local"]

# Frequencies whose phases the drift has scattered enough: |p|^2 below this, in both halves.
_SCATTERED = 0.5
_LEAST_SHARE = 0.3
_SIGNIFICANT = 6.0
_MARGIN_LEAST = 8
_BANDS = 24
# A camera's pattern is as strong at 2-4 px as at 4-10 px, spread over frequencies and over the frame, within these.
_SMOOTH, _PEAKED, _LOCAL = 4.0, 0.3, 5.0
_TOP = 0.001
_LEAST_SIDE = 64


@dataclass(frozen=True)
class FixedPattern:
    """What stays with the camera.

    Attributes
    ----------
    verdict : str
        ``found``; ``nothing`` above the noise; ``still``: the specimen moves too little to tell; or what else it may
        be: ``mixed`` (as strong as what moves), ``smooth``, ``lattice``, ``local``.
    rms : float or None
        Its strength in stored units, noise taken out; None where nothing can be told.
    least : float
        The weakest that would have been noticed.
    image : float32 (H, W) or None
        The pattern, to be subtracted; 0 near the border. Only where it was found.
    """

    verdict: Verdict
    rms: float | None = None
    least: float = 0.0
    image: Image | None = None


def measure_pattern(read: Read, shifts: Real, step: Step) -> FixedPattern:
    """Measure the pattern of frames (H, W), finite and free of defects, whose drift is known.

    Parameters
    ----------
    shifts : float64 (n, 2)
        Where the specimen lies in each frame, in px.
    """
    first = read(0)
    size = (first.shape[0], first.shape[1])
    margin = max(_MARGIN_LEAST, int(np.ceil(2 * float(np.ptp(shifts, axis=0).max()))))
    if min(size) < max(_LEAST_SIDE, 4 * margin) or len(shifts) < 8:
        return FixedPattern("still")
    window = np.outer(_taper(size[0], margin), _taper(size[1], margin)).astype(np.float32)
    middle = len(shifts) // 2
    parts = [_half(read, shifts, range(middle), window, step)]
    parts.append(_half(read, shifts, range(middle, len(shifts)), window, step))
    usable = (np.square(np.abs(parts[0].passed)) < _SCATTERED) & (np.square(np.abs(parts[1].passed)) < _SCATTERED)
    usable[0, 0] = False
    weight = np.full(usable.shape, 2.0, dtype=np.float32)
    weight[:, 0] = 1.0
    if size[1] % 2 == 0:
        weight[:, -1] = 1.0
    weight *= usable
    if weight.sum() < _LEAST_SHARE * size[0] * size[1]:
        return FixedPattern("still")
    fixed = [part.fixed(usable) for part in parts]
    moving = [part.moving(usable) for part in parts]
    scale = float(np.mean(np.square(window))) * float(size[0] * size[1]) ** 2
    strength, error = _shared(fixed, weight, scale)
    moves, moves_error = _shared(moving, weight, scale)
    least = (_SIGNIFICANT * error) ** 0.5
    if strength < _SIGNIFICANT * error:
        return FixedPattern("nothing", 0.0, least)
    if moves < strength or moves < _SIGNIFICANT * moves_error:
        return FixedPattern("mixed", None, least)
    doubt = _looks_like_a_specimen(fixed, usable, size, margin)
    if doubt is not None:
        return FixedPattern(doubt, None, least)
    image = fft.irfft2(_whole(parts, shifts, middle) * _filter(fixed, usable, size), s=size)
    inner = np.zeros(size, dtype=np.float32)
    core = np.s_[margin:-margin, margin:-margin]
    inner[core] = image[core]
    return FixedPattern("found", strength**0.5, least, inner)


@dataclass(frozen=True)
class _Half:
    """Means of one half: uncompensated, compensated, and the drift's p, as spectra."""

    still: Spectrum
    compensated: Spectrum
    passed: Spectrum

    def fixed(self, usable: npt.NDArray[np.bool_]) -> Spectrum:
        return self._solved(self.still - self.passed * self.compensated, usable)

    def moving(self, usable: npt.NDArray[np.bool_]) -> Spectrum:
        return self._solved(self.compensated - self.passed.conj() * self.still, usable)

    def _solved(self, part: Spectrum, usable: npt.NDArray[np.bool_]) -> Spectrum:
        rest = np.where(usable, 1 - np.square(np.abs(self.passed)), 1)
        return np.asarray(np.where(usable, part / rest, 0), dtype=np.complex64)


def _half(read: Read, shifts: Real, places: range, window: Image, step: Step) -> _Half:
    size = (window.shape[0], window.shape[1])
    still = np.zeros(size, dtype=np.float32)
    compensated = np.zeros((size[0], size[1] // 2 + 1), dtype=np.complex64)
    passed = np.zeros_like(compensated)
    for place in places:
        frame = read(place)
        frame = (frame - np.float32(frame.mean(dtype=np.float64))) * window
        moved = phase(shifts[place], size)
        still += frame
        compensated += fft.rfft2(frame) * moved.conj()
        passed += moved
        step()
    count = np.float32(len(places))
    return _Half(fft.rfft2(still / count), _over(compensated, count), _over(passed, count))


def _over(total: Spectrum, count: np.float32) -> Spectrum:
    return np.asarray(total / count, dtype=np.complex64)


def _whole(parts: list[_Half], shifts: Real, middle: int) -> Spectrum:
    """The pattern by all frames."""
    share = np.float32(middle / len(shifts))
    both = [
        share * a + (1 - share) * b
        for a, b in (
            (parts[0].still, parts[1].still),
            (parts[0].compensated, parts[1].compensated),
            (parts[0].passed, parts[1].passed),
        )
    ]
    rest = np.maximum(1 - np.square(np.abs(both[2])), 1 - _SCATTERED)
    return np.asarray((both[0] - both[2] * both[1]) / rest, dtype=np.complex64)


def _shared(halves: list[Spectrum], weight: Image, scale: float) -> tuple[float, float]:
    """Return the variance (a px) that two halves share, and its standard error."""
    product = (halves[0] * halves[1].conj()).real
    powers = np.square(np.abs(halves[0])).astype(np.float64) * np.square(np.abs(halves[1]))
    shared = float(np.sum(weight * product, dtype=np.float64)) / scale
    return shared, float(np.sum(np.square(weight) * powers / 2, dtype=np.float64)) ** 0.5 / scale


def _looks_like_a_specimen(
    halves: list[Spectrum], usable: npt.NDArray[np.bool_], size: tuple[int, int], margin: int
) -> Verdict | None:
    """Say what speaks for a specimen that rests; None: it looks like a camera's pattern."""
    product = (halves[0] * halves[1].conj()).real
    radius = _radius(size)
    # Rows and columns that differ lie on the axes: that is a camera's way.
    free = usable & ~_axes(size)
    coarse, fine = (
        float(product[free & (radius >= low) & (radius < high)].mean()) for low, high in ((0.1, 0.25), (0.25, 0.5))
    )
    if coarse > _SMOOTH * max(fine, 0.0):
        return "smooth"
    values = np.sort(product[free])
    total = float(values.sum())
    if total > 0 and float(values[-max(8, int(_TOP * len(values))) :].sum()) > _PEAKED * total:
        return "lattice"
    images = [fft.irfft2(half, s=size)[margin:-margin, margin:-margin] for half in halves]
    shared = images[0] * images[1]
    blocks = [float(part.mean()) for rows in np.array_split(shared, 4, 0) for part in np.array_split(rows, 4, 1)]
    if max(blocks) > _LOCAL * max(float(np.median(blocks)), 0.0):
        return "local"
    return None


def _filter(halves: list[Spectrum], usable: npt.NDArray[np.bool_], size: tuple[int, int]) -> Image:
    """Wiener filter by rings of frequency, and along both axes: what both halves share, of all there is."""
    product = (halves[0] * halves[1].conj()).real
    power = (np.square(np.abs(halves[0])) + np.square(np.abs(halves[1]))) / 2
    band = np.minimum((_radius(size) / 0.7072 * _BANDS).astype(np.int64), _BANDS - 1)
    band = np.where(_axes(size), band + _BANDS, band)
    band = np.where(usable, band, 2 * _BANDS)
    shared = np.bincount(band.ravel(), product.ravel(), 2 * _BANDS + 1)
    whole = np.bincount(band.ravel(), power.ravel(), 2 * _BANDS + 1)
    signal = np.clip(shared, 0, None)
    share = signal / np.maximum(signal + np.clip(whole - signal, 0, None) / 2, 1e-300)
    share[-1] = 0.0
    return np.asarray(share[band], dtype=np.float32)


def _radius(size: tuple[int, int]) -> Image:
    rows, columns = fft.fftfreq(size[0])[:, None], fft.rfftfreq(size[1])[None]
    return np.asarray(np.hypot(rows, columns), dtype=np.float32)


def _axes(size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    rows, columns = np.abs(fft.fftfreq(size[0], 1 / size[0])), fft.rfftfreq(size[1], 1 / size[1])
    return np.asarray((rows[:, None] <= 2) | (columns[None] <= 2))


def _taper(length: int, margin: int) -> Real:
    ramp = np.sin(np.pi / 2 * (np.arange(margin) + 0.5) / margin) ** 2
    return np.concatenate([ramp, np.ones(length - 2 * margin), ramp[::-1]])
