from __future__ import annotations

import numpy as np
import pytest
import torch

from core.simulation.crystals import CATALOGUE, ZONES, fill, zone_rotation
from core.simulation.errors import OpticsError, SpecimenError
from core.simulation.imaging import Optics, image
from core.simulation.multislice import (
    exit_wave,
    exit_waves,
    interaction,
    scattering_factor,
    wave_size,
    wavelength,
)
from core.simulation.specimens import Specimen
from core.simulation.truth import project_columns


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


def test_the_wave_is_that_of_much_finer_slices_and_grids() -> None:
    positions, elements = _gold(24.0)
    coarse = exit_wave(positions, elements, 24.0, 240, 300.0)
    fine = exit_wave(positions, elements, 24.0, 400, 300.0, slice_thickness=0.25)
    for defocus in (-60.0, 20.0, 60.0):
        images = [image(wave, 24.0, Optics(defocus=defocus), 160) for wave in (coarse, fine)]
        assert np.corrcoef([each.flatten().numpy() for each in images])[0, 1] > 0.999


def test_waves_at_several_thicknesses_are_those_of_thinner_specimens() -> None:
    positions, elements = _gold(24.0)
    depth = positions[:, 2] - positions[:, 2].min()
    waves = list(exit_waves(positions, elements, 24.0, 160, 300.0, [float(depth.max()) / 2, float(depth.max())]))
    torch.testing.assert_close(waves[1], exit_wave(positions, elements, 24.0, 160, 300.0), atol=0.05, rtol=1e-3)
    thin = depth <= depth.max() / 2
    alone = exit_wave(positions[thin], elements[thin], 24.0, 160, 300.0)
    missing = float(depth.max() / 2 - depth[thin].max())
    focused = [image(waves[0], 24.0, Optics(), 96), image(alone, 24.0, Optics(defocus=60.0 + missing), 96)]
    torch.testing.assert_close(focused[0], focused[1], atol=2e-3, rtol=0)


def test_a_tilt_moves_deep_atoms_sideways() -> None:
    positions = np.array([[10.0, 10.0, -20.0], [10.0, 10.0, 20.0]])
    tilted = exit_wave(positions, np.array(["Au", "Au"]), 20.0, 160, 300.0, tilt=(0.05, 0.0))
    moved = positions + np.outer(positions[:, 2], [np.tan(0.05), 0, 0])
    torch.testing.assert_close(tilted, exit_wave(moved, np.array(["Au", "Au"]), 20.0, 160, 300.0), atol=0.1, rtol=1e-3)


@pytest.mark.parametrize("wrong", [{"kilovolt": 0.0}, {"box": -1.0}, {"size": 2}, {"debye_waller": -0.1}])
def test_impossible_waves_are_refused(wrong: dict[str, float]) -> None:
    good = {"positions": np.zeros((1, 3)), "elements": np.array(["C"]), "box": 10.0, "size": 32, "kilovolt": 300.0}
    with pytest.raises(OpticsError, match="can't be"):
        exit_wave(**{**good, **wrong})


def test_atoms_without_a_finite_place_and_huge_tilts_are_refused() -> None:
    with pytest.raises(OpticsError, match="finite"):
        exit_wave(np.full((1, 3), np.nan), np.array(["C"]), 10.0, 32, 300.0)
    with pytest.raises(OpticsError, match="tilt"):
        exit_wave(np.zeros((1, 3)), np.array(["C"]), 10.0, 32, 300.0, tilt=(1.0, 0.0))


@pytest.mark.parametrize(("box", "image_size"), [(51.2, 512), (20.0, 64), (150.0, 512)])
def test_the_waves_grid_is_fine_enough_and_not_wasteful(box: float, image_size: int) -> None:
    size = wave_size(box, image_size)
    assert size >= image_size
    assert box / size <= 0.1
    assert size <= 1.3 * max(image_size, box / 0.1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_gives_the_wave_of_the_processor() -> None:
    positions, elements = _gold(24.0)
    there = exit_wave(positions, elements, 24.0, 160, 300.0, device=torch.device("cuda")).cpu()
    torch.testing.assert_close(there, exit_wave(positions, elements, 24.0, 160, 300.0), atol=0.1, rtol=1e-3)


@pytest.mark.parametrize(("element", "number"), [("C", 6), ("Ti", 22), ("Au", 79)])
def test_scattering_to_high_angles_is_rutherfords(element: str, number: int) -> None:
    q = torch.tensor([3.49, 3.51, 5.0, 8.0])
    factor = scattering_factor(element, q**2, 0.0)
    assert float(factor[1] / factor[0]) == pytest.approx((3.49 / 3.51) ** 2, rel=0.01)
    bare = number / (2 * np.pi**2 * 0.529177 * q**2)
    assert 0.85 < float(factor[2] / bare[2]) < 1.0
    assert float(factor[2] / bare[2]) < float(factor[3] / bare[3]) < 1.0


def test_an_unknown_element_is_refused_by_its_name() -> None:
    atom = Specimen("test", np.zeros((1, 3)), np.array(["Qq"]), 10.0)
    with pytest.raises(SpecimenError, match="Qq"):
        exit_wave(atom.positions, atom.elements, 10.0, 32, 300.0)
    with pytest.raises(SpecimenError, match="Qq"):
        project_columns(atom, 0.1, 100)
