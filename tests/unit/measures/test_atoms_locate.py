from __future__ import annotations

import numpy as np
import pytest

from core.measures.atoms.errors import AtomsError
from core.measures.atoms.locate import Search, continued, find_columns, locate_columns
from core.measures.atoms.match import match, quantities
from core.measures.atoms.peaks import apart, blob_width, find_peaks, noise_gain, noise_level, response, sharpened
from tests.unit.measures.column_images import Lattice, lattice_image, well_inside

CASES = [
    Lattice(pixel=0.05, sigma=0.4, size=192),
    Lattice(pixel=0.1, sigma=0.5, tail=0.25),
    Lattice(pixel=0.25, sigma=0.4, size=96, tail=0.2),
    # Dense: neighbours are 2.9 sigmas apart, and beside a surface.
    Lattice(pixel=0.2, sigma=0.7, a=2.0, b=2.8, size=72),
    Lattice(pixel=0.12, sigma=0.35, a=3.9, b=5.5, second=(0.0, 1.4)),
]


@pytest.mark.parametrize("what", CASES)
def test_columns_of_clean_images_are_within_a_picometre_of_the_truth(what: Lattice) -> None:
    image, places, volumes = lattice_image(what)
    found = locate_columns(image, Search(pixel_nm=what.pixel / 10)).columns
    matched = match(places, found.positions, 0.5 / what.pixel)
    inside = well_inside(places, what)
    off = np.linalg.norm(found.positions[matched.found] - places[matched.true], axis=1) * what.pixel * 100
    assert inside[matched.true].sum() == inside.sum()
    assert off[inside[matched.true]].max() < 1.0
    assert not len(np.setdiff1d(np.flatnonzero(well_inside(found.positions, what)), matched.found))
    got = quantities(places, found.positions, matched, 0.1, volumes, found.volumes, own_scale=True)
    assert got is not None
    assert got.intensity_spread is not None
    assert got.intensity_spread < 2


def test_dark_columns_are_found_as_bright_ones_are() -> None:
    image, _, _ = lattice_image(Lattice(pixel=0.25, sigma=0.5, size=64))
    bright = locate_columns(image).columns
    dark = locate_columns(100 - image, Search(dark=True)).columns
    assert np.allclose(bright.positions, dark.positions, atol=1e-6)
    assert np.all(dark.volumes < 0)
    assert np.allclose(dark.background, 100 - bright.background, atol=1e-6)


def test_a_scale_and_an_offset_of_the_image_change_no_position() -> None:
    image, _, _ = lattice_image(Lattice(pixel=0.25, sigma=0.5, size=64))
    plain = locate_columns(image).columns
    other = locate_columns(3000 * image - 700).columns
    pairs = match(plain.positions, other.positions, 0.02)
    assert pairs.f1 == 1.0
    ratio = other.volumes[pairs.found] / plain.volumes[pairs.true]
    assert np.median(ratio) == pytest.approx(3000, rel=0.2)
    assert np.allclose(ratio, np.median(ratio), rtol=2e-2)


def test_errors_foretell_the_scatter_by_noise() -> None:
    what = Lattice(pixel=0.2, sigma=0.5, a=3.0, b=3.3, size=128)
    image, places, _ = lattice_image(what)
    noisy = image + np.random.default_rng(1).normal(0, 1.0, image.shape)
    found = locate_columns(noisy, Search(pixel_nm=0.02)).columns
    matched = match(places, found.positions, 2.0)
    good = well_inside(places, what)[matched.true]
    off = (found.positions[matched.found] - places[matched.true])[good]
    foretold = found.errors[matched.found][good]
    assert 0.6 < np.sqrt(np.mean(np.square(off))) / np.sqrt(np.mean(np.square(foretold))) < 1.6


def test_pure_noise_has_hardly_any_columns() -> None:
    rng = np.random.default_rng(0)
    found = [len(locate_columns(rng.poisson(4.0, (128, 128)), Search(width_px=2.5)).columns) for _ in range(3)]
    assert sum(found) <= 3


def test_faint_columns_below_what_is_asked_for_are_left_out() -> None:
    image, _, _ = lattice_image(CASES[1])
    assert len(find_columns(image, Search(least_height=1e6))) == 0
    assert len(locate_columns(image, Search(least_height=1e6)).columns) == 0


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((3, 64, 64)), "one image"),
        (np.zeros((8, 8)), "at least"),
        (np.full((64, 64), 5), "the same"),
        (np.where(np.eye(64) > 0, np.nan, 1.0), "finite"),
        (np.zeros((64, 64), dtype=complex), "one image"),
    ],
)
def test_what_is_no_image_is_refused(image: np.ndarray, words: str) -> None:
    with pytest.raises(AtomsError, match=words) as caught:
        locate_columns(image)
    assert caught.value.info.code == "not-an-image"
    assert caught.value.info.advice


def test_columns_beyond_the_border_are_continued_from_the_lattice() -> None:
    rows, cols = np.mgrid[2:60:6, 3:60:6]
    places = np.stack([rows.ravel(), cols.ravel()], axis=1).astype(float)
    guessed = continued(places, (60, 60), reach=6.0)
    true = np.stack(np.mgrid[-4:68:6, -3:68:6], axis=-1).reshape(-1, 2)
    out = np.minimum(true, 59 - true).min(axis=1)
    wanted = true[(out < 0) & (out > -6.0)]
    got = match(wanted, guessed, 0.5)
    assert got.precision == 1.0
    # Corners, foretold by one neighbour alone, may be left out.
    assert got.missed <= 4


def test_width_of_blobs_is_told_from_the_image() -> None:
    for what in (CASES[1], CASES[4]):
        image, _, _ = lattice_image(what)
        assert blob_width(image, what.pixel / 10) == pytest.approx(what.sigma / what.pixel, rel=0.45)


def test_noise_level_ignores_a_smooth_picture() -> None:
    image, _, _ = lattice_image(Lattice(pixel=0.05, sigma=0.5, size=192))
    noisy = image + np.random.default_rng(0).normal(0, 0.3, image.shape)
    assert noise_level(noisy) == pytest.approx(0.3, rel=0.03)


def test_heights_of_peaks_are_those_of_gaussians() -> None:
    y, x = np.mgrid[:81, :81]
    image = 7 + 5 * np.exp(-((y - 40.3) ** 2 + (x - 39.8) ** 2) / (2 * 4.0**2))
    peaks = find_peaks(image, 4.0, 2.5, 1.0)
    assert len(peaks) == 1
    assert peaks.heights[0] == pytest.approx(5, rel=0.02)
    assert peaks.positions[0] == pytest.approx([40.3, 39.8], abs=0.05)


def test_gain_for_noise_is_what_noise_shows() -> None:
    noise = np.random.default_rng(0).normal(size=(400, 400))
    assert sharpened(noise, 2.0).std() == pytest.approx(noise_gain(2.0), rel=0.03)
    assert response(3.0, 3.0) == pytest.approx(0.5)


def test_of_close_places_the_first_stays() -> None:
    places = np.array([[0.0, 0.0], [0.5, 0.0], [1.2, 0.0], [5.0, 5.0]])
    assert apart(places, 1.0).tolist() == [True, False, True, True]
    assert apart(places, 1.0, keep=2).tolist() == [True, True, False, True]
    assert apart(places, 1.0, keep=3).tolist() == [True, True, True, True]


def test_quantities_tell_shift_spread_and_intensity() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 500, (400, 2))
    found = true + np.array([0.1, 0.0]) + rng.normal(0, 0.02, true.shape)
    got = quantities(true, found, match(true, found, 1.0), 0.02, np.ones(400), 1.1 * np.ones(400))
    assert got is not None
    assert got.bias_pm == pytest.approx((2.0, 0.0), abs=0.1)
    assert got.spread_pm == pytest.approx(0.4, rel=0.1)
    assert got.intensity_bias == pytest.approx(10)
    assert got.intensity_spread == pytest.approx(0, abs=1e-9)


def test_noise_of_few_electrons_is_seen() -> None:
    sparse = np.random.default_rng(0).poisson(0.05, (128, 128)).astype(float)
    assert noise_level(sparse) == pytest.approx(0.05**0.5, rel=0.1)
