"""How the whole picture drifts: by correlation with the mean of all other frames, checked by two halves of them.

Only a translation, the same for the whole frame. A lattice looks the same a period further on: among equal peaks the
one next to the frame before is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from core.noise.shifting import phase

Image = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]
Shifts = npt.NDArray[np.float64]

_LEAST_FRAMES = 8
# Finest and coarsest detail that counts, in px, as sigmas of Gaussians.
_FINE, _COARSE = 1.0, 12.0
# How far a peak may lie from the last one before it counts half, in px, and as a share of the frame.
_REACH, _REACH_SHARE = 8.0, 0.06
_CERTAIN = 0.35
# How far a correlation must stand out of its own scatter.
_PEAK = 5.0


@dataclass(frozen=True)
class Drift:
    """Where the picture lies in each frame.

    Attributes
    ----------
    shifts : float64 (frames, 2)
        Rows and columns in px, relative to the mean position: ``frame(y, x) = picture(y - shift_y, x - shift_x)``.
    error : float
        Standard error of one frame's shift, by two halves of the movie, in px.
    certain : bool
        Whether it may be relied on.
    """

    shifts: Shifts
    error: float
    certain: bool

    @property
    def extent(self) -> float:
        """How far it wanders, in px, a tenth of the frames at each end of each axis left out."""
        low, high = np.quantile(self.shifts, [0.1, 0.9], axis=0)
        return float(np.hypot(*(high - low)))

    def times(self, factor: float) -> Drift:
        """The same in smaller px."""
        return Drift(self.shifts * factor, self.error * factor, self.certain and self.error * factor < 2 * _CERTAIN)


def estimate_drift(frames: Image, check: Callable[[], None]) -> Drift | None:
    """Estimate the drift of a stack of frames (n, h, w), finite, small enough to be kept; None for fewer than eight.

    Camera-fixed pixels must have been taken out: they would speak for no drift.
    """
    count = len(frames)
    if count < _LEAST_FRAMES or min(frames.shape[1:]) < 16:
        return None
    spectra = _spectra(frames, check)
    size = (frames.shape[1], frames.shape[2])
    shifts, _ = _follow(spectra, size, check)
    for _ in range(2):
        aligned = np.stack([_moved(one, -shift, size) for one, shift in zip(spectra, shifts, strict=True)])
        total = aligned.sum(axis=0)
        shifts, peaks = _against(spectra, aligned, total, shifts, size, check)
    aligned = np.stack([_moved(one, -shift, size) for one, shift in zip(spectra, shifts, strict=True)])
    halves = [_against(spectra, aligned, 2 * aligned[k::2].sum(axis=0), shifts, size, check, k)[0] for k in (0, 1)]
    apart = (halves[0] - halves[1]) - (halves[0] - halves[1]).mean(axis=0)
    error = float(np.sqrt(np.mean(np.square(apart)) / 2))
    shifts = shifts - shifts.mean(axis=0)
    return Drift(shifts, error, error < _CERTAIN and float(np.median(peaks)) > _PEAK)


def _spectra(frames: Image, check: Callable[[], None]) -> Spectrum:
    height, width = frames.shape[1:]
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1]).astype(np.float32)
    out = np.empty((len(frames), height, width // 2 + 1), dtype=np.complex64)
    for number, frame in enumerate(frames):
        band = ndimage.gaussian_filter(frame, _FINE) - ndimage.gaussian_filter(frame, _COARSE)
        out[number] = fft.rfft2((band - band.mean()) * window)
        check()
    return out


def _follow(spectra: Spectrum, size: tuple[int, int], check: Callable[[], None]) -> tuple[Shifts, Shifts]:
    """Follow the picture from frame to frame, against the mean of those before."""
    shifts = np.zeros((len(spectra), 2))
    peaks = np.zeros(len(spectra))
    mean = spectra[0].copy()
    for number in range(1, len(spectra)):
        shifts[number], peaks[number] = _peak(spectra[number] * mean.conj(), shifts[number - 1], size)
        # Those long past fade: the specimen changes.
        mean = np.complex64(0.9) * mean + _moved(spectra[number], -shifts[number], size)
        check()
    return shifts, peaks


def _against(
    spectra: Spectrum,
    aligned: Spectrum,
    total: Spectrum,
    shifts: Shifts,
    size: tuple[int, int],
    check: Callable[[], None],
    half: int | None = None,
) -> tuple[Shifts, Shifts]:
    """Shift of each frame against the others (of one half of them, every second): itself is left out."""
    out = np.zeros_like(shifts)
    peaks = np.zeros(len(spectra))
    for number, spectrum in enumerate(spectra):
        inside = half is None or number % 2 == half
        others = total - aligned[number] * np.complex64(1 if half is None else 2) if inside else total
        out[number], peaks[number] = _peak(spectrum * others.conj(), shifts[number], size)
        check()
    return out, peaks


def _moved(spectrum: Spectrum, shift: Shifts, size: tuple[int, int]) -> Spectrum:
    return np.asarray(spectrum * phase(shift, size), dtype=np.complex64)


def _peak(product: Spectrum, near: Shifts, size: tuple[int, int]) -> tuple[Shifts, float]:
    """Return the shift with the highest correlation not too far from `near`, and how far it stands out."""
    correlation = fft.irfft2(product, s=size)
    axes = [
        (np.arange(length) - centre + length / 2) % length - length / 2
        for length, centre in zip(size, near, strict=True)
    ]
    reach = [max(_REACH, _REACH_SHARE * length) for length in size]
    weight = [np.exp2(-np.square(axis / far)) for axis, far in zip(axes, reach, strict=True)]
    weighted = np.where(correlation > 0, correlation * np.outer(*weight), correlation)
    row, column = np.unravel_index(int(np.argmax(weighted)), size)
    scatter = float(correlation.std())
    height = float(correlation[row, column]) / max(scatter, 1e-300)
    exact = [
        _vertex(*(float(correlation[(row + k) % size[0], column]) for k in (-1, 0, 1))),
        _vertex(*(float(correlation[row, (column + k) % size[1]]) for k in (-1, 0, 1))),
    ]
    return np.array([near[0] + axes[0][row] + exact[0], near[1] + axes[1][column] + exact[1]]), height


def _vertex(before: float, at: float, after: float) -> float:
    """Where between -1/2 and 1/2 the parabola through three values is highest."""
    bend = 2 * at - before - after
    return 0.0 if bend <= 0 else float(np.clip((after - before) / (2 * bend), -0.5, 0.5))
