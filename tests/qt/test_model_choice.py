"""The choice of models offers the filters too, and says what they are."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.model_manager.model_choice import ModelChoice
from core.denoising.methods.classical import CLASSICAL


def test_a_filter_says_what_it_does_and_claims_no_range(qtbot: QtBot) -> None:
    choice = ModelChoice()
    qtbot.addWidget(choice)
    choice.set_models(tuple(one.card for one in CLASSICAL.values()), "wiener")
    assert choice.current_name() == "wiener"
    assert choice.summary.text() == "\n".join(CLASSICAL["wiener"].card.caveats)
    assert "electrons a pixel" not in choice.summary.text()
