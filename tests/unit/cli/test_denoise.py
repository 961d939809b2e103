"""``quietbeam denoise``: results, bad input, Ctrl+C."""

from __future__ import annotations

import signal
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from core.cli import denoise as denoise_command
from core.cli.listening import Listener
from core.cli.parsing import parse_frames, parse_region
from core.jobs.errors import JobError
from core.models import ModelStore
from core.protocol.denoise import DenoiseResult, FrameRange, Region
from core.protocol.entered import Entered
from tests.unit.cli.conftest import Quietbeam
from tests.unit.denoising.helpers import tiny_unet
from tests.unit.models.test_store import make_model

GAUSSIAN = ("--model", "gaussian", "--device", "cpu")


def test_movie_is_denoised_beside_itself_and_the_result_is_told(quietbeam: Quietbeam, movie: Path) -> None:
    said = quietbeam("denoise", movie, *GAUSSIAN)
    assert said.code == 0, said.err
    output = movie.with_name("a movie [1]_denoised.tif")
    assert str(output) in said.out
    assert tifffile.imread(output).shape == (12, 64, 80)
    assert "standard errors" in said.out
    assert "Beware" in said.out


def test_json_is_one_document_with_the_plan(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> None:
    said = quietbeam("denoise", movie, *GAUSSIAN, "--json", "-o", tmp_path / "b.tif")
    result = DenoiseResult.model_validate(said.json)
    assert result.frames == 12
    assert result.plan.model == "gaussian"
    assert Path(result.output).exists()


def test_range_region_sum_and_gain_are_obeyed(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> None:
    output = tmp_path / "part.tif"
    choices = ("--frames", "2:10", "--region", "4:60,8:72", "--sum", "2", "--gain", "1.0", "--black-level", "0")
    said = quietbeam("denoise", movie, *GAUSSIAN, "-o", output, *choices, "--json")
    assert said.code == 0, said.err
    result = DenoiseResult.model_validate(said.json)
    assert (result.frames, result.height, result.width) == (4, 56, 64)
    assert result.plan.scale.source == "typed"
    raw = tifffile.imread(movie)[2:4, 4:60, 8:72].sum(0)
    assert abs(tifffile.imread(output)[0].mean() - raw.mean()) < 0.2


def test_folder_as_output_gets_a_name_in_it(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    said = quietbeam("denoise", movie, *GAUSSIAN, "-o", tmp_path / "results", "--json")
    assert said.json["output"] == str(tmp_path / "results" / "a movie [1]_denoised.tif")


def test_existing_output_is_kept_unless_overwritten(quietbeam: Quietbeam, movie: Path, tmp_path: Path) -> None:
    output = tmp_path / "b.tif"
    output.write_bytes(b"mine")
    said = quietbeam("denoise", movie, *GAUSSIAN, "-o", output, "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "output-exists"
    assert output.read_bytes() == b"mine"
    assert quietbeam("denoise", movie, *GAUSSIAN, "-o", output, "--overwrite").code == 0
    assert tifffile.imread(output).shape == (12, 64, 80)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--frames", "5:5"),
        ("--frames", "a:b"),
        ("--frames", "-3"),
        ("--frames", "40:50"),
        ("--region", "0:10"),
        ("--region", "0:10,5:5"),
        ("--region", "500:600,0:10"),
        ("--sum", "0"),
        ("--sum", "13"),
        ("--gain", "-1"),
        ("--model", "no-such-model"),
        ("--device", "abacus"),
        ("-o", "/no/such/folder/b.tif"),
        ("-o", "b.jpg"),
    ],
)
def test_bad_argument_is_a_sentence_and_exit_code_2(
    quietbeam: Quietbeam, movie: Path, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(movie.parent)
    given = arguments if "--model" in arguments else (*GAUSSIAN, *arguments)
    said = quietbeam("denoise", movie, *given)
    assert said.code == 2, said.err
    assert said.err.strip()
    assert "Traceback" not in said.err
    assert sorted(p.name for p in movie.parent.iterdir()) == [movie.name]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3:7", FrameRange(start=3, stop=7)),
        ("3:", FrameRange(start=3)),
        (":7", FrameRange(stop=7)),
        (":", FrameRange()),
        ("4", FrameRange(start=4, stop=5)),
        (" 3 : 7 ", FrameRange(start=3, stop=7)),
    ],
)
def test_frames_are_understood(text: str, expected: FrameRange) -> None:
    assert parse_frames(text) == expected


def test_region_is_rows_then_columns() -> None:
    assert parse_region("1:2, 3:4") == Region(y0=1, y1=2, x0=3, x1=4)
    for wrong in ("", "1:2", "1:2,3", "1:2,3:4,5:6", "-1:2,3:4", "1.5:2,3:4"):
        with pytest.raises(JobError):
            parse_region(wrong)


def test_ctrl_c_keeps_finished_frames_and_the_same_command_goes_on_to_the_same_bits(
    quietbeam: Quietbeam, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGINT)
    told = Listener.progress

    def interrupted(self: Listener, stage: str, done: int, *rest: Any) -> None:
        told(self, stage, done, *rest)
        if done == 5:
            signal.raise_signal(signal.SIGINT)

    output = tmp_path / "b.tif"
    with monkeypatch.context() as patched:
        patched.setattr(Listener, "progress", interrupted)
        said = quietbeam("denoise", movie, *GAUSSIAN, "-o", output)
    assert said.code == 130
    assert "5 of 12 frames finished and kept" in said.err
    assert "same command" in said.err
    assert not output.exists()
    assert signal.getsignal(signal.SIGINT) is before
    again = quietbeam("denoise", movie, *GAUSSIAN, "-o", output, "--json")
    assert again.json["resumed_frames"] >= 5
    whole = tmp_path / "c.tif"
    quietbeam("denoise", movie, *GAUSSIAN, "-o", whole)
    np.testing.assert_array_equal(tifffile.imread(output), tifffile.imread(whole))


def test_ctrl_c_in_json_is_still_one_document(
    quietbeam: Quietbeam, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Listener, "started", lambda self, plan, total: signal.raise_signal(signal.SIGINT))
    said = quietbeam("denoise", movie, *GAUSSIAN, "-o", tmp_path / "b.tif", "--json")
    assert said.code == 130
    assert said.json["error"]["code"] == "cancelled"


def test_without_a_model_the_user_is_told(
    quietbeam: Quietbeam, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.models.store.built_in_folder", lambda: tmp_path / "none")
    said = quietbeam("denoise", movie, "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "no-model"


def test_mistake_of_ours_is_exit_code_1_with_its_traceback_in_the_log(
    quietbeam: Quietbeam, movie: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("made up")

    monkeypatch.setattr("core.jobs.denoise.denoise_movie", broken)
    said = quietbeam("denoise", movie, *GAUSSIAN, "--json")
    assert said.code == 1
    assert said.json["error"]["code"] == "internal"
    assert "made up" in caplog.text


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """Cards alone: one for TEM, one for STEM, and the general one."""
    for name, modality in (("hrtem-a", ["HRTEM"]), ("lattice-general", ["HRTEM", "STEM", "SEM"]), ("stem-a", ["STEM"])):
        make_model(tmp_path / "models" / name, name=name, modality=modality)
    store = ModelStore((tmp_path / "models",), ())
    monkeypatch.setattr("core.models.ModelStore.default", classmethod(lambda _cls: store))
    return store


@pytest.mark.parametrize(
    ("known", "model"),
    [
        ({"scanned": False, "voltage_kv": 300.0}, "hrtem-a"),
        ({"scanned": True, "voltage_kv": 300.0}, "stem-a"),
        ({"scanned": True, "voltage_kv": 5.0}, "lattice-general"),
        ({}, "lattice-general"),
    ],
)
def test_model_is_the_one_that_suits_the_movie(
    movie: Path, zoo: ModelStore, monkeypatch: pytest.MonkeyPatch, known: dict[str, Any], model: str
) -> None:
    opened = denoise_command.open_movie(movie)
    meta = opened.meta.model_copy(update=known)
    opened.close()
    monkeypatch.setattr(denoise_command, "open_movie", lambda *_: nullcontext(SimpleNamespace(meta=meta)))
    assert denoise_command.model_for(movie) == model


def test_typed_calibration_and_the_frames_chosen_count_for_the_choice_of_a_model(
    tmp_path: Path, movie: Path, zoo: ModelStore
) -> None:
    make_model(tmp_path / "models" / "sem-movie", name="sem-movie", modality=["SEM"], frames=5)
    typed = Entered(voltage_kv=5.0)
    assert denoise_command.model_for(movie, None, typed) == "sem-movie"
    assert denoise_command.model_for(movie, None, typed, FrameRange(start=0, stop=3)) == "lattice-general"


def test_movie_for_which_a_model_was_not_made_is_denoised_all_the_same_and_it_is_said(
    quietbeam: Quietbeam, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tiny_unet(tmp_path / "models")
    monkeypatch.setattr("core.models.ModelStore.default", classmethod(lambda _cls: store))
    given = ("--model", "tiny", "--device", "cpu", "--gain", "0.01", "--black-level", "0", "--set", "voltage=5")
    said = quietbeam("denoise", movie, *given, "--json")
    assert said.code == 0, said.err
    (notice,) = [one for one in said.json["notices"] if one["code"] == "model-fit"]
    assert notice["level"] == "warning"
    assert "tiny was not made for this. This is a SEM movie; the model was made for HRTEM." in notice["text"]
    assert "electrons a px and frame; the model was" in notice["text"]
    assert "trained for 0.1 to 100" in notice["text"]
    again = quietbeam("denoise", movie, *given[:-4], "--overwrite", "--gain", "1", "--json")
    assert not [one for one in again.json["notices"] if one["code"] == "model-fit"]
