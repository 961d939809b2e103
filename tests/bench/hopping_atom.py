"""What becomes of an atom that is there for a few frames: how much of it is left in them, and how much in the others.

    python -m tests.bench.hopping_atom [--methods lattice-general lattice-movie ...] [--doses 1 5 20] [--frames 1 3 6]

A particle of columns (HAADF-like, 11 px apart) over vacuum drifts for 24 frames of 128 px, electrons a px on average in
the particle as --doses says. A column beyond its surface is there for --frames frames in the middle. Each method sees
the movie with it and without it, all other electrons the same; the difference of the two results is what the method
makes of the atom, and its projection on the atom is the share that is left: 1 is all of it. Printed are the least share
in its own frames, the largest in the others (a ghost), the same for the mean of both kinds, and by how many deviations
of the counting noise a matched filter sees the atom in one frame. With --quick a small one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import QuietContext
from tests.bench.methods import on_cpu
from tests.bench.report import arguments, report

Stack = NDArray[np.float64]
LENGTH, SIDE, PERIOD, WIDTH = 24, 128, 11.0, 2.4
SPEED = (0.31, 0.14)
VACUUM = 0.25


def particle(side: int) -> tuple[Stack, Stack]:
    """Return columns (n, 2) in px: a disc of a square lattice; and the free site next to its surface."""
    grid = np.arange(-side, side + PERIOD, PERIOD)
    y, x = np.meshgrid(grid, grid, indexing="ij")
    spots = np.stack([y.ravel(), x.ravel()], axis=1)
    inside = np.hypot(*spots.T) < 0.3 * side
    surface = spots[inside][np.argmax(spots[inside][:, 1] - 1e-3 * np.abs(spots[inside][:, 0]))]
    return spots[inside] + side / 2, surface + side / 2 + np.array([0.0, PERIOD])


def drawn(spots: Stack, side: int) -> Stack:
    """Return columns as Gaussians (side, side), each 1 high."""
    at = np.arange(side)
    down = np.exp(-((at[None] - spots[:, :1]) ** 2) / (2 * WIDTH**2))
    across = np.exp(-((at[None] - spots[:, 1:]) ** 2) / (2 * WIDTH**2))
    return down.T @ across


def movies(dose: float, frames: int, side: int) -> tuple[Stack, Stack, Stack, range]:
    """Return counts without the atom and with it, the atom in every frame (T, H, W), and the frames that have it."""
    columns, site = particle(side)
    shifts = (np.arange(LENGTH)[:, None] - LENGTH / 2) * np.array(SPEED)
    bare = np.stack([VACUUM + 2.0 * drawn(columns + one, side) for one in shifts])
    scale = dose / float(bare[:, side // 2 - 20 : side // 2 + 20, side // 2 - 20 : side // 2 + 20].mean())
    atom = np.stack([2.0 * scale * drawn(site[None] + one, side) for one in shifts])
    rng = np.random.default_rng([11, int(1000 * dose), frames])
    there = range((LENGTH - frames) // 2, (LENGTH - frames) // 2 + frames)
    without = rng.poisson(scale * bare).astype(np.float64)
    added = np.zeros_like(atom)
    added[there.start : there.stop] = rng.poisson(atom[there.start : there.stop])
    # What a matched filter sees in one frame, over the noise of what lies below the atom.
    seen = float(np.sum(atom[LENGTH // 2] ** 2) / np.sqrt(np.sum(atom[LENGTH // 2] ** 2 * scale * bare[LENGTH // 2])))
    return without, without + added, np.stack([atom, np.full_like(atom, seen)]), there


def main() -> None:
    """Print the shares of each method, dose and lifetime."""
    parser = arguments(__doc__)
    parser.add_argument("--methods", nargs="+", default=["lattice-general", "space-time-gaussian", "lattice-movie"])
    parser.add_argument("--doses", nargs="+", type=float, default=[1.0, 5.0, 20.0])
    parser.add_argument("--frames", nargs="+", type=int, default=[1, 3, 6])
    asked = parser.parse_args()
    side = 64 if asked.quick else SIDE
    doses, lives = (asked.doses[-1:], asked.frames[:1]) if asked.quick else (asked.doses, asked.frames)
    figures: dict[str, float | int | str] = {}
    for dose in doses:
        for frames in lives:
            without, seen, (atom, deviations), there = movies(dose, frames, side)
            case = f"{dose:g} e/px, {frames} frames"
            figures[f"{case}: deviations in a frame"] = round(float(deviations.flat[0]), 1)
            for name in asked.methods:
                left = np.array(shares(name, without, seen, atom))
                own = np.isin(np.arange(LENGTH), there)
                figures[f"{case} {name}: least in its frames"] = round(float(left[own].min()), 2)
                figures[f"{case} {name}: mean in its frames"] = round(float(left[own].mean()), 2)
                figures[f"{case} {name}: most in others"] = round(float(left[~own].max()), 2)
    report(figures)


def shares(name: str, without: Stack, seen: Stack, atom: Stack) -> list[float]:
    """Return for every frame which share of the atom a method leaves."""
    method = on_cpu(name)
    electrons = seen.astype(np.float32)
    state = method.prepare(ArrayMovie(electrons), QuietContext())
    results = [denoise_array(method, one.astype(np.float32), state=state) for one in (seen, without)]
    change = results[0] - results[1]
    return [float((one * what).sum() / np.square(what).sum()) for one, what in zip(change, atom, strict=True)]


if __name__ == "__main__":
    main()
