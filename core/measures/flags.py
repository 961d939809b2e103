"""What is wrong with a result: limits on measures that need no truth.

The limits were set on simulated movies of the training materials (doses of 0.1 to 20 e/px, with and without lattices,
counts and cameras); how often they err is measured on the benchmark by ``tests/bench/flags.py``.
"""

from __future__ import annotations

from core.measures.corrections import Removable, Share
from core.measures.intensity import KEPT, Intensity
from core.measures.temporal_response import TemporalResponse
from core.protocol.score import Flag

# Share of the error that a correction removes, and what of it must be sure.
OVER_SMOOTHED, OVER_FITTED = 0.12, 0.2
_SURE_PART = 0.4
# Share of a frame's own noise that is left, and the power that was taken away, over that of the noise.
IDENTITY, _HARDLY = 0.6, 0.3
# Weight of the frames beside over a frame's own, and how sure it must be (standard errors).
NEIGHBOURS, _NEIGHBOURS_SURE = 0.1, 4.0
# Standard errors that speak for averaging in place, and the least drift for which that matters, px a frame.
IN_PLACE, LEAST_DRIFT = 3.0, 0.15
# Dispersion of a single frame below which hardly anything was taken away.
UNTOUCHED = 0.3


def uses_neighbours(response: TemporalResponse | None) -> bool:
    """Whether a result was made of other frames too."""
    return response is not None and response.surety > _NEIGHBOURS_SURE and response.neighbours > NEIGHBOURS / 2


def noise_flags(found: Removable) -> list[Flag]:
    """Identity, over-fitted, over-smoothed."""
    flags = []
    if found.own_noise > IDENTITY and found.taken < _HARDLY:
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


def time_flags(response: TemporalResponse | None, drift: float | None) -> list[Flag]:
    """Temporally smeared; `drift` in px a frame, None where it is not certain."""
    if response is None or drift is None or drift < LEAST_DRIFT or not uses_neighbours(response):
        return []
    if response.neighbours < NEIGHBOURS or response.in_place_surety < IN_PLACE:
        return []
    text = (
        f"Neighbouring frames enter with {response.neighbours:.2f} of the weight of the frame itself, and at the same "
        f"pixel, while the picture drifts by {drift:.2f} px a frame: what moves is smeared."
    )
    return [Flag(code="temporally-smeared", text=text, value=response.in_place_surety, limit=IN_PLACE)]


def intensity_flags(intensity: Intensity) -> list[Flag]:
    """Means that differ though the units agree."""
    if intensity.other_units or not abs(intensity.ratio - 1) > KEPT:
        return []
    text = f"The result's mean is {intensity.ratio:.3f} times the raw movie's: intensities are not kept."
    return [Flag(code="intensity", text=text, value=abs(intensity.ratio - 1), limit=KEPT)]


def single_frame_flags(dispersion: float | None) -> list[Flag]:
    """What one frame alone can tell: that hardly anything was done."""
    if dispersion is None or dispersion >= UNTOUCHED:
        return []
    text = f"What was taken away is {dispersion:.2f} of what noise would be: hardly anything was done."
    return [Flag(code="identity", text=text, value=dispersion, limit=UNTOUCHED)]


def _beyond(share: Share, limit: float) -> bool:
    return share.value > limit and share.low > _SURE_PART * limit


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"
