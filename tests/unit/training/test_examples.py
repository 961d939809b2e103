from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.protocol.recipes import ScenesRecipe, TrainRecipe
from core.training.examples import Source, binned, binnings_of, count, crop, draw_batch, illuminate, vary_contrast
from core.training.library_store import Library
from core.training.losses import log_error, place_weights
from core.training.scene_store import SceneFile, Scenes


def _library() -> Library:
    rng = np.random.default_rng(0)
    tem = rng.uniform(0.5, 1.5, (5, 2, 80, 80)).astype(np.float16)
    tem[-2:] = 7.0
    return Library(tem, tem[:, :1], 2)


def test_a_batch_depends_on_the_seed_and_its_number_alone(recipe: TrainRecipe) -> None:
    first = draw_batch(Source(_library()), recipe.schedule, 1, 4)
    draw_batch(Source(_library()), recipe.schedule, 1, 3)
    again = draw_batch(Source(_library()), recipe.schedule, 1, 4)
    assert torch.equal(first.counts, again.counts)
    assert not torch.equal(first.counts, draw_batch(Source(_library()), recipe.schedule, 1, 5).counts)


def test_held_out_structures_are_never_drawn() -> None:
    library = _library()
    for seed in range(50):
        assert crop(library.tem, library.held_out, 48, np.random.default_rng(seed)).max() < 7.0


def test_counts_have_the_mean_and_variance_that_are_said() -> None:
    noise = torch.tensor([1.0, 1.5])
    example = count(torch.full((2, 1, 300, 300), 20.0), noise, np.random.default_rng(0))
    assert example.mean.tolist() == pytest.approx([20, 20], rel=0.01)
    assert example.counts.var((1, 2, 3)).tolist() == pytest.approx([20, 30], rel=0.03)


def test_contrast_changes_leave_vacuum_alone() -> None:
    patch = np.array([[1.0, 1.5], [0.4, 1.0]], np.float32)
    for seed in range(20):
        varied = vary_contrast(patch, np.random.default_rng(seed))
        assert varied[0, 0] == varied[1, 1] == 1
        assert varied.min() >= 0.02


def test_illumination_keeps_the_mean() -> None:
    for seed in range(10):
        assert illuminate(np.ones((32, 32), np.float32), np.random.default_rng(seed)).mean() == pytest.approx(
            1, abs=1e-5
        )


def test_surfaces_weigh_most_and_vacuum_about_as_much_as_the_inside() -> None:
    columns = torch.arange(120)
    truth = (torch.cos(columns * 0.6) * (columns > 60)).expand(1, 1, 120, 120).contiguous()
    line = place_weights(truth)[0, 0].mean(0)
    assert line[50:66].max() > 1.1 * line[:40].mean()
    assert line[50:66].max() > 1.1 * line[85:110].mean()
    assert 0.8 < line[:40].mean() / line[85:110].mean() < 1.2


def test_a_block_that_lost_electrons_costs_more_than_noise_of_the_same_size() -> None:
    truth, ones = torch.zeros(1, 1, 64, 64), torch.ones(1, 1, 64, 64)
    offset = torch.full_like(truth, 0.1)
    scattered = offset * torch.sign(torch.randn(truth.shape, generator=torch.Generator().manual_seed(0)))
    assert log_error(offset, truth, ones, ones) > log_error(scattered, truth, ones, ones) + 0.5


def _scenes(folder: Path, sides: int = 96) -> Scenes:
    files = []
    for number, (modality, pixel) in enumerate((("HRTEM", 0.03), ("SEM", 5.0), ("HRTEM", 0.01))):
        path = folder / f"{number}.npy"
        np.save(path, np.full((2, sides, sides), 1.0 + number, np.float16))
        files.append(SceneFile(path, modality, pixel))
    return Scenes(tuple(files[:2]), tuple(files[2:]))


def test_scenes_enter_by_their_share_with_the_dose_of_their_binning(recipe: TrainRecipe, tmp_path: Path) -> None:
    wanted = ScenesRecipe(recipe="zoo", structures=3, share=1.0, binnings=(1, 2), dose=(4.0, 4.0))
    source = Source(_library(), _scenes(tmp_path), wanted)
    means = [draw_batch(source, recipe.schedule, 1, group).mean for group in range(12)]
    levels = {round(float(mean)) for mean in torch.cat(means)}
    # The first scene has the level 1, the second 2; the third only validates. Binning by 2 has four times the counts.
    assert all(min(abs(level - known) for known in (4, 8, 16, 32)) <= 1 for level in levels)


def test_pixels_of_atoms_are_summed_into_the_range_where_lattices_are_seen(tmp_path: Path) -> None:
    wanted = ScenesRecipe(recipe="zoo", structures=3, share=1.0, binned_nm=(0.05, 0.07))
    scenes = _scenes(tmp_path)
    assert binnings_of(scenes.train[0], wanted, 96, 48) == [2]
    assert binnings_of(scenes.train[1], wanted, 96, 48) == [1, 2]
    assert binnings_of(scenes.validation[0], wanted, 96, 24) == [1, 2, 4]


def test_sums_keep_the_mean() -> None:
    image = np.arange(48, dtype=np.float16).reshape(6, 8)
    assert binned(image, 2).mean() == image.mean()
    assert binned(image, 2)[0, 0] == image[:2, :2].mean()
