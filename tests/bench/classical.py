"""The classical methods, tuned blindly, beside the best peers' rows on clean images.

    python -m tests.bench.classical [IMAGE.tif ...] [--doses 1 5 25] [--methods wiener ...] [--draws 1] [--pictures DIR]

Without images: those of ../shared/data/clean. Convention (arXiv:2010.12970): clean resized by 0.785,
noisy = Poisson(clean * s) / s, PSNR and SSIM with data range 255 after multiplying by 255 and clamping. Our parameters
are chosen on the noisy image alone; the peers' were tuned against the clean first image, and their rows are means over
four images, of which two are here. "plain": px are not summed; "summed": sums of 1, 2, 4 or 8 px a side to choose from.
With --quick the image is a small simulated one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import QuietContext
from core.denoising.denoiser import Denoiser
from core.denoising.methods.classical import CLASSICAL
from core.denoising.methods.nl_means import NlMeansDenoiser
from core.denoising.methods.total_variation import TotalVariationDenoiser
from core.denoising.methods.wavelets import WaveletDenoiser
from core.denoising.methods.wiener import WienerDenoiser
from core.measures.fidelity import VACUUM, psnr, ssim
from core.scoring.clean_images import clean_image
from tests.bench.report import arguments, report, say
from tests.bench.score_clean_images import CLEAN, quick_image

# PSNR / SSIM at s = 1, 5, 25, measured once on four images, tuned against the first one.
PEERS = {
    "gaussian": ("29.38/.924", "33.52/.951", "37.76/.977"),
    "wiener": ("23.76/.646", "27.34/.736", "31.50/.849"),
    "wavelets": ("27.19/.850", "32.81/.941", "38.61/.978"),
    "tv": ("28.60/.822", "33.18/.943", "37.42/.977"),
    "nl-means": ("28.81/.836", "32.33/.923", "37.67/.970"),
    "lattice-filter": ("33.81", "38.42", "43.19"),
}
DOSES = (1.0, 5.0, 25.0)
PLAIN: dict[str, Callable[[], Denoiser]] = {
    "wiener": lambda: WienerDenoiser((1,)),
    "wavelets": lambda: WaveletDenoiser((1,)),
    "tv": lambda: TotalVariationDenoiser((1,)),
    "nl-means": lambda: NlMeansDenoiser((1,)),
}


@dataclass(frozen=True)
class Row:
    """One method at one dose: means over images and draws, CPU-seconds to tune and to denoise a frame."""

    psnr: float
    ssim: float
    tuning: float
    seconds: float
    chosen: str


def score(
    make: Callable[[], Denoiser], cleans: list[NDArray[np.float64]], dose: float, draws: int, out: Path | None
) -> Row:
    """Score one method at one dose."""
    figures, chosen = [], ""
    for number, clean in enumerate(cleans):
        for draw in range(draws):
            rng = np.random.default_rng([number, draw, int(1000 * dose)])
            counts = rng.poisson(clean * dose).astype(np.float32)[None]
            method = make()
            started = time.process_time()
            state = method.prepare(ArrayMovie(counts), QuietContext())
            tuned = time.process_time()
            result = denoise_array(method, counts, state=state)[0] / dose
            ended = time.process_time()
            figures.append((psnr(clean, result), ssim(clean, result), tuned - started, ended - tuned))
            if number == draw == 0:
                chosen = ", ".join(f"{name} {value}" for name, value in state.parameters.items() if value is not None)
                if out is not None:
                    _draw(out / f"{method.name}_s{dose:g}.png", counts[0] / dose, result, clean)
    mean = np.mean(figures, axis=0)
    return Row(float(mean[0]), float(mean[1]), float(mean[2]), float(mean[3]), chosen)


def _draw(path: Path, *images: NDArray[np.floating]) -> None:
    """Write noisy, denoised and clean image side by side, with the clean one's contrast."""
    path.parent.mkdir(parents=True, exist_ok=True)
    low, high = np.quantile(images[-1], [0.001, 0.999])
    wide = np.concatenate(images, axis=1)
    Image.fromarray((np.clip((wide - low) / (high - low), 0, 1) * 255).astype(np.uint8)).save(path)


def main() -> None:
    """Print a row a method and dose, and then all of it as one line of JSON."""
    parser = arguments(__doc__)
    parser.add_argument("images", type=Path, nargs="*")
    parser.add_argument("--doses", type=float, nargs="+", default=list(DOSES))
    parser.add_argument("--methods", nargs="+", choices=sorted(PEERS), default=sorted(set(PEERS) & set(CLASSICAL)))
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--no-plain", action="store_true", help="leave out what is filtered without summing px")
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    paths = [] if options.quick else options.images or sorted(CLEAN.glob("*.tif"))
    if not paths and not options.quick:
        parser.error(f"there are no clean images in {CLEAN}: name some, or use --quick")
    cleans = [clean_image(path) for path in paths] or [quick_image() * VACUUM]
    figures: dict[str, float | int | str] = {"images": len(cleans)}
    for name in options.methods:
        for kind, makers in (
            ("summed", {name: CLASSICAL[name].make}),
            ("plain", {} if options.no_plain or options.quick else PLAIN),
        ):
            for dose in [5.0] if options.quick else options.doses:
                if name in makers:
                    row = score(makers[name], cleans, dose, options.draws, options.pictures)
                    theirs = PEERS[name][DOSES.index(dose)] if dose in DOSES else "-"
                    say(
                        f"{name:<15}{kind:<7} s={dose:<4g} {row.psnr:6.2f} dB {row.ssim:.3f}  theirs {theirs:<11}"
                        f" tuned in {row.tuning:5.1f} s, {row.seconds:4.2f} s a frame: {row.chosen}"
                    )
                    figures |= {
                        f"{name} {kind} s={dose:g} PSNR dB": row.psnr,
                        f"{name} {kind} s={dose:g} SSIM": row.ssim,
                    }
    report(figures)


if __name__ == "__main__":
    main()
