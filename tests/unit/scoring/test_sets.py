"""Clean images and recordings: the published convention, what cameras cost, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.transform import resize

from core.denoising.context import QuietContext
from core.scoring.benchmark_items import camera_trials, item_trials
from core.scoring.clean_images import clean_image, clean_trials, counts_of, image_paths, shrunk, turned
from core.scoring.errors import ScoringError
from core.scoring.recorded import best_gaussian, fidelity_of, ideal_counts, noise_factor
from core.simulation.benchmark import view_of
from tests.unit.scoring.made import contender

CLEAN = 0.45 + 0.1 * np.sin(np.arange(96)[:, None] / 4) * np.cos(np.arange(80) / 5)


def test_resizing_is_that_of_the_published_evaluation() -> None:
    image = np.random.default_rng(0).uniform(size=(101, 87))
    np.testing.assert_array_equal(shrunk(image), resize(image, (79, 68), order=3, anti_aliasing=False))


def test_eight_turns_are_all_different_and_counts_the_same_each_time() -> None:
    assert len({turned(CLEAN, turn).tobytes() for turn in range(8)}) == 8
    np.testing.assert_array_equal(counts_of(CLEAN, 0, 3, 5.0), counts_of(CLEAN, 0, 3, 5.0))
    assert counts_of(CLEAN, 0, 3, 5.0).mean() == pytest.approx(5 * CLEAN.mean(), rel=0.05)


def test_truth_scores_without_limit_and_the_noisy_image_by_its_counts() -> None:
    trials = clean_trials([("a", CLEAN)], (4.0,), turns=1)
    judge = trials[0].begin(QuietContext())
    perfect = judge(contender(lambda f: 4.0 * turned(CLEAN, 0)[None]), QuietContext()).values
    assert perfect["psnr_255"] > 100
    noisy = judge(contender(), QuietContext()).values
    # Over the clean range, without the clamp: range^2 / (mean / s).
    assert noisy["psnr"] == pytest.approx(10 * np.log10(np.ptp(CLEAN) ** 2 / (CLEAN.mean() / 4)), abs=0.3)
    assert noisy["psnr_255"] > noisy["psnr"]


def test_keys_of_clean_images_tell_images_of_one_name_apart() -> None:
    keys = [one.key for one in clean_trials([("a", CLEAN), ("a", CLEAN + 0.1)], (1.0, 5.0))]
    assert len(set(keys)) == len(keys) == 32


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((100, 100), np.float32),
        np.full((100, 100), -1.0) + np.eye(100),
        np.full((100, 100), np.nan),
        np.zeros((3, 100, 100)),
        np.eye(10),
    ],
)
def test_image_that_can_not_be_clean_is_refused(tmp_path: Path, image: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, image, photometric="minisblack")
    with pytest.raises(ScoringError) as raised:
        clean_image(path)
    assert raised.value.info.path == str(path)


def test_images_are_found_in_folders_and_missing_ones_told(tmp_path: Path) -> None:
    for name in ("b.tif", "a.TIFF", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in image_paths((str(tmp_path),))] == ["a.TIFF", "b.tif"]
    (tmp_path / "empty").mkdir()
    for name in ("empty", "none.tif"):
        with pytest.raises(ScoringError):
            image_paths((str(tmp_path / name),))
    with pytest.raises(ScoringError, match="can't be read"):
        clean_image(tmp_path / "b.tif")


def test_noise_factor_is_one_for_counts_and_tells_excess() -> None:
    rng = np.random.default_rng(1)
    clean = np.full((4, 256, 256), 3.0, np.float32)
    counts = rng.poisson(clean).astype(np.float32)
    assert noise_factor(clean, counts) == pytest.approx(1.0, abs=0.1)
    noisier = counts + rng.normal(0, 3.0, counts.shape).astype(np.float32)
    factor = noise_factor(clean, noisier)
    assert factor == pytest.approx(4.0, abs=0.4)
    fewer, drawn = ideal_counts(clean, factor, 0)
    assert drawn.mean() == pytest.approx(3 / factor, rel=0.02)
    assert fewer.mean() == pytest.approx(3 / factor, rel=0.02)


def test_best_gaussian_is_better_than_none_and_no_better_than_the_truth() -> None:
    clean = np.asarray(10 * CLEAN[None], np.float32)
    noisy = np.random.default_rng(2).poisson(clean).astype(np.float32)
    best = best_gaussian(clean, noisy)
    assert best > fidelity_of(clean, noisy)["psnr"] + 3
    assert fidelity_of(clean, clean)["ssim"] == 1.0


def test_only_images_of_real_cameras_are_held_against_ideal_counts() -> None:
    chosen = [int(one.key.split("image-")[1][:2]) for one in camera_trials(range(40), quick=False)]
    assert len(chosen) == 20
    assert not any(view_of(seed, "image", 0.5).counted for seed in chosen)
    assert len(item_trials("movie", range(2, 5), quick=False)) == 3
