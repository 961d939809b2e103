"""Error, ring correlation, signal to noise and consistency of a result, against other noisy looks at its scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.measures.aligned import overlapping
from core.measures.clips import Clip
from core.measures.corrections import Removable
from core.measures.css import css, mean_of_five
from core.measures.frc import HONEST_THRESHOLD, RAW_THRESHOLD, ring_correlation, share_of_perfect
from core.measures.residual import ResidualSpectrum
from core.measures.snr import two_frame_snr
from core.measures.umse import ErrorSums, hidden_power, signal_band, signal_peak, squared_errors
from core.noise.poisson import check_counts
from core.protocol.score import Measure

Frames = npt.NDArray[np.float32]

# More pairs tell little more.
_PAIRS = 24
_CSS_FRAMES = 24
_LAGS = (1, 4)
# Noise that correlates more than this between px is not white.
_WHITE = 0.1
_LEAST_SIDE = 32


@dataclass(frozen=True)
class Looks:
    """Clips, and which other frames are independent looks at theirs.

    Attributes
    ----------
    apart : int
        How many frames away the looks are.
    noise : float or None
        Noise variance a px of a raw frame, electrons squared; None where it is not known.
    white : bool
        Whether the noise is.
    references : sequence of float32 (T, H, W), optional
        Looks that were given, one a clip.
    reference_excess : float
        Their noise variance over their mean.
    """

    clips: Sequence[Clip]
    apart: int
    noise: float | None
    white: bool
    references: Sequence[Frames] | None = None
    reference_excess: float = 1.0

    @classmethod
    def of(
        cls,
        clips: Sequence[Clip],
        found: Removable | None,
        spectrum: ResidualSpectrum | None,
        apart: int,
        references: Sequence[Frames] | None,
        reference_excess: float,
    ) -> Looks:
        """Choose them, `apart` frames away."""
        noise = None if found is None or not found.noise > 0 else found.noise
        white = spectrum is not None and abs(spectrum.noise_correlation) < _WHITE
        return cls(clips, apart, noise, white, references, reference_excess)

    def pairs(self, apart: int) -> list[tuple[int, int, int]]:
        """At most 24 of (clip, frame, other frame), evenly spread, in both directions of time."""
        every = [
            (number, frame, frame + step)
            for number, clip in enumerate(self.clips)
            for frame in range(clip.frames)
            for step in (apart, -apart)
            if 0 <= frame + step < clip.frames
        ]
        if len(every) <= _PAIRS:
            return every
        return [every[int(k)] for k in np.linspace(0, len(every) - 1, _PAIRS)]


def look_measures(looks: Looks, check: Callable[[], None]) -> dict[str, Measure]:
    """All of them, each with its caveat."""
    out = _error(looks)
    check()
    out |= _correlations(looks)
    check()
    return out | _consistency(looks, check)


def _error(looks: Looks) -> dict[str, Measure]:
    if looks.references is None and looks.noise is None:
        return {"upsnr": Measure(value=None, caveat="Needs an independent noisy look: neighbours, or a reference.")}
    if looks.references is None and not looks.white:
        caveat = "The noise is correlated between pixels (the detector blurs it): see error_over_noise instead."
        return {"upsnr": Measure(value=None, caveat=caveat)}
    raw = np.concatenate([clip.raw for clip in looks.clips])
    noise = _noise_of(looks, raw)
    variances = _variance(raw, noise)
    band = signal_band(raw, variances)
    sums, pixels = ErrorSums(0.0, 0.0, 0.0), 0
    for result, reference, variance in _looked(looks, noise):
        one = squared_errors(result, reference, variance, band)
        sums = ErrorSums(
            sums.error + one.error, sums.noise_spread + one.noise_spread, sums.error_spread + one.error_spread
        )
        pixels += reference.size
    if not pixels:
        return {"upsnr": Measure(value=None, caveat="There are too few frames for an independent look at any of them.")}
    value, low, high = sums.estimate(pixels, band, hidden_power(raw, variances, band)).psnr(signal_peak(raw, band))
    caveat = (
        "10 log10(M^2 / error), M the signal's peak. The error is measured against other frames, moved along with the "
        "drift: what changes between them counts as error, a camera's fixed pattern as signal."
    )
    if looks.references is not None:
        caveat = "10 log10(M^2 / error), M the signal's peak; the error is measured against the reference."
    if value is None:
        caveat += " The error is too small for these data: no number."
    return {"upsnr": Measure(value=value, low=low, high=high, unit="dB", caveat=caveat)}


def _noise_of(looks: Looks, raw: Frames) -> float:
    """Noise variance a px: that of counts is their mean; other data's is measured, and holds what moves or changes."""
    if looks.noise is None or (looks.references is None and check_counts(raw).poisson):
        return max(float(raw.mean()), 1e-9)
    return looks.noise


def _variance(raw: npt.NDArray[np.floating], noise: float) -> npt.NDArray[np.float64]:
    """Noise variance a px whose mean is `noise`: each px's electrons, and what is the same for all."""
    electrons = np.asarray(raw, dtype=np.float64)
    mean = float(electrons.mean())
    if mean > noise:
        return electrons * (noise / mean)
    return electrons + (noise - mean)


def _looked(looks: Looks, noise: float) -> Iterator[tuple[Frames, Frames, npt.NDArray[np.float64]]]:
    """Result, look, and the look's noise variance, of the same place."""
    if looks.references is not None:
        for clip, reference in zip(looks.clips, looks.references, strict=True):
            for result, other in zip(clip.result, reference, strict=True):
                yield result, other, other.astype(np.float64) * looks.reference_excess
        return
    for number, frame, other in looks.pairs(looks.apart):
        clip = looks.clips[number]
        rows, columns = (float(one) for one in clip.move(frame, other))
        result, look = overlapping(clip.result[frame], clip.raw[other], (rows, columns), smooth=True)
        if min(result.shape) >= _LEAST_SIDE:
            yield result.astype(np.float32), look.astype(np.float32), _variance(look, noise)


def _correlations(looks: Looks) -> dict[str, Measure]:
    pairs = looks.pairs(looks.apart)
    needs = "Needs two neighbouring frames of 32 px or more."
    names = ("snr", "frc_raw", "frc_result", "frc_of_perfect")
    cut = [(number, frame, other) for number, frame, other in pairs if looks.clips[number].frames > 1]
    raw, honest, ratios = [], [], []
    size: tuple[int, int] | None = None
    for number, frame, other in cut:
        clip = looks.clips[number]
        rows, columns = (float(one) for one in clip.move(frame, other))
        first, second = overlapping(clip.raw[frame], clip.raw[other], (rows, columns), smooth=False)
        result, _ = overlapping(clip.result[frame], clip.raw[other], (rows, columns), smooth=False)
        if min(first.shape) < _LEAST_SIDE:
            continue
        ratio = two_frame_snr(first, second)
        if ratio is not None and np.isfinite(ratio):
            ratios.append(ratio)
        size = first.shape[:2] if size is None else (min(size[0], first.shape[0]), min(size[1], first.shape[1]))
        raw.append((first, second))
        honest.append((result, second))
    if size is None:
        return {name: Measure(value=None, caveat=needs) for name in names}

    def same(
        of: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]],
    ) -> Iterator[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
        for one, other in of:
            yield one[: size[0], : size[1]], other[: size[0], : size[1]]

    snr = (
        "Variance of the signal over that of one raw frame's noise; a fixed pattern counts as signal, motion as noise."
    )
    plain = "Where raw against raw falls below 1/7. The noise of two frames is independent. Not a resolution."
    partner = (
        "Where the result against the raw neighbour falls below sqrt(1/7), which is 1/7 of raw against raw: below "
        "frc_raw signal was lost. Not a resolution; never compare two results with each other."
    )
    of_perfect = (
        "Of the result against the raw neighbour, over what a perfect denoiser would reach, the root of raw against "
        "raw; mean over the rings with signal. 1 is good, less is signal that was lost or noise that was kept. By "
        "chance it may lie above 1."
    )
    raw_curve, curve = ring_correlation(same(raw)), ring_correlation(same(honest))
    return {
        "snr": Measure(value=float(np.mean(ratios)) if ratios else None, caveat=snr),
        "frc_raw": _frequency(raw_curve.falls_below(RAW_THRESHOLD), plain),
        "frc_result": _frequency(curve.falls_below(HONEST_THRESHOLD), partner),
        "frc_of_perfect": Measure(value=share_of_perfect(curve, raw_curve), caveat=of_perfect),
    }


def _frequency(value: float | None, caveat: str) -> Measure:
    if value is None:
        return Measure(value=0.5, unit="1/px", caveat=caveat + " It doesn't fall so low up to Nyquist.")
    return Measure(value=value, unit="1/px", caveat=caveat)


def _consistency(looks: Looks, check: Callable[[], None]) -> dict[str, Measure]:
    clip = max(looks.clips, key=lambda one: one.frames)
    if clip.frames < 2 or min(clip.raw.shape[1:]) < _LEAST_SIDE:
        return {"css": Measure(value=None, caveat="Needs two neighbouring frames.")}
    result, raw, shifts = clip.result[:_CSS_FRAMES], clip.raw[:_CSS_FRAMES], clip.shifts[:_CSS_FRAMES]
    low, high = np.percentile(mean_of_five(raw), [0.1, 99.9])
    extent = float(high - low)
    if not extent > 0:
        return {"css": Measure(value=None, caveat="Needs frames that are not constant.")}
    out = {}
    caveat = (
        "Mean SSIM of frames that follow each other. It rewards smearing and blur: only read it beside that of the raw "
        "movie (css_raw) and of a plain mean of five frames (css_mean_of_five), and never choose by it."
    )
    movies: dict[str, npt.NDArray[np.floating]] = {"css": result, "css_raw": raw, "css_mean_of_five": mean_of_five(raw)}
    for name, frames in movies.items():
        for lag in _LAGS:
            if lag < len(frames):
                suffix = "" if lag == 1 else f"_lag_{lag}"
                out[name + suffix] = Measure(value=css(frames, extent, lag), caveat=caveat)
                check()
    if clip.certain:
        moved = css(result, extent, 1, shifts)
        out["css_aligned"] = Measure(value=moved, caveat=caveat + " Here after moving frames back by the drift.")
    return out
