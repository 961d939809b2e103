"""The job ``detector``: what it finds, writes, refuses, and says."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.denoising.context import Cancelled
from core.denoising.errors import DenoiseError
from core.jobs.detector import run
from core.jobs.errors import JobError
from core.movies import open_movie
from core.noise.errors import NoiseError
from core.protocol.clean_up import DetectorRequest
from core.protocol.denoise_parts import FrameRange
from core.protocol.entered import Entered
from tests.unit.denoising.helpers import Listener
from tests.unit.noise.cameras import columns, counted, with_defects


def write(path: Path, frames: np.ndarray, unit: str = "nm") -> Path:
    tifffile.imwrite(
        path, frames.astype(np.uint16), imagej=True, resolution=(20, 20), metadata={"axes": "TYX", "unit": unit}
    )
    return path


@pytest.fixture
def broken(tmp_path: Path) -> tuple[Path, object]:
    movie, truth = with_defects(counted(np.ones((60, 72)), 40, 5.0), 0.0, 60.0, each=4)
    return write(tmp_path / "broken.tif", movie), truth


def test_mask_and_list_hold_what_was_found(broken, tmp_path: Path) -> None:
    source, truth = broken
    result = run(DetectorRequest(source=str(source), output=str(tmp_path)), Listener())
    assert (result.frames, result.dead, result.unstable) == (40, 4, 4)
    assert result.hot >= 4
    assert result.hits >= 4
    mask = tifffile.imread(result.mask)
    assert mask.dtype == np.uint8
    assert {tuple(p) for p in np.argwhere(mask & 1).tolist()} == set(truth.dead)
    assert {tuple(p) for p in np.argwhere(mask & 4).tolist()} == set(truth.unstable)
    with open_movie(result.mask) as movie:
        assert movie.shape == (1, 60, 72)
    with Path(result.table).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    dead = {(int(row["row"]), int(row["column"])) for row in rows if row["kind"] == "dead"}
    assert dead == set(truth.dead)
    hits = {(int(row["frame"]), int(row["row"]), int(row["column"])) for row in rows if row["kind"] == "hit"}
    assert set(truth.hits) <= hits
    assert result.pattern is None
    assert not list(tmp_path.glob("*.partial"))


def test_without_a_folder_nothing_is_written(broken) -> None:
    source, _ = broken
    result = run(DetectorRequest(source=str(source)), Listener())
    assert result.dead == 4
    assert (result.mask, result.table, result.pattern) == (None, None, None)
    assert [path.name for path in source.parent.iterdir()] == ["broken.tif"]


def test_older_results_stay_unless_allowed(broken, tmp_path: Path) -> None:
    source, _ = broken
    old = tmp_path / "broken_defects.csv"
    old.write_text("mine")
    asked = DetectorRequest(source=str(source), output=str(tmp_path))
    with pytest.raises(JobError) as raised:
        run(asked, Listener())
    assert raised.value.info.code == "output-exists"
    assert old.read_text() == "mine"
    run(asked.model_copy(update={"overwrite": True}), Listener())
    assert old.read_text() != "mine"


def test_a_missing_folder_and_frames_that_do_not_exist_are_refused_at_once(broken, tmp_path: Path) -> None:
    source, _ = broken
    with pytest.raises(JobError, match="folder"):
        run(DetectorRequest(source=str(source), output=str(tmp_path / "none")), Listener())
    with pytest.raises(DenoiseError, match="0 to 39"):
        run(DetectorRequest(source=str(source), frames=FrameRange(start=30, stop=50)), Listener())


@pytest.mark.parametrize("after", [1, 30, 70, 100])
def test_a_cancel_leaves_nothing_behind(broken, tmp_path: Path, after: int) -> None:
    source, _ = broken
    listener = Listener(lambda self: self.checks >= after)
    with pytest.raises(Cancelled):
        run(DetectorRequest(source=str(source), output=str(tmp_path)), listener)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.tif"]


def test_progress_of_each_stage_ends_where_it_should(broken) -> None:
    listener = Listener()
    run(DetectorRequest(source=str(broken[0])), listener)
    stages = {stage: (done, total) for stage, done, total, _, _ in listener.steps}
    assert {"measuring pixels", "following the drift", "judging pixels"} <= set(stages)
    assert all(done == total for done, total in stages.values())


def test_references_show_what_the_movie_cannot(tmp_path: Path) -> None:
    source = write(tmp_path / "even.tif", 100 + counted(np.ones((40, 48)), 12, 20.0))
    dark = np.random.default_rng(0).normal(100, 2, (40, 48)).astype(np.float32)
    dark[7, 8] = 900
    gain = np.ones((40, 48), np.float32)
    gain[20, 21] = 0
    tifffile.imwrite(tmp_path / "dark.tif", dark)
    tifffile.imwrite(tmp_path / "gain.tif", gain)
    asked = DetectorRequest(source=str(source), dark=str(tmp_path / "dark.tif"), gain=str(tmp_path / "gain.tif"))
    listener = Listener()
    result = run(asked.model_copy(update={"output": str(tmp_path)}), listener)
    mask = tifffile.imread(result.mask)
    assert np.argwhere(mask & 2).tolist() == [[7, 8]]
    assert np.argwhere(mask & 1).tolist() == [[20, 21]]
    assert {"dark", "gain-reference"} <= set(listener.codes)
    tifffile.imwrite(tmp_path / "small.tif", dark[:20])
    with pytest.raises(NoiseError, match="48 x 20 px"):
        run(asked.model_copy(update={"dark": str(tmp_path / "small.tif")}), Listener())


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_too_few_frames_are_said(tmp_path: Path, frames: int) -> None:
    movie, _ = with_defects(counted(np.ones((48, 48)), 8, 5.0), 0.0, 60.0, each=2)
    listener = Listener()
    result = run(DetectorRequest(source=str(write(tmp_path / "few.tif", movie[:frames]))), listener)
    assert (result.dead, result.hot, result.unstable) == (None, None, None)
    assert (result.hits is None) == (frames < 3)
    assert "few-frames" in listener.codes


def test_diffraction_and_what_was_read_are_said(tmp_path: Path) -> None:
    movie = counted(columns(48, 12, 0.3, 1.0), 40, 5.0)
    listener = Listener()
    source = write(tmp_path / "spots.tif", movie, unit="1/nm")
    result = run(DetectorRequest(source=str(source), frames_used=10), listener)
    assert result.frames == 10
    assert (result.dead, result.hot, result.unstable, result.hits) == (0, None, None, None)
    assert {"diffraction", "sampled"} <= set(listener.codes)


def test_a_pattern_is_written_and_helps_a_denoise(tmp_path: Path) -> None:
    from tests.unit.noise.test_fixed_pattern import movie, path, white

    pattern = white(0.1)
    source = tmp_path / "drifts.tif"
    tifffile.imwrite(source, movie(path(9.0), pattern).astype(np.uint16), imagej=True, metadata={"axes": "TYX"})
    result = run(DetectorRequest(source=str(source), output=str(tmp_path)), Listener())
    assert result.pattern_rms == pytest.approx(2.0, rel=0.3)
    assert result.pattern_share == pytest.approx(2.0 / 20**0.5, rel=0.35)
    found = tifffile.imread(result.pattern)
    inner = np.s_[30:-30, 30:-30]
    assert np.corrcoef(found[inner].ravel(), pattern[inner].ravel())[0, 1] > 0.8


def test_diffraction_may_be_typed(tmp_path: Path) -> None:
    movie, _ = with_defects(counted(np.ones((48, 48)), 40, 5.0), 0.0, 60.0, each=2)
    typed = Entered(pixel_size=(0.1, 0.1), pixel_unit="1/nm")
    listener = Listener()
    result = run(DetectorRequest(source=str(write(tmp_path / "a.tif", movie)), entered=typed), listener)
    assert (result.dead, result.hot, result.unstable, result.hits) == (2, None, None, None)
    assert "diffraction" in listener.codes


def test_a_scanned_image_has_no_camera(broken, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(path: str, dataset: str | None) -> object:
        movie = open_movie(path, dataset)
        movie.meta = movie.meta.model_copy(update={"scanned": True})
        return movie

    monkeypatch.setattr("core.jobs.detector.open_movie", opened)
    listener = Listener()
    result = run(DetectorRequest(source=str(broken[0]), output=str(broken[0].parent)), listener)
    assert (result.dead, result.hot, result.unstable, result.hits, result.mask) == (None, None, None, None, None)
    assert "scanned" in listener.codes


def test_dead_columns_are_marked_and_named(tmp_path: Path) -> None:
    movie = counted(0.5 + columns(64, 16, 3.0), 30, 4.0)
    movie[:, :, [20, 41]] = 0
    listener = Listener()
    result = run(DetectorRequest(source=str(write(tmp_path / "movie.tif", movie)), output=str(tmp_path)), listener)
    assert result.dead == 2 * 64
    assert (tifffile.imread(result.mask)[:, [20, 41]] == 1).all()
    assert any("columns 20, 41" in notice.text for notice in result.notices)


@pytest.mark.parametrize("kind", ["no numbers", "constant", "part"])
def test_where_nothing_can_be_told_no_number_is_given(tmp_path: Path, kind: str) -> None:
    frames = counted(np.ones((48, 48)), 12, 5.0).astype(np.float32)
    if kind == "constant":
        frames[:] = 7
    frames[:, : {"no numbers": 48, "constant": 0, "part": 6}[kind]] = np.nan
    source = tmp_path / "strange.tif"
    tifffile.imwrite(source, frames, imagej=True, metadata={"axes": "TYX"})
    listener = Listener()
    result = run(DetectorRequest(source=str(source)), listener)
    if kind == "part":
        assert (result.dead, result.unstable) == (0, 0)
    else:
        assert (result.dead, result.hot, result.unstable) == (None, None, None)
    assert ("not-finite" in listener.codes) == (kind != "constant")
