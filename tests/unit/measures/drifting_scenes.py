"""Small noisy movies of a drifting picture whose truth is known, and results of them, good and spoiled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.measures.clips import Clip

Frames = NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """Raw and clean frames (T, H, W) in electrons, and where the picture lies in each."""

    raw: Frames
    clean: Frames
    shifts: NDArray[np.float64]

    def clip(self, result: Frames) -> Clip:
        """A result of it, to be judged."""
        return Clip(self.raw, np.ascontiguousarray(result, dtype=np.float32), self.shifts)

    @property
    def best_sigma(self) -> float:
        """Of the Gaussian with the least error."""
        sigmas = np.geomspace(0.5, 6, 30)
        errors = [float(np.mean(np.square(self.blurred(sigma) - self.clean))) for sigma in sigmas]
        return float(sigmas[int(np.argmin(errors))])

    def blurred(self, sigma: float) -> Frames:
        """A Gaussian, frame by frame."""
        return np.asarray(gaussian_filter(self.raw, (0, sigma, sigma), mode="wrap"), dtype=np.float32)


def scene(dose: float = 4.0, step: float = 0.5, seed: int = 0, side: int = 96, frames: int = 16) -> Scene:
    """A smooth random picture that drifts by `step` px a frame, in Poisson counts."""
    rng = np.random.default_rng([seed, 17])
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    q = np.hypot(rows, columns)
    shape = np.exp(-((q * 10) ** 2)) / (q + 0.02)
    shape[0, 0] = 0
    spectrum = np.fft.rfft2(rng.normal(size=(side, side))) * shape
    spectrum *= 0.3 / np.fft.irfft2(spectrum, s=(side, side)).std()
    angle = rng.uniform(0, 2 * np.pi)
    shifts = step * np.arange(frames)[:, None] * np.array([np.sin(angle), np.cos(angle)])
    moved = [
        np.fft.irfft2(spectrum * np.exp(-2j * np.pi * (rows * y + columns * x)), s=(side, side)) for y, x in shifts
    ]
    clean = dose * np.clip(1 + np.stack(moved), 0.05, None)
    return Scene(rng.poisson(clean).astype(np.float32), clean.astype(np.float32), shifts)


def mean_of_three(frames: Frames) -> Frames:
    """Each frame averaged with its neighbours at the same px."""
    return np.stack([frames[max(0, t - 1) : t + 2].mean(axis=0) for t in range(len(frames))]).astype(np.float32)


def moved(frame: Frames, shift: NDArray[np.float64]) -> Frames:
    """A frame whose picture is moved on by `shift`; it wraps round."""
    rows, columns = np.fft.fftfreq(frame.shape[0])[:, None], np.fft.rfftfreq(frame.shape[1])[None]
    turn = np.exp(-2j * np.pi * (rows * shift[0] + columns * shift[1]))
    return np.asarray(np.fft.irfft2(np.fft.rfft2(frame) * turn, s=frame.shape), dtype=np.float32)


def mean_along_drift(one: Scene) -> Frames:
    """Each frame averaged with its neighbours where the picture has gone to."""
    out = []
    for t in range(len(one.raw)):
        near = range(max(0, t - 1), min(len(one.raw), t + 2))
        out.append(np.mean([moved(one.raw[k], one.shifts[t] - one.shifts[k]) for k in near], axis=0))
    return np.stack(out).astype(np.float32)
