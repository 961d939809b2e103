"""The choice of models offers the filters too, and says what they are."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.model_manager.model_choice import ModelChoice
from core.denoising.methods.classical import CLASSICAL
from core.protocol.model_card import ModelCard
from tests.qt.stand_ins import card, meta


def test_a_filter_says_what_it_does_and_claims_no_range(qtbot: QtBot) -> None:
    choice = ModelChoice()
    qtbot.addWidget(choice)
    choice.set_models(tuple(one.card for one in CLASSICAL.values()), "wiener")
    assert choice.current_name() == "wiener"
    assert choice.summary.text() == "\n".join(CLASSICAL["wiener"].card.caveats)
    assert "electrons a pixel" not in choice.summary.text()


def _card(name: str, *modality: str, frames: int = 1) -> ModelCard:
    return card(name, name.upper()).model_copy(update={"modality": modality, "frames": frames})


ZOO = (
    _card("hrtem", "HRTEM"),
    _card("lattice-general", "HRTEM", "STEM", "SEM"),
    _card("stem", "STEM"),
    CLASSICAL["wiener"].card,
)
TEM, STEM = meta("/a.dm4", scanned=False), meta("/b.emd", scanned=True, voltage_kv=200.0)
A, B, C = ("/a.dm4", None), ("/b.emd", None), ("/c.tif", None)


@pytest.fixture
def choice(qtbot: QtBot) -> ModelChoice:
    made = ModelChoice()
    qtbot.addWidget(made)
    made.set_models(ZOO, None, "lattice-general")
    return made


def _choose(choice: ModelChoice, name: str) -> None:
    choice.combo.setCurrentIndex(choice.combo.findData(name))


def test_a_movie_gets_the_model_that_suits_it(choice: ModelChoice) -> None:
    assert choice.current_name() == "lattice-general"
    for key, shown, name in ((A, TEM, "hrtem"), (B, STEM, "stem"), (C, meta("/c.tif"), "lattice-general")):
        choice.set_movie(key, shown)
        assert choice.current_name() == name
    choice.set_movie(None, None)
    assert choice.fit.isHidden()


def test_a_movie_that_was_there_before_the_models_gets_its_own_too(qtbot: QtBot) -> None:
    choice = ModelChoice()
    qtbot.addWidget(choice)
    choice.set_movie(B, STEM)
    choice.set_models(ZOO, None, "lattice-general")
    assert choice.current_name() == "stem"


def test_a_suggestion_is_no_choice_of_the_user(choice: ModelChoice, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(choice.model_chosen), qtbot.waitSignal(choice.model_suggested) as told:
        choice.set_movie(A, TEM)
    assert told.args == ["hrtem"]
    with qtbot.assertNotEmitted(choice.model_suggested):
        choice.set_movie(A, TEM)
    with qtbot.waitSignal(choice.model_chosen):
        _choose(choice, "stem")


def test_what_was_chosen_for_a_movie_stays_with_it_and_is_kept_for_others_where_it_fits(choice: ModelChoice) -> None:
    choice.set_movie(A, TEM)
    _choose(choice, "stem")
    choice.set_movie(C, meta("/c.tif"))
    assert choice.current_name() == "stem"
    choice.set_movie(("/d.dm4", None), meta("/d.dm4", scanned=False))
    assert choice.current_name() == "hrtem"
    choice.set_movie(A, TEM)
    assert choice.current_name() == "stem"


def test_a_filter_once_chosen_stays_for_all_movies(choice: ModelChoice) -> None:
    choice.set_movie(A, TEM)
    _choose(choice, "wiener")
    choice.set_movie(B, STEM)
    assert choice.current_name() == "wiener"
    assert choice.fit.isHidden()


def test_a_model_made_for_other_movies_may_be_chosen_and_a_hint_says_so(choice: ModelChoice) -> None:
    choice.set_movie(A, TEM)
    assert choice.fit.text() == "Made for movies like this one (TEM)."
    _choose(choice, "stem")
    assert not choice.fit.isHidden()
    assert choice.fit.text() == "This is a TEM movie; the model was made for STEM. “HRTEM” suits it better."


def test_the_hint_follows_the_frames_that_are_chosen(choice: ModelChoice) -> None:
    choice.set_models((*ZOO, _card("movie", "HRTEM", frames=5)), None, "lattice-general")
    choice.set_movie(A, TEM, 100.0)
    assert choice.current_name() == "movie"
    choice.set_part(1, 1)
    assert choice.current_name() == "movie"
    assert "This is a single frame" in choice.fit.text()
    choice.set_part(50, 4)
    assert "400 electrons a px" in choice.fit.text()


def test_a_model_that_is_listed_later_does_not_take_the_place_of_the_one_shown(choice: ModelChoice) -> None:
    choice.set_movie(B, STEM)
    choice.set_models((_card("another", "STEM"), *ZOO), None, "lattice-general")
    assert choice.current_name() == "stem"
