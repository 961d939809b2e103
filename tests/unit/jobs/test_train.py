"""The job ``train``: what it refuses, in words, and what it leaves behind."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.denoising.context import QuietContext
from core.jobs.errors import error_info
from core.jobs.train import run
from core.models import ModelStore
from core.protocol.base import ErrorInfo
from core.protocol.denoise import Notice, TrainJobRequest
from core.training.supervised import TrainResult
from tests.unit.models.test_store import make_model
from tests.unit.training.conftest import PLAIN, scenes_folder

__all__ = ["scenes_folder"]


class Heard(QuietContext):
    """Keeps notices and the times that are said to be left."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.left: list[float | None] = []

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)

    def progress(self, stage: str, done: int, total: int, eta_s: float | None, rate: float | None) -> None:
        self.left.append(eta_s)


@pytest.fixture
def request_of(tmp_path: Path, scenes_folder: Path) -> Callable[..., TrainJobRequest]:
    """Write the recipe of a plain network on stripes, changed so, and ask for its training."""

    def make(was: str = "", now: str = "") -> TrainJobRequest:
        text = PLAIN.format(folder=scenes_folder.as_posix(), architecture="unet", config="{ scales = 2, channels = 4 }")
        assert was in text
        (tmp_path / "plain.toml").write_text(text.replace(was, now, 1) if was else text)
        return TrainJobRequest(recipe=str(tmp_path / "plain.toml"), output=str(tmp_path / "out"), device="cpu")

    return make


def refusal(request: TrainJobRequest, store: ModelStore | None = None) -> ErrorInfo:
    with pytest.raises(Exception, match=r".") as raised:
        run(request, store or ModelStore.default(), QuietContext())
    return error_info(raised.value)


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        ("patch = 32", "patch = 64", "patches of 64 px"),
        ("binnings = [1]", "binnings = [2, 4]", "patches of 32 px"),
        ('"unet"', '"une"', "built: there is no 'une'; there are: dncnn"),
        ("scales = 2", "scale = 2", "built: a unet has no 'scale'; it has: scales, channels"),
        ("binnings = [1]", 'modalities = ["SEM"]\nbinnings = [1]', "None of the 6 scenes to train on is SEM"),
        ('version = "0.0.1"', 'version = "0.0.1"\nframes = 5', "'card.frames' is 5, but a unet looks at one frame"),
        ('name = "plain"', 'name = "wiener"', "a filter's name"),
    ],
)
def test_what_can_not_be_trained_is_told_in_words_and_leaves_no_folder(
    request_of: Callable[..., TrainJobRequest], was: str, now: str, words: str
) -> None:
    request = request_of(was, now)
    told = refusal(request)
    assert told.code == "bad-request"
    assert words in told.sentence()
    assert "__" not in told.sentence()
    assert told.advice
    assert not Path(request.output).exists()


def test_folder_of_scenes_that_is_not_there_is_told(
    request_of: Callable[..., TrainJobRequest], scenes_folder: Path
) -> None:
    told = refusal(request_of(scenes_folder.as_posix(), "nowhere"))
    assert "There is no such folder of scenes" in told.what
    assert "scenes.folder" in told.advice


def test_a_folder_that_was_there_stays(request_of: Callable[..., TrainJobRequest]) -> None:
    request = request_of("patch = 32", "patch = 64")
    Path(request.output).mkdir()
    refusal(request)
    assert Path(request.output).is_dir()


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))])
def test_too_little_memory_says_what_to_make_smaller(
    request_of: Callable[..., TrainJobRequest], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("core.jobs.train.train", fail)
    told = refusal(request_of())
    assert told.code == "out-of-memory"
    assert "schedule.batch" in told.advice


def test_the_name_of_a_built_in_model_is_told_before_the_training(
    request_of: Callable[..., TrainJobRequest], tmp_path: Path
) -> None:
    make_model(tmp_path / "built-in" / "plain", name="plain")
    heard = Heard()
    assert run(request_of(), ModelStore((tmp_path / "built-in",), ()), heard).steps == 6
    (told,) = heard.notices
    assert told.level == "warning"
    assert "can't be installed" in told.text


def test_the_time_left_is_that_of_the_part_under_way(
    request_of: Callable[..., TrainJobRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(0, 1000, 10))

    def slow_beginning(_recipe: Any, _output: Path, progress: Callable[[float, str], None], *_: Any) -> TrainResult:
        for fraction in (0.0, 0.05, 0.1, 0.2, 0.6):
            progress(fraction, "")
        return TrainResult(True, 6, 1.0, Path("plain"))

    monkeypatch.setattr("core.jobs.train.time.monotonic", lambda: float(next(now)))
    monkeypatch.setattr("core.jobs.train.train", slow_beginning)
    heard = Heard()
    run(request_of(), ModelStore.default(), heard)
    # The simulation is a tenth of the bar, however long it takes.
    assert heard.left == [None, pytest.approx(10.0), 0.0, None, pytest.approx(10.0)]
