"""What the reader answers, without its process."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from core.movies import MovieError
from core.protocol.denoise import Region, Scratch
from core.protocol.entered import Entered
from core.protocol.reader import (
    Describe,
    Described,
    HolderLogJoined,
    HolderLogRequest,
    Pixels,
    Survey,
    Surveyed,
    Tags,
    TagsRequest,
    Thumbnail,
    Trace,
    TraceRequest,
    View,
)
from core.reader import answers
from core.reader.answers import Answers, OpenMovies, coarse_to_fine
from core.views import read_slot
from tests.movie_files import Sparse, ramp, write_dm4, write_mrc, write_tvips

_PIXELS = ramp((9, 40, 60), "float32")


@pytest.fixture
def movie(tmp_path: Path) -> str:
    return str(write_mrc(tmp_path / "a b.mrc", _PIXELS))


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    path = tmp_path / "scratch"
    path.write_bytes(bytes(4 * 65536))
    return Scratch(path=str(path), slot_bytes=65536, slots=4)


def _image(scratch: Scratch, pixels: Pixels) -> np.ndarray:
    return read_slot(scratch.path, scratch.slot_bytes, pixels.slot, pixels.height, pixels.width)


def test_description_carries_the_movie_and_all_datasets(tmp_path: Path) -> None:
    path = write_dm4(tmp_path / "a.dm4", ramp((3, 4, 5)), more=[ramp((6, 7)), ramp((9,))])
    answer = Answers().to(Describe(id=7, path=str(path)))
    assert isinstance(answer, Described)
    assert answer.id == 7
    assert answer.meta.shape == (3, 4, 5)
    assert [(info.key, info.refusal is None) for info in answer.datasets] == [("1", True), ("2", True), ("3", False)]


def test_view_is_the_area_mean_of_its_rectangle_alone(movie: str, scratch: Scratch) -> None:
    region = Region(y0=3, y1=30, x0=10, x1=99)
    answer = Answers().to(View(id=1, path=movie, frame=4, region=region, step=3, scratch=scratch, slot=2))
    assert isinstance(answer, Pixels)
    assert (answer.slot, answer.step, answer.frame, answer.nonfinite) == (2, 3, 4, 0)
    assert answer.region == Region(y0=3, y1=30, x0=10, x1=60)
    assert (answer.height, answer.width) == (9, 17)
    image = _image(scratch, answer)
    assert image[0, 0] == pytest.approx(_PIXELS[4, 3:6, 10:13].mean())
    assert image[-1, -1] == pytest.approx(_PIXELS[4, 27:30, 58:60].mean())
    assert (answer.low, answer.high) == pytest.approx(tuple(np.percentile(image, (0.35, 99.65))))


def test_view_at_full_size_is_the_frame(movie: str, scratch: Scratch) -> None:
    answer = Answers().to(View(id=1, path=movie, frame=8, scratch=scratch))
    assert isinstance(answer, Pixels)
    np.testing.assert_array_equal(_image(scratch, answer), _PIXELS[8])


def test_view_of_a_mean_ends_with_the_movie(movie: str, scratch: Scratch) -> None:
    answer = Answers().to(View(id=1, path=movie, frame=6, mean_frames=10, scratch=scratch))
    assert isinstance(answer, Pixels)
    np.testing.assert_allclose(_image(scratch, answer), _PIXELS[6:].mean(axis=0), rtol=1e-6)


def test_nonfinite_pixels_are_counted_and_never_shown(tmp_path: Path, scratch: Scratch) -> None:
    pixels = ramp((1, 8, 8), "float32")
    pixels[0, 0, 0], pixels[0, 5, 5] = np.nan, -np.inf
    path = write_mrc(tmp_path / "a.mrc", pixels)
    answer = Answers().to(View(id=1, path=str(path), frame=0, step=2, scratch=scratch))
    assert isinstance(answer, Pixels)
    assert answer.nonfinite == 2
    assert np.isfinite(_image(scratch, answer)).all()
    assert np.isfinite([answer.low, answer.high]).all()


def test_constant_frame_has_levels_to_be_shown_with(tmp_path: Path, scratch: Scratch) -> None:
    path = write_mrc(tmp_path / "a.mrc", np.zeros((1, 8, 8), np.uint16))
    answer = Answers().to(View(id=1, path=str(path), frame=0, scratch=scratch))
    assert isinstance(answer, Pixels)
    assert answer.low < 0 < answer.high


def test_thumbnail_is_the_middle_frame_made_small(movie: str, scratch: Scratch) -> None:
    answer = Answers().to(Thumbnail(id=1, path=movie, size=20, scratch=scratch, slot=1))
    assert isinstance(answer, Pixels)
    assert (answer.frame, answer.step) == (4, 3)
    assert max(answer.height, answer.width) == 20
    assert _image(scratch, answer)[0, 0] == pytest.approx(_PIXELS[4, :3, :3].mean())


def test_trace_is_the_mean_of_each_frame(movie: str) -> None:
    region = Region(y0=2, y1=9, x0=3, x1=11)
    answer = Answers().to(TraceRequest(id=1, path=movie, region=region))
    assert isinstance(answer, Trace)
    assert answer.frames == tuple(range(9))
    np.testing.assert_allclose(answer.means, _PIXELS[:, 2:9, 3:11].mean(axis=(1, 2)), rtol=1e-6)


@pytest.mark.parametrize(("points", "frames"), [(3, (0, 4, 8)), (1, (0,)), (2, (0, 8))])
def test_trace_chooses_frames_evenly(movie: str, points: int, frames: tuple[int, ...]) -> None:
    answer = Answers().to(TraceRequest(id=1, path=movie, points=points))
    assert isinstance(answer, Trace)
    assert answer.frames == frames


def test_trace_that_takes_too_long_is_answered_with_what_there_is(movie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "TRACE_S", -1.0)
    answer = Answers().to(TraceRequest(id=1, path=movie))
    assert isinstance(answer, Trace)
    assert answer.frames == (0,)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 100])
def test_coarse_to_fine_names_each_place_once(count: int) -> None:
    order = list(coarse_to_fine(count))
    assert sorted(order) == list(range(count))
    if count == 8:
        assert order == [0, 4, 2, 6, 1, 3, 5, 7]


def test_trace_leaves_nonfinite_pixels_out(tmp_path: Path) -> None:
    pixels = np.ones((2, 4, 4), np.float32)
    pixels[0, 0, 0] = np.inf
    pixels[1] = np.nan
    answer = Answers().to(TraceRequest(id=1, path=str(write_mrc(tmp_path / "a.mrc", pixels))))
    assert isinstance(answer, Trace)
    assert answer.means[0] == 1
    assert np.isnan(answer.means[1])
    assert Trace.model_validate_json(answer.model_dump_json()).frames == (0, 1)


def test_bad_requests_are_refused_with_the_reason(movie: str, scratch: Scratch) -> None:
    ask = Answers().to
    outside = Region(y0=40, y1=41, x0=0, x1=1)
    small = scratch.model_copy(update={"slot_bytes": 100})
    for request in (
        View(id=1, path=movie, frame=9, scratch=scratch),
        View(id=1, path=movie, frame=0, region=outside, scratch=scratch),
        View(id=1, path=movie, frame=0, scratch=scratch, slot=4),
        View(id=1, path=movie, frame=0, scratch=small),
        TraceRequest(id=1, path=movie, region=outside),
        Describe(id=1, path=movie, dataset="none such"),
    ):
        with pytest.raises(MovieError) as caught:
            ask(request)
        assert caught.value.info.code == "bad-request"


def test_scratch_file_that_is_gone_is_told(movie: str, scratch: Scratch) -> None:
    Path(scratch.path).unlink()
    with pytest.raises(MovieError, match="scratch"):
        Answers().to(View(id=1, path=movie, frame=0, scratch=scratch))
    assert not Path(scratch.path).exists()


def test_movie_that_changed_on_the_disk_is_opened_anew(tmp_path: Path) -> None:
    ask = Answers().to
    path = write_mrc(tmp_path / "a.mrc", ramp((2, 4, 5)))
    first = ask(Describe(id=1, path=str(path)))
    write_mrc(path, ramp((3, 4, 5)))
    second = ask(Describe(id=2, path=str(path)))
    assert isinstance(first, Described)
    assert isinstance(second, Described)
    assert (first.meta.frames, second.meta.frames) == (2, 3)
    path.unlink()
    with pytest.raises(MovieError, match="exist"):
        ask(Describe(id=3, path=str(path)))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not tell which files are open")
def test_few_files_are_kept_open_and_forgotten_ones_none(tmp_path: Path) -> None:
    reader = Answers()
    paths = [write_mrc(tmp_path / f"{number}.mrc", ramp((2, 4, 5))) for number in range(9)]
    for path in paths:
        reader.to(Describe(id=1, path=str(path)))
    held = _held(tmp_path)
    assert paths[-1] in held
    assert len(held) <= 4
    reader.forget(str(paths[-1]))
    assert paths[-1] not in _held(tmp_path)
    reader.close_all()
    assert _held(tmp_path) == []


def _held(folder: Path) -> list[Path]:
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [path for path in (Path(os.readlink(link)) for link in links) if folder in path.parents]  # noqa: PTH115


def test_view_of_a_large_frame_takes_little_memory(tmp_path: Path, scratch: Scratch) -> None:
    path = write_mrc(tmp_path / "a.mrc", Sparse((3, 4096, 4096), np.dtype("uint16")))
    reader = Answers()
    reader.to(Describe(id=1, path=str(path)))
    tracemalloc.start()
    corner = Region(y0=4000, y1=4096, x0=4000, x1=4096)
    reader.to(View(id=1, path=str(path), frame=2, region=corner, scratch=scratch))
    assert tracemalloc.get_traced_memory()[1] < 4e6
    reader.to(View(id=1, path=str(path), frame=2, step=64, mean_frames=3, scratch=scratch))
    assert tracemalloc.get_traced_memory()[1] < 128e6
    tracemalloc.stop()


def _grow(path: Path, frames: int) -> None:
    """Another moment of a recording: the same file, longer."""
    with path.open("r+b") as stream:
        stream.seek(0, os.SEEK_END)
        stream.write(bytes(frames * 4 * 5 * 2))
    os.utime(path, ns=(0, path.stat().st_size))


def test_growing_file_is_opened_again_for_a_new_frame_and_not_for_each_view(tmp_path: Path) -> None:
    now = [0.0]
    movies = OpenMovies(lambda: now[0])
    path = write_mrc(tmp_path / "a.mrc", ramp((9, 4, 5)))
    os.truncate(path, path.stat().st_size - 6 * 4 * 5 * 2)
    first = movies.get(str(path), None)
    assert len(first) == 3
    _grow(path, 2)
    assert movies.get(str(path), None) is first
    assert len(movies.get(str(path), None, least_frames=5)) == 5
    _grow(path, 1)
    now[0] += 60
    assert len(movies.get(str(path), None)) == 6
    os.truncate(path, path.stat().st_size - 2 * 4 * 5 * 2)
    assert len(movies.get(str(path), None)) == 4


def test_description_tells_how_far_a_growing_file_has_come(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", ramp((9, 4, 5)))
    os.truncate(path, path.stat().st_size - 6 * 4 * 5 * 2)
    reader = Answers()
    seen = []
    for _ in range(3):
        answer = reader.to(Describe(id=1, path=str(path)))
        assert isinstance(answer, Described)
        seen.append((answer.meta.frames, answer.meta.declared_frames))
        _grow(path, 1)
    assert seen == [(3, 9), (4, 9), (5, 9)]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not tell which files are open")
def test_idle_files_are_closed_though_somebody_asks_whether_they_grow(tmp_path: Path, scratch: Scratch) -> None:
    path = str(write_mrc(tmp_path / "a.mrc", ramp((2, 4, 5))))
    reader = Answers()
    reader.to(View(id=1, path=path, frame=0, scratch=scratch))
    reader.to(Describe(id=2, path=path))
    reader.close_idle(60)
    assert Path(path) in _held(tmp_path)
    reader.close_idle(0)
    answer = reader.to(Describe(id=3, path=path))
    assert isinstance(answer, Described)
    assert answer.id == 3
    assert _held(tmp_path) == []
    assert isinstance(reader.to(View(id=4, path=path, frame=1, scratch=scratch)), Pixels)


def test_survey_says_what_would_be_added(tmp_path: Path) -> None:
    write_mrc(tmp_path / "a.mrc", ramp((2, 4, 5)))
    answer = Answers().to(Survey(id=4, paths=(str(tmp_path),)))
    assert isinstance(answer, Surveyed)
    assert (answer.id, answer.said, len(answer.finds)) == (4, "1 movie.", 1)


def test_tags_are_searched(tmp_path: Path) -> None:
    path = write_dm4(tmp_path / "a.dm4", ramp((3, 4, 5)))
    answer = Answers().to(TagsRequest(id=5, path=str(path), search="calibration", most=2))
    assert isinstance(answer, Tags)
    assert len(answer.rows) == 2
    assert answer.total > 2
    assert all("calibration" in (row.name + row.value).lower() for row in answer.rows)


def test_holder_log_is_joined_with_the_interval_that_was_typed(tmp_path: Path) -> None:
    path = write_mrc(tmp_path / "a.mrc", ramp((4, 4, 5)))
    log = tmp_path / "log.csv"
    log.write_text("time (s),temperature (C)\n0,20\n1,30\n2,40\n3,50\n")
    typed = Entered(frame_interval_s=1.0)
    answer = Answers().to(HolderLogRequest(id=6, path=str(path), log=str(log), entered=typed))
    assert isinstance(answer, HolderLogJoined)
    assert answer.frames_covered == 4
    assert answer.columns[0].values == (20, 30, 40, 50)
    with pytest.raises(MovieError):
        Answers().to(HolderLogRequest(id=7, path=str(path), log=str(log)))


def test_stream_that_goes_on_in_another_part_is_opened_again(tmp_path: Path) -> None:
    path = write_tvips(tmp_path, ramp((5, 6, 7)), parts=(2, 3))
    second = path.with_name(path.name.replace("000", "001"))
    content = second.read_bytes()
    second.unlink()
    reader = Answers()
    first = reader.to(Describe(id=1, path=str(path)))
    second.write_bytes(content)
    grown = reader.to(Describe(id=2, path=str(path)))
    assert isinstance(first, Described)
    assert isinstance(grown, Described)
    assert (first.meta.frames, grown.meta.frames) == (2, 5)
