"""What the null and spike-in tests say, in words."""

from __future__ import annotations

from core.trust.null_test import NullTest, Rate
from core.trust.spike_in import SpikeIn
from core.trust.subject import LEAST, Atoms
from core.trust.would_it_come_back import ComeBack

CAVEATS = (
    "What other frames show of the drawn atoms is too little where the specimen drifts or atoms move between frames.",
    "Flat noise is kind: methods invent atoms beside lattices rather than in empty noise. The erased atoms test that.",
    "Erased atoms are tested on the method's own result, whose lattice may be an invention already.",
    "Few erased atoms come back where a method draws little at all: compare with those that were left in place.",
    "Atoms put in stand in vacant places: between the columns of a lattice a method may treat an atom otherwise.",
    "All of this holds for this movie's dose, specimen and noise, and for the piece that was looked at.",
)

# False atoms that would spoil a count of the real ones.
_FEW, _MANY = 0.02, 0.2
_RARELY, _OFTEN = 0.1, 0.5
_HARDLY, _MOSTLY = 0.4, 0.75
# Share of atoms that were put in, and frames' worth of one on the wrong side of its appearance.
_LOST, _SEEN = 0.5, 0.9
_PROMPT, _SLOW = 0.5, 1.5


def verdicts(atoms: Atoms, null: NullTest, back: ComeBack, spikes: SpikeIn) -> tuple[str, ...]:
    """Say what was found, a sentence a test."""
    return (*_of_null(null), *_of_frames(atoms, null), *_of_return(back), *_of_spikes(spikes, atoms))


def _of_frames(atoms: Atoms, null: NullTest) -> list[str]:
    if atoms.confirmed is None:
        return []
    share = f"of the drawn atoms' mean strength, other frames show {100 * min(max(atoms.confirmed, 0.0), 1.0):.0f} %"
    if atoms.confirmed < _HARDLY:
        return [f"Hardly an atom is there: {share}."]
    if _false_share(null) > _MANY:
        return [f"True at best on average: {share}; which of them are noise it doesn't tell."]
    return [f"{'With care' if atoms.confirmed < _MOSTLY else 'Good'}: {share}."]


def _of_null(null: NullTest) -> list[str]:
    real, flat, shaded = (_at(rates, LEAST) for rates in (null.real, null.flat, null.shaded))
    worse = max(flat, shaded, key=lambda one: one.value)
    if real.value == 0:
        return ["No atoms were found in the denoised movie, so false ones can't be held against true ones."]
    share = _false_share(null)
    held = f"{_number(worse.value)} atoms a frame were drawn in pure noise, {_number(real.value)} in the movie"
    if share > _MANY:
        return [f"Not to be believed: {held}."]
    if worse.high / real.value > _FEW:
        return [f"With care: {held} (in noise up to {_number(worse.high)} by its 95 % interval)."]
    return [f"Good: {held}."]


def _of_return(back: ComeBack) -> list[str]:
    if back.came_back is None:
        return ["No atoms could be erased."]
    share = f"erased atoms came back in {100 * back.came_back:.0f} % of {back.repeats} fresh noises"
    if back.drawn is not None:
        share += f"; those left in place were drawn in {100 * back.drawn:.0f} %"
    if back.came_back > _OFTEN:
        return [f"Drawn from its surroundings: {share}. An atom in this result is no evidence for itself."]
    if back.came_back > _RARELY:
        return [f"With care: {share}."]
    if back.drawn is not None and back.drawn < _OFTEN:
        return [f"Little is drawn at all: {share}."]
    return [f"Good: {share}."]


def _of_spikes(spikes: SpikeIn, atoms: Atoms) -> list[str]:
    if not spikes.recoveries:
        if atoms.raw_height <= 0:
            return ["No atoms could be put in: the raw frames show no typical atom to make them like."]
        return ["No atoms could be put in: no place is vacant. Choose a piece with some vacuum (--region)."]
    lines = []
    for one in spikes.recoveries:
        where = "" if one.position_px is None else f", {one.position_px:.2g} px off along each axis"
        error = f" +- {one.intensity_error:.0f}" if one.places > 1 else ""
        lines.append(
            f"{_drawn(one.found)}: of {one.places} atoms put in a vacant place with {one.strength:g} of a typical "
            f"one's strength, {100 * one.found:.0f} % were drawn (in {one.looks} looks){where}; "
            f"intensity {one.intensity_bias:+.0f}{error} %."
        )
    # Of atoms that were hardly drawn at all, nothing came too early or stayed too long: that is no praise.
    if spikes.smear_frames is not None and max(one.found for one in spikes.recoveries) >= _LOST:
        lines.append(_of_time(spikes.smear_frames))
    return lines


def _drawn(found: float) -> str:
    """What a share of atoms drawn means."""
    if found < _LOST:
        return "Not to be believed where an atom is missing"
    return "With care" if found < _SEEN else "Good"


def _of_time(frames: float) -> str:
    amount = f"{frames:.1f} frames' worth of it was drawn before it was there, or was missing after"
    if frames < _PROMPT:
        return f"Good in time: of an atom that appears from one frame to the next, {amount}."
    word = "With care" if frames < _SLOW else "Not to be believed"
    return f"{word} in time: an atom that appears from one frame to the next is spread over others; {amount}."


def _false_share(null: NullTest) -> float:
    """Atoms drawn in noise over those drawn in the movie, 0 without any there."""
    real = _at(null.real, LEAST).value
    return max(_at(null.flat, LEAST).value, _at(null.shaded, LEAST).value) / real if real else 0.0


def _at(rates: tuple[Rate, ...], strength: float) -> Rate:
    return min(rates, key=lambda one: abs(one.strength - strength))


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
