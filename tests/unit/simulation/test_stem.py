from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.crystals import CATALOGUE, fill, zone_rotation
from core.simulation.errors import OpticsError
from core.simulation.specimens import Specimen
from core.simulation.stem import stem_columns, stem_image
from core.simulation.stem_multislice import scan_probes
from core.simulation.stem_optics import StemOptics

_DARK = StemOptics()
_BRIGHT = StemOptics(inner=0.011, outer=0.022)


def _atoms(places: list[list[float]], element: str | list[str], box: float = 20.0) -> Specimen:
    names = np.array([element] * len(places) if isinstance(element, str) else element)
    return Specimen("test", np.array(places, float).reshape(-1, 3), names, box)


def _platinum(box: float = 30.0) -> Specimen:
    crystal = CATALOGUE["Pt"]
    positions, elements = fill(crystal, zone_rotation(crystal, (1, 1, 0)), 9.0, 10.0)
    return Specimen("Pt", positions + np.array([box / 2, box / 2, 0]), elements, box)


def _phase_place(image: np.ndarray) -> np.ndarray:
    """Where a symmetric spot on a periodic image lies, by the phase of its longest waves."""
    spectrum = np.fft.fft2(image.astype(float))
    return -np.angle([spectrum[1, 0], spectrum[0, 1]]) / (2 * np.pi) % 1 * image.shape


@settings(max_examples=15, deadline=None)
@given(st.floats(6, 14), st.floats(6, 14), st.floats(0.08, 0.4))
def test_an_atom_is_bright_in_the_dark_field_where_the_truth_says_and_adds_what_it_says(
    x: float, y: float, pixel: float
) -> None:
    specimen = _atoms([[x, y, 0.0]], "Au")
    size = round(20.0 / pixel)
    image = stem_image(specimen, 20.0 / size, size, _DARK)
    columns = stem_columns(specimen, 20.0 / size, size, _DARK)
    assert image.sum() == pytest.approx(columns.heights[0], rel=1e-4)
    np.testing.assert_allclose(columns.positions[0], [y * size / 20.0, x * size / 20.0], atol=1e-6)
    peak = np.array(np.unravel_index(image.argmax(), image.shape))
    assert np.abs(peak - columns.positions[0]).max() <= 0.51


def test_a_sums_peak_lies_within_a_thousandth_of_an_angstrom_of_the_truth() -> None:
    specimen = _atoms([[8.03, 9.41, 0.0]], "Pt")
    image = stem_image(specimen, 0.1, 200, replace(_DARK, focal_spread=0.0))
    np.testing.assert_allclose(_phase_place(image) * 0.1, [9.41, 8.03], atol=1e-3)


def test_the_bright_field_is_the_vacuums_share_with_dark_spots_for_light_columns_too() -> None:
    places = [[5.0, 10.0, z] for z in np.arange(0, 40, 4.0)] + [[15.0, 10.0, z] for z in np.arange(0, 40, 4.0)]
    image = stem_image(_atoms(places, ["Sr"] * 10 + ["O"] * 10), 0.2, 100, _BRIGHT)
    assert image[0, 50] == pytest.approx((22**2 - 11**2) / 25**2, rel=1e-2)
    heavy, light = 1 - image[50, 25] / image[0, 50], 1 - image[50, 75] / image[0, 50]
    assert 0.1 < heavy < 0.6
    assert 0.02 < light < heavy
    dark = stem_image(_atoms(places, ["Sr"] * 10 + ["O"] * 10), 0.2, 100, _DARK)
    assert dark[50, 75] / dark[50, 25] < light / heavy


def test_heavier_atoms_are_brighter_with_nearly_the_square_of_their_number() -> None:
    images = {e: float(stem_image(_atoms([[10, 10, 0]], e), 0.2, 100, _DARK).sum()) for e in ("C", "Cu", "Au")}
    exponent = math.log(images["Au"] / images["C"]) / math.log(79 / 6)
    assert 1.7 < exponent < 2.0


def test_a_columns_brightness_rises_less_than_its_atoms_once_heavy_atoms_have_taken_the_beam() -> None:
    counts = (1, 10, 40, 80)
    columns = [_atoms([[10, 10, 2.8 * z] for z in range(count)], "Au") for count in counts]
    sums = np.array([float(stem_image(one, 0.2, 100, _DARK).sum()) for one in columns])
    assert np.all(np.diff(sums) > 0)
    each = sums / counts
    assert each[1] > each[0]
    assert each[3] < each[2]


def test_the_source_spreads_an_image_and_keeps_its_sum() -> None:
    sharp, soft = (stem_image(_platinum(), 0.15, 200, replace(_DARK, source=s)) for s in (0.2, 0.6))
    assert sharp.sum() == pytest.approx(soft.sum(), rel=1e-3)
    assert soft.max() < 0.9 * sharp.max()


def test_defocus_spreads_the_probe() -> None:
    near, far = (stem_image(_atoms([[10, 10, 0]], "Au"), 0.2, 100, replace(_DARK, defocus=d)) for d in (0.0, 120.0))
    assert far.max() < 0.7 * near.max()


@settings(max_examples=10, deadline=None)
@given(st.floats(-15, 15), st.floats(-15, 15))
def test_a_moved_scan_sees_a_moved_specimen(dx: float, dy: float) -> None:
    specimen = _platinum()
    moved = replace(specimen, positions=specimen.positions + np.array([dx, dy, 0.0]))
    image = stem_image(moved, 0.3, 100, _DARK)
    np.testing.assert_allclose(image, stem_image(specimen, 0.3, 100, _DARK, (-dy, -dx)), atol=3e-5 * image.max())


def test_a_part_of_the_box_is_scanned_as_the_whole() -> None:
    whole, part = stem_image(_platinum(), 0.3, 100, _BRIGHT), stem_image(_platinum(), 0.3, 60, _BRIGHT)
    np.testing.assert_allclose(part, whole[:60, :60], atol=1e-6)


def test_vacuum_is_dark_or_bright() -> None:
    nothing = _atoms([], "C")
    assert not stem_image(nothing, 0.2, 32, _DARK).any()
    np.testing.assert_allclose(stem_image(nothing, 0.2, 32, _BRIGHT), (22**2 - 11**2) / 25**2, rtol=1e-5)
    assert len(stem_columns(nothing, 0.2, 32, _DARK)) == 0


def test_the_share_of_a_lone_atom_is_that_of_multislice() -> None:
    specimen = _atoms([[3.0, 3.0, 0.0]], "Cu", 6.0)
    optics = StemOptics(inner=0.08, outer=0.12, focal_spread=0.0, source=0.0)
    points = np.stack(np.meshgrid(np.arange(16), np.arange(16), indexing="ij"), -1).reshape(-1, 2) * 6 / 16
    shares = scan_probes(specimen, points, 96, optics, [(0.08, 0.12)], [1.0], phonons=1)[:, 0, 0]
    # A lone atom at rest scatters all of its factor squared: so does a very hot one in the model.
    ours = stem_image(specimen, 6 / 16, 16, replace(optics, debye_waller=8.0)).mean()
    assert shares.mean() == pytest.approx(ours, rel=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kilovolt": 0.0}, {"convergence": 0.0}, {"convergence": 25.0}, {"inner": 0.02, "outer": 0.1},
        {"inner": 0.2, "outer": 0.1}, {"source": -1.0}, {"debye_waller": math.nan},
    ],
)  # fmt: skip
def test_impossible_optics_are_refused_in_words(wrong: dict[str, float]) -> None:
    with pytest.raises(OpticsError) as refusal:
        StemOptics(**wrong)
    assert refusal.value.info.advice


def test_an_impossible_scan_and_too_coarse_a_wave_are_refused() -> None:
    with pytest.raises(OpticsError, match="can't be"):
        stem_image(_platinum(), 0.0, 100, _DARK)
    with pytest.raises(OpticsError, match="within a detector"):
        scan_probes(_platinum(), np.zeros((1, 2)), 64, _DARK, [(0.08, 0.2)], [10.0])
