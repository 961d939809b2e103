"""The tests themselves: they stay quick, and leave the user alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from tests.conftest import BUDGETS_S, over_budget
from tests.unit.house.tree import ROOT


def test_folder_that_takes_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUIETBEAM_TIME_FACTOR", raising=False)
    half = BUDGETS_S["tests/qt"] * 0.6
    assert over_budget({"tests/qt": half, "tests/unit/house": half}) == []
    (line,) = over_budget({"tests/qt": half, "tests/qt/viewer": half})
    assert line.startswith("tests/qt took")


def test_slow_machine_gives_itself_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUIETBEAM_TIME_FACTOR", "2")
    assert over_budget({"tests/qt": BUDGETS_S["tests/qt"] * 1.9}) == []


def test_budgets_add_up_to_less_than_25_minutes() -> None:
    assert sum(BUDGETS_S.values()) < 25 * 60
    assert all((ROOT / folder).is_dir() for folder in BUDGETS_S)


@pytest.mark.parametrize("find", [platformdirs.user_config_path, platformdirs.user_data_path])
def test_tests_never_see_the_users_own_files(find: Callable[..., Path]) -> None:
    assert find("quietbeam").is_relative_to(tempfile.gettempdir())


def test_tests_have_a_home_of_their_own() -> None:
    assert Path.home().is_relative_to(tempfile.gettempdir())


def test_children_of_tests_compute_on_one_thread() -> None:
    assert os.environ["OMP_NUM_THREADS"] == "1"
