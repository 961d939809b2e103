"""Hits that a clean-up left, where noise is damped: they would pass for the sharpest structure of all."""

from __future__ import annotations

import numpy as np

from core.denoising.denoiser import Frames
from core.noise.spectrum import NoiseSpectrum

# In deviations of a px; of more px than this they are no hits.
_SPIKE = 8.0
_MOST_SPIKES = 0.005
_AROUND = 9


def spike_limit(frame: Frames, spectrum: NoiseSpectrum | None, variance: float | None) -> float | None:
    """Return by how many electrons a px of a frame (H, W) exceeds its surroundings as no picture behind an MTF can.

    A hit in a sensor was never blurred, and where an MTF has left hardly any noise at high frequencies it would be
    kept. None where there is no such limit: noise that is not damped, or too many px beyond. `spectrum` is relative to
    `variance`, or to the mean where that is None.
    """
    if spectrum is None:
        return None
    variance = max(float(frame.mean()), 0.0) if variance is None else variance
    limit = round(_SPIKE * (variance * spectrum.level()) ** 0.5, 6)
    if not spectrum.blurred or limit <= 0:
        return None
    share = float(np.mean(frame - _surroundings(frame) > limit))
    return limit if share <= _MOST_SPIKES else None


def without_spikes(frame: Frames, limit: float | None) -> Frames:
    """Return a frame (H, W) whose spikes, and the px beside them, have the median around them; all of it for None."""
    from scipy import ndimage

    if limit is None:
        return frame
    around = _surroundings(frame)
    spikes = ndimage.binary_dilation(frame - around > limit, iterations=2)
    return np.where(spikes, around, frame)


def _surroundings(frame: Frames) -> Frames:
    from scipy import ndimage

    return np.asarray(ndimage.median_filter(frame, _AROUND, mode="reflect"))
