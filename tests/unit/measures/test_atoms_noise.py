from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from core.measures.atoms.locate import Search, locate_columns
from core.measures.atoms.match import match
from core.measures.atoms.noise import ImageNoise, noise_of
from core.measures.atoms.peaks import find_peaks
from tests.unit.measures.column_images import Lattice, lattice_image, well_inside


@pytest.mark.parametrize("dose", [0.05, 0.5, 4.0])
@pytest.mark.parametrize("dark", [False, True])
def test_counting_noise_holds_no_columns(dose: float, dark: bool) -> None:
    rng = np.random.default_rng(3)
    images = [rng.poisson(dose, (96, 96)) for _ in range(8)]
    assert sum(len(locate_columns(one, Search(pixel_nm=0.02, dark=dark)).columns) for one in images) <= 3


def test_columns_of_a_few_electrons_are_found_and_none_invented() -> None:
    what = Lattice(pixel=0.2, sigma=0.5, a=4.0, b=4.5, size=128)
    image, places, _ = lattice_image(what)
    counts = np.random.default_rng(2).poisson((image - 9.5) * 2)
    found = locate_columns(counts, Search(pixel_nm=0.02)).columns
    matched = match(places, found.positions, 2.5)
    inside = well_inside(places, what)
    assert np.isin(np.flatnonzero(inside), matched.true).mean() > 0.85
    assert len(matched.found) > 0.9 * len(found)


def test_noise_that_the_detector_spreads_is_no_column_if_that_is_told() -> None:
    rng = np.random.default_rng(0)
    images = [ndimage.gaussian_filter(rng.poisson(5.0, (96, 96)).astype(float), 1.0) for _ in range(4)]
    known = Search(width_px=2.0, noise=ImageNoise(gain=1.0, spread_px=1.0))
    assert sum(len(locate_columns(one, known).columns) for one in images) <= 1


def test_least_heights_are_passed_as_rarely_as_they_promise() -> None:
    rng = np.random.default_rng(1)
    passed = []
    for dose in (0.05, 1.0, 30.0):
        for _ in range(40):
            counts = rng.poisson(dose, (96, 96)).astype(float)
            least = noise_of(counts, None, False, 2.0).least(2.0, 2.0)
            passed.append(len(find_peaks(counts, 2.0, 2.0, least)))
    assert sum(passed) <= 15


def test_a_fit_stops_when_it_is_told() -> None:
    image, _, _ = lattice_image(Lattice(pixel=0.25, sigma=0.5, size=64))

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        locate_columns(image, Search(check=stop))
