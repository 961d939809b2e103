"""Score a model on held-out simulated structures and on empty frames.

    python -m tests.bench.score_simulated [MODEL_FOLDER RECIPE.toml] [--images N]

Without a folder: the built-in model and its recipe.

STEM: PSNR against the Gaussian whose sigma is best for each image and dose (tuned on the truth: optimistic).
Vacuum: rms of the result in per cent of the mean, in the middle and in the frame's outer 16 px, and false dots: local
extremes more than 5 per cent off the mean.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

from core.networks.lattice_corrected import LatticeCorrectedNet
from core.simulation.library import simulate_columns, simulate_structure
from core.training.recipe_file import load_recipe
from tests.bench.report import arguments, report
from tests.bench.score_clean_images import built_in_model, open_model

RECIPES = Path(__file__).parents[2] / "resources" / "recipes"
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
    """Score the held-out structures of the recipe, and vacuum."""
    parser = arguments(__doc__)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("recipe", type=Path, nargs="?")
    parser.add_argument("--images", type=int, default=16)
    options = parser.parse_args()
    folder = options.model or built_in_model()
    network = open_model(folder)
    recipe = load_recipe(options.recipe or RECIPES / f"{folder.name}.toml")
    library, seed = recipe.library, recipe.seed
    count = 1 if options.quick else min(options.images, library.held_out)
    stem_indices = range(library.columns, library.columns + count)
    stem = [simulate_columns(seed, i, library.size, library.pixel_angstrom).images[0] for i in stem_indices]
    tem_indices = range(library.structures, library.structures + count)
    tem = [simulate_structure(seed, i, 1, library.size, library.pixel_angstrom).images[0] for i in tem_indices]
    figures: dict[str, float | int | str] = {"images": count}
    for name, images, doses in (("STEM", stem, (2.0, 8.0, 30.0, 120.0)), ("TEM", tem, (7.2, 36.0, 180.0))):
        for dose in doses[:1] if options.quick else doses:
            ours, theirs = against_gaussian(network, images, dose)
            figures[f"{name} {dose:g} e/px: network dB"] = ours
            figures[f"{name} {dose:g} e/px: best Gaussian dB"] = theirs
    for dose in (0.45,) if options.quick else (0.1, 0.45, 2.25, 11.25):
        middle, edge, dots = vacuum(network, dose, 4, 1 if options.quick else 4)
        figures[f"vacuum {dose:g} e/px: rms %"] = middle
        figures[f"vacuum {dose:g} e/px: outer 16 px %"] = edge
        figures[f"vacuum {dose:g} e/px: false dots"] = dots
    report(figures)


if __name__ == "__main__":
    main()
