"""All measures of a result against its raw frames, each with its caveat, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.measures import flags as limits
from core.measures.belonging import Belonging, belonging
from core.measures.clips import Clip
from core.measures.corrections import Removable, Share, holds_its_look, removable
from core.measures.count_fit import count_measures
from core.measures.cross_spectra import CrossSpectra, cross_spectra
from core.measures.intensity import Intensity, match
from core.measures.references import reference_fit
from core.measures.residual import Residual, ResidualSpectrum, residual, residual_spectrum
from core.measures.standing import Standing, standing
from core.measures.temporal_response import TemporalResponse, temporal_response
from core.measures.without_truth import Looks, look_measures
from core.protocol.denoise_parts import Notice
from core.protocol.score import Flag, Measure

Frames = npt.NDArray[np.float32]

# How many frames away looks may be, where those nearer went into the result.
_DISTANCES = (7, 12, 20)
_INSIDE = "The neighbours are in this result, so their noise can't judge it: judge by quietbeam thin and --reference."


@dataclass(frozen=True)
class Known:
    """What is known besides the frames.

    Attributes
    ----------
    gain : bool
        Whether the raw frames really are in electrons.
    references : sequence of float32 (T, H, W), optional
        Independent noisy looks, in electrons at the raw frames' dose, one a clip; and by how much their noise
        variance is more than their mean.
    rescaled : bool
        The result has other units on purpose (0 to 1, 8 bits).
    """

    gain: bool = True
    references: Sequence[Frames] | None = None
    reference_excess: float = 1.0
    rescaled: bool = False


@dataclass
class Judgement:
    """`measures` by name, `flags` (empty for a good result), and what couldn't be told."""

    measures: dict[str, Measure] = field(default_factory=dict)
    flags: list[Flag] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def tell(self, code: str, text: str, level: str = "info") -> None:
        """Add a notice."""
        self.notices.append(Notice.model_validate({"level": level, "code": code, "text": text}))


def judge(clips: Sequence[Clip], known: Known | None = None, check: Callable[[], None] | None = None) -> Judgement:
    """Judge a result.

    Parameters
    ----------
    clips
        Stretches of neighbouring frames, of one size; finite, in electrons as far as these are known.
    check
        Called between the steps; may raise to stop.
    """
    known, check = known or Known(), check or (lambda: None)
    out = Judgement()
    clips, intensity = match(clips, known.rescaled)
    _tell_intensity(out, intensity)
    core = _core(clips, check)
    parts, spectrum = residual(clips), residual_spectrum(clips, core.near)
    out.measures |= _error_measures(core.found, core.inside) | _time_measures(core.response)
    out.measures |= _residual_measures(parts, spectrum, known.gain) | count_measures(clips)
    check()
    if core.drift is not None:
        caveat = "Translation of the whole picture only."
        out.measures["drift"] = Measure(value=core.drift, unit="px/frame", caveat=caveat)
    looks = Looks.of(clips, core.found, spectrum, core.apart, known.references, known.reference_excess)
    out.measures |= look_measures(looks, check)
    if core.inside:
        if known.references is None:
            out.measures["upsnr"] = Measure(value=None, unit="dB", caveat=_INSIDE)
        out.tell("neighbours-in-result", _INSIDE, "warning")
    dispersion = parts.dispersion if known.gain else None
    out.flags += limits.intensity_flags(intensity) + core.flags(dispersion)
    if core.found is not None and limits.shows_what_changes(core.found, dispersion):
        text = (
            "What was taken away is as strong as counting noise, so what looks like each frame's own noise in the "
            "result is a picture that changes from frame to frame, such as by scan jitter. Neighbouring frames can't "
            "judge its error."
        )
        out.tell("frames-differ", text)
    if core.found is None and known.gain:
        out.flags += limits.single_frame_flags(parts.dispersion, parts.fine)
    _tell_limits(out, clips, core, known)
    if known.references is not None:
        _tell_reference(out, clips, known.references)
    return out


def flag(clips: Sequence[Clip]) -> tuple[list[Flag], dict[str, float]]:
    """Only the flags of `judge`, and the numbers that they were made of; the raw frames are in electrons."""
    clips, intensity = match(clips)
    core = _core(clips, lambda: None)
    flags = limits.intensity_flags(intensity) + core.flags(residual(clips).dispersion)
    values = {"intensity": intensity.ratio, "drift": float("nan") if core.drift is None else core.drift}
    if core.found is not None:
        for name, share in (("put_back", core.found.put_back), ("smoothed", core.found.smoothed)):
            values |= {name: share.value, f"{name}_low": share.low, f"{name}_high": share.high}
        values |= {"own_noise": core.found.own_noise, "noise": core.found.noise, "error": core.found.error}
        values |= {"error_deviation": core.found.error_deviation, "attainable": core.found.attainable}
    if core.response is not None:
        values |= {"neighbours": core.response.neighbours, "neighbours_surety": core.response.surety}
        values |= {"in_place": core.response.in_place_share, "in_place_surety": core.response.in_place_surety}
    return flags, values


@dataclass(frozen=True)
class _Core:
    """What the flags are made of."""

    response: TemporalResponse | None
    neighbours: bool
    near: CrossSpectra | None
    found: Removable | None
    drift: float | None
    belongs: Belonging
    stands: Standing | None
    apart: int
    inside: bool

    def flags(self, dispersion: float | None) -> list[Flag]:
        noise = [] if self.found is None or self.inside else limits.noise_flags(self.found, dispersion)
        wrong = limits.belonging_flags(self.belongs)
        if self.belongs.mismatch:
            noise = []
        elif self.belongs.added or self.belongs.blobs:
            # Taking the result's additions away looks like putting back what was removed.
            noise = [one for one in noise if one.code != "over-smoothed"]
        else:
            noise = limits.exaggerated_flags(noise, self.belongs.slope) or noise
        time = limits.time_flags(self.response, self.drift) or limits.standing_flags(self.stands, self.drift)
        return wrong + noise + time


def _core(clips: Sequence[Clip], check: Callable[[], None]) -> _Core:
    response = temporal_response(clips)
    check()
    drift = _drift(clips)
    # Motion that was not followed may look like noise of other frames, but not where no picture is.
    surely = response is not None and limits.uses_neighbours(response) and response.noise_of_neighbours
    neighbours = surely or (drift is not None and limits.uses_neighbours(response))
    near = cross_spectra(clips, far=False)
    check()
    spectra, apart = (cross_spectra(clips, far=True) or near, _DISTANCES[0]) if neighbours else (near, 1)
    inside = spectra is not None and holds_its_look(spectra)
    if inside:
        neighbours = surely = True
        for apart in _DISTANCES:
            far = cross_spectra(clips, far=True, distance=apart)
            check()
            if far is not None and not holds_its_look(far):
                spectra, inside = far, False
                break
    found = None if spectra is None else removable(spectra, frame_alone=not surely)
    belongs, stands = belonging(clips), standing(clips) if drift is not None else None
    check()
    return _Core(response, neighbours, near, found, drift, belongs, stands, apart, inside)


def _drift(clips: Sequence[Clip]) -> float | None:
    if not all(clip.certain for clip in clips):
        return None
    return float(np.average([clip.drift for clip in clips], weights=[clip.frames for clip in clips]))


def _tell_intensity(out: Judgement, intensity: Intensity) -> None:
    caveat = "Of the means; what lies in a part of the picture may still have changed."
    value = intensity.ratio if np.isfinite(intensity.ratio) else None
    out.measures["intensity_ratio"] = Measure(value=value, caveat=caveat)
    if intensity.other_units and intensity.rescaled:
        text = (
            f"The result has other units than the raw movie. Judged was {intensity.scale:.4g} x result "
            f"{intensity.offset:+.4g}, the line that fits best."
        )
        out.tell("other-units", text, "warning")


def _tell_limits(out: Judgement, clips: Sequence[Clip], core: _Core, known: Known) -> None:
    if core.drift is None and max(clip.frames for clip in clips) > 1:
        text = (
            "How the picture drifts could not be told for certain, so it was taken to stand still: smearing of what "
            "moves can't be seen, and over-smoothing less well."
        )
        out.tell("drift-uncertain", text)
        if core.response is not None and core.response.noise_of_neighbours:
            text = (
                "Noise of the frames beside is in each result, and how the picture drifts could not be told: if it "
                "moves, and the frames were averaged at the same pixel, what moves is smeared."
            )
            out.tell("averaged-drift-unknown", text, "warning")
    if core.found is None:
        text = (
            "There are no neighbouring frames to stand in for the truth, or the frames are too small: over-smoothed, "
            "over-fitted and smeared results can't be told from good ones."
        )
        out.tell("few-frames", text, "warning")
    elif core.response is None:
        out.tell("few-frames", "Twelve neighbouring frames are needed to see which frames went into a result.")
    if not known.gain:
        text = (
            "The gain is unknown: dispersion is left out, everything else was judged by what neighbouring frames say."
        )
        out.tell("gain-unknown", text)


def _tell_reference(out: Judgement, clips: Sequence[Clip], references: Sequence[Frames]) -> None:
    fit = reference_fit(clips, references)
    if fit.wrong_dose:
        text = (
            f"The reference's mean is {fit.mean_ratio:.3f} of what --reference-fraction says: the fraction is wrong, "
            "or the reference has other units. uPSNR is wrong by that."
        )
        out.tell("reference-dose", text, "warning")
    if fit.dependent:
        text = (
            f"The reference shares noise with the raw movie (correlation {fit.shared:.2f}): it is not independent of "
            "the result, and uPSNR is too good. Denoise one part of quietbeam thin, and give the other."
        )
        out.tell("reference-dependent", text, "warning")


def _share(share: Share, caveat: str) -> Measure:
    return Measure(value=share.value, low=share.low, high=share.high, caveat=caveat)


def _error_measures(found: Removable | None, inside: bool) -> dict[str, Measure]:
    if found is None:
        none = Measure(value=None, caveat="Needs neighbouring frames of 32 px or more, whose noise is independent.")
        return dict.fromkeys(("removable_by_putting_back", "removable_by_smoothing", "own_noise"), none)
    if inside:
        none = Measure(value=None, caveat=_INSIDE)
        return dict.fromkeys(("removable_by_putting_back", "removable_by_smoothing", "error_over_noise"), none)
    back = (
        "Share of the error that a linear filter would take off by adding back what was removed; 0 or less is good. "
        "Signal too weak to be had from one frame doesn't count."
    )
    smooth = "Share of the error that linear smoothing would take off; 0 or less is good."
    own = (
        "Share of a frame's own noise that is left, over all frequencies; 1 for the raw frame, not 0 for a good one. "
        "What changes from frame to frame counts as noise."
    )
    error = (
        "Mean squared error over the raw frames' noise variance, a ratio of variances: its root is the error in noise "
        "levels (0.2 is 45 % of the noise). Against neighbouring frames, their noise taken off, and without what is "
        "coarser than about a hundred px. What changes between the frames counts as error."
    )
    deviation = 2 * found.error_deviation
    noise = max(found.noise, 1e-300)
    return {
        "removable_by_putting_back": _share(found.put_back, back),
        "removable_by_smoothing": _share(found.smoothed, smooth),
        "own_noise": Measure(value=found.own_noise, caveat=own),
        "error_over_noise": Measure(
            value=found.error / noise,
            low=(found.error - deviation) / noise,
            high=(found.error + deviation) / noise,
            caveat=error,
        ),
    }


def _time_measures(response: TemporalResponse | None) -> dict[str, Measure]:
    caveat = (
        "Weight of the noise of the frames beside over that of the frame itself: near 0 for a method that looks at one "
        "frame (and for one that leaves no noise at all), 1 for a mean of three."
    )
    place = (
        "Standard errors that speak for averaging at the same pixel (above 0) or along the drift (below 0); near 0 "
        "where the drift is small, or the result smooth."
    )
    if response is None:
        none = "Needs twelve neighbouring frames."
        return {
            "neighbour_weight": Measure(value=None, caveat=none),
            "averaged_in_place": Measure(value=None, caveat=none),
        }
    used = limits.uses_neighbours(response)
    weight = response.neighbours if used else 0.0
    return {
        "neighbour_weight": Measure(value=weight, caveat=caveat),
        "averaged_in_place": Measure(value=response.in_place_surety if used else 0.0, caveat=place),
    }


def _residual_measures(parts: Residual, spectrum: ResidualSpectrum | None, gain: bool) -> dict[str, Measure]:
    out = {
        "dispersion": Measure(
            value=parts.dispersion if gain else None,
            caveat="On sums over 8 x 8 px; about 1 is consistent, below noise was kept, above signal was lost or "
            "added, or the gain is wrong. Read noise, and sources that scatter more than counts do, add to it."
            if gain
            else "Needs a known gain.",
        ),
        "dispersion_spread": Measure(
            value=float(np.std(parts.dispersion_map)) / max(float(np.mean(parts.dispersion_map)), 1e-300)
            if gain and parts.dispersion is not None
            else None,
            caveat="Of the map by 32 x 32 px over its mean: structure in that map is structure that was removed."
            if gain
            else "Needs a known gain.",
        ),
        "residual_correlation_time": Measure(
            value=parts.in_time,
            caveat="Of the residuals of neighbouring frames, px by px: 0 is good; structure that was removed, or a "
            "camera's fixed pattern, adds to it, frames that were averaged take from it.",
        ),
        "leakage_intensity": Measure(
            value=parts.with_result,
            caveat="Correlation of the residual with the result; 0 is good. Negative: contrast "
            "was exaggerated, positive: it was lost.",
        ),
        "leakage_gradient": Measure(
            value=parts.with_gradient, caveat="Correlation of the residual with the slopes of the result; 0 is good."
        ),
    }
    if spectrum is not None:
        out |= _spectrum_measures(spectrum)
    return out


def _spectrum_measures(spectrum: ResidualSpectrum) -> dict[str, Measure]:
    return {
        "residual_over_noise": Measure(
            value=spectrum.over_noise,
            caveat="Power of what was removed over that of the raw noise: 1 less twice the noise that was kept, "
            "plus the signal that was lost; about 1 is good, the raw frame itself gives 0.",
        ),
        "residual_correlation_space": Measure(
            value=spectrum.correlation,
            caveat="The largest within 4 px, the noise's own taken off; 0 is good, and doing nothing passes too.",
        ),
        "leakage_lattice": Measure(
            value=spectrum.at_spots,
            caveat="Power of the residual at the spots of the result's lattice over its surroundings: 1 is good, more "
            "is lattice that was removed (or a movie that changed), less is noise that was kept there. Where "
            "hardly any residual lies around the spots, traces make it large.",
        ),
    }
