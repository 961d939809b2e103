"""Score a model on held-out simulated structures and on empty frames.

    python -P tests/bench/score_simulated.py MODEL_FOLDER RECIPE.toml [--pictures DIR]

STEM: PSNR against the Gaussian whose sigma is best for each image and dose (tuned on the truth: optimistic).
Vacuum: rms of the result in per cent of the mean, in the middle and in the frame's outer 16 px, and false dots: local
extremes more than 5 per cent off the mean.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter, maximum_filter

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.networks.lattice_corrected import LatticeCorrectedNet
from core.networks.registry import load
from core.protocol.model_card import ModelCard
from core.simulation.library import simulate_columns, simulate_structure
from core.training.recipe_file import load_recipe

SIGMAS = np.geomspace(0.5, 8, 17)


def denoise(network: LatticeCorrectedNet, counts: NDArray[np.float32], binning: int) -> NDArray[np.float32]:
    """Denoise one frame of counts."""
    with torch.no_grad():
        frame = torch.from_numpy(counts)
        return np.asarray(network(frame[None, None], frame.mean()[None], binning)[0, 0].numpy())


def decibel(truth: NDArray[np.float32], estimate: NDArray[np.float32], peak: float) -> float:
    """Return PSNR in dB for a given peak."""
    return float(10 * np.log10(peak**2 / np.mean((truth - estimate) ** 2)))


def against_gaussian(
    network: LatticeCorrectedNet, images: list[NDArray[np.float32]], dose: float
) -> tuple[float, float]:
    """Return the mean PSNR of the network and of the best Gaussian at `dose` mean counts a px."""
    ours, theirs = [], []
    for number, image in enumerate(images):
        truth = image[16:-16, 16:-16] * dose
        counts = np.random.default_rng(number).poisson(truth).astype(np.float32)
        peak = float(np.percentile(truth, 99.9))
        ours.append(decibel(truth, denoise(network, counts, 1), peak))
        theirs.append(max(decibel(truth, gaussian_filter(counts, s), peak) for s in SIGMAS))
    return float(np.mean(ours)), float(np.mean(theirs))


def vacuum(network: LatticeCorrectedNet, dose: float, binning: int, frames: int = 4) -> tuple[float, float, int]:
    """Return rms in the middle and at the edge (per cent), and the number of false dots, over empty frames."""
    middle, edge, dots = [], [], 0
    for seed in range(frames):
        counts = np.random.default_rng(seed).poisson(np.full((600, 560), dose)).astype(np.float32)
        off = 100 * (denoise(network, counts, binning) / dose - 1)
        inner = np.zeros(off.shape, bool)
        inner[16:-16, 16:-16] = True
        middle.append(float(np.mean(off[inner] ** 2)))
        edge.append(float(np.mean(off[~inner] ** 2)))
        size = np.abs(off)
        dots += int(((size == maximum_filter(size, 4 * binning + 1)) & (size > 5)).sum())
    return float(np.sqrt(np.mean(middle))), float(np.sqrt(np.mean(edge))), dots


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--images", type=int, default=16)
    arguments = parser.parse_args()
    card = ModelCard.model_validate_json((arguments.model / "card.json").read_text())
    network = load(card.architecture, card.config, load_file(arguments.model / "weights.safetensors"))
    assert isinstance(network, LatticeCorrectedNet)
    recipe = load_recipe(arguments.recipe)
    library = recipe.library
    indices = range(library.columns, library.columns + min(arguments.images, library.held_out))
    stem = [simulate_columns(recipe.seed, i, library.size, library.pixel_angstrom).images[0] for i in indices]
    for dose in (2.0, 8.0, 30.0, 120.0):
        ours, theirs = against_gaussian(network, stem, dose)
        sys.stdout.write(f"STEM {dose:g} e/px: network {ours:.2f} dB, best Gaussian {theirs:.2f} dB\n")
    indices = range(library.structures, library.structures + min(arguments.images, library.held_out))
    tem = [simulate_structure(recipe.seed, i, 1, library.size, library.pixel_angstrom).images[0] for i in indices]
    for dose in (7.2, 36.0, 180.0):
        ours, theirs = against_gaussian(network, tem, dose)
        sys.stdout.write(f"TEM {dose:g} e/px: network {ours:.2f} dB, best Gaussian {theirs:.2f} dB\n")
    for dose in (0.1, 0.45, 2.25, 11.25):
        middle, edge, dots = vacuum(network, dose, 4)
        sys.stdout.write(
            f"vacuum {dose:g} e/px: rms {middle:.2f} %, outer 16 px {edge:.2f} %, false dots {dots} in 4\n"
        )


if __name__ == "__main__":
    main()
