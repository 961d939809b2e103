"""How often the flags of a score are right: on spoiled results, and on good ones.

    python -m tests.bench.flags [--seeds 0:40] [--development] [--only KIND ...] [--jobs N] [--rows FILE]

Spoiled: the raw frames (identity); the best Gaussian with 1.5 times its sigma (over-smoothed); the best Gaussian with
half its sigma, and the network with 0.3 of what it took away put back (over-fitted); means of three frames, raw and
denoised, while the picture drifts by half a px a frame (temporally smeared). What costs less than 0.3 dB of true error
is listed apart ("hardly"): there is little to be seen. It is compared with the result that was spoiled, and a mean in
place with the mean of the same frames moved along the drift: it may well be better than a single frame.

Good: the truth, and every method whose true error is within 0.5 dB of the best that looks at one frame: what a method
does badly on an item it may well be flagged for. A result of these that is flagged, and whose true error a plain
correction (a Gaussian, or a part of what was taken away put back) lowers by 12 % or more, is listed as ``improvable``:
the flag is right. All results of all methods are listed too.

A movie with drift is made of an item's first clean frame, moved by half a px a frame, with Poisson noise. Sigma is the
best by the true error. The limits were set on development items (``--development``); the benchmark's own are seeds
0 to 39.
"""

from __future__ import annotations

import math
import os
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.denoising.arrays import denoise_array
from core.denoising.methods.classical import CLASSICAL
from core.measures.alignment import shifts_of
from core.measures.clips import Clip
from core.measures.judging import flag
from core.scoring.recorded import SIGMAS, as_seen
from core.simulation.benchmark import SEEDS
from core.simulation.item import Item
from tests.bench.benchmark_rows import DEVELOPMENT, item_of
from tests.bench.kept import keep
from tests.bench.methods import on_cpu
from tests.bench.report import arguments, report, seed_range

Frames = NDArray[np.float32]
Results = Iterator[tuple[str, str, Frames]]

_EDGE = 8
_MARGIN = 16
_GOOD_DB = 0.5
# Widths of the plain corrections, and the share of the error that they must remove for a flag to be right.
_SMOOTHING, _PUT_BACK = (0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0), (1.0, 2.0, 4.0, 8.0)
_IMPROVABLE = 0.12
_COSTS = 10 ** (0.3 / 10)
_HARDLY = "hardly "
# What was spoiled to make what.
_SPOILED = {
    "best Gaussian x 1.5": "best Gaussian",
    "best Gaussian / 2": "best Gaussian",
    "network + 0.3 residual": "lattice-general",
}
_STEP_PX = 0.5
NETWORK = "lattice-general"
# What looks at other frames can be better than any that doesn't.
_OVER_TIME = ("frame-average", "space-time-gaussian", "low-rank")


@dataclass(frozen=True)
class Row:
    """One result and its flags.

    Attributes
    ----------
    kind, name : str
        ``good``, or the flag that it deserves; which result it is.
    worse_db : float
        How far its true error lies above that of the best single-frame method.
    values : dict
        What the flags were made of.
    """

    item: str
    modality: str
    dose: float
    kind: str
    name: str
    worse_db: float
    flags: tuple[str, ...]
    values: dict[str, float]


def mean_of_three(frames: Frames) -> Frames:
    """Each frame averaged with its neighbours, in place."""
    return np.stack([frames[max(0, t - 1) : t + 2].mean(axis=0) for t in range(len(frames))]).astype(np.float32)


def mean_along(frames: Frames, step: NDArray[np.float64]) -> Frames:
    """Each frame averaged with its neighbours where the picture, moving by `step` px a frame, has gone to."""
    rows, columns = np.fft.fftfreq(frames.shape[1])[:, None], np.fft.rfftfreq(frames.shape[2])[None]
    turn = np.exp(-2j * np.pi * (rows * step[0] + columns * step[1]))
    spectra = np.fft.rfft2(frames)
    out = []
    for t in range(len(frames)):
        near = range(max(0, t - 1), min(len(frames), t + 2))
        out.append(np.mean([spectra[k] * turn ** (t - k) for k in near], axis=0))
    return np.fft.irfft2(np.stack(out), s=frames.shape[1:]).astype(np.float32)


def blurred(frames: Frames, sigma: float) -> Frames:
    """A Gaussian, frame by frame."""
    return np.asarray(gaussian_filter(frames, (0, sigma, sigma), mode="nearest"), dtype=np.float32)


def error(result: Frames, clean: Frames) -> float:
    """True mean squared error without the frame's border."""
    inner = np.s_[:, _EDGE:-_EDGE, _EDGE:-_EDGE]
    return float(np.mean(np.square(result[inner] - clean[inner], dtype=np.float64)))


def improvable(result: Frames, raw: Frames, clean: Frames) -> float:
    """Share of the true error that the best plain correction removes; the truth chooses it."""
    before = max(error(result, clean), 1e-30)
    after = [error(blurred(result, sigma), clean) for sigma in _SMOOTHING]
    for sigma in _PUT_BACK:
        taken = blurred(raw - result, sigma)
        after += [error(result + np.float32(part) * taken, clean) for part in (0.25, 0.5)]
    return 1 - min(after) / before


def drifting(item: Item) -> tuple[Frames, Frames, NDArray[np.float64]]:
    """Noisy and clean frames of a picture that moves by half a px a frame, and that step (rows, columns)."""
    scene = item.clean[0].astype(np.float64)
    rng = np.random.default_rng([zlib.crc32(item.name.encode()), 1])
    angle = rng.uniform(0, 2 * math.pi)
    rows, columns = np.fft.fftfreq(scene.shape[0])[:, None], np.fft.rfftfreq(scene.shape[1])[None]
    spectrum = np.fft.rfft2(scene)
    frames = []
    for number in range(len(item.clean)):
        way = _STEP_PX * (number - len(item.clean) / 2)
        turn = np.exp(-2j * np.pi * way * (rows * math.sin(angle) + columns * math.cos(angle)))
        frames.append(np.fft.irfft2(spectrum * turn, s=scene.shape)[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN])
    clean = np.clip(np.stack(frames), 0, None)
    step = _STEP_PX * np.array([math.sin(angle), math.cos(angle)])
    return rng.poisson(clean).astype(np.float32), clean.astype(np.float32), step


def methods(names: Sequence[str], electrons: Frames, pixel_nm: float) -> dict[str, Frames]:
    """Each method's result."""
    return {name: denoise_array(on_cpu(name), electrons, pixel_nm) for name in names}


def results(item: Item, raw: Frames, names: Sequence[str]) -> Results:
    """Kind (flag that is deserved, or ``method``), name and frames of results of an item, but for smeared ones."""
    step = max(1, len(raw) // 4)
    errors = [error(blurred(raw[::step], sigma), item.clean[::step]) for sigma in SIGMAS]
    best = float(SIGMAS[int(np.argmin(errors))])
    yield "good", "truth", item.clean
    yield "identity", "raw", raw
    yield "method", "best Gaussian", blurred(raw, best)
    yield "over-smoothed", "best Gaussian x 1.5", blurred(raw, 1.5 * best)
    yield "over-fitted", "best Gaussian / 2", blurred(raw, best / 2)
    for name, result in methods(names, raw, item.pixel_nm).items():
        yield "method", name, result
        if name == NETWORK:
            yield "over-fitted", "network + 0.3 residual", result + np.float32(0.3) * (raw - result)


def smeared(item: Item, network: bool) -> tuple[Frames, Frames, Results]:
    """Noisy and clean frames with drift, and results that smear them (and one that doesn't)."""
    raw, clean, way = drifting(item)
    step = max(1, len(raw) // 4)
    best = float(SIGMAS[int(np.argmin([error(blurred(raw[::step], s), clean[::step]) for s in SIGMAS]))])

    def smear(frames: Frames) -> tuple[str, Frames]:
        out = mean_of_three(frames)
        hardly = error(out, clean) < _COSTS * error(mean_along(frames, way), clean)
        return _HARDLY * hardly + "temporally-smeared", out

    def made() -> Results:
        kind, result = smear(raw)
        yield kind, "mean of 3 raw frames", result
        kind, result = smear(blurred(raw, best))
        yield kind, "mean of 3 best Gaussians", result
        if network:
            kind, result = smear(methods([NETWORK], raw, item.pixel_nm)[NETWORK])
            yield kind, "mean of 3 of the network", result
        yield "good", "truth, drifting", clean

    return raw, clean, made()


def rows_of_item(item: Item, raw: Frames, names: Sequence[str], network: bool) -> list[Row]:
    """All results of an item, judged; `raw` are its noisy frames in electrons, cleaned."""
    out = judged(item, raw, item.clean, results(item, raw, names))
    drift_raw, drift_clean, spoiled = smeared(item, network)
    return out + judged(item, drift_raw, drift_clean, spoiled)


def rows_of(seed: int, names: Sequence[str], frames: int, network: bool) -> list[Row]:
    """All results of one item, judged."""
    item = item_of(seed, "movie")
    item = replace(item, noisy=item.noisy[:frames], clean=item.clean[:frames], shifts=item.shifts[:frames])
    raw = as_seen(item)
    return rows_of_item(item, raw, names, network)


def judged(item: Item, raw: Frames, clean: Frames, made: Results) -> list[Row]:
    """Flag each result; a method's is called good if its true error is near the best of one frame."""
    shifts, certain = shifts_of(raw, lambda: None)
    found = []
    for kind, name, frames in made:
        flags, values = flag([Clip(raw, np.ascontiguousarray(frames, dtype=np.float32), shifts, certain)])
        if flags and kind in ("method", "good"):
            values["improvable"] = improvable(frames, raw, clean)
        found.append((kind, name, error(frames, clean), tuple(one.code for one in flags), values))
    single = [mse for kind, name, mse, _, _ in found if kind == "method" and name not in _OVER_TIME]
    best = min(single, default=float("nan"))
    errors = {name: mse for _, name, mse, _, _ in found}
    rows = []
    for kind, name, mse, codes, values in found:
        worse = 10 * math.log10(max(mse, 1e-30) / best) if best > 0 else float("nan")
        values["true_error"] = mse
        if kind == "method":
            kind = "good" if worse <= _GOOD_DB else "worse"
        if kind == "good" and values.get("improvable", 0.0) >= _IMPROVABLE:
            kind = "improvable"
        if name in _SPOILED and mse < _COSTS * errors[_SPOILED[name]]:
            kind = _HARDLY + kind
        rows.append(Row(item.name, item.modality, item.dose, kind, name, worse, codes, values))
    return rows


def main() -> None:
    """Print the rates."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=seed_range)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--only", nargs="*", default=[NETWORK, *CLASSICAL])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--frames", type=int, default=24, help="of each movie, from its first")
    parser.add_argument("--drifting-network", action="store_true", help="also smear results of the network (slow)")
    parser.add_argument("--rows", type=Path, help="append every result to this file, a line of JSON each")
    options = parser.parse_args()
    default = DEVELOPMENT if options.development else SEEDS
    if options.quick:
        default, options.only, options.frames = DEVELOPMENT[:1], [], 16
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    every: list[Row] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        jobs = [
            pool.submit(rows_of, seed, options.only, options.frames, options.drifting_network)
            for seed in options.seeds or default
        ]
        for job in as_completed(jobs):
            every += job.result()
            for row in job.result():
                keep(options.rows, asdict(row))
    tell(every)


def tell(every: Sequence[Row]) -> None:
    """Print how often each kind of result was flagged: by its own flag, by any, and by which others."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    figures: dict[str, float | int | str] = {}
    for row in every:
        groups[row.kind, row.name].append(row)
        if row.kind == "good":
            groups["good", "all"].append(row)
    for (kind, name), rows in sorted(groups.items()):
        counts: dict[str, int] = defaultdict(int)
        for row in rows:
            for code in row.flags:
                counts[code] += 1
        named = ", ".join(f"{code} {count}" for code, count in sorted(counts.items()))
        some = sum(bool(row.flags) for row in rows)
        deserved = kind.removeprefix(_HARDLY)
        own = "" if kind in ("good", "improvable", "worse") else f"own {sum(deserved in row.flags for row in rows)}, "
        figures[f"{kind}: {name}"] = f"{own}any {some} of {len(rows)} ({named or 'no flag'})"
        figures[f"{kind}: {name}, flagged %"] = 100.0 * some / len(rows)
    report(figures)


if __name__ == "__main__":
    main()
