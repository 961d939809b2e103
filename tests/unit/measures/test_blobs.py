"""Weak invented atoms, in vacuum and beside a lattice; and what must not be taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from core.measures.belonging import belonging
from core.measures.blobs import added_blobs
from core.measures.clips import Clip
from core.measures.judging import flag
from tests.unit.measures.drifting_scenes import Frames, Scene

SIDE, FRAMES, DOSE = 128, 16, 4.0
VACUUM, BESIDE = (30.0, 64.0), (58.0, 64.0)


def atoms(places: np.ndarray, shifts: np.ndarray, height: float) -> Frames:
    y, x = np.mgrid[:SIDE, :SIDE]
    out = np.zeros((FRAMES, SIDE, SIDE), dtype=np.float32)
    for number, (down, right) in enumerate(shifts):
        for row, column in places:
            square = (y - row - down) ** 2 + (x - column - right) ** 2
            out[number] += (height * np.exp(-square / (2 * 2.0**2))).astype(np.float32)
    return out


@pytest.fixture(scope="module")
def lattice() -> Scene:
    """A crystal in the lower half, vacuum above; atoms of half the background's height."""
    rows, columns = np.meshgrid(np.arange(68, 126, 10.0), np.arange(4, 126, 10.0), indexing="ij")
    shifts = 0.2 * np.arange(FRAMES)[:, None] * np.array([0.6, 0.8])
    clean = DOSE + atoms(np.stack([rows.ravel(), columns.ravel()], axis=1), shifts, 0.5 * DOSE)
    return Scene(np.random.default_rng(5).poisson(clean).astype(np.float32), clean, shifts)


@pytest.mark.parametrize("place", [VACUUM, BESIDE], ids=["vacuum", "beside a lattice"])
def test_an_invented_atom_as_high_as_a_true_one_is_found(lattice: Scene, place: tuple[float, float]) -> None:
    result = lattice.clean + atoms(np.array([place]), lattice.shifts, 0.5 * DOSE)
    [blob] = added_blobs(lattice.clip(result))
    middle = np.array(place) + lattice.shifts[FRAMES // 2]
    assert np.hypot(*(np.array([blob.y, blob.x]) - middle)) < 2.5
    assert "structure-added" in {one.code for one in flag([lattice.clip(result)])[0]}


def test_an_atom_that_lacks_is_no_invented_one(lattice: Scene) -> None:
    assert added_blobs(lattice.clip(np.full_like(lattice.clean, DOSE))) == []


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3.0])
def test_true_atoms_are_not_invented_however_they_were_smoothed(lattice: Scene, sigma: float) -> None:
    assert added_blobs(lattice.clip(lattice.clean)) == []
    assert added_blobs(lattice.clip(lattice.blurred(sigma))) == []


def test_a_pattern_of_the_camera_is_not_taken_for_missing_atoms(lattice: Scene) -> None:
    pattern = 1 + 0.15 * np.random.default_rng(6).normal(size=(SIDE, SIDE))
    still = np.broadcast_to(lattice.clean[0], lattice.clean.shape)
    raw = np.random.default_rng(7).poisson(still * pattern).astype(np.float32)
    clip = Clip(raw, np.ascontiguousarray(still), np.zeros((FRAMES, 2)))
    assert added_blobs(clip) == []


def test_dead_pixels_are_no_invented_atoms() -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    gentle = DOSE + 0.3 * np.exp(-((y - 64) ** 2 + (x - 64) ** 2) / (2 * 2.0**2))
    still = np.broadcast_to(gentle.astype(np.float32), (FRAMES, SIDE, SIDE))
    raw = np.random.default_rng(8).poisson(still).astype(np.float32)
    raw[:, 63:66, 63:66] = 0
    assert added_blobs(Clip(raw, np.ascontiguousarray(still), np.zeros((FRAMES, 2)))) == []


def test_few_frames_say_nothing(lattice: Scene) -> None:
    few = Clip(lattice.raw[:5], lattice.clean[:5] + gaussian_filter(lattice.raw[:5], 3), lattice.shifts[:5])
    assert added_blobs(few) == []
    assert belonging([few]).blobs == ()
