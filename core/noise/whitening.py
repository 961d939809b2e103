"""Noise of any spectrum made that of counts, and results brought back: what a network for counts needs behind a camera.

Behind a scintillator, in a fast scan or with excess noise, noise has the power v s(f), s a `NoiseSpectrum`. Divided by
the factor F = v s(0) / mean, and at each frequency by sqrt(s(f) / s(0)), a frame has white noise whose variance is its
mean, as counts have it; and a picture that the detector blurred is seen through the root of its detective quantum
efficiency: the counts of an ideal detector that would tell as much. An estimate of those is multiplied back, and is
then one of the frame as it was recorded. Both are convolutions with short kernels, so that tiles agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.noise.spectrum import NoiseSpectrum

Frames = npt.NDArray[np.float32]

# How far the kernels reach; of measured spectra less than a thousandth lies beyond.
RADIUS = 24
_GRID = 128
_LEAST_FACTOR = 1e-6
# As near to white as a spectrum can be measured.
_WHITE = 0.02


@dataclass(frozen=True)
class Whitening:
    """Frames (T, H, W) of electrons to what looks like counts, and back.

    Attributes
    ----------
    spectrum : NoiseSpectrum
        Of the noise, relative to white noise of some variance.
    factor : float
        The noise's power at frequency 0 over the mean, both of the frames as they are; above 0.
    """

    spectrum: NoiseSpectrum
    factor: float
    _there: npt.NDArray[np.float32] | None = field(init=False, repr=False, compare=False)
    _back: npt.NDArray[np.float32] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, exponent in (("_there", -0.5), ("_back", 0.5)):
            object.__setattr__(self, name, _kernel(self.spectrum, exponent))

    @classmethod
    def of(cls, spectrum: NoiseSpectrum, variance: float | None, mean: float) -> Whitening:
        """Return that of frames with a mean, whose spectrum is relative to a variance (None: to the mean)."""
        level = float(spectrum.power(0, 0)) * (1.0 if variance is None else variance / max(mean, _LEAST_FACTOR))
        return cls(spectrum, round(max(level, _LEAST_FACTOR), 6))

    def counts(self, frames: Frames) -> Frames:
        """Return frames whose noise is white, its variance their mean."""
        return np.asarray(_filtered(frames, self._there) / np.float32(self.factor), dtype=np.float32)

    def electrons(self, counts: Frames) -> Frames:
        """Return expected electrons of expected counts; none is below 0."""
        return np.asarray(np.maximum(_filtered(counts, self._back) * np.float32(self.factor), 0), dtype=np.float32)


def _kernel(spectrum: NoiseSpectrum, exponent: float) -> npt.NDArray[np.float32] | None:
    """Return the kernel of (s(f) / s(0))^exponent, its sum 1; None where it would do nothing."""
    at = np.fft.fftfreq(_GRID)
    relative = spectrum.power(at[:, None], at[None]) / float(spectrum.power(0, 0))
    if np.all(np.abs(relative - 1) < _WHITE):
        return None
    whole = np.fft.fftshift(np.fft.ifft2(relative**exponent).real)
    middle = slice(_GRID // 2 - RADIUS, _GRID // 2 + RADIUS + 1)
    kernel = whole[middle, middle]
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _filtered(frames: Frames, kernel: npt.NDArray[np.float32] | None) -> Frames:
    import cv2

    if kernel is None:
        return frames
    # The kernel is symmetric, so correlation is convolution.
    return np.stack(
        [np.asarray(cv2.filter2D(frame, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)) for frame in frames]
    )
