"""Make the sample movie again: `python resources/samples/make_sample.py [OUTPUT]`.

The movie is SIMULATED, not recorded: a platinum particle on ceria, [110] along the beam, (111) on (111), whose surface
columns come and go while the specimen drifts by a few px. Every frame is its own multislice and its own draw of
electrons. Nothing here comes from the seeds or the random specimens that train models.
"""

from __future__ import annotations

import argparse
import hashlib
import math
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray

from core.simulation.crystals import CATALOGUE, fill, small_tilt, zone_rotation
from core.simulation.imaging import Optics, image
from core.simulation.multislice import exit_wave

NAME = "simulated_Pt_on_CeO2_2e_per_px.tif"
SEED = 110_111
FRAMES = 24
SIDE = 288  # px
MARGIN = 48  # px cut from each side of the periodic box, where it wraps round
PIXEL = 0.2  # angstrom
DOSE = 2.0  # electrons per px and frame, in vacuum
FRAME_TIME_S = 0.025
THICKNESS = 32.0  # angstrom of ceria along the beam
RADIUS = 15.0  # angstrom from the particle's centre to its (111) facets
ZONE = (1, 1, 0)
DRIFT = np.array([0.045, -0.02])  # angstrom a frame
OPTICS = Optics(kilovolt=300.0, defocus=65.0, spherical=-1.3e5, focal_spread=30.0, blur=0.25)

Array = NDArray[np.float64]
Atoms = tuple[Array, NDArray[np.str_]]


def _turn(tilt_degrees: float) -> Array:
    """Turn the (1 -1 1) plane normal to the top of the picture, with a small tilt off the zone."""
    in_plane = -math.pi / 2 - math.atan2(1.0, -math.sqrt(2.0))
    return small_tilt(math.radians(tilt_degrees), 0.0, in_plane)


def _support(level: float, rng: np.random.Generator) -> Atoms:
    """Cut ceria below `level` (angstrom, downwards), with one step and a surface that is not complete."""
    ceria = CATALOGUE["CeO2"]
    positions, elements = fill(ceria, _turn(0.8) @ zone_rotation(ceria, ZONE), 58.0, THICKNESS / 2)
    step = ceria.cell[0][0] / math.sqrt(3) * (positions[:, 0] < -17.0)
    depth = positions[:, 1] - level - step
    column = np.round(positions[:, :2] / 0.9).astype(int)
    _, inverse = np.unique(column, axis=0, return_inverse=True)
    there = rng.uniform(size=inverse.max() + 1)[inverse.reshape(-1)] > 0.25
    keep = (depth > 1.6) | ((depth > 0) & there)
    return positions[keep], elements[keep]


def _facets(turn: Array) -> tuple[Array, Array]:
    """Return the normals (n, 3) and distances (n,) of a platinum particle with (111) and (100) facets."""
    signs = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], float) / math.sqrt(3)
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    normals = np.concatenate([signs, axes]) @ turn.T
    return normals, np.array([RADIUS] * len(signs) + [1.12 * RADIUS] * len(axes))


def _particle(centre: Array, level: float) -> tuple[Atoms, Array, NDArray[np.int64]]:
    """Return the particle's atoms and candidates one layer beyond it, their depth, and the column of each."""
    platinum = CATALOGUE["Pt"]
    turn = _turn(-0.6) @ zone_rotation(platinum, ZONE)
    positions, elements = fill(platinum, turn, 1.6 * RADIUS, 1.3 * RADIUS)
    normals, distances = _facets(turn)
    depth = (distances[:, None] - normals @ positions.T).min(0)
    positions = positions + centre
    keep = (depth > -2.3) & (positions[:, 1] < level - 1.2)
    positions, elements, depth = positions[keep], elements[keep], depth[keep]
    _, column = np.unique(np.round(positions[:, :2] / 0.9).astype(int), axis=0, return_inverse=True)
    return (positions, elements), depth, column.reshape(-1)


def clean_frames() -> Array:
    """Return the mean intensity (frames, side, side), vacuum = 1."""
    rng = np.random.default_rng(SEED)
    grid = SIDE + 2 * MARGIN
    box = grid * PIXEL
    level = 9.0
    support = _support(level, rng)
    (positions, elements), depth, column = _particle(np.array([3.0, level - 0.62 * RADIUS, 0.0]), level)
    # A column is of the rim by its own mean depth: the inner ones stay, the outer ones come and go.
    mean_depth = np.bincount(column, depth) / np.bincount(column)
    occupied = np.where(mean_depth > 1.4, 0.98, np.where(mean_depth > 0.0, 0.75, 0.05))
    state = rng.uniform(size=len(occupied)) < occupied
    shift = np.zeros(2)
    frames = []
    for _ in range(FRAMES):
        change = rng.uniform(size=len(occupied)) < 0.12
        state = np.where(change, rng.uniform(size=len(occupied)) < occupied, state)
        shift += DRIFT + rng.normal(0, 0.03, 2)
        inside = state[column] & (depth > -2.3)
        atoms = np.concatenate([support[0], positions[inside]])
        names = np.concatenate([support[1], elements[inside]])
        atoms[:, :2] += shift
        here = (np.abs(atoms[:, 0]) < box / 2) & (np.abs(atoms[:, 1]) < box / 2)
        atoms[:, :2] += box / 2
        wave = exit_wave(atoms[here], names[here], box, 640, OPTICS.kilovolt, debye_waller=0.5)
        frames.append(image(wave, box, OPTICS, grid).numpy()[MARGIN:-MARGIN, MARGIN:-MARGIN])
    return np.stack(frames)


def write(path: Path) -> None:
    """Draw the electrons and write the movie as counts, one an electron, with its calibration."""
    rng = np.random.default_rng(SEED + 1)
    counts = rng.poisson(np.clip(clean_frames(), 0, None) * DOSE).astype(np.uint8)
    note = (
        "SIMULATED, not recorded. Platinum on ceria, [110], by multislice at 300 kV; "
        f"{DOSE:g} electrons per px and frame in vacuum, one count an electron, Poisson noise only. "
        f"Made by resources/samples/make_sample.py with seed {SEED}."
    )
    tifffile.imwrite(
        path,
        counts,
        imagej=True,
        resolution=(10 / PIXEL, 10 / PIXEL),
        metadata={
            "axes": "TYX",
            "unit": "nm",
            "finterval": FRAME_TIME_S,
            "fps": 1 / FRAME_TIME_S,
            "tunit": "s",
            "Info": note,
        },
    )


def main() -> None:
    """Write the movie and report its hash."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", nargs="?", type=Path, default=Path(__file__).with_name(NAME))
    output = parser.parse_args().output
    torch.set_num_threads(1)
    write(output)
    parser.exit(message=f"{output}: sha256 {hashlib.sha256(output.read_bytes()).hexdigest()}\n")


if __name__ == "__main__":
    main()
