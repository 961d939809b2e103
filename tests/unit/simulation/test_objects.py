"""Particles, films, defects and sheets: what a crystallographer would check of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from core.simulation.errors import SpecimenError
from core.simulation.materials import BENCHMARK, TRAINING
from core.simulation.objects.amorphous import amorphous, film_atoms
from core.simulation.objects.atoms import Atoms, column_index, coordination, keep_apart, without_close_pairs
from core.simulation.objects.bulk import PointDefects, bulk, bulk_atoms, with_point_defects
from core.simulation.objects.defects import antiphase_shifts, boundary, dislocation, displaced_by_dislocation
from core.simulation.objects.lattice import (
    bond_length,
    family,
    orientation,
    plane_normal,
    planes_along,
    step_height,
    translations,
)
from core.simulation.objects.particle import Wear, particle_atoms, particle_on_slab, particles, supported_particle
from core.simulation.objects.shapes import SHAPES, TWINS, decahedron, facets, icosahedron, wulff
from core.simulation.objects.sheet import SheetDefects, sheet

_MATERIALS = {**TRAINING.materials, **BENCHMARK.materials}
_IRIDIUM = _MATERIALS["Ir"]


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _nearest(positions: np.ndarray) -> float:
    return float(cKDTree(positions).query(positions, k=2)[0][:, 1].min())


# Lattice


@pytest.mark.parametrize(
    ("name", "plane", "count"), [("Ir", (1, 1, 1), 8), ("Ir", (1, 1, 0), 12), ("Ru", (1, 0, 1), 12)]
)
def test_a_family_has_as_many_planes_as_symmetry_makes(name: str, plane: tuple[int, int, int], count: int) -> None:
    assert len(family(_MATERIALS[name], plane)) == count


def test_a_hexagonal_crystal_has_its_planes_however_its_cell_is_written() -> None:
    # Cobalt is listed with the right-angled double cell, rhenium with the hexagonal one.
    assert len(family(_MATERIALS["Co"], (1, 0, 0))) == len(family(_MATERIALS["Re"], (1, 0, 0))) == 6


def test_steps_are_as_high_as_the_layers_repeat() -> None:
    a = 3.839
    assert step_height(_IRIDIUM, (1, 1, 1)) == pytest.approx(a / math.sqrt(3))
    assert step_height(_IRIDIUM, (1, 0, 0)) == pytest.approx(a / 2)
    assert step_height(_MATERIALS["Ru"], (0, 0, 1)) == pytest.approx(4.282 / 2)
    assert step_height(_MATERIALS["Al2O3"], (0, 0, 1)) == pytest.approx(12.991 / 3, abs=1e-3)


@pytest.mark.parametrize("name", ["Ir", "HfO2", "Ru", "Al2O3", "Co"])
def test_an_orientation_puts_the_zone_on_the_beam_and_the_plane_where_asked(name: str) -> None:
    crystal = _MATERIALS[name]
    for plane in planes_along(crystal, (1, 1, 0))[:4]:
        rotation = orientation(crystal, (1, 1, 0), plane, 0.7)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
        zone = rotation @ (np.array([1.0, 1.0, 0.0]) @ np.asarray(crystal.cell))
        np.testing.assert_allclose(zone[:2], 0, atol=1e-6)
        normal = rotation @ plane_normal(crystal, plane)[0]
        assert math.atan2(normal[1], normal[0]) == pytest.approx(0.7)


def test_a_plane_that_does_not_hold_the_zone_is_refused() -> None:
    with pytest.raises(SpecimenError, match="does not hold the zone axis"):
        orientation(_IRIDIUM, (1, 1, 0), (1, 1, 0))


def test_the_shortest_translation_of_each_lattice_is_known() -> None:
    for name, length in {"Ir": 3.839 / math.sqrt(2), "Ta": 3.303 * math.sqrt(3) / 2, "Ru": 2.706}.items():
        assert np.linalg.norm(translations(_MATERIALS[name])[0]) == pytest.approx(length, abs=1e-3)


# Particles


def test_the_equilibrium_shape_of_an_fcc_metal_is_a_truncated_octahedron() -> None:
    shape = wulff(_IRIDIUM)
    assert len(shape.distances) == 14
    square = shape.distances[np.isclose(np.abs(shape.normals).max(1), 1)]
    assert len(square) == 6
    # Nearest-neighbour bonds give 2 / sqrt(3) for (100) over (111); open planes cost a little more.
    assert square[0] / shape.distances.min() == pytest.approx(2 / math.sqrt(3), rel=0.02)


def test_the_equilibrium_shape_of_a_bcc_metal_is_a_rhombic_dodecahedron() -> None:
    assert len(wulff(_MATERIALS["Ta"]).distances) == 12


@pytest.mark.parametrize("shells", [1, 2, 3, 5])
def test_icosahedra_have_the_magic_numbers(shells: int) -> None:
    atoms = icosahedron(_IRIDIUM, 2 * shells * bond_length(_IRIDIUM) * 0.975)
    assert len(atoms) == (10 * shells**3 + 15 * shells**2 + 11 * shells + 3) // 3


def test_a_decahedron_has_five_equal_parts_and_a_bond_everywhere() -> None:
    atoms = decahedron(_IRIDIUM, 30.0)
    turned = atoms.turned(
        np.array([[math.cos(a := 2 * math.pi / 5), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    )
    assert cKDTree(atoms.positions).query(turned.positions)[0].max() < 1e-6
    assert _nearest(atoms.positions) > 0.97 * bond_length(_IRIDIUM)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_has_the_size_asked_for_and_no_atom_too_near(shape: str) -> None:
    atoms = particle_atoms(_rng(1), _IRIDIUM, shape, 30.0, np.eye(3))
    density = 4 / 3.839**3
    if shape not in TWINS:
        assert len(atoms) == pytest.approx(density * math.pi / 6 * 30.0**3, rel=0.2)
    assert _nearest(atoms.positions) > 0.95 * bond_length(_IRIDIUM)
    assert coordination(atoms, 1.3 * bond_length(_IRIDIUM)).min() >= 2


@pytest.mark.parametrize("name", ["HfO2", "Al2O3", "CdTe", "SnO2", "Ru"])
def test_shapes_close_in_crystals_of_any_symmetry(name: str) -> None:
    for shape in set(SHAPES) - set(TWINS):
        cut = facets(shape, _MATERIALS[name], 30.0, _rng(1))
        assert 14 < cut.radius() < 60


def test_wear_takes_atoms_off_and_puts_others_on() -> None:
    def count(wear: Wear) -> int:
        return len(particle_atoms(_rng(3), _IRIDIUM, "cuboctahedron", 30.0, np.eye(3), wear))

    bare = count(Wear())
    assert count(Wear(vacancies=0.5, by_column=False)) < bare < count(Wear(adatoms=0.5, by_column=False))
    assert count(Wear(inside=0.1)) == pytest.approx(0.9 * bare, rel=0.04)


def test_a_twin_of_another_crystal_is_refused() -> None:
    with pytest.raises(SpecimenError, match="fcc metal; Ru is none"):
        particle_atoms(_rng(), _MATERIALS["Ru"], "icosahedron", 30.0, np.eye(3))


def test_an_unknown_shape_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(SpecimenError, match=r"no shape 'blob'.*cuboctahedron"):
        particle_atoms(_rng(), _IRIDIUM, "blob", 30.0, np.eye(3))


def test_a_particle_larger_than_its_box_is_refused_with_the_size_it_needs() -> None:
    for make in (
        lambda: supported_particle(_rng(), 40.0, _IRIDIUM, "Wulff", 60.0, _MATERIALS["HfO2"]),
        lambda: particles(_rng(), 40.0, _IRIDIUM, ("Wulff",), 60.0, 1),
        lambda: particle_on_slab(_rng(), 40.0, _IRIDIUM, "Wulff", 60.0, _MATERIALS["LaAlO3"], (0, 0, 1)),
    ):
        with pytest.raises(SpecimenError, match=r"6 nm wide and does not fit into a box of 4 nm"):
            make()


def test_a_supported_particle_stands_on_its_support_and_in_it_nowhere() -> None:
    specimen = supported_particle(
        _rng(2), 60.0, _IRIDIUM, "Wulff", 24.0, _MATERIALS["LaAlO3"], planes=((1, -1, 1), (1, -1, 0))
    )
    metal = specimen.elements == "Ir"
    apart = cKDTree(specimen.positions[~metal]).query(specimen.positions[metal])[0]
    assert 1.8 < apart.min() < 2.6
    assert specimen.positions[~metal, 1].min() - specimen.positions[metal, 1].max() == pytest.approx(2.1, abs=0.2)
    # The support lies at larger y (its normal points to -y), the particle above it.
    assert specimen.positions[metal, 1].max() < np.median(specimen.positions[~metal, 1])


def test_a_particle_that_wears_away_leaves_its_film_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.simulation.objects.particle.random_wear", lambda rng: Wear(inside=1.0))
    specimen = particles(_rng(), 16.0, _IRIDIUM, ("Wulff",), 8.0, 2, glass=TRAINING.glasses["a-C"])
    assert set(specimen.elements) == {"C"}
    assert not len(particles(_rng(), 16.0, _IRIDIUM, ("Wulff",), 8.0, 2).positions)


def test_no_layer_of_a_particle_is_lost_in_its_support(monkeypatch: pytest.MonkeyPatch) -> None:
    lost: list[int] = []

    def counted(first: Atoms, second: Atoms, distance: float) -> Atoms:
        kept = keep_apart(first, second, distance)
        lost.append(len(second) - len(kept))
        return kept

    monkeypatch.setattr("core.simulation.objects.particle.keep_apart", counted)
    for name in ("LaAlO3", "CeO2", "SiC"):
        supported_particle(_rng(2), 60.0, _IRIDIUM, "Wulff", 24.0, _MATERIALS[name])
    assert lost == [0, 0, 0]


# Films


@pytest.mark.parametrize("name", [*TRAINING.glasses, *BENCHMARK.glasses])
def test_a_glass_has_its_density_and_its_atoms_keep_their_distance(name: str) -> None:
    glass = {**TRAINING.glasses, **BENCHMARK.glasses}[name]
    atoms = amorphous(_rng(4), glass, (24.0, 24.0, 20.0))
    assert len(atoms) == pytest.approx(glass.density * 24 * 24 * 20, rel=0.01)
    assert _nearest(atoms.positions) >= glass.distance
    # Dense random packing: the first shell is filled, unlike in a gas.
    assert np.median(cKDTree(atoms.positions).query(atoms.positions, k=2)[0][:, 1]) < 1.25 * glass.distance


def test_a_wide_film_is_as_dense_and_as_disordered_as_a_small_one() -> None:
    glass = BENCHMARK.glasses["a-Ge"]
    atoms = amorphous(_rng(4), glass, (120.0, 90.0, 8.0))
    assert len(atoms) == pytest.approx(glass.density * 120 * 90 * 8, rel=0.02)
    assert _nearest(atoms.positions) >= glass.distance
    np.testing.assert_allclose(np.abs(atoms.positions).max(0), [60, 45, 4], atol=0.3)
    # Laid out of pieces, but with no lattice of them: no spot stands out of the speckle.
    picture, _, _ = np.histogram2d(atoms.positions[:, 0], atoms.positions[:, 1], bins=(240, 180))
    power = np.abs(np.fft.fft2(picture - picture.mean())) ** 2
    assert power.max() / power.mean() < 2 * math.log(power.size)


def test_a_film_ends_at_its_edge_and_is_thinner_there() -> None:
    atoms = film_atoms(_rng(5), 60.0, BENCHMARK.glasses["a-Ge"], 40.0, (0.0, 5.0))
    x, z = atoms.positions[:, 0], atoms.positions[:, 2]
    assert x.max() < 25
    assert np.ptp(z[x > x.max() - 6]) < np.ptp(z[x < -15])


# Bulk


def test_a_wedge_is_as_thick_as_it_says_in_the_mean() -> None:
    specimen = bulk(_rng(6), 50.0, _IRIDIUM, (0, 0, 1), 30.0, slope=0.4)
    assert len(specimen.positions) == pytest.approx(4 / 3.839**3 * 50 * 50 * 30, rel=0.08)


def test_point_defects_come_in_their_shares() -> None:
    atoms = bulk_atoms(_rng(7), 40.0, _IRIDIUM, (0, 0, 1), 30.0)
    spoiled = with_point_defects(_rng(8), atoms, PointDefects(vacancies=0.1, dopants=0.2, dopant="Sn"), 2.7)
    assert len(spoiled) == pytest.approx(0.9 * len(atoms), rel=0.02)
    assert (spoiled.elements == "Sn").mean() == pytest.approx(0.2, abs=0.02)
    more = with_point_defects(_rng(8), atoms, PointDefects(interstitials=0.02), 2.7)
    assert len(more) > len(atoms)
    # Octahedral sites, the widest of the lattice, are 0.71 bonds from the next atoms.
    assert _nearest(more.positions) >= 0.7 * 2.7 - 1e-9


@pytest.mark.parametrize("share", [-0.1, 1.2])
def test_shares_that_are_none_are_refused(share: float) -> None:
    for make in (lambda: PointDefects(vacancies=share), lambda: Wear(adatoms=share), lambda: SheetDefects(dirt=share)):
        with pytest.raises(SpecimenError, match="between 0 and 1"):
            make()


# Defects


@given(
    length=st.floats(1.0, 6.0), direction=st.floats(-3.1, 3.1), along=st.floats(-3.0, 3.0), radius=st.floats(15.0, 80.0)
)
@settings(max_examples=40, deadline=None)
def test_a_walk_around_a_dislocation_ends_one_burgers_vector_off(
    length: float, direction: float, along: float, radius: float
) -> None:
    burgers = np.array([length * math.cos(direction), length * math.sin(direction), along])
    angle = direction + np.linspace(-math.pi + 1e-9, math.pi - 1e-9, 400)
    circle = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], 1)
    moved = displaced_by_dislocation(circle, burgers) - circle
    np.testing.assert_allclose(moved[-1] - moved[0], burgers, atol=1e-4 * np.linalg.norm(burgers))


def test_a_dislocation_presses_and_widens_the_crystal_as_elasticity_says() -> None:
    # div u = -b (1 - 2 nu) / (2 pi (1 - nu)) sin(theta) / r for an edge (Hirth and Lothe, eq. 3-43).
    burgers, step = np.array([2.7, 0.0, 0.0]), 1e-3
    for x, y in ((20.0, 10.0), (-5.0, 25.0), (8.0, -30.0)):
        ends = np.array([[x + step, y, 0], [x - step, y, 0], [x, y + step, 0], [x, y - step, 0]])
        u = displaced_by_dislocation(ends, burgers, poisson=0.3) - ends
        widening = (u[0, 0] - u[1, 0] + u[2, 1] - u[3, 1]) / (2 * step)
        expected = -2.7 * (1 - 0.6) / (2 * math.pi * 0.7) * y / (x * x + y * y)
        assert widening == pytest.approx(expected, rel=0.01)


def test_far_from_a_dislocation_the_lattice_is_whole() -> None:
    specimen = dislocation(_rng(9), 80.0, _IRIDIUM, (0, 0, 1), 12.0)
    centre = np.full(2, 40.0)
    far = np.linalg.norm(specimen.positions[:, :2] - centre, axis=1)
    tree = cKDTree(specimen.positions)
    bonds = tree.query(specimen.positions, k=2)[0][:, 1]
    assert np.abs(bonds[(far > 25) & (far < 36)] / bond_length(_IRIDIUM) - 1).max() < 0.05
    assert bonds.min() > 0.7 * bond_length(_IRIDIUM)


@pytest.mark.parametrize("kind", ["stacking fault", "twin boundary", "tilt boundary", "twist boundary"])
@pytest.mark.parametrize("name", ["Ir", "CdTe"])
def test_boundaries_leave_two_whole_crystals_and_no_atoms_too_near(kind: str, name: str) -> None:
    crystal = _MATERIALS[name]
    specimen = boundary(_rng(10), 60.0, crystal, kind, (1, 1, 0), thickness=16.0, angle=0.4, misorientation=0.4)
    assert _nearest(specimen.positions) > 0.7 * bond_length(crystal)
    expected = len(crystal.positions) / crystal.cell[0][0] ** 3 * 60 * 60 * 16
    assert len(specimen.positions) == pytest.approx(expected, rel=0.08)


def test_a_twin_is_the_mirror_image_of_its_crystal() -> None:
    specimen = boundary(_rng(11), 60.0, _IRIDIUM, "twin boundary", (1, 1, 0), thickness=12.0, angle=0.0)
    positions = specimen.positions - np.array([30.0, 30.0, 0.0])
    # The mirror is a layer of atoms near the middle: try those there are.
    layers = np.unique(np.round(positions[np.abs(positions[:, 0]) < 3, 0], 2))
    inner = positions[(np.abs(positions[:, 0]) < 18) & (np.abs(positions[:, 1]) < 18)]
    fits = [np.mean(cKDTree(positions).query(inner * [-1, 1, 1] + [2 * m, 0, 0])[0] < 0.05) for m in layers]
    assert max(fits) > 0.99
    # And it is no plain crystal, which its translations along the normal would carry over the boundary.
    step = 3 * step_height(_IRIDIUM, (1, 1, 1))
    low = inner[inner[:, 0] < -2]
    over = low + np.array([math.ceil(20 / step) * step, 0, 0])
    assert np.mean(cKDTree(positions).query(over[np.abs(over[:, 0]) < 28])[0] < 0.05) < 0.9


@pytest.mark.parametrize("name", ["FePt", "Cu3Au"])
def test_an_antiphase_boundary_exchanges_the_sublattices_of_one_lattice(name: str) -> None:
    crystal = _MATERIALS[name]
    whole = boundary(_rng(12), 50.0, crystal, "antiphase boundary", (0, 0, 1), thickness=12.0)
    left, right = whole.positions[:, 0] < 20, whole.positions[:, 0] > 30
    plane = planes_along(crystal, (0, 0, 1))[0]
    across = orientation(crystal, (0, 0, 1), plane) @ np.asarray(crystal.cell)
    moves = np.stack(np.meshgrid(*[np.arange(-20, 21)] * 3, indexing="ij"), -1).reshape(-1, 3) @ across.T
    rare = "Au" if name == "Cu3Au" else "Fe"
    start = whole.positions[left & (whole.elements == rare)][0]
    gap, hit = cKDTree(whole.positions).query(start + moves)
    there = gap < 0.05
    # The rare atoms' lattice, run on across the boundary, holds none of them there, but atoms of the other kind.
    assert set(whole.elements[hit[there & left[hit]]]) == {rare}
    beyond = whole.elements[hit[there & right[hit]]]
    assert len(beyond) > 50
    assert rare not in set(beyond)


@pytest.mark.parametrize("name", ["TaC", "CdTe", "ThO2"])
def test_compounds_with_one_kind_of_metal_site_have_no_antiphase_boundary(name: str) -> None:
    assert len(antiphase_shifts(_MATERIALS[name])) == 0


def test_one_element_has_no_antiphase_boundary() -> None:
    with pytest.raises(SpecimenError, match="no two kinds of metal sites"):
        boundary(_rng(), 50.0, _IRIDIUM, "antiphase boundary")


def test_an_unknown_boundary_is_refused() -> None:
    with pytest.raises(SpecimenError, match=r"no boundary called 'crack'"):
        boundary(_rng(), 50.0, _IRIDIUM, "crack")


# Sheets


def test_a_sheet_is_one_layer_and_its_defects_come_in_their_shares() -> None:
    layer = BENCHMARK.sheets["WS2 layer"]
    whole = sheet(_rng(13), 60.0, layer)
    area = abs(np.linalg.det(np.asarray(layer.cell)[:2, :2]))
    assert len(whole.positions) == pytest.approx(3 * 60 * 60 / area, rel=0.03)
    assert np.ptp(whole.positions[:, 2]) == pytest.approx(2 * 1.571, abs=1e-6)
    spoiled = sheet(_rng(13), 60.0, layer, defects=SheetDefects(vacancies=0.1, dopants=0.2, dopant="Nb"))
    assert (spoiled.elements == "S").sum() == pytest.approx(0.9 * (whole.elements == "S").sum(), rel=0.05)
    assert (spoiled.elements == "Nb").sum() == pytest.approx(0.2 * (whole.elements == "W").sum(), rel=0.25)


def test_layers_lie_their_spacing_apart_and_adatoms_on_top() -> None:
    layer = BENCHMARK.sheets["BN layer"]
    stack = sheet(_rng(14), 50.0, layer, 3, defects=SheetDefects(adatoms=0.01, adatom="Au"))
    heights = np.unique(np.round(stack.positions[stack.elements != "Au", 2], 3))
    np.testing.assert_allclose(np.diff(heights), 3.33, atol=1e-3)
    assert stack.positions[stack.elements == "Au", 2].min() > heights.max() + 1.5


def test_a_sheet_of_no_layers_is_refused() -> None:
    with pytest.raises(SpecimenError, match="0 layers"):
        sheet(_rng(), 50.0, BENCHMARK.sheets["BN layer"], 0)


# Clouds of atoms


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 60), distance=st.floats(0.5, 4.0))
@settings(max_examples=40, deadline=None)
def test_atoms_kept_apart_are_apart_and_no_more_go_than_must(seed: int, count: int, distance: float) -> None:
    points = np.random.default_rng(seed).uniform(0, 12, (count, 3))
    atoms = Atoms(points, np.full(count, "C"))
    kept = without_close_pairs(atoms, distance)
    if len(kept) > 1:
        assert _nearest(kept.positions) > distance * (1 - 1e-9)
    for point in points:
        gap = np.linalg.norm(kept.positions - point, axis=1)
        assert gap.min() <= distance
    other = Atoms(np.random.default_rng(seed + 1).uniform(0, 12, (30, 3)), np.full(30, "O"))
    free = keep_apart(atoms, other, distance)
    if count and len(free):
        assert cKDTree(points).query(free.positions)[0].min() >= distance * (1 - 1e-9)


def test_columns_are_counted_once_each() -> None:
    atoms = bulk_atoms(_rng(15), 30.0, _IRIDIUM, (0, 0, 1), 20.0)
    label = column_index(atoms)
    spread = [np.ptp(atoms.positions[label == number, :2], axis=0).max() for number in np.unique(label)[:50]]
    assert max(spread) < 1e-6
    assert len(np.unique(label)) == pytest.approx(math.pi * 22.5**2 / (3.839**2 / 4), rel=0.05)


def test_seams_of_wide_films_are_not_seen_as_lines() -> None:
    glass = BENCHMARK.glasses["a-Ge"]
    wide = amorphous(np.random.default_rng(3), glass, (100.0, 100.0, 40.0))
    for axis in (0, 1):
        profile, _ = np.histogram(wide.positions[:, axis], bins=100, range=(-50, 50))
        # 175 atoms a strip of one angstrom: a seam above a seam would take a third of them away.
        assert profile.min() > 0.72 * profile.mean()
    assert len(wide) == pytest.approx(glass.density * 100 * 100 * 40, rel=0.03)
