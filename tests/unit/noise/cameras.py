"""Movies of a simulated camera, with defects of which the truth is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import erf

from core.noise.defects import Defects, find_defects
from core.noise.sampling import Sample
from core.noise.temporal import Statistics, gather

RNG = np.random.default_rng


def columns(side: int, period: float, sigma: float, base: float = 0.1) -> np.ndarray:
    """Bright Gaussian columns on a square lattice, integrated over each px, mean 1."""
    px = np.arange(side)
    scale = sigma * 2**0.5
    line = sum(
        0.5 * (erf((px + 0.5 - centre) / scale) - erf((px - 0.5 - centre) / scale))
        for centre in np.arange(period / 2, side, period)
    )
    picture = np.outer(line, line)
    picture = base + picture / picture.max()
    return picture / picture.mean()


def spots(side: int, places: list[tuple[float, float]], sigma: float, electrons: list[float]) -> np.ndarray:
    """Spots of these peaks, integrated over each px."""
    edges = np.arange(side + 1) - 0.5
    wide = sigma * (2 * np.pi) ** 0.5
    out = np.zeros((side, side))
    for at, peak in zip(places, electrons, strict=True):
        rows, cols = (wide / 2 * np.diff(erf((edges - centre) / sigma / 2**0.5)) for centre in at)
        out += peak * np.outer(rows, cols)
    return out


def moved(picture: np.ndarray, by: tuple[float, float]) -> np.ndarray:
    rows, cols = np.fft.fftfreq(picture.shape[0])[:, None], np.fft.rfftfreq(picture.shape[1])[None]
    spectrum = np.fft.rfft2(picture) * np.exp(-2j * np.pi * (rows * by[0] + cols * by[1]))
    return np.maximum(np.fft.irfft2(spectrum, s=picture.shape), 0)


def counted(picture: np.ndarray, frames: int, dose: float, drift: float = 0.0, seed: int = 0) -> np.ndarray:
    """Electron counts of a picture that drifts by `drift` px in all."""
    steps = [(drift * t / frames, 0.6 * drift * t / frames) for t in range(frames)]
    clean = [picture if drift == 0 else moved(picture, step) for step in steps]
    return np.stack([RNG(seed + t).poisson(one * dose) for t, one in enumerate(clean)]).astype(np.float32)


def integrating(counts: np.ndarray, gain: float = 40.0, black: float = 100.0, seed: int = 9) -> np.ndarray:
    """What a camera with a gain, a black level and read noise makes of electrons."""
    return np.round(counts * gain + black + RNG(seed).normal(0, 3, counts.shape)).astype(np.float32)


@dataclass
class Truth:
    dead: list[tuple[int, int]] = field(default_factory=list)
    hot: list[tuple[int, int]] = field(default_factory=list)
    unstable: list[tuple[int, int]] = field(default_factory=list)
    hits: list[tuple[int, int, int]] = field(default_factory=list)


def with_defects(movie: np.ndarray, black: float, excess: float, each: int = 6, seed: int = 5) -> tuple:
    """Put in dead, hot and unstable pixels and hits, none next to another; gives movie and truth."""
    rng = RNG(seed)
    frames, height, width = movie.shape
    movie = movie.copy()
    cells = rng.choice((height // 6) * (width // 6), 4 * each, replace=False)
    places = [(6 * int(c // (width // 6)) + 3, 6 * int(c % (width // 6)) + 3) for c in cells]
    truth = Truth(places[:each], places[each : 2 * each], places[2 * each : 3 * each])
    for row, column in truth.dead:
        movie[:, row, column] = black
    for row, column in truth.hot:
        movie[:, row, column] += np.round(excess + rng.normal(0, 0.01 * excess, frames))
    for row, column in truth.unstable:
        movie[:, row, column] += np.round(2 * excess * (rng.random(frames) < 0.3))
    for row, column in places[3 * each :]:
        frame = int(rng.integers(frames))
        movie[frame, row, column] += 4 * excess
        truth.hits.append((frame, row, column))
    return movie, truth


def look(movie: np.ndarray, drift: np.ndarray | None = None, lens: bool = True) -> tuple[Statistics, Defects]:
    """Statistics and defects of a movie in memory."""
    sample = Sample(tuple(range(len(movie))), tuple(range(len(movie) - 1)))

    def read(place: int) -> np.ndarray:
        return movie[place].astype(np.float32)

    statistics = gather(read, sample, lambda: None, lens)
    return statistics, find_defects(statistics, read, lambda: None, drift, lens)


def marked(defects: Defects, bit: int) -> set[tuple[int, int]]:
    return {(int(row), int(column)) for row, column in np.argwhere(defects.mask & bit)}


def hits(statistics: Statistics) -> set[tuple[int, int, int]]:
    found = [(one.frame, r, c) for one in statistics.hits for r, c in zip(one.rows, one.columns, strict=True)]
    return {(int(frame), int(row), int(column)) for frame, row, column in found}
