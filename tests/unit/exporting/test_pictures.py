"""Films, pictures and tables: what is shown in them, and what is said of it."""

from __future__ import annotations

import ast
import csv
import json
import math
import os
import stat
import sys
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.denoising.context import Cancelled
from core.exporting import film
from core.exporting.animation import delay
from core.exporting.captions import Captions, time_text
from core.exporting.errors import ExportError
from core.exporting.lettering import text_width
from core.exporting.marks import Bar, Box, Text, lay_out, marks_of
from core.exporting.picture import to_grey
from core.exporting.scale_bar import ScaleBar, length_text, scale_bar
from core.movies.writers import Scale
from core.protocol.denoise_parts import FrameRange, Region
from core.protocol.entered import Entered
from core.protocol.export import Overlay
from core.protocol.movie import MovieMeta
from tests.unit.exporting.conftest import Export, Listener, write_movie

_BARE = Overlay(scale_bar=False, time_stamp=False)


@given(st.floats(1e-6, 1e6), st.integers(16, 20000), st.sampled_from(["nm", "1/nm"]))
def test_scale_bar_is_of_a_round_length(pixel: float, width: int, unit: str) -> None:
    bar = scale_bar(pixel, unit, width)
    assert bar is not None
    assert 0.13 * width <= bar.pixels <= 0.3334 * width
    length = bar.pixels * pixel
    first = float(f"{length:.6e}".split("e")[0])
    assert min(abs(first - step) for step in (1, 2, 5, 10)) < 1e-4


@pytest.mark.parametrize(
    ("length", "unit", "text"),
    [
        (0.05, "nm", "50 pm"),
        (0.2, "nm", "0.2 nm"),
        (500, "nm", "500 nm"),
        (1000, "nm", "1 µm"),
        (20000, "nm", "20 µm"),
        (2e6, "nm", "2 mm"),
        (0.5, "1/nm", "0.5 nm⁻¹"),
        (10, "1/nm", "10 nm⁻¹"),
    ],
)
def test_length_is_written_plainly(length: float, unit: str, text: str) -> None:
    assert length_text(length, unit) == text


@pytest.mark.parametrize(
    ("seconds", "decimals", "long", "text"),
    [
        (0.0025, 4, False, "0.0025 s"),
        (12.0, 0, False, "12 s"),
        (3723.46, 1, True, "1:02:03.5"),
        (59.999, 1, True, "01:00.0"),
        (605.0, 0, True, "10:05"),
    ],
)
def test_time_is_written_plainly(seconds: float, decimals: int, long: bool, text: str) -> None:
    assert time_text(seconds, decimals, long) == text


def _meta(**fields: object) -> MovieMeta:
    known = {"path": "a", "format": "x", "frames": 40, "height": 8, "width": 8, "dtype": "uint8", "declared_frames": 40}
    return MovieMeta.model_validate({**known, **fields})


def test_neighbouring_frames_never_show_the_same_time() -> None:
    for interval in (0.0025, 1 / 30, 0.4, 1.0, 17.0):
        captions = Captions(_meta(frame_interval_s=interval), Overlay(), range(40))
        assert len({captions.lines(frame)[0] for frame in range(40)}) == 40


def test_times_with_a_gap_are_shown_as_they_are() -> None:
    captions = Captions(_meta(frames=3, declared_frames=3, times=(10.0, 10.5, 90.0)), Overlay(), range(3))
    assert [captions.lines(frame) for frame in range(3)] == [["0.0 s"], ["0.5 s"], ["80.0 s"]]


def test_unknown_time_and_dose_are_told_not_invented() -> None:
    captions = Captions(_meta(), Overlay(dose=True), range(40))
    assert captions.lines(3) == []
    assert {notice.code for notice in captions.notices} == {"no-time", "no-dose"}


def test_dose_adds_up_to_the_end_of_the_frame() -> None:
    meta = _meta(exposure_s=0.5, dose_rate_e_per_a2_s=25.0)
    captions = Captions(meta, Overlay(time_stamp=False, dose=True, frame_number=True), range(40))
    assert captions.lines(0) == ["12.5 e/Å²", "frame 0"]
    assert captions.lines(3)[0] == "50.0 e/Å²"


def test_holder_log_is_shown_with_its_unit(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("Time (s),Temperature (°C),Bias (V)\n0,500,1.5\n1,510,1.6\n2,520,1.7\n", encoding="utf-8")
    overlay = Overlay(time_stamp=False, holder_log=str(log), holder_columns=("Temperature",))
    captions = Captions(_meta(frames=3, declared_frames=3, frame_interval_s=1.0), overlay, range(3))
    assert captions.lines(2) == ["Temperature 520.0 °C"]


@pytest.mark.parametrize(("height", "width"), [(128, 128), (4096, 4096), (64, 900), (900, 64), (32, 32), (7, 5)])
def test_marks_stay_inside_the_picture(height: int, width: int) -> None:
    lines = ["raw – a very long name of a specimen at 300 kV", "0.0025 s", "12.5 e/Å²", "Temperature 500.0 °C"]
    bar = ScaleBar(width / 4, "100 nm⁻¹")
    layout = lay_out(Box(0, 0, width, height), lines, bar, 1.0, text_width, ("light", "light"))
    for mark in marks_of(layout, lines, "light", text_width):
        if isinstance(mark, Text) and min(height, width) >= 64:
            assert mark.x >= 0
            assert mark.x + text_width(mark.text, mark.size) <= width
            assert 0 <= mark.y < height - mark.size
        elif isinstance(mark, Bar):
            assert mark.x + mark.width <= width
            assert mark.y + mark.height <= height


def test_letters_grow_with_the_picture() -> None:
    sizes = [
        lay_out(Box(0, 0, side, side), ["0.0025 s"], None, 1.0, text_width, ("light", "light")).size
        for side in (128, 512, 4096)
    ]
    assert sizes[0] >= 11
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[2] / 4096 > 0.03


def test_levels_are_black_and_white() -> None:
    frame = np.array([[-5, 0, 50], [100, 200, np.nan]], np.float32)
    np.testing.assert_array_equal(to_grey(frame, (0.0, 100.0), 1), [[0, 0, 128], [255, 255, 128]])


def test_picture_without_marks_is_the_frame(tmp_path: Path, export: Export, pixels: np.ndarray) -> None:
    result = export("b.png", frames=FrameRange(start=2, stop=3), levels=(50.0, 200.0), overlay=_BARE)
    assert (result.format, result.frames, result.height, result.width) == ("PNG", 1, 40, 60)
    with Image.open(tmp_path / "b.png") as image:
        expected = np.rint(np.clip((pixels[2] - 50) / 150, 0, 1) * 255)
        assert np.abs(np.asarray(image) - expected).max() <= 1
        assert image.text["Software"] == "Quietbeam"
        assert json.loads(image.text["Description"])["request"]["kind"] == "export"


def _corner_inks(path: Path) -> tuple[int, int]:
    """How many pixels are white and black in the upper left, where the time stands."""
    with Image.open(path) as image:
        part = np.asarray(image)[:60, :140]
    return int((part == 255).sum()), int((part == 0).sum())


def test_letters_are_light_on_dark_and_dark_on_light(tmp_path: Path, export: Export) -> None:
    for name, value in (("dark", 30.0), ("light", 230.0)):
        source = write_movie(tmp_path / "in" / f"{name}.tif", np.full((2, 200, 300), value, np.float32))
        export(f"{name}.png", source=source, levels=(0.0, 255.0), overlay=Overlay(label="IIII"))
    white, black = _corner_inks(tmp_path / "dark.png")
    assert white > 50
    white_on_light, black_on_light = _corner_inks(tmp_path / "light.png")
    assert black_on_light > 50
    # The ink itself is thinner than its outline.
    assert (white > black) == (black_on_light > white_on_light)


def test_vectors_hold_the_words_and_the_frame(tmp_path: Path, export: Export) -> None:
    overlay = Overlay(label="a < b & µ", frame_number=True)
    result = export("b.svg", frames=FrameRange(start=3, stop=4), overlay=overlay)
    # Three lines do not fit into 40 px.
    assert "no-room" in {notice.code for notice in result.notices}
    root = ElementTree.fromstring((tmp_path / "b.svg").read_text(encoding="utf-8"))
    words = [element.text for element in root.iter() if element.tag.endswith("}text")]
    assert {"a < b & µ", "0.75 s"} <= set(words)
    assert any(word is not None and word.endswith("nm") for word in words)
    (image,) = [element for element in root.iter() if element.tag.endswith("}image")]
    assert (image.get("width"), image.get("height")) == ("60", "40")


@pytest.fixture
def no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ffmpeg on PATH."""
    monkeypatch.setattr(film, "find_ffmpeg", lambda: None)


@pytest.mark.usefixtures("no_ffmpeg")
def test_film_reads_back_with_all_its_frames(tmp_path: Path, export: Export, pixels: np.ndarray) -> None:
    source = write_movie(tmp_path / "in" / "odd.tif", pixels[:, :39, :59])
    result = export("b.mp4", source=source, fps=10.0, levels=(50.0, 200.0), overlay=_BARE)
    assert (result.frames, result.height, result.width) == (6, 40, 60)
    assert "no-h264" in {notice.code for notice in result.notices}
    reader = cv2.VideoCapture(str(tmp_path / "b.mp4"))
    assert reader.get(cv2.CAP_PROP_FPS) == 10.0
    frames = []
    while True:
        more, frame = reader.read()
        if not more:
            break
        frames.append(frame[:39, :59].mean(axis=-1))
    reader.release()
    assert len(frames) == 6
    expected = np.clip((pixels[:, :39, :59] - 50) / 150, 0, 1) * 255
    assert np.abs(np.mean(frames, axis=0) - expected.mean(axis=0)).mean() < 6
    assert not list(tmp_path.glob("*partial*"))


@pytest.mark.parametrize("name", ["b.mp4", "b.gif"])
@pytest.mark.usefixtures("no_ffmpeg")
def test_two_movies_stand_side_by_side(tmp_path: Path, export: Export, movie: Path, name: str) -> None:
    result = export(name, beside=str(movie), labels=("raw", "denoised"))
    assert result.height == 40
    assert result.width == 60 + 60 + 2
    assert result.frames == 6


def test_gif_plays_all_frames_at_its_rate(tmp_path: Path, export: Export, pixels: np.ndarray) -> None:
    result = export("b.gif", fps=12.5, levels=(50.0, 200.0), overlay=_BARE)
    assert result.frames == 6
    with Image.open(tmp_path / "b.gif") as image:
        assert image.n_frames == 6
        assert image.info["loop"] == 0
        for number in range(6):
            image.seek(number)
            assert image.info["duration"] == 80
            expected = np.rint(np.clip((pixels[number] - 50) / 150, 0, 1) * 255)
            assert np.abs(np.asarray(image.convert("L")) - expected).max() <= 1


def test_rate_that_a_gif_can_not_keep_is_told(export: Export) -> None:
    assert delay(30) == 3
    assert "fps" in {notice.code for notice in export("b.gif", fps=30.0).notices}
    assert "fps" not in {notice.code for notice in export("c.gif", fps=20.0).notices}


def test_pixels_that_are_not_square_are_told(export: Export) -> None:
    square = Entered(pixel_size=(0.02, 0.02), pixel_unit="nm")
    high = Entered(pixel_size=(0.03, 0.02), pixel_unit="nm")
    assert "uneven-pixels" not in {notice.code for notice in export("a.png", entered=square).notices}
    told = [notice.text for notice in export("b.png", entered=high).notices if notice.code == "uneven-pixels"]
    assert "1.5 times as high as wide" in told[0]


def test_dose_between_exposures_is_told(export: Export) -> None:
    entered = Entered(dose_rate_e_per_a2_s=50.0, exposure_s=0.05, frame_interval_s=0.1)
    told = [one.text for one in export("a.png", entered=entered, overlay=Overlay(dose=True)).notices]
    assert [text for text in told if "2 times as much" in text]


def test_large_pictures_are_averaged_for_a_gif(tmp_path: Path, export: Export) -> None:
    source = write_movie(tmp_path / "in" / "wide.tif", np.ones((2, 30, 1500), np.float32))
    result = export("b.gif", source=source)
    assert (result.height, result.width) == (15, 750)
    assert "averaged" in {notice.code for notice in result.notices}


def _result(tmp_path: Path, pixels: np.ndarray, request: dict[str, object], frames: list[int]) -> str:
    record = json.dumps({"source_frames": frames, "request": request})
    return str(write_movie(tmp_path / "in" / "result.tif", pixels, Scale(), record))


def test_result_of_a_part_stands_beside_that_part(tmp_path: Path, export: Export, pixels: np.ndarray) -> None:
    # Made of frames 2 to 5, two added up, of a region.
    part = {"y0": 10, "y1": 30, "x0": 5, "x1": 45}
    beside = _result(tmp_path, np.full((2, 20, 40), 7, np.float32), {"sum_frames": 2, "region": part}, [2, 6])
    listener = Listener()
    options = {"levels": (50.0, 200.0), "beside_levels": (0.0, 10.0), "overlay": _BARE}
    result = export("b.png", listener, beside=beside, frames=FrameRange(start=3, stop=4), **options)
    assert (result.height, result.width) == (20, 82)
    with Image.open(tmp_path / "b.png") as image:
        shown = np.asarray(image)
    expected = np.rint(np.clip((pixels[3, 10:30, 5:45] - 50) / 150, 0, 1) * 255)
    assert np.abs(shown[:, :40] - expected).max() <= 1
    assert (shown[:, 42:] == round(0.7 * 255)).all()
    film_made = export("b.gif", listener, beside=beside)
    assert film_made.frames == 4
    assert "left-out" in {notice.code for notice in film_made.notices}
    with pytest.raises(ExportError, match="beyond the movie beside"):
        export("c.gif", beside=beside, region=Region(y0=0, y1=20, x0=0, x1=20))


def test_unrelated_movie_is_not_put_beside(tmp_path: Path, export: Export, pixels: np.ndarray) -> None:
    other = write_movie(tmp_path / "in" / "other.tif", pixels[:4])
    with pytest.raises(ExportError, match="6 and 4 frames"):
        export("b.gif", beside=str(other))


def test_table_tells_of_each_frame(tmp_path: Path, export: Export, pixels: np.ndarray) -> None:
    log = tmp_path / "in" / "log.csv"
    log.write_text("Time (s),Temperature (°C)\n0,500\n0.5,510\n1.0,520\n1.5,530\n", encoding="utf-8")
    export("b.csv", region=Region(y0=0, y1=20, x0=0, x1=30), overlay=Overlay(holder_log=str(log)))
    with (tmp_path / "b.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    for number, row in enumerate(rows):
        part = pixels[number, :20, :30].astype(np.float64)
        assert int(row["frame (from 0)"]) == number
        assert float(row["time (s)"]) == number * 0.25
        assert math.isclose(float(row["mean"]), part.mean(), rel_tol=1e-8)
        assert math.isclose(float(row["standard deviation"]), part.std(), rel_tol=1e-8)
        assert float(row["dose so far (e/Å²)"]) == 10.0 * (number + 1)
    assert [row["Temperature (°C)"] for row in rows[::2]] == ["500", "510", "520"]


def test_table_of_whole_numbers_tells_the_values_too(tmp_path: Path, export: Export, pixels: np.ndarray) -> None:
    export("b.tif", dtype="uint16")
    export("b.csv", source=tmp_path / "b.tif")
    with (tmp_path / "b.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        assert float(row["mean calibrated (value)"]) == pytest.approx(float(pixels[number].mean()), abs=0.01)


_FAKE = """#!{python}
import sys
if "-encoders" in sys.argv:
    print(" V....D libx264 H.264")
    sys.exit(0)
data = sys.stdin.buffer.read({limit})
if {fails}:
    sys.stderr.write("av_interleaved_write_frame(): No space left on device")
    sys.exit(1)
with open(sys.argv[-1].removeprefix("file:"), "wb") as file:
    file.write(repr((sys.argv[1:], len(data))).encode())
"""


def _fake_ffmpeg(folder: Path, monkeypatch: pytest.MonkeyPatch, fails: bool = False) -> None:
    folder.mkdir()
    program = folder / "ffmpeg"
    program.write_text(_FAKE.format(python=sys.executable, limit=10 if fails else -1, fails=fails))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for ffmpeg is a script")
def test_ffmpeg_gets_plain_arguments_and_all_pixels(
    tmp_path: Path, export: Export, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_ffmpeg(tmp_path / "in" / "bin", monkeypatch)
    result = export("; rm -rf %d $HOME.mp4", fps=12.5)
    assert result.format == "H.264 (libx264 of ffmpeg)"
    arguments, count = ast.literal_eval((tmp_path / "; rm -rf %d $HOME.mp4").read_text())
    assert count == 6 * 40 * 60
    assert arguments[-1] == f"file:{tmp_path}/; rm -rf %d $HOME.mp4.partial"
    assert arguments[arguments.index("-s") :][:2] == ["-s", "60x40"]
    assert arguments[arguments.index("-r") :][:2] == ["-r", "12.5"]
    assert "yuv420p" in arguments


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for ffmpeg is a script")
def test_what_ffmpeg_complains_of_is_told(tmp_path: Path, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_ffmpeg(tmp_path / "in" / "bin", monkeypatch, fails=True)
    with pytest.raises(ExportError) as caught:
        export("b.mp4")
    assert caught.value.info.code == "disk-full"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for ffmpeg is a script")
def test_cancelled_film_ends_ffmpeg(tmp_path: Path, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_ffmpeg(tmp_path / "in" / "bin", monkeypatch)
    with pytest.raises(Cancelled):
        export("b.mp4", Listener(cancel_at=2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for ffmpeg is a script")
def test_ffmpeg_that_lies_in_the_working_folder_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_ffmpeg(tmp_path / "bin", monkeypatch)
    assert film.find_ffmpeg() == str(tmp_path / "bin" / "ffmpeg")
    monkeypatch.chdir(tmp_path / "bin")
    monkeypatch.setenv("PATH", f".{os.pathsep}/usr/bin")
    assert film.find_ffmpeg() != str(tmp_path / "bin" / "ffmpeg")
