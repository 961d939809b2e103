"""The filters and the built-in network on the simulated benchmark's images, by modality, with and without lattice.

    python -m tests.bench.classical_images [--seeds 0:40] [--methods gaussian wiener ...]
                                           [--middle PX] [--rows FILE] [--table]

Nothing is tuned on the benchmark: the filters tune themselves on each noisy image. Seeds from 1000 on are of images
drawn from the training lists. --middle judges the middle of so many px a side, which is all that methods are then
given. --rows keeps each row in a file, goes on where it ended, and --table prints that file's table for the manual.
With --quick a part of one development image.
"""

from __future__ import annotations

import numpy as np

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import QuietContext
from core.denoising.tuning import middle
from core.scoring.recorded import as_seen
from core.simulation.benchmark import FIRST_DEVELOPMENT_SEED, SEEDS, SIDES
from core.simulation.item import Item
from tests.bench.benchmark_rows import (
    NOISY,
    Row,
    Rows,
    add_options,
    figures_of,
    item_of,
    print_table,
    row_of,
    timed,
)
from tests.bench.methods import method_names, on_cpu
from tests.bench.report import arguments, report, seed_range

FRAME_BY_FRAME = ("gaussian", "wiener", "wavelets", "tv", "nl-means", "lattice-filter", "lattice-general")
_QUICK_SIDE = 128


def measured(item: Item, method: str, noisy: np.ndarray, clean: np.ndarray) -> Row:
    """Let a method tune itself on an image (1, H, W) in electrons, and judge it."""
    if method == NOISY:
        return row_of(item, method, clean, noisy)
    denoiser = on_cpu(method)
    movie = ArrayMovie(noisy, item.pixel_nm)
    state, tuning = timed(lambda: denoiser.prepare(movie, QuietContext()))
    result, seconds = timed(lambda: denoise_array(denoiser, noisy, item.pixel_nm, state=state))
    return row_of(item, method, clean, result, tuning_s=tuning, frame_s=seconds, chosen=state.parameters)


def main() -> None:
    """Print a row an image and method, and the means of each group as one line of JSON too."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=seed_range, default=SEEDS, help="first and behind the last")
    parser.add_argument("--methods", nargs="+", choices=sorted(method_names()), default=list(FRAME_BY_FRAME))
    parser.add_argument("--middle", type=int, default=SIDES["image"], metavar="PX")
    add_options(parser)
    options = parser.parse_args()
    seeds, methods, side = options.seeds, (NOISY, *options.methods), options.middle
    if options.quick:
        seeds, methods = range(FIRST_DEVELOPMENT_SEED, FIRST_DEVELOPMENT_SEED + 1), (NOISY, "gaussian", "wiener")
        side = _QUICK_SIDE
    rows = Rows(options.rows)
    for seed in () if options.table else seeds:
        missing = rows.missing(seed, methods, side, 1)
        if not missing:
            continue
        item = item_of(seed, "image")
        noisy = middle(as_seen(item), side)
        clean = middle(item.clean, side)
        for method in missing:
            rows.add(measured(item, method, noisy, clean))
    if options.table:
        print_table(rows.rows)
    report(figures_of(rows.rows))


if __name__ == "__main__":
    main()
