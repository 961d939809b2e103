"""Stored values to electrons and back: an invertible line, and where its two numbers come from.

Order of trust: what the user typed; what the file says; a fit of noise variance against mean; and, where there is no
noise to measure, a defined stand-in: 0.1 and 99.9 % of the first frame become 10 and 210 electrons, so that every
method sees a high dose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.denoising.denoiser import Frames
from core.denoising.errors import denoise_error
from core.noise.gain import GainEstimate, black_level, estimate_gain, is_below_the_darkest, noise_variance
from core.protocol.denoise import IntensityScale, Notice
from core.protocol.movie import MovieMeta

STAND_IN_RANGE = 200.0
_STAND_IN_LOW = 10.0
_CORRELATED = 0.3
_STRIP = 256
# Correlated noise looks weaker than it is by less than this; only a real black level reaches beyond.
_FAR_FROM_ZERO = 0.5
# Electrons of the brightest pixel.
_LEAST, _MOST = 1e-4, 1e10
_ELECTRON_UNITS = {"e", "e-", "e⁻", "electron", "electrons", "el"}


@dataclass(frozen=True)
class Scaling:
    """The line for sums of `frames` frames: electrons = (stored - frames * offset) / gain."""

    gain: float
    offset: float
    frames: int = 1

    @classmethod
    def of(cls, scale: IntensityScale, frames: int = 1) -> Scaling:
        """Return the line of a plan's scale for sums of `frames` frames."""
        return cls(scale.gain, scale.offset, frames)

    def electrons(self, stored: npt.NDArray[np.generic]) -> Frames:
        """Return electrons as a new float32 array; arithmetic in float64, so that large integers keep their tail."""
        out = np.empty(stored.shape, dtype=np.float32)
        zero = self.offset * self.frames
        # In strips: a 4k frame of float64 at once would be 128 MB more.
        for top in range(0, stored.shape[-2], _STRIP):
            rows = np.s_[..., top : top + _STRIP, :]
            # An infinite pixel, or one beyond float32, is dealt with by the cleaning.
            with np.errstate(over="ignore", invalid="ignore"):
                out[rows] = (stored[rows].astype(np.float64) - zero) / self.gain
        return out

    def stored(self, electrons: Frames) -> Frames:
        """Return values in the file's units, float32; the array is changed in place."""
        electrons *= np.float32(self.gain)
        electrons += np.float32(self.offset * self.frames)
        return electrons


def choose_scale(
    meta: MovieMeta,
    frames: Sequence[npt.NDArray[np.generic]],
    typed_gain: float | None = None,
    typed_offset: float | None = None,
) -> tuple[IntensityScale, tuple[Notice, ...]]:
    """Decide how stored values become electrons.

    Parameters
    ----------
    meta : MovieMeta
        For a gain and a black level that the file tells.
    frames : sequence of (H, W)
        A few raw frames, single ones (not sums).
    typed_gain, typed_offset : float, optional
        What the user typed: stored units an electron, and the stored value of no electron.
    """
    _refuse_senseless(frames, typed_gain, typed_offset, meta.path)
    gain, offset = typed_gain, meta.black_level if typed_offset is None else typed_offset
    source = "typed" if gain is not None else None
    if gain is None:
        gain, told_offset = _told(meta)
        source = "tag" if gain is not None else None
        if gain is not None and offset is None:
            offset = told_offset
    if gain is not None:
        zero, notices = _plausible_offset(frames, gain, offset, typed_offset is not None)
        if offset is None and source == "typed" and not notices:
            zero, notices = _from_the_noise(frames, gain)
        return IntensityScale(gain=gain, offset=zero, source="typed" if source == "typed" else "tag"), notices
    if typed_offset is None and offset is not None and not offset < _mean(frames):
        # The file's black level can't be right.
        offset = None
    estimate = estimate_gain(frames, offset)
    if estimate is None:
        return _stand_in(frames, offset)
    return IntensityScale(gain=estimate.gain, offset=estimate.offset, source="estimated"), _told_of(estimate)


def pixel_variance(scale: IntensityScale, electrons: Frames) -> float | None:
    """Return the noise variance of a pixel in electrons squared where it isn't Poisson's: no gain is known.

    None where Poisson's is to be taken: a gain is known, or there is no noise that could be measured.
    """
    if scale.source != "unknown":
        return None
    variance = noise_variance(electrons)
    return variance if variance > 1e-3 * max(float(np.mean(electrons)), 0.0) else None


def _told(meta: MovieMeta) -> tuple[float | None, float | None]:
    """Return gain and offset as far as the file tells them."""
    origin = meta.intensity_origin
    if meta.counts_per_electron is not None and meta.counts_per_electron > 0:
        return meta.counts_per_electron, origin
    unit = (meta.intensity_unit or "").strip().lower()
    if unit in _ELECTRON_UNITS and meta.intensity_scale is not None and meta.intensity_scale > 0:
        return 1.0 / meta.intensity_scale, origin
    return None, None


def _plausible_offset(
    frames: Sequence[npt.NDArray[np.generic]], gain: float, offset: float | None, typed: bool
) -> tuple[float, tuple[Notice, ...]]:
    """Take a typed offset as it is; the file's, or else 0, unless the mean would then be below no electron at all."""
    if offset is not None and typed:
        return offset, ()
    mean, told = _mean(frames), 0.0 if offset is None else offset
    if mean > told:
        return told, ()
    estimate = estimate_gain(frames)
    zero = estimate.offset if estimate is not None and estimate.offset < mean else mean - gain
    text = (
        f"The movie's mean is {mean:.4g}, so its black level cannot be {told:.4g}; {zero:.4g} was assumed. "
        "Type the black level if you know it."
    )
    return zero, (Notice(level="warning", code="black-level", text=text),)


def _from_the_noise(frames: Sequence[npt.NDArray[np.generic]], gain: float) -> tuple[float, tuple[Notice, ...]]:
    """Ask the noise for the black level that goes with a typed gain: 0 unless it says otherwise, loudly and soundly."""
    zero = black_level(frames, gain)
    if zero is None or zero < _FAR_FROM_ZERO * _mean(frames):
        return 0.0, ()
    if not is_below_the_darkest(zero, frames):
        # Where no electron would have fallen there is noise all the same: taken for structure, it would be drawn.
        text = (
            f"A gain of {gain:.4g} does not go with the movie's noise: it would take a black level of {zero:.4g}, and "
            "parts of the movie are darker. The gain was kept and a black level of 0 assumed, so more may be smoothed "
            "away than need be. Leave the gain out to have both estimated, or type the black level too."
        )
        return 0.0, (Notice(level="warning", code="gain-doubt", text=text),)
    text = (
        f"No black level is known. With a gain of {gain:.4g} the noise is too weak for one of 0 and speaks for "
        f"{zero:.4g}, which was assumed. Type the black level if you know it, 0 included."
    )
    return zero, (Notice(level="warning", code="black-level", text=text),)


def _refuse_senseless(
    frames: Sequence[npt.NDArray[np.generic]], gain: float | None, offset: float | None, path: str
) -> None:
    """Refuse typed numbers that leave no electron, or more of them than any detector counts."""
    if gain is None and offset is None:
        return
    finite = [frame[np.isfinite(frame)] for frame in frames]
    top = max((float(values.max()) for values in finite if values.size), default=0.0)
    above = top - (offset or 0.0)
    electrons = above / (gain or max(abs(above), 1.0))
    # A picture of nothing, or one below its typed black level by noise alone, is no error.
    if above == 0 or (gain is not None and offset is None and above < 0) or _LEAST < electrons < _MOST:
        return
    raise denoise_error(
        "bad-request",
        f"With a gain of {gain or 1:.4g} and a black level of {offset or 0:.4g} the brightest pixel ({top:.4g}) would "
        f"hold {above / (gain or 1):.3g} electrons, which can't be.",
        path,
        "Gain is stored units an electron; the black level is the stored value of no electron.",
    )


def _told_of(estimate: GainEstimate) -> tuple[Notice, ...]:
    if estimate.counted:
        return ()
    notices = [
        Notice(
            level="info",
            code="gain-estimated",
            text=(
                f"Gain {estimate.gain:.4g} and black level {estimate.offset:.4g} were estimated from the noise. "
                "A lattice that fills the frame, or correlated noise, can put them off by tens of per cent, the black "
                "level by more: type both if you know them."
            ),
        )
    ]
    if estimate.correlation > _CORRELATED:
        text = (
            "The noise of neighbouring pixels looks correlated, so the true gain is larger than the estimate and the "
            "dose lower: type the counts per electron if you know them."
        )
        notices.append(Notice(level="warning", code="noise-correlated", text=text))
    return tuple(notices)


def _stand_in(
    frames: Sequence[npt.NDArray[np.generic]], offset: float | None
) -> tuple[IntensityScale, tuple[Notice, ...]]:
    values = np.asarray(frames[0], dtype=np.float64)
    values = values[np.isfinite(values)]
    low, high = (float(v) for v in np.quantile(values, [0.001, 0.999])) if len(values) else (0.0, 0.0)
    if high > low:
        gain = (high - low) / STAND_IN_RANGE
        zero = low - _STAND_IN_LOW * gain if offset is None else offset
    else:
        gain, zero = max(abs(low), 1.0) / 100.0, offset if offset is not None else low - max(abs(low), 1.0)
    text = (
        "No counting noise could be measured, so the values could not be turned into electrons; a high dose is "
        "assumed, and fine detail may be smoothed all the same: compare with the raw movie. "
        "Type the counts per electron if you know them."
    )
    scale = IntensityScale(gain=gain, offset=zero, source="unknown")
    return scale, (Notice(level="warning", code="gain-unknown", text=text),)


def _mean(frames: Sequence[npt.NDArray[np.generic]]) -> float:
    """Mean of the finite pixels of all frames; 1 if there is none."""
    sums = counts = 0.0
    for frame in frames:
        finite = np.isfinite(frame)
        sums += float(np.sum(frame, dtype=np.float64, where=finite))
        counts += float(np.count_nonzero(finite))
    return sums / counts if counts else 1.0
