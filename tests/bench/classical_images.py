"""The filters on the simulated benchmark's images: PSNR over the clean range, for each modality.

    python -m tests.bench.classical_images [--seeds 0:40] [--methods gaussian wiener ...] [--development]

Nothing is tuned on the benchmark: the filters tune themselves on each noisy image. --development takes the images drawn
from the training lists (seeds from 1000 on). With --quick a part of one of those.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from core.denoising.arrays import denoise_array
from core.denoising.methods.classical import CLASSICAL
from core.denoising.tuning import middle
from core.measures.fidelity import psnr_over_range
from core.simulation.benchmark import FIRST_DEVELOPMENT_SEED, VERSION, benchmark_item, development_item
from core.simulation.item import Item
from tests.bench.report import arguments, report

FRAME_BY_FRAME = ("gaussian", "wiener", "wavelets", "tv", "nl-means", "lattice-filter")
_QUICK_SIDE = 128


def scores(item: Item, methods: tuple[str, ...], side: int | None) -> dict[str, float]:
    """Return PSNR (dB) of the noisy image and of each method's result."""
    clean = middle(item.clean, side or item.clean.shape[-1])
    noisy = ((item.noisy.astype(np.float64) - item.offset) / item.gain).astype(np.float32)
    noisy = middle(noisy, side or noisy.shape[-1])
    found = {"noisy": psnr_over_range(clean, noisy)}
    for name in methods:
        started = time.process_time()
        result = denoise_array(CLASSICAL[name].make(), noisy, item.pixel_nm)
        found[name] = psnr_over_range(clean, result)
        found[f"{name} CPU-s"] = time.process_time() - started
    return found


def main() -> None:
    """Print a row an image, and the means of each modality as one line of JSON too."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", default="0:40", help="first and behind the last")
    parser.add_argument("--methods", nargs="+", choices=sorted(CLASSICAL), default=list(FRAME_BY_FRAME))
    parser.add_argument("--development", action="store_true")
    options = parser.parse_args()
    first, last = (int(part) for part in options.seeds.split(":"))
    seeds, methods = range(first, last), tuple(options.methods)
    if options.quick:
        seeds, methods = range(FIRST_DEVELOPMENT_SEED, FIRST_DEVELOPMENT_SEED + 1), ("gaussian", "wiener")
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in seeds:
        item = (
            development_item(seed, "image") if options.quick or options.development else benchmark_item(seed, "image")
        )
        found = scores(item, methods, _QUICK_SIDE if options.quick else None)
        for group in (item.modality, "all", "counts" if item.counts else "cameras"):
            rows.setdefault(group, []).append(found)
        told = "  ".join(f"{name} {found[name]:.2f}" for name in ("noisy", *methods))
        sys.stdout.write(f"{item.name:<18}{item.kind:<20}{item.dose:6.2f} e/px  {told}\n")
        sys.stdout.flush()
    figures: dict[str, float | int | str] = {"benchmark version": VERSION}
    for group, members in sorted(rows.items()):
        figures[f"images, {group}"] = len(members)
        for name in members[0]:
            figures[f"{name}, {group}"] = float(np.mean([found[name] for found in members]))
    report(figures)


if __name__ == "__main__":
    main()
