"""Score a model on clean images: PSNR and SSIM at three doses, mean over eight turns and mirrorings.

    python -P tests/bench/score_clean_images.py MODEL_FOLDER IMAGE.tif [IMAGE.tif ...] [--doses 1 5 25] [--pictures DIR]

Convention (arXiv:2010.12970): clean resized by 0.785, noisy = Poisson(clean * s) / s, one draw a turn, data range 255
after multiplying by 255 and clamping. Test images never train and never choose anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from skimage.transform import resize

sys.path.insert(0, str(Path(__file__).parents[2]))

from core.measures.fidelity import psnr, ssim
from core.networks.binning_choice import choose_binning
from core.networks.lattice_corrected import LatticeCorrectedNet
from core.networks.registry import load
from core.protocol.model_card import ModelCard

RESIZE = 0.785


def open_model(folder: Path) -> LatticeCorrectedNet:
    """Open a model's folder."""
    card = ModelCard.model_validate_json((folder / "card.json").read_text())
    network = load(card.architecture, card.config, load_file(folder / "weights.safetensors"))
    assert isinstance(network, LatticeCorrectedNet)
    return network


def clean_image(path: Path) -> NDArray[np.float64]:
    """Read a clean image and resize it as the published evaluation does."""
    image = np.asarray(tifffile.imread(path), np.float64)
    return np.asarray(resize(image, [int(n * RESIZE) for n in image.shape], order=3, anti_aliasing=False))


def turned(image: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """Return one of the eight turns and mirrorings."""
    image = np.rot90(image, number % 4)
    return np.ascontiguousarray(image[:, ::-1] if number >= 4 else image)


def main() -> None:
    """Print a table, one row a dose."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--doses", type=float, nargs="+", default=[1.0, 5.0, 25.0])
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    network = open_model(arguments.model)
    cleans = [clean_image(path) for path in arguments.images]
    for dose in arguments.doses:
        psnrs, ssims, binnings, seconds = [], [], set(), 0.0
        for number, clean in enumerate(cleans):
            for turn in range(arguments.turns):
                truth = turned(clean, turn)
                rng = np.random.default_rng([number, turn, int(1000 * dose)])
                counts = torch.from_numpy(rng.poisson(truth * dose).astype(np.float32))
                binning = choose_binning(counts)
                started = time.process_time()
                with torch.no_grad():
                    out = network(counts[None, None], counts.mean()[None], binning)[0, 0].numpy() / dose
                seconds += time.process_time() - started
                binnings.add(binning)
                psnrs.append(psnr(truth, out))
                ssims.append(ssim(truth, out))
                if arguments.pictures and turn == 0:
                    arguments.pictures.mkdir(parents=True, exist_ok=True)
                    np.save(arguments.pictures / f"image{number}_s{dose:g}.npy", np.stack([truth, counts / dose, out]))
        each = ", ".join(f"{value:.2f}" for value in np.reshape(psnrs, (len(cleans), -1)).mean(1))
        sys.stdout.write(
            f"s={dose:g}: PSNR {np.mean(psnrs):.2f} dB (each image {each}), SSIM {np.mean(ssims):.4f}, "
            f"binning {sorted(binnings)}, {seconds / len(psnrs):.2f} CPU-s a frame\n"
        )


if __name__ == "__main__":
    main()
