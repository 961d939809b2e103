"""Measures of a result whose truth is known: of simulated movies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.measures.clips import Clip
from core.measures.fidelity import clean_range, psnr, psnr_over_range, ssim, ssim_over_range
from core.measures.intensity import match
from core.protocol.score import Measure

Frames = npt.NDArray[np.float32]

_LEAST_SIDE = 7


def truth_measures(clips: Sequence[Clip], truths: Sequence[Frames]) -> dict[str, Measure]:
    """PSNR and SSIM over the clean range of each stretch of frames, averaged over the frames; one truth a clip.

    A result of other units is brought to the raw movie's by the line that everything else is judged after, too.
    """
    clips, intensity = match(clips)
    line = f" Of {intensity.scale:.4g} x result {intensity.offset:+.4g}." if intensity.other_units else ""
    pairs = [
        (clean, result)
        for clip, truth in zip(clips, truths, strict=True)
        for clean, result in zip(truth, clip.result, strict=True)
    ]
    finite = [(clean, result) for clean, result in pairs if np.isfinite(clean).all() and clean_range(clean) > 0]
    if not finite:
        none = Measure(value=None, caveat="The truth is constant, or holds no number.")
        return {"psnr": none, "ssim": none}
    out = {
        "psnr": Measure(
            value=_mean([psnr_over_range(clean, result) for clean, result in finite]),
            unit="dB",
            caveat="Over the clean frame's own range; one missing atom hardly shows in it." + line,
        )
    }
    # What is brighter than 1 would be clamped.
    scale = max(1.0, max(float(clean.max()) for clean, _ in finite))
    published = "In the published convention (times 255, clamped, range 255"
    published += f"; both over {scale:.4g}, so that nothing clean is clamped)." if scale > 1 else ")."
    out["psnr_published"] = Measure(
        value=_mean([psnr(clean / scale, result / scale) for clean, result in finite]),
        unit="dB",
        caveat=f"{published} A constant image already scores 24 to 26 dB.{line}",
    )
    if min(finite[0][0].shape) >= _LEAST_SIDE:
        out["ssim_published"] = Measure(
            value=_mean([ssim(clean / scale, result / scale) for clean, result in finite]), caveat=published + line
        )
        out["ssim"] = Measure(
            value=_mean([ssim_over_range(clean, result) for clean, result in finite]),
            caveat="With the clean frame's range; windows of 7 px." + line,
        )
    return out


def _mean(values: list[float]) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else None
