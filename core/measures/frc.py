"""Fourier ring correlation, with an honest partner.

Two halves that one network denoised are not independent: it draws the same inventions into both, and their FRC says
how sure it is of itself. So the denoised half is compared with the RAW other half. For a perfect denoiser that curve
tends to sqrt(SNR / (1 + SNR)), where raw against raw gives SNR / (1 + SNR): a threshold of 1/7 there is one of
sqrt(1/7) here. It is never called resolution.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

Array = npt.NDArray[np.float64]

RAW_THRESHOLD = 1 / 7
HONEST_THRESHOLD = math.sqrt(RAW_THRESHOLD)
_TAPER = 0.125
# Errors by which a ring must stand out of noise.
_SURE = 4.0


@dataclass(frozen=True)
class RingCorrelation:
    """A curve by ring.

    Attributes
    ----------
    frequency : float64 (n,)
        Middle of each ring, in cycles a px, up to 0.5.
    value : float64 (n,)
        Correlation, -1 to 1; NaN where a ring holds nothing.
    error : float64 (n,)
        What pure noise scatters by: 1 / sqrt(independent frequencies of the ring, all pairs together).
    """

    frequency: Array
    value: Array
    error: Array

    def falls_below(self, threshold: float) -> float | None:
        """Return the frequency where the curve first falls below a threshold; None if it doesn't up to Nyquist."""
        below = np.flatnonzero(self.value[1:] < threshold)
        if not len(below):
            return None
        k = int(below[0]) + 1
        high, low = float(self.value[k - 1]), float(self.value[k])
        share = (high - threshold) / (high - low) if high > threshold else 0.0
        return float(self.frequency[k - 1] + share * (self.frequency[k] - self.frequency[k - 1]))


def ring_correlation(pairs: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]]) -> RingCorrelation:
    """Return FRC = Re sum F1 F2* / sqrt(sum |F1|^2 sum |F2|^2) by ring, summed over pairs of frames of one shape.

    Each pair is two (H, W) looks at the same scene whose noise is independent. Frames lose their mean and are tapered
    at their borders, so that a frame's edge is no signal.

    Raises
    ------
    ValueError
        There is no pair, shapes differ, or frames are smaller than 16 px.
    """
    sums: list[Array] | None = None
    shape: tuple[int, int] | None = None
    count = 0
    for one, other in pairs:
        a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
        if shape is None:
            shape = (a.shape[0], a.shape[1])
            ring, rings = _rings(shape)
            taper = np.outer(*(_taper(n) for n in shape))
            energy = float(np.square(taper).mean())
            sums = [np.zeros(rings) for _ in range(3)]
        if a.shape != shape or b.shape != shape or sums is None:
            raise ValueError(f"frames differ in shape: {a.shape}, {b.shape}, {shape}")
        f, g = (fft.fft2((v - v.mean()) * taper) for v in (a, b))
        for total, power in zip(sums, ((f * g.conj()).real, np.abs(f) ** 2, np.abs(g) ** 2), strict=True):
            total += np.bincount(ring.ravel(), power.ravel(), minlength=rings + 1)[:rings]
        count += 1
    if sums is None or shape is None:
        raise ValueError("there is no pair of frames to correlate")
    members = np.bincount(ring.ravel(), minlength=rings + 1)[:rings] * energy / 2 * count
    bottom = np.sqrt(sums[1] * sums[2])
    value = np.divide(sums[0], bottom, out=np.full(rings, np.nan), where=bottom > 0)
    step = 0.5 / rings
    error = np.asarray(1 / np.sqrt(np.maximum(members, 1.0)), np.float64)
    middle = np.asarray((np.arange(rings) + 0.5) * step, np.float64)
    return RingCorrelation(middle, np.asarray(value, np.float64), error)


def expected_of_perfect(raw: RingCorrelation) -> Array:
    """Return what a perfect denoiser against the raw other half would reach: sqrt of the raw curve (0 where negative).

    With raw against raw FRC = SNR / (1 + SNR), that is sqrt(SNR / (1 + SNR)) by ring.
    """
    return np.asarray(np.sqrt(np.clip(np.nan_to_num(raw.value), 0.0, 1.0)))


def share_of_perfect(honest: RingCorrelation, raw: RingCorrelation) -> float | None:
    """Return how much of the correlation that a perfect denoiser would have a result has, over the rings with signal.

    `honest` is of the result against the raw other half. Rings count by how well they are known, as far as the raw
    curve stays above what noise alone scatters by. 1 for the truth; None if there is no such ring.
    """
    sure = np.nan_to_num(raw.value) > _SURE * raw.error
    if not sure.any():
        return None
    # The innermost rings hold hardly a frequency; beyond where noise begins, a ring that stands out may be chance.
    first = int(np.argmax(sure))
    behind = np.flatnonzero(~sure[first:])
    kept = slice(first, first + int(behind[0]) if len(behind) else None)
    weight = 1 / np.square(raw.error[kept])
    perfect = float(weight @ expected_of_perfect(raw)[kept])
    return float(weight @ np.nan_to_num(honest.value[kept])) / perfect


def _rings(shape: tuple[int, int]) -> tuple[npt.NDArray[np.intp], int]:
    """Return the ring of each frequency, and how many there are up to Nyquist (those beyond have the next number)."""
    if min(shape) < 16:
        raise ValueError(f"rings need frames of 16 px or more, not {shape}")
    rings = min(shape) // 4
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(shape[0]), np.fft.fftfreq(shape[1]), indexing="ij"))
    return np.minimum((radius / 0.5 * rings).astype(np.intp), rings), rings


def _taper(length: int) -> Array:
    edge = max(1, round(_TAPER * length))
    rise = np.sin(math.pi / 2 * (np.arange(edge) + 0.5) / edge) ** 2
    out = np.ones(length)
    out[:edge], out[-edge:] = rise, rise[::-1]
    return out
