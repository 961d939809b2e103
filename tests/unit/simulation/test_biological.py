"""Macromolecules, the ice around them, and the projection that shows both."""

from __future__ import annotations

import math
from pathlib import Path

import gemmi
import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from core.simulation.errors import SpecimenError
from core.simulation.imaging import Optics, image
from core.simulation.multislice import exit_wave, interaction, scattering_factor
from core.simulation.objects.biological import (
    BIOLOGICAL,
    bilayer,
    biological,
    cyclic,
    icosahedral,
    icosahedral_rotations,
    macromolecule_from_file,
)
from core.simulation.objects.ice import ice_phase, structure_factor
from core.simulation.objects.protein import DISPLACED, Envelope, fold
from core.simulation.phase_object import ICE_DENSITY, exit_spectrum, projected_phase, water_factor


def _ball(radius: float = 30.0) -> Envelope:
    return Envelope(np.zeros((1, 3)), np.array([radius]))


def test_a_made_up_protein_has_the_density_of_proteins() -> None:
    inside = [len(fold(np.random.default_rng(seed), _ball())) for seed in range(6)]
    # 1.35 g/cm3, of which heavier atoms than hydrogen have 14.1 Da each (with their hydrogens): 0.0577 an A^3.
    assert np.mean(inside) / (4 / 3 * math.pi * 30**3) == pytest.approx(0.0577, rel=0.12)


def test_helices_repeat_as_helices_do() -> None:
    atoms = fold(np.random.default_rng(1), _ball())
    # C-alpha to C-alpha three and four residues on: 5.0 and 6.2 angstrom; bonded backbone atoms at 1.2 to 1.6.
    nearest = cKDTree(atoms.positions).query(atoms.positions, k=2)[0][:, 1]
    assert 1.0 < np.median(nearest) < 1.6


def test_the_rotations_of_the_icosahedron_are_a_group_of_sixty() -> None:
    turns = icosahedral_rotations()
    assert turns.shape == (60, 3, 3)
    products = np.einsum("aij,bjk->abik", turns, turns).reshape(-1, 9)
    assert cKDTree(turns.reshape(60, 9)).query(products)[0].max() < 1e-6


def test_a_capsid_looks_the_same_along_each_of_its_fivefold_axes() -> None:
    unit = fold(np.random.default_rng(2), Envelope(np.array([[10.0, 20.0, 60.0]]), np.array([10.0])))
    shell = icosahedral(unit)
    turned = shell.turned(icosahedral_rotations()[17])
    assert cKDTree(shell.positions).query(turned.positions)[0].max() < 1e-6


def test_a_ring_has_its_symmetry_and_its_second_ring_is_upside_down() -> None:
    unit = fold(np.random.default_rng(3), _ball(15.0))
    ring = cyclic(unit, 7, 40.0, flip=True)
    assert len(ring) == 14 * len(unit)
    flipped = ring.turned(np.diag([1.0, -1.0, -1.0]))
    assert cKDTree(ring.positions).query(flipped.positions)[0].max() < 1e-6


def test_heads_of_a_membrane_are_38_angstrom_apart() -> None:
    points = np.stack(np.meshgrid(np.arange(0, 80, 8.0), np.arange(0, 80, 8.0), [0.0]), -1).reshape(-1, 3)
    atoms = bilayer(np.random.default_rng(4), points, np.tile([0.0, 0.0, 1.0], (len(points), 1)))
    heads = atoms.positions[atoms.elements == "P", 2]
    assert heads[heads > 0].mean() - heads[heads < 0].mean() == pytest.approx(38.0, abs=0.7)
    assert np.abs(atoms.positions[atoms.elements == "C", 2]).max() < 30


@pytest.mark.parametrize("kind", BIOLOGICAL)
def test_each_biological_kind_fits_its_box_and_comes_out_the_same_again(kind: str) -> None:
    first = biological(np.random.default_rng(5), 340.0, kind, copies=1)
    again = biological(np.random.default_rng(5), 340.0, kind, copies=1)
    np.testing.assert_array_equal(first.positions, again.positions)
    assert len(first.positions) > 1000
    assert first.positions[:, :2].min() >= 0
    assert first.positions[:, :2].max() < 340
    assert set(first.elements) <= {"C", "N", "O", "P"}


@pytest.mark.parametrize(("kind", "box"), [("capsid", 250.0), ("globule", 50.0)])
def test_macromolecules_larger_than_the_box_are_refused(kind: str, box: float) -> None:
    with pytest.raises(SpecimenError, match="does not fit into a box"):
        biological(np.random.default_rng(0), box, kind)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SpecimenError, match=r"no biological kind 'dragon'.*capsid"):
        biological(np.random.default_rng(0), 400.0, "dragon")


def test_a_macromolecule_is_read_without_its_water(tmp_path: Path) -> None:
    structure = gemmi.Structure()
    model, chain = gemmi.Model(1), gemmi.Chain("A")
    for number, (name, x) in enumerate((("ALA", 1.0), ("ALA", 5.0), ("HOH", 9.0)), 1):
        residue, atom = gemmi.Residue(), gemmi.Atom()
        residue.name, residue.seqid = name, gemmi.SeqId(number, " ")
        atom.name, atom.element, atom.pos = "O" if name == "HOH" else "CA", gemmi.Element("C"), gemmi.Position(x, 0, 0)
        residue.add_atom(atom)
        chain.add_residue(residue)
    model.add_chain(chain)
    structure.add_model(model)
    structure.setup_entities()
    path = tmp_path / "small.pdb"
    structure.write_pdb(str(path))
    atoms = macromolecule_from_file(path)
    np.testing.assert_allclose(atoms.positions[:, 0], [-2.0, 2.0], atol=1e-3)


@pytest.mark.parametrize("text", [None, "hello", "data_x\n"])
def test_a_structure_that_cannot_be_read_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "gone.cif"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SpecimenError) as caught:
        macromolecule_from_file(path)
    assert caught.value.info.path == str(path)


# The projection


def test_a_thin_specimen_has_the_same_image_projected_as_sliced() -> None:
    rng = np.random.default_rng(6)
    positions = np.column_stack([rng.uniform(5, 35, (60, 2)), rng.uniform(0, 1.5, 60)])
    elements = rng.choice(["C", "N", "O"], 60)
    optics = Optics(defocus=-600.0, blur=0.3)
    sliced = image(exit_wave(positions, elements, 40.0, 192, 300.0, debye_waller=8.0), 40.0, optics, 96)
    phase = projected_phase(positions, elements, 40.0, 192, 300.0, debye_waller=8.0)
    projected = image(exit_spectrum(phase), 40.0, optics, 96)
    assert float((sliced - projected).square().mean().sqrt()) < 0.03 * float(sliced.std())


def test_the_phase_of_an_atom_is_its_scattering_factor_wherever_it_sits() -> None:
    for x in (10.0, 10.07, 10.13):
        phase = projected_phase(np.array([[x, 12.0, 0.0]]), np.array(["C"]), 20.0, 64, 300.0, debye_waller=8.0)
        # Its sum over the area: 47.878 f(0), f(0) = 2.5 angstrom for carbon.
        total = float(phase.sum()) * (20.0 / 64) ** 2
        assert total == pytest.approx(interaction(300) * 47.878 * 2.5, rel=0.02)
        spectrum = torch.fft.fft2(phase) * (20.0 / 64) ** 2 / (interaction(300) * 47.878)
        far = scattering_factor("C", torch.tensor((16 / 20.0) ** 2), 8.0)
        assert float(spectrum[0, 16].abs()) == pytest.approx(float(far), rel=0.02)
        assert float(torch.angle(spectrum[0, 1])) == pytest.approx(
            math.remainder(-2 * math.pi * x / 20.0, 2 * math.pi), abs=1e-3
        )


def test_protein_is_denser_than_the_ice_it_displaces_and_water_is_not() -> None:
    atoms = fold(np.random.default_rng(7), _ball(25.0))
    spot = atoms.positions + np.array([50.0, 50.0, 0.0])
    inside = projected_phase(spot, atoms.elements, 100.0, 128, 300.0, displaced=DISPLACED)
    mean = float(inside.sum()) * (100 / 128) ** 2 / (4 / 3 * math.pi * 25**3) / interaction(300)
    # Inner potentials: protein 7-8 V, ice 4.5-4.9 V.
    assert 2.0 < mean < 5.5
    ice = 47.878 * ICE_DENSITY * float(water_factor(torch.zeros(1), 0.0))
    assert ice == pytest.approx(4.7, abs=0.3)


def test_ice_has_the_power_spectrum_of_its_molecules() -> None:
    rng = np.random.default_rng(8)
    size, pixel, thickness = 256, 0.8, 300.0
    power = torch.stack([torch.fft.fft2(ice_phase(rng, size, pixel, thickness, 300.0)).abs() ** 2 for _ in range(8)])
    measured = power.mean(0) * (pixel / size) ** 2
    q = torch.fft.fftfreq(size, d=pixel)
    radius = torch.sqrt(q[:, None] ** 2 + q[None] ** 2)
    for low, high in ((0.05, 0.12), (0.24, 0.30), (0.35, 0.45)):
        ring = (radius > low) & (radius < high)
        expected = ICE_DENSITY * thickness * water_factor(radius[ring] ** 2, 60.0) ** 2 * structure_factor(radius[ring])
        expected = expected * (interaction(300) * 47.878) ** 2
        assert float(measured[ring].mean() / expected.mean()) == pytest.approx(1.0, rel=0.05)
    # The halo of amorphous ice lies at 3.7 angstrom.
    q = torch.linspace(0.1, 0.5, 400)
    assert 1 / float(q[int(structure_factor(q).argmax())]) == pytest.approx(3.7, abs=0.1)


def test_no_ice_is_no_phase_and_negative_ice_is_refused() -> None:
    assert float(ice_phase(np.random.default_rng(0), 32, 1.0, 0.0, 300.0).abs().max()) == 0.0
    with pytest.raises(SpecimenError, match="-1 Å thick"):
        ice_phase(np.random.default_rng(0), 32, 1.0, -1.0, 300.0)
