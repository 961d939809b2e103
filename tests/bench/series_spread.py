"""Whether models that differ in their seed alone disagree where they are wrong.

    python -m tests.bench.series_spread [--series hrtem-low-dose] [--seeds 0:40] [--modality HRTEM] [--rows FILE]

Each model of a series denoises the benchmark's images of one modality. Their spread at a place is the deviation of
their results (n - 1), root mean square over blocks of 8 px; the error of their mean is taken over the same blocks.
Printed an image: PSNR over the clean range of each, and of their mean; how much of the error's size the spread has
(with errors that were independent from seed to seed it would be the square root of n); the rank correlation of the two
over blocks; and how many times larger the error is in the tenth of the blocks where they disagree most. With --quick a
part of one development image.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from core.denoising.arrays import denoise_array
from core.denoising.tuning import middle
from core.measures.fidelity import psnr_over_range
from core.models import ModelStore
from core.scoring.recorded import as_seen
from core.simulation.benchmark import FIRST_DEVELOPMENT_SEED, SEEDS, SIDES
from tests.bench.benchmark_rows import item_of
from tests.bench.kept import keep, kept_rows
from tests.bench.methods import on_cpu
from tests.bench.report import arguments, report, say, seed_range

Picture = NDArray[np.float64]
BLOCK = 8
_QUICK_SIDE = 96


def of_blocks(values: Picture) -> Picture:
    """Return the root mean square of a picture (H, W) over whole blocks, flat."""
    rows, columns = (side // BLOCK for side in values.shape)
    blocks = values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return np.asarray(np.sqrt(np.mean(blocks**2, axis=(1, 3)))).ravel()


def judged(results: Picture, clean: Picture) -> dict[str, float]:
    """Hold the spread of results (n, H, W) against the error of their mean."""
    mean = results.mean(axis=0)
    spread, error = of_blocks(results.std(axis=0, ddof=1)), of_blocks(mean - clean)
    widest = spread >= np.quantile(spread, 0.9)
    there, elsewhere = (float(np.mean(error[where] ** 2)) for where in (widest, ~widest))
    out = {f"PSNR {number + 1}": psnr_over_range(clean, one) for number, one in enumerate(results)}
    return out | {
        "PSNR of the mean": psnr_over_range(clean, mean),
        "spread / error": float(np.sqrt(np.mean(spread**2) / np.mean(error**2))),
        "rank correlation": float(spearmanr(spread, error).statistic),
        "error where they disagree most": float(np.sqrt(there / elsewhere)),
    }


def main() -> None:
    """Print a line an image and the means."""
    parser = arguments(__doc__)
    parser.add_argument("--series", default="hrtem-low-dose")
    parser.add_argument("--seeds", type=seed_range, default=SEEDS, help="first and behind the last")
    parser.add_argument("--modality", default="HRTEM")
    parser.add_argument("--rows", type=Path, help="keeps the line of each image, and goes on with it")
    options = parser.parse_args()
    names = [model.card.name for model in ModelStore.default().list() if model.card.series == options.series]
    seeds, side = options.seeds, SIDES["image"]
    if options.quick:
        seeds, side = range(FIRST_DEVELOPMENT_SEED, FIRST_DEVELOPMENT_SEED + 1), _QUICK_SIDE
    rows: dict[int, dict[str, float]] = {row["seed"]: row["figures"] for row in kept_rows(options.rows)}
    for seed in seeds:
        if seed in rows:
            continue
        item = item_of(seed, "image")
        if item.modality != options.modality:
            continue
        noisy, clean = middle(as_seen(item), side), middle(item.clean, side)[0].astype(np.float64)
        results = np.concatenate([denoise_array(on_cpu(name), noisy, item.pixel_nm) for name in names])
        rows[seed] = judged(results.astype(np.float64), clean)
        say(f"{item.name}  " + "  ".join(f"{k} {v:.2f}" for k, v in rows[seed].items()))
        keep(options.rows, {"seed": seed, "figures": rows[seed]})
    figures: dict[str, float | int | str] = {"images": len(rows), "models": ", ".join(names)}
    for key in next(iter(rows.values()), {}):
        figures[key] = round(float(np.mean([row[key] for row in rows.values()])), 3)
    report(figures)


if __name__ == "__main__":
    main()
