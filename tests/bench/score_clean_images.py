"""Score a model on clean images: PSNR and SSIM at three doses, mean over eight turns and mirrorings.

    python -m tests.bench.score_clean_images MODEL_FOLDER IMAGE.tif [IMAGE.tif ...] [--doses 1 5 25] [--pictures DIR]

Convention (arXiv:2010.12970): clean resized by 0.785, noisy = Poisson(clean * s) / s, one draw a turn, data range 255
after multiplying by 255 and clamping. Test images never train and never choose anything. With --quick the model is the
built-in one, and the image a small simulated one, whose score says nothing of real ones.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import QuietContext
from core.denoising.devices import Device
from core.denoising.methods.lattice import LatticeDenoiser
from core.measures.fidelity import psnr, ssim
from core.models import ModelStore
from core.networks.lattice_corrected import LatticeCorrectedNet
from core.networks.registry import load
from core.protocol.model_card import ModelCard
from core.scoring.clean_images import clean_image, counts_of, turned
from core.simulation.library import simulate_structure
from tests.bench.report import arguments, report

# Published clean images, where they lie beside the checkout.
CLEAN = Path(__file__).parents[3] / "shared" / "data" / "clean"


@dataclass(frozen=True)
class Scores:
    """What was measured at one dose: PSNR (dB) of each image, and means over all of them."""

    psnr: NDArray[np.float64]
    ssim: float
    binnings: list[int]
    seconds: float
    first: list[NDArray[np.float64]]


def open_model(folder: Path) -> LatticeCorrectedNet:
    """Open a model's folder."""
    card = ModelCard.model_validate_json((folder / "card.json").read_text())
    network = load(card.architecture, card.config, load_file(folder / "weights.safetensors"))
    assert isinstance(network, LatticeCorrectedNet)
    return network


def quick_image() -> NDArray[np.float64]:
    """Simulate a small clean image, for a run that only shows that the bench works."""
    return np.asarray(simulate_structure(5, 2, 1, 128, (0.22, 0.28)).images[0], np.float64)


def built_in_model() -> Path:
    """Return the folder of the built-in model."""
    models = ModelStore.default().list()
    if not models:
        raise SystemExit("no model is installed")
    return models[0].folder


def score(denoiser: LatticeDenoiser, cleans: list[NDArray[np.float64]], dose: float, turns: int) -> Scores:
    """Score one dose over all images and turns; `Scores.first` holds truth, noisy and clean of each first turn."""
    psnrs, ssims, binnings, first, seconds = [], [], set(), [], 0.0
    for number, clean in enumerate(cleans):
        for turn in range(turns):
            truth = turned(clean, turn)
            counts = counts_of(truth, number, turn, dose)
            movie = ArrayMovie(counts[None])
            state = denoiser.prepare(movie, QuietContext())
            started = time.process_time()
            out = denoise_array(denoiser, movie.electrons, state=state)[0] / dose
            seconds += time.process_time() - started
            binnings.add(int(state.parameters["binning"]))
            psnrs.append(psnr(truth, out))
            ssims.append(ssim(truth, out))
            if turn == 0:
                first.append(np.stack([truth, counts / dose, out]))
    each = np.reshape(psnrs, (len(cleans), -1)).mean(1)
    return Scores(each, float(np.mean(ssims)), sorted(binnings), seconds / len(psnrs), first)


def main() -> None:
    """Print a table, one row a dose, and then all of it as one line of JSON."""
    parser = arguments(__doc__)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("images", type=Path, nargs="*")
    parser.add_argument("--doses", type=float, nargs="+", default=[1.0, 5.0, 25.0])
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    if not options.quick and not options.images:
        parser.error("give a model's folder and clean images, or --quick")
    network = open_model(options.model or built_in_model())
    denoiser = LatticeDenoiser("model", network, Device("cpu", "CPU", False), "float32")
    cleans = [clean_image(path) for path in options.images] or [quick_image()]
    figures: dict[str, float | int | str] = {}
    for dose in options.doses:
        scores = score(denoiser, cleans, dose, 1 if options.quick else options.turns)
        figures[f"PSNR dB at s={dose:g}"] = float(scores.psnr.mean())
        figures[f"each image at s={dose:g}"] = ", ".join(f"{value:.2f}" for value in scores.psnr)
        figures[f"SSIM at s={dose:g}"] = scores.ssim
        figures[f"binning at s={dose:g}"] = str(scores.binnings)
        figures[f"CPU-s a frame at s={dose:g}"] = scores.seconds
        if options.pictures:
            options.pictures.mkdir(parents=True, exist_ok=True)
            for number, picture in enumerate(scores.first):
                np.save(options.pictures / f"image{number}_s{dose:g}.npy", picture)
    report(figures)


if __name__ == "__main__":
    main()
