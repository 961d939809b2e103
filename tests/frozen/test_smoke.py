"""The frozen program does what it is for, and nothing when asked for nonsense."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import tifffile

from core.denoising.methods.classical import CLASSICAL
from core.movies import open_movie
from core.protocol.movie import MovieMeta
from tests.frozen.conftest import Run
from tests.movie_files import SEEDS, ramp

pytestmark = pytest.mark.frozen

SAMPLES = Path(__file__).parents[2] / "resources" / "samples"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The sample movie under a name with a space and an umlaut."""
    (source,) = SAMPLES.glob("*.tif")
    return Path(shutil.copy(source, tmp_path / "Müller sample.tif"))


@pytest.mark.parametrize("name", ["quietbeam-cli", "Quietbeam"])
@pytest.mark.parametrize(
    "arguments", [["-c", "print(6 * 7)"], ["-m", "http.server"], ["--no-such-flag"], ["-Im", "site"], ["-x"]]
)
def test_unknown_flags_are_refused_before_any_window(command: Run, name: str, arguments: list[str]) -> None:
    run = command(*arguments, name=name)
    assert run.returncode == 2
    assert "42" not in run.stdout


def test_help_is_given(command: Run) -> None:
    run = command("--help")
    assert run.returncode == 0
    assert "denoise" in run.stdout


def test_info_reads_the_sample(command: Run, sample: Path) -> None:
    run = command("info", sample, "--json")
    assert run.returncode == 0, run.stderr
    text = run.stdout
    assert '"frames": 24' in text or '"frames":24' in text


def test_models_are_inside(command: Run) -> None:
    run = command("models", "list", "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)


def test_sample_is_denoised_by_the_frozen_engine(command: Run, sample: Path, tmp_path: Path) -> None:
    output = tmp_path / "clean Ü.tif"
    run = command("denoise", sample, "-o", output, "--frames", "0:4", "--device", "cpu")
    assert run.returncode == 0, run.stdout + run.stderr
    with tifffile.TiffFile(output) as result, tifffile.TiffFile(sample) as raw:
        clean, noisy = result.asarray(), raw.asarray()[:4].astype(float)
    assert clean.shape == noisy.shape
    assert clean.std() < 0.7 * noisy.std()
    assert clean.mean() == pytest.approx(noisy.mean(), rel=0.02)


@pytest.mark.parametrize("name", sorted(CLASSICAL))
def test_each_filter_runs_in_the_frozen_program(command: Run, sample: Path, tmp_path: Path, name: str) -> None:
    output = tmp_path / "clean.tif"
    run = command("denoise", sample, "-o", output, "--frames", "0:4", "--region", "0:128,0:128", "--model", name)
    assert run.returncode == 0, run.stdout + run.stderr
    with tifffile.TiffFile(output) as result, tifffile.TiffFile(sample) as raw:
        clean, noisy = result.asarray(), raw.asarray()[:4, :128, :128].astype(float)
    assert clean.std() < 0.8 * noisy.std()


def test_result_is_judged_in_the_frozen_program(command: Run, sample: Path, tmp_path: Path) -> None:
    parts = command("thin", sample, "-o", tmp_path, "--frames", "0:4", "--json")
    assert parts.returncode == 0, parts.stdout + parts.stderr
    first, second = json.loads(parts.stdout)["outputs"]
    judged = command("score", first, first, "--reference", second, "--json")
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert "identity" in {flag["code"] for flag in json.loads(judged.stdout)["flags"]}


def test_missing_file_is_bad_input(command: Run) -> None:
    run = command("info", "no such movie.dm4")
    assert run.returncode == 2
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("name", ["quietbeam-cli", "Quietbeam"])
def test_window_starts_shows_the_sample_and_leaves(command: Run, sample: Path, tmp_path: Path, name: str) -> None:
    said = tmp_path / "smoke.json"
    run = command(sample, name=name, QUIETBEAM_SMOKE=str(said), QT_QPA_PLATFORM="offscreen")
    assert said.is_file(), run.stdout + run.stderr
    came = json.loads(said.read_text(encoding="utf-8"))
    # The reader and the engine are the same program in other roles: both answered.
    assert set(came) == {"shown", "ready", "picture", "engine"}
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_every_format_is_read_by_the_frozen_program(command: Run, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in situ"
    folder.mkdir()
    path = SEEDS[name](folder)
    with open_movie(path) as movie:
        here = movie.meta
    run = command("info", path, "--json")
    assert run.returncode == 0, run.stderr
    assert MovieMeta.model_validate(json.loads(run.stdout)) == here


@pytest.mark.parametrize("ending", [".tif", ".ome.tif", ".mrc", ".ome.zarr", ".mp4", ".gif", ".csv"])
def test_every_format_is_written_by_the_frozen_program(command: Run, sample: Path, tmp_path: Path, ending: str) -> None:
    output = tmp_path / f"copy{ending}"
    run = command("convert", sample, output, "--frames", "0:3")
    assert run.returncode == 0, run.stdout + run.stderr
    if ending in (".tif", ".ome.tif", ".mrc", ".ome.zarr"):
        with open_movie(output) as copy, open_movie(sample) as original:
            assert (copy.region(slice(None)) == original.region(slice(0, 3))).all()
    else:
        assert output.stat().st_size > 0


def test_result_is_made_again_by_the_frozen_program(command: Run, sample: Path, tmp_path: Path) -> None:
    output = tmp_path / "clean.ome.tif"
    run = command("denoise", sample, "-o", output, "--frames", "0:2", "--device", "cpu")
    assert run.returncode == 0, run.stdout + run.stderr
    run = command("rerun", output, "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout)["identical"] is True


def test_every_compression_of_tiff_is_read_by_the_frozen_program(command: Run, tmp_path: Path) -> None:
    movie = ramp((4, 64, 64))
    for compression in ("lzw", "zlib", "zstd", "packbits", "lzma"):
        path, clean = tmp_path / f"{compression}.tif", tmp_path / f"{compression}_clean.tif"
        predictor = compression in ("lzw", "zlib", "zstd")
        tifffile.imwrite(path, movie, compression=compression, predictor=predictor, photometric="minisblack")
        run = command("denoise", path, "--frames", "0:1", "--device", "cpu", "-o", clean)
        assert run.returncode == 0, f"{compression}: {run.stdout}{run.stderr}"
