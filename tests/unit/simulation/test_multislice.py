from __future__ import annotations

import numpy as np
import pytest
import torch

from core.simulation.crystals import CATALOGUE, ZONES, fill, zone_rotation
from core.simulation.imaging import Optics, image
from core.simulation.multislice import exit_wave, interaction, wavelength


def test_the_wavelength_and_interaction_constant_are_the_tabulated_ones() -> None:
    assert wavelength(300) == pytest.approx(0.019687, abs=2e-6)
    assert wavelength(80) == pytest.approx(0.041757, abs=4e-6)
    assert interaction(300) == pytest.approx(6.526e-4, rel=1e-3)


def test_an_empty_box_gives_a_flat_image_of_one() -> None:
    wave = exit_wave(np.zeros((0, 3)), np.array([], str), 20.0, 64, 300.0)
    torch.testing.assert_close(image(wave, 20.0, Optics(), 32), torch.ones(32, 32), atol=1e-5, rtol=0)


def _gold(box: float) -> tuple[np.ndarray, np.ndarray]:
    crystal = CATALOGUE["Au"]
    positions, elements = fill(crystal, zone_rotation(crystal, (1, 1, 0)), 8.0, 10.0)
    return positions + np.array([box / 2, box / 2, 0]), elements


def test_a_thin_specimen_keeps_nearly_all_electrons_inside_the_band() -> None:
    positions, elements = _gold(30.0)
    wave = exit_wave(positions, elements, 30.0, 192, 300.0)
    assert 0.9 < float((wave.abs() ** 2).sum() / 192**4) <= 1.0001


def test_a_single_light_atom_has_the_phase_of_its_scattering_factor() -> None:
    # The projected potential's integral is 47.878 f(0) volt angstrom^2, f(0) of carbon about 2.5 angstrom.
    wave = torch.fft.ifft2(exit_wave(np.array([[10.0, 10.0, 0.0]]), np.array(["C"]), 20.0, 128, 300.0))
    phase = float(torch.angle(wave).mean()) * 20.0**2
    assert phase == pytest.approx(interaction(300) * 47.878 * 2.5, rel=0.1)


def test_a_moved_atom_moves_its_image_by_a_fraction_of_a_pixel() -> None:
    def centre(x: float) -> float:
        wave = exit_wave(np.array([[x, 10.0, 0.0]]), np.array(["Pt"]), 20.0, 128, 300.0)
        shape = (image(wave, 20.0, Optics(defocus=-20.0), 64) - 1).abs() ** 2
        return float((shape.sum(0) * torch.arange(64)).sum() / shape.sum())

    assert centre(10.1) - centre(10.0) == pytest.approx(0.1 * 64 / 20, abs=0.02)


def test_columns_of_gold_lie_where_its_lattice_says() -> None:
    positions, _ = _gold(0.0)
    columns = np.unique(np.round(positions[:, :2], 3), axis=0)
    distances = np.linalg.norm(columns[:, None] - columns[None], axis=-1)
    nearest = np.where(distances > 0.1, distances, np.inf).min()
    assert nearest == pytest.approx(4.078 * np.sqrt(3) / 4 * np.sqrt(8 / 3) / np.sqrt(2), rel=0.35)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_no_two_atoms_of_a_crystal_are_closer_than_a_bond(name: str) -> None:
    crystal = CATALOGUE[name]
    for zone in ZONES[:2]:
        positions, _ = fill(crystal, zone_rotation(crystal, zone), 5.0, 5.0)
        distances = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
        np.fill_diagonal(distances, np.inf)
        assert 1.3 < distances.min() < 3.6
