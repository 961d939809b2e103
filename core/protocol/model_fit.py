"""Which model suits a movie: what a card says of itself, held against what is known of the movie.

Only what is known counts: a movie of unknown pixel size is outside nobody's. Nothing is ever refused for it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

from core.protocol.base import Record
from core.protocol.dose import dose_of
from core.protocol.model_card import ModelCard
from core.protocol.movie import MovieMeta

Kind = Literal["TEM", "STEM", "SEM", "diffraction"]
MisfitCode = Literal["modality", "pixel-size", "dose", "frames"]

IMAGES: frozenset[Kind] = frozenset({"TEM", "STEM", "SEM"})
_FAMILIES: dict[str, Kind] = {
    **dict.fromkeys(("TEM", "HRTEM", "CRYO-EM", "CRYO-TEM"), "TEM"),
    **dict.fromkeys(("STEM", "HAADF", "ADF", "MAADF", "LAADF", "ABF", "BF", "IDPC"), "STEM"),
    "SEM": "SEM",
    "DIFFRACTION": "diffraction",
}
# A scanning microscope for surfaces goes to 30 kV; one for thin specimens begins there, and mostly at 60.
_HIGHEST_SEM_KV = 30.0
_STEM_WORDS = re.compile(r"(?<![A-Z])(?:[HML]AADF|ADF|ABF|IDPC|STEM)(?![A-Z])", re.IGNORECASE)
# Sizes and doses in files are rounded; a range is no wall.
_TOLERANCE = 1.02


class Misfit(Record):
    """One thing in which a movie is not what a model was made for, as a plain sentence."""

    code: MisfitCode
    text: str


class ModelFit(Record):
    """What is to be said of a model and a movie.

    Attributes
    ----------
    misfits : tuple of Misfit
        What the model was not made for; empty: nothing speaks against it.
    reason : str
        A sentence that says what speaks for it; empty where too little is known.
    """

    misfits: tuple[Misfit, ...] = ()
    reason: str = ""

    @property
    def fits(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.misfits


def kinds_of(meta: MovieMeta) -> frozenset[Kind]:
    """What a movie may be by what its file and the user say; of one kind alone where that is certain."""
    if meta.pixel_unit == "1/nm":
        return frozenset({"diffraction"})
    if meta.scanned is False:
        return frozenset({"TEM"})
    if meta.voltage_kv is not None and 0 < meta.voltage_kv <= _HIGHEST_SEM_KV:
        return frozenset({"SEM"})
    # Many programs put the detector into the dataset's name.
    if any(_STEM_WORDS.search(text) for text in (meta.detector, meta.title, meta.dataset) if text):
        return frozenset({"STEM"})
    if meta.scanned:
        return frozenset({"STEM"}) if meta.voltage_kv is not None else frozenset({"STEM", "SEM"})
    return IMAGES


def electrons_of(meta: MovieMeta, mean_value: float | None = None) -> float | None:
    """Electrons a px and frame that a method will see; None where not known.

    A dose that a file tells is what fell on the specimen: of it, a scanning detector collects a part that is not told.
    """
    return None if meta.scanned else dose_of(meta, mean_value).per_frame_px


def judge_fit(card: ModelCard, meta: MovieMeta, electrons: float | None = None) -> ModelFit:
    """Say of a model and a movie whether they fit.

    Parameters
    ----------
    card : ModelCard
        Of a filter, which claims nothing (no modality), nothing is said.
    meta : MovieMeta
        With what the user typed applied.
    electrons : float, optional
        Electrons a px in each frame that is denoised; None: not known, and the dose is not judged.
    """
    if not card.modality:
        return ModelFit()
    kinds = kinds_of(meta)
    size = _pixel_nm(meta)
    found = (
        _wrong_modality(card, kinds, "image" if meta.frames == 1 else "movie"),
        _wrong_pixel_size(card, size),
        _wrong_dose(card, electrons),
        _wrong_frames(card, meta),
    )
    misfits = tuple(one for one in found if one is not None)
    return ModelFit(misfits=misfits, reason="" if misfits else _reason(card, kinds, size, electrons, meta))


def best_model(
    cards: Sequence[ModelCard], meta: MovieMeta, default: str | None, electrons: float | None = None
) -> str | None:
    """Name of the model to suggest for a movie: of those that fit, the one made most narrowly for such movies.

    Of a movie whose kind isn't known, and where no model is made for its kind, it is the default. Filters are left to
    the user, and so are models of a series: they are there to be compared.

    Parameters
    ----------
    cards : sequence of ModelCard
        The installed models; of one name the first, newest, counts.
    default : str or None
        Name of the model for all things.
    """
    kinds = kinds_of(meta)
    if len(kinds) > 1:
        return default
    ranked = []
    for place, card in enumerate({one.name: one for one in reversed(cards) if one.modality}.values()):
        if card.series:
            continue
        misfits = judge_fit(card, meta, electrons).misfits
        if not any(one.code in ("modality", "frames") for one in misfits):
            narrow = (len(misfits), -min(card.frames, 2), len(_families(card)))
            ranked.append((*narrow, card.name != default, -place, card.name))
    return min(ranked)[-1] if ranked else default


def _families(card: ModelCard) -> frozenset[Kind]:
    """The kinds a card names; all of them if it has a word of its own, which says nothing to us."""
    words = [_FAMILIES.get(word.upper()) for word in card.modality]
    known = frozenset(word for word in words if word is not None)
    return known if len(words) == sum(word is not None for word in words) else known | IMAGES


def _wrong_modality(card: ModelCard, kinds: frozenset[Kind], what: str) -> Misfit | None:
    if kinds & _families(card):
        return None
    made_for = " / ".join(card.modality)
    if kinds == {"diffraction"}:
        text = f"This is a diffraction pattern; the model was made for images ({made_for})."
    else:
        text = f"This is a {' or '.join(sorted(kinds))} {what}; the model was made for {made_for}."
    return Misfit(code="modality", text=text)


def _wrong_pixel_size(card: ModelCard, size: float | None) -> Misfit | None:
    if card.pixel_size_nm is None or size is None or _inside(size, card.pixel_size_nm):
        return None
    low, high = card.pixel_size_nm
    text = f"The movie has {size:.3g} nm/px; the model was trained for {low:.3g} to {high:.3g}."
    return Misfit(code="pixel-size", text=text)


def _wrong_dose(card: ModelCard, electrons: float | None) -> Misfit | None:
    if electrons is None or not math.isfinite(electrons) or _inside(electrons, card.dose_range_e_px):
        return None
    low, high = card.dose_range_e_px
    text = f"The movie has {electrons:.3g} electrons a px and frame; the model was trained for {low:.3g} to {high:.3g}."
    return Misfit(code="dose", text=text)


def _wrong_frames(card: ModelCard, meta: MovieMeta) -> Misfit | None:
    if meta.frames >= card.frames:
        return None
    there = "This is a single frame" if meta.frames == 1 else f"The movie has {meta.frames} frames"
    text = f"{there}; the model was made for movies and looks at {card.frames} and more at a time."
    return Misfit(code="frames", text=text)


def _reason(
    card: ModelCard, kinds: frozenset[Kind], size: float | None, electrons: float | None, meta: MovieMeta
) -> str:
    if len(kinds) > 1:
        return ""
    facts: list[str] = [next(iter(kinds))]
    if card.frames > 1:
        facts.append(f"{meta.frames} frames")
    if size is not None and card.pixel_size_nm is not None:
        facts.append(f"{size:.3g} nm/px")
    if electrons is not None:
        facts.append(f"{electrons:.3g} electrons a px")
    return f"Made for {'images' if meta.frames == 1 else 'movies'} like this one ({', '.join(facts)})."


def _inside(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] / _TOLERANCE <= value <= limits[1] * _TOLERANCE


def _pixel_nm(meta: MovieMeta) -> float | None:
    if meta.pixel_size is None or meta.pixel_unit != "nm":
        return None
    return math.sqrt(meta.pixel_size[0] * meta.pixel_size[1])
