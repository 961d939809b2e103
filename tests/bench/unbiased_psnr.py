"""How far the PSNR that needs no truth lies from the true one, on the counted items of the benchmark.

    python -m tests.bench.unbiased_psnr [--development] [--draws 1] [--splits 4] [--every 1] [--methods gaussian ...]

Each counted item is thinned in two; a method denoises one half, the other half judges the result, and the other way
round (`core.measures.thinned`); the truth judges them too. Printed: how far apart they are, how often the 95 % interval
covers the true PSNR, and how wide it is. With --development items are taken that tuning may use; the benchmark itself
never tunes anything.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from core.denoising.arrays import denoise_array
from core.measures.thinned import thinned_error
from core.measures.umse import signal_band, signal_peak
from core.simulation.benchmark import SEEDS
from tests.bench.benchmark_rows import DEVELOPMENT, item_of
from tests.bench.methods import on_cpu
from tests.bench.report import arguments, report, say

_BRIGHT = 1.0


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--every", type=int, default=1, help="take each so-many-th seed")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--splits", type=int, default=4)
    parser.add_argument("--methods", nargs="+", default=["gaussian", "lattice-general"])
    options = parser.parse_args()
    seeds = DEVELOPMENT if options.development else SEEDS
    seeds = seeds[:: options.every]
    if options.quick:
        seeds, options.splits, options.methods = seeds[:1], 1, ["gaussian"]
    methods = [on_cpu(name) for name in options.methods]
    found: dict[str, list[tuple[float, float, float, float, float]]] = defaultdict(list)
    for seed in seeds:
        for part in ("image", "movie"):
            item = item_of(seed, part)
            if not item.counts:
                continue
            for draw in range(1 if options.quick else options.draws):
                band = signal_band(item.noisy, item.noisy)
                peak = signal_peak(item.noisy, band)
                for denoiser in methods:
                    found_here = thinned_error(
                        lambda half, one=denoiser, px=item.pixel_nm: denoise_array(one, half, px),
                        item.noisy,
                        options.splits,
                        1000 * seed + draw,
                        band,
                    )
                    errors = [float(np.mean(np.square(result - item.clean))) for result in found_here.results]
                    true = float(10 * np.log10(peak**2 / np.mean(errors)))
                    value, low, high = found_here.error.psnr(peak)
                    row = [np.inf if v is None else v for v in (value, low, high)]
                    found[f"{denoiser.name}, {part}"].append((item.dose, true, *row))
                    line = f"{item.name:<18} {item.dose:6.2f} e/px  band {band:.3f}  {denoiser.name:<16}"
                    say(f"{line} PSNR {true:6.2f}  uPSNR {row[0]:6.2f} [{row[1]:.2f}, {row[2]:.2f}]")
    report(figures(found))


def figures(found: dict[str, list[tuple[float, float, float, float, float]]]) -> dict[str, float | int | str]:
    """Sum up: one row is dose, true PSNR, estimate, lower and upper end."""
    out: dict[str, float | int | str] = {}
    everything = [row for rows in found.values() for row in rows]
    for name, its_rows in {**found, "all": everything}.items():
        values = np.array(its_rows)
        bright = values[values[:, 0] >= _BRIGHT]
        apart = np.abs(values[:, 2] - values[:, 1])
        out[f"{name}: estimates"] = len(values)
        out[f"{name}: covered %"] = 100 * float(
            np.mean((values[:, 3] <= values[:, 1]) & (values[:, 1] <= values[:, 4]))
        )
        out[f"{name}: median |dB apart|"] = float(np.median(apart))
        out[f"{name}: within 0.3 dB %"] = 100 * float(np.mean(apart <= 0.3))
        if len(bright):
            gone = np.abs(bright[:, 2] - bright[:, 1])
            out[f"{name}: >= 1 e/px: median |dB apart|"] = float(np.median(gone))
            out[f"{name}: >= 1 e/px: within 0.3 dB %"] = 100 * float(np.mean(gone <= 0.3))
            out[f"{name}: >= 1 e/px: median width dB"] = float(np.median(bright[:, 4] - bright[:, 3]))
    return out


if __name__ == "__main__":
    main()
