"""The job ``score``: what it judges, what it refuses, and what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.denoising.context import Cancelled, QuietContext
from core.denoising.errors import DenoiseError
from core.jobs.errors import JobError
from core.jobs.score import run
from core.protocol.denoise_parts import FrameRange, Region
from core.protocol.score import ScoreRequest, ScoreResult
from tests.unit.measures.drifting_scenes import Scene, mean_of_three, scene


def write(path: Path, frames: np.ndarray) -> str:
    tifffile.imwrite(path, frames, photometric="minisblack")
    return str(path)


@pytest.fixture(scope="module")
def one() -> Scene:
    return scene(dose=4.0, frames=16)


@pytest.fixture
def raw(one: Scene, tmp_path: Path) -> str:
    return write(tmp_path / "raw.tif", one.raw.astype(np.uint16))


def score(raw: str, result: str, **more: object) -> ScoreResult:
    return run(ScoreRequest.model_validate({"raw": raw, "result": result, **more}), QuietContext())


def codes(result: ScoreResult) -> set[str]:
    return {flag.code for flag in result.flags}


def told(result: ScoreResult) -> set[str]:
    return {notice.code for notice in result.notices}


def test_a_good_result_has_measures_with_caveats_and_no_flag(one: Scene, raw: str, tmp_path: Path) -> None:
    result = score(raw, write(tmp_path / "truth.tif", one.clean))
    assert result.flags == ()
    assert result.frames_used == 16
    wanted = {"upsnr", "own_noise", "dispersion", "snr", "frc_raw", "frc_result", "css", "css_raw", "css_mean_of_five"}
    assert wanted <= set(result.measures)
    assert all(measure.caveat for measure in result.measures.values())


def test_the_same_request_gives_the_same_answer(one: Scene, raw: str, tmp_path: Path) -> None:
    path = write(tmp_path / "blurred.tif", one.blurred(1.5))
    assert score(raw, path) == score(raw, path)


def test_spoiled_results_are_flagged(one: Scene, raw: str, tmp_path: Path) -> None:
    assert "identity" in codes(score(raw, raw))
    smeared = write(tmp_path / "smeared.tif", mean_of_three(one.raw))
    assert codes(score(raw, smeared)) == {"over-fitted", "temporally-smeared"}


def test_truth_adds_psnr_and_ssim(one: Scene, raw: str, tmp_path: Path) -> None:
    truth = write(tmp_path / "truth.tif", one.clean)
    result = score(raw, write(tmp_path / "blurred.tif", one.blurred(1.5)), truth=truth)
    psnr = result.measures["psnr"].value
    error = float(np.mean(np.square(one.blurred(1.5) - one.clean)))
    extent = np.mean([np.ptp(frame) ** 2 for frame in one.clean])
    assert psnr is not None
    assert psnr == pytest.approx(10 * np.log10(extent / error), abs=0.3)
    assert result.measures["ssim"].value is not None
    assert {"psnr_published", "ssim_published"} <= set(result.measures)


def test_the_error_without_truth_is_the_one_with_it(one: Scene, raw: str, tmp_path: Path) -> None:
    result = score(raw, write(tmp_path / "blurred.tif", one.blurred(0.8)))
    share = result.measures["error_over_noise"]
    true = float(np.mean(np.square(one.blurred(0.8) - one.clean))) / float(one.clean.mean())
    assert share.value is not None
    assert share.value == pytest.approx(true, rel=0.1)


def test_a_reference_serves_in_place_of_the_neighbours(one: Scene, raw: str, tmp_path: Path) -> None:
    other = np.random.default_rng(5).poisson(one.clean / 2).astype(np.uint16)
    reference = write(tmp_path / "other.tif", other)
    path = write(tmp_path / "blurred.tif", one.blurred(0.8))
    with_it = score(raw, path, reference=reference, reference_fraction=0.5).measures["upsnr"]
    without = score(raw, path).measures["upsnr"]
    assert with_it.value is not None
    assert without.value is not None
    assert with_it.value == pytest.approx(without.value, abs=0.5)


def test_stored_units_do_not_matter(one: Scene, tmp_path: Path) -> None:
    raw = write(tmp_path / "camera.tif", (100 + 20 * one.raw).astype(np.uint16))
    wide = (100 + 20 * one.blurred(1.6 * one.best_sigma)).astype(np.float32)
    result = score(raw, write(tmp_path / "wide.tif", wide), counts_per_electron=20, black_level=100)
    assert codes(result) == {"over-smoothed"}
    assert result.measures["intensity_ratio"].value == pytest.approx(1, abs=0.01)


def test_a_normalised_result_is_judged_and_said_to_be_one(one: Scene, raw: str, tmp_path: Path) -> None:
    normalised = ((one.clean - one.clean.min()) / np.ptp(one.clean)).astype(np.float32)
    result = score(raw, write(tmp_path / "normalised.tif", normalised))
    assert result.flags == ()
    assert "other-units" in told(result)


def test_pixels_without_a_number_are_flagged_and_the_rest_is_judged(one: Scene, raw: str, tmp_path: Path) -> None:
    holed = one.clean.copy()
    holed[:, 10:20, 10:20] = np.nan
    result = score(raw, write(tmp_path / "holed.tif", holed))
    assert codes(result) == {"not-finite"}


def test_a_result_without_any_number_is_refused(one: Scene, raw: str, tmp_path: Path) -> None:
    empty = write(tmp_path / "empty.tif", np.full_like(one.clean, np.nan))
    with pytest.raises(JobError, match="no number at all"):
        score(raw, empty)


def test_constant_raw_frames_are_refused(one: Scene, tmp_path: Path) -> None:
    raw = write(tmp_path / "constant.tif", np.full(one.raw.shape, 7, dtype=np.uint16))
    with pytest.raises(JobError, match="constant"):
        score(raw, write(tmp_path / "truth.tif", one.clean))


def test_a_constant_result_is_over_smoothed(one: Scene, raw: str, tmp_path: Path) -> None:
    flat = write(tmp_path / "flat.tif", np.full_like(one.clean, one.raw.mean()))
    assert "over-smoothed" in codes(score(raw, flat))


def test_movies_of_different_shape_are_refused_with_both_sizes(one: Scene, raw: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"16 frames of 96 x 96 px.*15 frames of 96 x 96 px"):
        score(raw, write(tmp_path / "short.tif", one.clean[:15]))
    with pytest.raises(JobError, match="96 x 90"):
        score(raw, write(tmp_path / "narrow.tif", one.clean[:, :, :90]))


def test_one_frame_is_judged_as_far_as_it_goes(one: Scene, tmp_path: Path) -> None:
    raw = write(tmp_path / "one.tif", one.raw[0].astype(np.uint16))
    result = score(raw, write(tmp_path / "clean.tif", one.clean[0]), counts_per_electron=1, black_level=0)
    assert result.flags == ()
    assert "few-frames" in told(result)
    assert result.measures["dispersion"].value == pytest.approx(1, abs=0.2)
    assert result.measures["own_noise"].value is None
    assert codes(score(raw, raw, counts_per_electron=1, black_level=0)) == {"identity"}


@pytest.mark.parametrize("frames", [2, 3, 5, 9])
def test_few_frames_are_judged_by_each_other(frames: int, tmp_path: Path) -> None:
    short = scene(dose=4.0, frames=frames, side=128)
    raw = write(tmp_path / "raw.tif", short.raw.astype(np.uint16))
    assert codes(score(raw, write(tmp_path / "clean.tif", short.clean))) == set()
    assert codes(score(raw, raw)) == {"identity"}


def test_frames_and_region_choose_a_part(one: Scene, raw: str, tmp_path: Path) -> None:
    path = write(tmp_path / "truth.tif", one.clean)
    part = score(raw, path, frames=FrameRange(start=2, stop=14), region=Region(y0=0, y1=64, x0=16, x1=96))
    assert part.frames_used == 12
    with pytest.raises(DenoiseError, match="frames 0 to 15"):
        score(raw, path, frames=FrameRange(start=20))
    with pytest.raises(DenoiseError, match="beyond the frame"):
        score(raw, path, region=Region(y0=0, y1=64, x0=16, x1=97))


def test_a_truth_of_another_size_is_refused(one: Scene, raw: str, tmp_path: Path) -> None:
    short = write(tmp_path / "short.tif", one.clean[:3])
    with pytest.raises(JobError, match="3 frames"):
        score(raw, raw, truth=short)


def test_long_movies_are_judged_in_stretches(tmp_path: Path) -> None:
    long = scene(dose=4.0, frames=90, side=64)
    raw = write(tmp_path / "raw.tif", long.raw.astype(np.uint16))
    result = score(raw, write(tmp_path / "clean.tif", long.clean))
    assert result.flags == ()
    assert 40 <= result.frames_used <= 64
    assert "sampled" in told(result)


def test_it_can_be_stopped(raw: str) -> None:
    class Stopping(QuietContext):
        def check(self) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(ScoreRequest(raw=raw, result=raw), Stopping())


def test_a_result_of_a_part_of_the_movie_is_matched_by_its_record(tmp_path: Path) -> None:
    from core.jobs.denoise import run as denoise
    from core.models import ModelStore
    from core.protocol.denoise import DenoiseRequest

    whole = scene(dose=4.0, frames=20)
    raw = write(tmp_path / "raw.tif", whole.raw.astype(np.uint16))
    request = DenoiseRequest(
        source=raw,
        output=str(tmp_path / "part.tif"),
        model="gaussian",
        device="cpu",
        frames=FrameRange(start=4, stop=18),
        region=Region(y0=8, y1=88, x0=0, x1=96),
    )
    denoise(request, ModelStore.default(), QuietContext())
    result = score(raw, str(tmp_path / "part.tif"))
    assert result.frames_used == 14
    assert result.measures["intensity_ratio"].value == pytest.approx(1, abs=0.01)
    noise = result.measures["residual_over_noise"].value
    assert noise is not None
    assert noise == pytest.approx(1, abs=0.15)
