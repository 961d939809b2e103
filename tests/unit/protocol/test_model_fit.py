"""Which model suits a movie, and what is said of one that doesn't."""

from __future__ import annotations

from typing import Any

import pytest

from core.protocol.model_card import ModelCard, TrainingRecord
from core.protocol.model_fit import best_model, electrons_of, judge_fit, kinds_of
from core.protocol.movie import MovieMeta


def _meta(**known: Any) -> MovieMeta:
    return MovieMeta.model_validate(
        {"path": "m.dm4", "format": "DM4", "frames": 100, "height": 8, "width": 8, "dtype": "uint16"}
        | {"declared_frames": 100}
        | known
    )


def _card(name: str, *modality: str, **said: Any) -> ModelCard:
    values: dict[str, Any] = {
        "name": name,
        "version": "1.0.0",
        "title": name,
        "architecture": "unet",
        "config": {},
        "modality": modality,
        "dose_range_e_px": (0.1, 40.0),
        "training": TrainingRecord(recipe="r", data="d", device="cpu", duration_s=1, steps=1, seed=0),
        "licence": "BSD-3-Clause",
        "author": "nobody",
        "weights_sha256": "0" * 64,
        "created": "2026-01-01",
    }
    return ModelCard.model_validate(values | said)


CAMERA = _meta(scanned=False, voltage_kv=300.0, pixel_size=(0.02, 0.02), pixel_unit="nm")
STEM = _meta(scanned=True, voltage_kv=200.0)
SEM = _meta(scanned=True, voltage_kv=5.0)
UNKNOWN = _meta()
GENERAL = _card("lattice-general", "HRTEM", "STEM", "SEM", "TEM")
ZOO = (
    _card("hrtem-low-dose", "HRTEM", dose_range_e_px=(0.1, 10.0), pixel_size_nm=(0.008, 0.05)),
    _card("hrtem-low-dose-2", "HRTEM", dose_range_e_px=(0.1, 10.0), pixel_size_nm=(0.008, 0.05)),
    GENERAL,
    _card("sem", "SEM"),
    _card("stem", "HAADF", "ABF"),
    _card("gaussian", dose_range_e_px=(0.0, 1e9)),
)
MOVIE_MODEL = _card("movie", "HRTEM", "STEM", "SEM", "TEM", frames=5)


@pytest.mark.parametrize(
    ("meta", "kinds"),
    [
        (CAMERA, {"TEM"}),
        (STEM, {"STEM"}),
        (SEM, {"SEM"}),
        (UNKNOWN, {"TEM", "STEM", "SEM"}),
        (_meta(scanned=True), {"STEM", "SEM"}),
        (_meta(scanned=True, detector="HAADF"), {"STEM"}),
        (_meta(dataset="Data/HAADF_1"), {"STEM"}),
        (_meta(title="A system of atoms"), {"TEM", "STEM", "SEM"}),
        (_meta(scanned=False, detector="Camera (STEM mode off)"), {"TEM"}),
        (_meta(pixel_unit="1/nm", pixel_size=(0.1, 0.1), scanned=False), {"diffraction"}),
    ],
)
def test_kind_of_a_movie_is_as_certain_as_its_file(meta: MovieMeta, kinds: set[str]) -> None:
    assert kinds_of(meta) == kinds


@pytest.mark.parametrize(
    ("card", "meta", "electrons", "code", "words"),
    [
        (ZOO[4], CAMERA, None, "modality", "This is a TEM movie; the model was made for HAADF / ABF."),
        (ZOO[0], STEM, None, "modality", "This is a STEM movie"),
        (ZOO[0], _meta(scanned=True), None, "modality", "This is a SEM or STEM movie"),
        (ZOO[0], STEM.model_copy(update={"frames": 1}), None, "modality", "This is a STEM image;"),
        (GENERAL, _meta(pixel_unit="1/nm"), None, "modality", "This is a diffraction pattern"),
        (
            ZOO[0],
            CAMERA.model_copy(update={"pixel_size": (0.2, 0.2)}),
            None,
            "pixel-size",
            "The movie has 0.2 nm/px; the model was trained for 0.008 to 0.05.",
        ),
        (
            ZOO[0],
            CAMERA,
            55.0,
            "dose",
            "The movie has 55 electrons a px and frame; the model was trained for 0.1 to 10.",
        ),
        (ZOO[0], CAMERA, 0.01, "dose", "0.01 electrons"),
        (MOVIE_MODEL, _meta(frames=1), None, "frames", "This is a single frame; the model was made for movies"),
        (MOVIE_MODEL, _meta(frames=3), None, "frames", "The movie has 3 frames; the model was made for movies"),
    ],
)
def test_what_speaks_against_a_model_is_one_plain_sentence(
    card: ModelCard, meta: MovieMeta, electrons: float | None, code: str, words: str
) -> None:
    fit = judge_fit(card, meta, electrons)
    assert not fit.fits
    (misfit,) = fit.misfits
    assert misfit.code == code
    assert words in misfit.text
    assert fit.reason == ""


def test_a_model_that_fits_says_why() -> None:
    fit = judge_fit(ZOO[0], CAMERA, 2.0)
    assert fit.fits
    assert fit.reason == "Made for movies like this one (TEM, 0.02 nm/px, 2 electrons a px)."
    assert judge_fit(MOVIE_MODEL, STEM).reason == "Made for movies like this one (STEM, 100 frames)."


def test_what_is_not_known_speaks_neither_for_nor_against() -> None:
    for card in ZOO:
        fit = judge_fit(card, UNKNOWN)
        assert fit.fits
        assert fit.reason == ""


def test_a_filter_claims_nothing() -> None:
    assert judge_fit(ZOO[-1], CAMERA, 1e12).fits


def test_a_word_of_its_own_on_a_card_is_not_held_against_a_movie() -> None:
    card = _card("mine", "photoemission")
    assert judge_fit(card, CAMERA).fits


def test_rounded_numbers_are_inside_a_range() -> None:
    assert judge_fit(ZOO[0], CAMERA.model_copy(update={"pixel_size": (0.0079, 0.0079)})).fits
    assert judge_fit(ZOO[0], CAMERA, 10.1).fits


@pytest.mark.parametrize(
    ("meta", "electrons", "name"),
    [
        (CAMERA, None, "hrtem-low-dose"),
        (CAMERA, 30.0, "lattice-general"),
        (CAMERA.model_copy(update={"pixel_size": (1.0, 1.0)}), None, "lattice-general"),
        (STEM, None, "stem"),
        (SEM, None, "sem"),
        (UNKNOWN, None, "lattice-general"),
        (_meta(scanned=True), None, "lattice-general"),
        (_meta(pixel_unit="1/nm"), None, "lattice-general"),
    ],
)
def test_suggested_is_what_fits_most_narrowly(meta: MovieMeta, electrons: float | None, name: str) -> None:
    assert best_model(ZOO, meta, "lattice-general", electrons) == name


def test_a_movie_model_is_suggested_for_movies_alone() -> None:
    zoo = (*ZOO, MOVIE_MODEL)
    assert best_model(zoo, STEM, "lattice-general") == "movie"
    assert best_model(zoo, STEM.model_copy(update={"frames": 1}), "lattice-general") == "stem"


def test_of_two_that_fit_alike_the_default_is_suggested() -> None:
    twin = _card("a-twin", *GENERAL.modality)
    assert best_model((twin, GENERAL), CAMERA, "lattice-general") == "lattice-general"
    assert best_model((GENERAL, twin), CAMERA, "a-twin") == "a-twin"


def test_models_that_differ_in_seed_alone_are_never_suggested() -> None:
    seed = _card("hrtem-low-dose-3", "HRTEM", series="hrtem-low-dose")
    assert best_model((seed, GENERAL), CAMERA, "lattice-general") == "lattice-general"
    assert judge_fit(seed, CAMERA).fits


def test_of_one_name_the_newest_version_decides() -> None:
    newest = _card("stem", "SEM", version="2.0.0")
    assert best_model((GENERAL, newest, ZOO[4]), STEM, "lattice-general") == "lattice-general"


def test_without_a_model_none_is_suggested() -> None:
    assert best_model((ZOO[-1],), STEM, None) is None
    assert best_model((), STEM, None) is None


def test_dose_on_the_specimen_is_not_what_a_scanning_detector_collects() -> None:
    known = {"dose_e_per_a2": 100.0, "pixel_size": (0.02, 0.02), "pixel_unit": "nm"}
    assert electrons_of(_meta(scanned=False, **known)) == pytest.approx(4.0)
    assert electrons_of(_meta(scanned=True, **known)) is None
    counted = _meta(scanned=False, counts_per_electron=10.0, black_level=100.0)
    assert electrons_of(counted, 150.0) == pytest.approx(5.0)
