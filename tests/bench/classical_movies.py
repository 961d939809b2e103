"""The classical methods over time, tuned blindly and with the drift estimated, beside rows that know the truth.

    python -m tests.bench.classical_movies [IMAGE.tif] [--doses 0.5 5] [--drift 0.31 0.14] [--frames 64]
                                           [--methods low-rank ...] [--pictures DIR]
    python -m tests.bench.classical_movies --benchmark 0:40 [--methods ...] [--every N] [--rows FILE] [--table]

A window of 256 x 256 px that drifts over a clean image (0.34 px a frame; without an image: the first of
../shared/data/clean, resized by 0.785), Poisson counts of so many electrons a px on average. PSNR in dB over frames,
peak 1 in the image's own unit (vacuum 0.45), not clamped. "true drift" rows are told the drift, "best" ones are tuned
against the truth. --benchmark takes movies of the benchmark instead, by their seeds (from 1000 on development ones):
nothing is tuned there, and PSNR is over the clean movie's range. Methods look at all frames; with --every only each
Nth result is made and judged. --rows keeps each row in a file and goes on where it ended; --table prints that file's
table for the manual. With --quick the image is a small simulated one.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import QuietContext
from core.denoising.methods.aligned import aligned_mean
from core.denoising.methods.over_time import course_of
from core.denoising.methods.spikes import without_spikes
from core.denoising.methods.time_windows import centred, summed
from core.networks.binning_choice import BINNINGS
from core.scoring.clean_images import clean_image
from core.scoring.recorded import as_seen
from core.simulation.benchmark import MOTION, SIDES
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
from tests.bench.score_clean_images import CLEAN, quick_image

METHODS = ("gaussian", "frame-average", "space-time-gaussian", "low-rank")
ON_BENCHMARK = (*METHODS, "lattice-filter", "lattice-general", "lattice-movie")
# A model shown the sum of each frame and two to either side, moved by whole px along the drift as it is measured.
SINGLE, FIVE = "lattice-general", "lattice-general on 5"
# Measured once on such a movie, sigmas and threshold tuned against the truth.
PUBLISHED = {
    0.5: {"noisy": 4.2, "gaussian": 28.3, "space-time-gaussian": 35.5, "low-rank": 34.2},
    5.0: {"noisy": 14.2, "gaussian": 34.5, "space-time-gaussian": 41.6, "low-rank": 36.6},
}
Stack = NDArray[np.float32]


def drifting(image: NDArray[np.float64], frames: int, speed: tuple[float, float], side: int) -> tuple[Stack, Stack]:
    """Return a movie (frames, side, side) of an image that drifts, exactly, and its shifts (frames, 2)."""
    shifts = np.arange(frames)[:, None] * np.array(speed)
    first = [max(0, (length - side) // 2 + int(way / 2)) for length, way in zip(image.shape, shifts[-1], strict=True)]
    spectrum = fft.rfft2(image)
    down, across = fft.fftfreq(image.shape[0])[:, None], fft.rfftfreq(image.shape[1])[None]
    parts = []
    for y, x in shifts:
        moved = fft.irfft2(spectrum * np.exp(-2j * np.pi * (down * y + across * x)), s=image.shape)
        parts.append(moved[first[0] : first[0] + side, first[1] : first[1] + side])
    return np.maximum(np.array(parts), 1e-6).astype(np.float32), shifts.astype(np.float32)


def psnr(result: Stack, clean: Stack, peak: float) -> float:
    """In dB, not clamped."""
    return float(10 * np.log10(peak**2 / np.mean(np.square(result - clean, dtype=np.float64))))


def with_truth(noisy: Stack, clean: Stack, shifts: Stack, peak: float) -> dict[str, float]:
    """Rows that are told the drift, or the truth."""
    looked = range(0, len(noisy), max(1, len(noisy) // 5))
    sigmas = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)

    def mean(reach: int, sigma: float) -> float:
        parts = []
        for frame in looked:
            weights = (np.abs(np.arange(len(noisy)) - frame) <= reach).astype(float)
            moves = (shifts[frame] - shifts).astype(np.float64)
            parts.append(aligned_mean(noisy, moves, weights, np.ones(len(noisy)), sigma))
        return psnr(np.array(parts), clean[list(looked)], peak)

    blurred = [np.stack([ndimage.gaussian_filter(noisy[frame], sigma) for frame in looked]) for sigma in sigmas]
    return {
        "noisy": psnr(noisy, clean, peak),
        "mean of 5, true drift": mean(2, 0.0),
        "mean of all, true drift": mean(len(noisy), 0.0),
        "gaussian per frame, best": max(psnr(one, clean[list(looked)], peak) for one in blurred),
        "mean of all + gaussian, true drift, best": max(mean(len(noisy), sigma) for sigma in sigmas),
    }


def blind(name: str, noisy: Stack, clean: Stack, shifts: Stack, peak: float, picture: Path | None) -> dict[str, float]:
    """One method that is told nothing: PSNR, the drift's error in px, CPU-seconds to tune and to denoise a frame."""
    method = on_cpu(name)
    began = time.process_time()
    state = method.prepare(ArrayMovie(noisy), QuietContext())
    tuned = time.process_time()
    result = denoise_array(method, noisy, state=state)
    each = (time.process_time() - tuned) / len(noisy)
    figures = {"": psnr(result, clean, peak), " tuning s": tuned - began, " s a frame": each}
    if state.parameters.get("drift"):
        away = np.array(state.parameters["drift"]) - shifts
        figures[" drift off by px"] = float(np.sqrt(np.mean(np.square(away - away.mean(axis=0)).sum(axis=1))))
    chosen = {key: value for key, value in state.parameters.items() if key != "drift"}
    sys.stderr.write(f"  {name}: {chosen} {' '.join(notice.text for notice in state.notices)}\n")
    if picture is not None:
        _draw(picture, noisy, result, clean)
    return {f"{name}{key}": value for key, value in figures.items()}


def _draw(path: Path, *movies: Stack) -> None:
    """The middle frame of each, side by side, and below it the first line through time."""
    clean = movies[-1]
    low, high = np.quantile(clean, [0.001, 0.999])
    rows = []
    for cut in (lambda movie: movie[len(movie) // 2], lambda movie: movie[:, movie.shape[1] // 2]):
        scaled = [np.clip((cut(movie) - low) / (high - low), 0, 1) * 255 for movie in movies]
        rows.append(np.concatenate(scaled, axis=1))
    Image.fromarray(np.concatenate(rows).astype(np.uint8)).save(path)


def main() -> None:
    """Print each dose's rows, or those of the benchmark's movies."""
    parser = arguments(__doc__)
    parser.add_argument("image", nargs="?", type=Path)
    parser.add_argument("--doses", nargs="+", type=float, default=[0.5, 5.0])
    parser.add_argument("--drift", nargs=2, type=float, default=[0.31, 0.14])
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--methods", nargs="+", choices=sorted((*method_names(), FIVE)))
    parser.add_argument("--benchmark", type=seed_range, metavar="FIRST:STOP")
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--pictures", type=Path)
    add_options(parser)
    asked = parser.parse_args()
    asked.methods = asked.methods or list(ON_BENCHMARK if asked.benchmark else METHODS)
    if asked.pictures is not None:
        asked.pictures.mkdir(parents=True, exist_ok=True)
    if asked.benchmark:
        on_benchmark(asked)
        return
    if asked.quick:
        image, side, frames, doses = quick_image(), 96, 12, [5.0]
    else:
        path = asked.image or next(iter(sorted(CLEAN.glob("*.tif"))), None)
        if path is None:
            raise SystemExit("no clean image: give one")
        image, side, frames, doses = clean_image(path), 256, asked.frames, asked.doses
    figures: dict[str, float | int | str] = {}
    clean, shifts = drifting(image, frames, tuple(asked.drift), side)
    for dose in doses:
        electrons = clean * np.float32(dose / clean.mean())
        noisy = np.random.default_rng([7, int(1000 * dose)]).poisson(electrons).astype(np.float32)
        peak = dose / float(clean.mean())
        rows = with_truth(noisy, electrons, shifts, peak)
        for name in asked.methods:
            picture = None if asked.pictures is None else asked.pictures / f"{name}_{dose:g}.png"
            rows |= blind(name, noisy, electrons, shifts, peak, picture)
        figures |= {f"{dose:g} e/px {name}": value for name, value in rows.items()}
        figures |= {f"{dose:g} e/px {name}, once measured": value for name, value in PUBLISHED.get(dose, {}).items()}
    report(figures)


def on_benchmark(asked: argparse.Namespace) -> None:
    """Each method's row on each movie, and their means."""
    rows = Rows(asked.rows)
    judged = range(0, MOTION.frames, asked.every)
    for seed in () if asked.table else asked.benchmark:
        missing = rows.missing(seed, (NOISY, *asked.methods), SIDES["movie"], len(judged))
        if not missing:
            continue
        item = item_of(seed, "movie")
        noisy = as_seen(item)
        for method in missing:
            rows.add(measured(item, method, noisy, judged, asked.pictures))
    if asked.table:
        print_table(rows.rows)
    report(figures_of(rows.rows))


def measured(item: Item, name: str, noisy: Stack, judged: range, pictures: Path | None) -> Row:
    """Let a method look at a whole movie, and judge some of its frames."""
    clean = item.clean[list(judged)]
    if name == NOISY:
        return row_of(item, name, clean, noisy[list(judged)])
    if name == FIVE:
        return on_five(item, noisy, judged)
    method = on_cpu(name)
    state, tuning = timed(lambda: method.prepare(ArrayMovie(noisy, item.pixel_nm), QuietContext()))
    result, took = timed(lambda: denoise_array(method, noisy, item.pixel_nm, state=state, frames=judged))
    if pictures is not None:
        _draw(pictures / f"{item.name}_{name}.png", noisy[list(judged)], result, clean)
    chosen = {key: value for key, value in state.parameters.items() if key != "drift"}
    seconds = {"tuning_s": tuning, "frame_s": took / len(judged)}
    return row_of(item, name, clean, result, chosen=chosen, **seconds)


def on_five(item: Item, noisy: Stack, judged: range) -> Row:
    """Let the single-frame model look at sums of five frames; of the four binnings the one that is best by the truth.

    What it knows of the noise is that of the frames.
    """
    method = on_cpu(SINGLE)
    movie = ArrayMovie(noisy, item.pixel_nm)
    state, tuning = timed(lambda: method.prepare(movie, QuietContext()))
    course = course_of(movie, QuietContext())
    frames = {number: without_spikes(one, state.parameters.get("spike")) for number, one in enumerate(noisy)}
    doses = {number: float(frame.mean()) for number, frame in frames.items()}
    sums = [summed(frames, doses, centred(course, frame, 2), course) for frame in judged]
    electrons = np.stack([one.electrons for one in sums if one is not None])
    count = np.array([one.frames for one in sums if one is not None], dtype=np.float32)[:, None, None]
    clean = item.clean[list(judged)]
    rows = []
    for binning in BINNINGS:
        known = {**state.parameters, "binning": binning, "spike": None}
        again = method.prepare(movie, QuietContext(), known)
        result, took = timed(lambda again=again: denoise_array(method, electrons, item.pixel_nm, state=again) / count)
        seconds = {"tuning_s": tuning, "frame_s": took / len(judged)}
        rows.append(row_of(item, FIVE, clean, result, chosen=known, **seconds))
    return max(rows, key=lambda row: row.psnr)


if __name__ == "__main__":
    main()
