"""Twins: simulated HRTEM images whose columns are known, drawn from what no training may use.

Particles on crystals, of the benchmark's materials and shapes, with lenses drawn for each, until columns show. Vacuum
is 1, so at s the expected counts are 0.45 s times the image. Beside each stands a film without a lattice, of the same
px and lens family.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from core.measures.atoms.locate import Search, find_columns
from core.measures.atoms.match import match
from core.measures.atoms.peaks import apart, blob_width, find_peaks, response, sharpened
from core.measures.fidelity import VACUUM
from core.protocol.simulation import LensRecipe, SceneRecipe
from core.simulation.materials import BENCHMARK, TRAINING
from core.simulation.scenes import draw_scene

Array = npt.NDArray[np.float64]

TWINS = range(12)
RADIUS_NM = 0.05
_LENS = LensRecipe(kilovolt=(300.0, 200.0, 80.0))
_PIXELS = (0.008, 0.02)
_FEWEST = 25
# The share of the true columns that must show in the clean image, and how often another one is drawn.
_SHOWN, _DRAWS = 0.6, 60
# A column's matched filter over the counting noise at s = 1: of a typical column, and of the weakest. What is fainter
# can't be told from noise at any dose of the table, and such twins would compare nothing.
_TYPICAL, _WEAKEST = 0.5, 0.1
_NEAREST = 0.8
# Scale of the finding filter in widths of a column: this resists the noise that a method has left.
_FILTER = 0.9


@dataclass(frozen=True)
class Finder:
    """How columns are found: the same for every method, set by the clean image alone.

    Attributes
    ----------
    dark : bool
        Columns are darker than what is around them.
    width : float
        Sigma of a column, px.
    least : float
        The lowest height that counts, where vacuum is 1.
    radius : float
        How far apart two columns may lie to be the same, px.
    """

    dark: bool
    width: float
    least: float
    radius: float

    def find(self, image: Array, part: float = 1.0) -> Array:
        """Return the places (n, 2) of columns, frame's edge included, above `part` of the least height."""
        upright = -image if self.dark else image
        peaks = find_peaks(upright, self.width, _FILTER * self.width, part * self.least)
        return np.asarray(peaks.positions[apart(peaks.positions, _NEAREST * self.width)])

    def heights(self, image: Array) -> Array:
        """Return for each px how high a column would have to stand there for the finding filter to give as much."""
        sigma = _FILTER * self.width
        return sharpened(-image if self.dark else image, sigma) / response(self.width, sigma)


@dataclass(frozen=True)
class Twin:
    """A clean image whose vacuum is 1, with the columns that it shows.

    Attributes
    ----------
    image : (H, W)
    pixel_nm : float
    columns : (n, 2)
        True columns, at the places of their peaks in the clean image, px.
    others : (m, 2)
        Peaks of the clean image that are no column (fringes, spots between columns): to find them is neither right nor
        wrong.
    finder : Finder
        Its threshold is a quarter of the weakest true column's height in the clean image.
    """

    name: str
    image: Array
    pixel_nm: float
    columns: Array
    others: Array
    finder: Finder


@lru_cache(maxsize=2)
def twin_of(index: int, side: int, training: bool = False) -> Twin:
    """Draw twin `index`; with `training` from what training may use, for tests and tuning."""
    for draw in range(_DRAWS):
        rng = np.random.default_rng([20_261_124, index, draw])
        image, pixel, places = _shot(rng, "supported particle", side, training, _PIXELS)
        made = _shown(f"twin-{index:02d}", image, pixel, places)
        if made is not None:
            return made
    raise RuntimeError(f"no twin {index} of {side} px shows its columns")


@lru_cache(maxsize=2)
def film_of(index: int, side: int, pixel_nm: float, training: bool = False) -> Array:
    """Draw a film without a lattice (H, W), vacuum 1, with px of the size of its twin's."""
    rng = np.random.default_rng([20_261_125, index])
    image, _, _ = _shot(rng, "film", side, training, (pixel_nm, pixel_nm))
    return image


def _shot(
    rng: np.random.Generator, kind: str, side: int, training: bool, pixels: tuple[float, float]
) -> tuple[Array, float, Array]:
    recipe = SceneRecipe(modality="HRTEM", kinds=(kind,), pixel_nm=pixels, lens=_LENS)
    scene = draw_scene(rng, recipe, side, TRAINING if training else BENCHMARK, False)
    shot = scene.shoot(rng, None, None)
    columns = shot.columns[0].positions if shot.columns else np.zeros((0, 2))
    return np.asarray(shot.frames[0], np.float64), scene.field.pixel / 10, columns


def _shown(name: str, image: Array, pixel: float, places: Array) -> Twin | None:
    """Find the columns in the clean image, bright or dark, whichever shows more of them; None: too few show."""
    radius = RADIUS_NM / pixel
    best: tuple[int, bool, Array, Array, npt.NDArray[np.int64]] | None = None
    for dark in (False, True):
        peaks = find_columns(image, Search(dark=dark, pixel_nm=pixel))
        matched = match(places, peaks.positions, radius)
        if best is None or len(matched.found) > best[0]:
            best = (len(matched.found), dark, peaks.positions, peaks.heights, matched.found)
    if best is None or best[0] < max(_FEWEST, _SHOWN * len(places)):
        return None
    _, dark, positions, heights, found = best
    width = blob_width(-image if dark else image, pixel, 0.0)
    # Of a Gaussian of height h in Poisson noise of 0.45 electrons a px: h sqrt(0.45 pi) sigma.
    signal = heights[found] * np.sqrt(VACUUM * np.pi) * width
    if np.median(signal) < _TYPICAL or signal.min() < _WEAKEST:
        return None
    finder = Finder(dark, width, float(0.25 * heights[found].min()), radius)
    # Found again as in the results, so that places and chances are the same.
    again = finder.find(image)
    kept = match(positions[found], again, radius)
    own = np.zeros(len(again), bool)
    own[kept.found] = True
    return Twin(name, image, pixel, again[own], again[~own], finder)
