from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from scipy.ndimage import zoom

from core.networks.binning_choice import choose_binning
from core.simulation.library import simulate_columns, simulate_structure

CLEAN = sorted((Path(__file__).parents[3].parent / "shared" / "data" / "clean").glob("*.tif"))


def _drawn(clean: np.ndarray, electrons: float, seed: int = 1) -> torch.Tensor:
    counts = np.random.default_rng(seed).poisson(np.clip(clean, 0, None) * electrons)
    return torch.from_numpy(counts.astype(np.float32))


@pytest.mark.parametrize("binning", [1, 2, 4, 8])
@pytest.mark.parametrize("dose", [4.0, 200.0])
def test_the_sampling_of_simulated_lattices_is_found(binning: int, dose: float) -> None:
    images = [simulate_structure(5, i, 1, 256, (0.22, 0.28)).images[0] for i in (2, 7)]
    images.append(simulate_columns(5, 1, 256, (0.22, 0.28)).images[0])
    for image in images:
        fine = zoom(image[20:-20, 20:-20], binning, order=1)
        assert choose_binning(_drawn(fine, dose / binning**2)) == binning


def test_without_a_lattice_the_pixel_size_decides() -> None:
    flat = _drawn(np.ones((256, 256)), 2.0)
    assert [choose_binning(flat, p) for p in (0.003, 0.006, 0.012, 0.025, 0.5)] == [8, 4, 2, 1, 1]


def test_empty_and_tiny_frames_get_a_middle_value() -> None:
    assert choose_binning(torch.zeros(64, 64)) == 4
    assert choose_binning(torch.ones(3, 5)) == 4
    assert choose_binning(_drawn(np.ones((256, 256)), 0.5)) == 4


def test_frames_of_a_movie_decide_together() -> None:
    image = zoom(simulate_structure(5, 2, 1, 256, (0.22, 0.28)).images[0], 2, order=1)
    movie = torch.stack([_drawn(image, 0.5, seed) for seed in range(3)])
    assert choose_binning(movie) == 2


@pytest.mark.skipif(not CLEAN, reason="the clean images are not here")
@pytest.mark.parametrize("dose", [1.0, 5.0, 25.0])
def test_the_published_images_are_binned_by_four(dose: float) -> None:
    for path in CLEAN:
        clean = np.asarray(tifffile.imread(path), np.float64)
        assert choose_binning(_drawn(zoom(clean, 0.785, order=1), dose)) == 4
