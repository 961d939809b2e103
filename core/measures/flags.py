"""What is wrong with a result: limits on measures that need no truth.

The limits were set on simulated movies of the training materials (doses of 0.1 to 20 e/px, with and without lattices,
counts and cameras); how often they err is measured on the benchmark by ``tests/bench/flags.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.measures.belonging import Belonging
from core.measures.corrections import Removable, Share
from core.measures.intensity import KEPT, Intensity
from core.measures.standing import Standing
from core.measures.temporal_response import TemporalResponse
from core.protocol.score import Flag

# Share of the error that a correction removes, and what of it must be sure.
OVER_SMOOTHED, OVER_FITTED = 0.12, 0.12
_SURE_PART = 0.4
# Share of a frame's own noise that is left, and the power that was taken away, over that of the noise.
IDENTITY, _HARDLY = 0.6, 0.3
# Dispersion of what was taken away from which on it is counting noise in full; and its share of the power that noise
# which isn't in the result must have: a filter that passes h of the noise takes (1 - h)^2 of it, not 1 - h.
_COUNTING, _ALL_OF_IT, _MUCH = 0.7, 0.9, 0.3
# Weight of the frames beside over a frame's own, and how sure it must be (standard errors).
NEIGHBOURS, _NEIGHBOURS_SURE = 0.1, 4.0
# Slope below which contrast is exaggerated: a filter has 1 or more.
_EXAGGERATED = 0.95
# Standard errors that speak for averaging in place, and the least drift for which that matters, px a frame.
IN_PLACE, LEAST_DRIFT = 3.0, 0.15
# Standard errors, and share of the result's power, by which results stand still while the raw picture moves for sure.
_STANDING, _STANDING_SHARE, _MOVING = 4.0, 0.02, -1.5
# Share of a result's pixels at its highest value.
CLIPPED = 0.01
# Dispersion of a single frame below which hardly anything was taken away.
UNTOUCHED = 0.3


def uses_neighbours(response: TemporalResponse | None) -> bool:
    """Whether a result was made of other frames too."""
    if response is None:
        return False
    plain = response.surety > _NEIGHBOURS_SURE and response.neighbours > NEIGHBOURS / 2
    return plain or _matched(response)


def shows_what_changes(found: Removable, dispersion: float | None) -> bool:
    """Whether what looks like a frame's own noise in the result is a picture that changes from frame to frame.

    Neighbouring frames can't tell scan jitter, say, from noise. But a result with much of its frame's noise takes
    little away, never as much as counting noise is; `dispersion` None: the gain isn't known.
    """
    if dispersion is None or not found.own_noise > _MUCH:
        return False
    return dispersion > _COUNTING and found.taken > _ALL_OF_IT * (1 - found.own_noise)


def noise_flags(found: Removable, dispersion: float | None = None) -> list[Flag]:
    """Identity, over-fitted, over-smoothed; `dispersion` of what was taken away, where the gain is known."""
    flags = []
    if shows_what_changes(found, dispersion):
        pass
    elif found.own_noise > IDENTITY and found.taken < _HARDLY:
        text = (
            f"{_percent(found.own_noise)} of each frame's own noise is still in the result: hardly anything was done."
        )
        flags.append(Flag(code="identity", text=text, value=found.own_noise, limit=IDENTITY))
    elif _beyond(found.smoothed, OVER_FITTED):
        text = (
            f"Plain smoothing would remove {_percent(found.smoothed.value)} of the error: noise was kept as if it were "
            "signal."
        )
        flags.append(Flag(code="over-fitted", text=text, value=found.smoothed.value, limit=OVER_FITTED))
    if _beyond(found.put_back, OVER_SMOOTHED):
        text = (
            f"Adding back a part of what was taken away would remove {_percent(found.put_back.value)} of the error: "
            "signal was removed with the noise."
        )
        flags.append(Flag(code="over-smoothed", text=text, value=found.put_back.value, limit=OVER_SMOOTHED))
    return flags


def exaggerated_flags(noise: Sequence[Flag], slope: float) -> list[Flag]:
    """Exaggerated, in place of over-smoothed and over-fitted, where the result draws more than the movie shows.

    Taking the excess away is the same correction as putting removed signal back, or as smoothing; `slope`
    (`core.measures.belonging`) tells which it is.
    """
    if not slope < _EXAGGERATED or not {one.code for one in noise} & {"over-smoothed", "over-fitted"}:
        return []
    text = (
        f"The movie holds only {_percent(slope)} of the contrast that the result draws: it was exaggerated (sharpened, "
        "or multiplied)."
    )
    return [Flag(code="exaggerated", text=text, value=slope, limit=_EXAGGERATED)]


def belonging_flags(found: Belonging) -> list[Flag]:
    """Structure that the movie doesn't show, another place or time, repeated frames."""
    flags = []
    if found.mismatch:
        text = (
            f"The result doesn't show what the movie shows in the same place and frame (slope {found.slope:.2f}; 1 or "
            f"more is good). {found.mismatch}"
        )
        flags.append(Flag(code="mismatch", text=text, value=found.slope, limit=1.0))
    if found.added:
        places = ", ".join(f"({y}, {x})" for y, x in found.added[:5])
        text = (
            f"{_percent(found.added_share)} of what is drawn near row, column {places} is not in the movie, in "
            f"{len(found.added)} places of 32 x 32 px: atoms there may be invented or erased, or contrast exaggerated."
        )
        flags.append(Flag(code="structure-added", text=text, value=found.added_share, limit=0.3))
    elif found.blobs:
        places = ", ".join(f"({one.y}, {one.x})" for one in found.blobs[:5])
        first = found.blobs[0]
        text = (
            f"{_percent(first.share)} of the blob drawn near row, column ({first.y}, {first.x}) is not in the movie "
            f"({len(found.blobs)} such: {places}): atoms there may be invented or erased, or contrast exaggerated."
        )
        flags.append(Flag(code="structure-added", text=text, value=first.share, limit=0.3))
    if found.repeated:
        frames = ", ".join(str(one) for one in found.repeated[:8])
        text = f"{len(found.repeated)} of the frames judged repeat the one before (number {frames}): frames were lost."
        flags.append(Flag(code="repeated-frames", text=text, value=float(len(found.repeated)), limit=0.0))
    return flags


def standing_flags(found: Standing | None, drift: float | None) -> list[Flag]:
    """Temporally smeared over many frames."""
    if found is None or drift is None or drift < LEAST_DRIFT or found.raw > _MOVING:
        return []
    if found.surety < _STANDING or found.share < _STANDING_SHARE:
        return []
    text = (
        f"Results that follow each other agree at the same pixel rather than along the drift of {drift:.2f} px a "
        "frame: frames were averaged in place, and what moves is smeared."
    )
    return [Flag(code="temporally-smeared", text=text, value=found.surety, limit=_STANDING)]


def time_flags(response: TemporalResponse | None, drift: float | None) -> list[Flag]:
    """Temporally smeared; `drift` in px a frame, None where it is not certain."""
    if response is None or drift is None or drift < LEAST_DRIFT or not _matched(response):
        return []
    if response.in_place_surety < IN_PLACE:
        return []
    text = (
        f"Neighbouring frames enter with {response.matched_neighbours:.2f} of the weight of the frame itself, and at "
        f"the same pixel, while the picture drifts by {drift:.2f} px a frame: what moves is smeared."
    )
    return [Flag(code="temporally-smeared", text=text, value=response.in_place_surety, limit=IN_PLACE)]


def intensity_flags(intensity: Intensity) -> list[Flag]:
    """Means that differ, units that differ without need, and highlights that were cut off."""
    flags = []
    if intensity.other_units and not intensity.rescaled:
        mean = f"mean is {intensity.ratio:.3f} times the raw movie's"
        # With a black level taken off twice a ratio means nothing.
        said = f"The result's {mean}" if intensity.ratio > 0 else "The result's values are not in the raw movie's units"
        text = f"{said}. Judged was {intensity.scale:.4g} x result {intensity.offset:+.4g}, the line that fits best."
        flags.append(Flag(code="units", text=text, value=abs(intensity.ratio - 1), limit=KEPT))
    elif not intensity.other_units and abs(intensity.ratio - 1) > KEPT:
        text = f"The result's mean is {intensity.ratio:.3f} times the raw movie's: intensities are not kept."
        flags.append(Flag(code="intensity", text=text, value=abs(intensity.ratio - 1), limit=KEPT))
    if intensity.clipped > CLIPPED:
        text = f"{_percent(intensity.clipped)} of the result's pixels have its highest value: highlights were cut off."
        flags.append(Flag(code="clipped", text=text, value=intensity.clipped, limit=CLIPPED))
    return flags


def single_frame_flags(dispersion: float | None, fine: float | None) -> list[Flag]:
    """What one frame alone can tell: that hardly anything was done, neither to coarse sums nor to fine detail."""
    if dispersion is None or fine is None or max(dispersion, fine) >= UNTOUCHED:
        return []
    text = f"What was taken away is {dispersion:.2f} of what noise would be: hardly anything was done."
    return [Flag(code="identity", text=text, value=dispersion, limit=UNTOUCHED)]


def _matched(response: TemporalResponse) -> bool:
    return response.matched_surety > _NEIGHBOURS_SURE and response.matched_neighbours > NEIGHBOURS


def _beyond(share: Share, limit: float) -> bool:
    return share.value > limit and share.low > _SURE_PART * limit


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
