"""Atoms that a result shows and its specimen lacks, told from an amorphous film's speckle that is moved or weakened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage, optimize

from core.measures.atoms.match import match
from core.measures.atoms.peaks import vertex
from core.scoring.twins import Finder

Array = npt.NDArray[np.float64]

# The surroundings, in radii, that tell how far a place was moved; and around a found place, where more is looked for.
_SURROUNDINGS, _AROUND = 3.0, 0.5
_SAMPLES_ACROSS = 17
# A peak has no counterpart if the clean film has none of half the height there.
_COUNTERPART = 0.5
# Beyond the frame it goes on as its mirror image, px.
_MARGIN = 48
# Steps of the transform over which the film's power is smoothed: what it drew by chance is nothing that one can know.
_SMOOTH = 1.5
# Around how many px the film's strength is taken, and for how many strengths there is a filter.
_PLACE, _LEVELS = 20.0, 8
# Peaks a px beyond a level that chance hardly ever passes: one in ten megapixels.
_PASSES = 1e-7


@dataclass(frozen=True)
class FalseAtoms:
    """Found columns that the specimen lacks.

    Attributes
    ----------
    more : int
        Where the result holds a column's worth more than the clean image: its least height that counts.
    sure : int
        Those of them that hold as much more as chance, in the best linear estimate, hardly ever gives.
    unmatched : int
        Found columns to which the clean image has no peak of half the least height within the radius: a film's speckle
        that is moved or drawn a bit stronger among them, and none that stand beside a speckle.
    """

    more: int
    sure: int
    unmatched: int


def false_atoms(finder: Finder, frames: npt.NDArray[np.floating], clean: Array, sure: float = 0.0) -> FalseAtoms:
    """Count columns in frames (T, H, W), vacuum 1, that the clean image (H, W) doesn't hold.

    A found column counts as `more` if, around its place, F(result) - F(clean) reaches the finder's least height; F is
    the filter that columns are found by, in heights of a column. The clean image may be moved by up to the radius in
    which columns are the same, for each place as its surroundings fit best, so that speckle that was drawn beside its
    place isn't counted; it must reach it unmoved, too. In vacuum every found column counts.

    Parameters
    ----------
    sure
        Height that noise alone hardly ever reaches, of `level_beyond_chance`; none below the least counts.
    """
    there = finder.heights(clean)
    speckle = finder.find(clean, _COUNTERPART)
    more = beyond = unmatched = 0
    for frame in frames:
        image = np.asarray(frame, np.float64)
        places = finder.find(image)
        unmatched += match(speckle, places, finder.radius).invented
        excess = _excess(finder.heights(image), there, places, finder)
        more += int(np.sum(excess > finder.least))
        beyond += int(np.sum(excess > max(sure, finder.least)))
    return FalseAtoms(more, beyond, unmatched)


def best_linear(clean: Array, frames: npt.NDArray[np.floating], variance: float) -> Array:
    """Estimate a film from its noisy frames (T, H, W) as no filter can that doesn't know the film's statistics.

    Wiener's filter: each frequency times v P / (v P + variance), P the clean image's own power, smoothed, and v how
    strong the film is around the place, as films end and get thinner. Of linear filters that know no more it has the
    least mean squared error, and, were the speckle Gaussian, of all estimates. What it shows that isn't there is the
    price of showing speckle at all.
    """
    mean = float(clean.mean())
    varying = clean - mean
    strength = ndimage.gaussian_filter(np.square(varying), _PLACE, mode="mirror")
    if not strength.any():
        return np.full(frames.shape, mean)
    window = np.outer(*(np.hanning(side + 2 * _MARGIN) for side in clean.shape))
    power = np.abs(fft.fft2(_padded(varying) * window)) ** 2 / np.square(window).sum()
    power = ndimage.gaussian_filter(power, _SMOOTH, mode="wrap") / strength.mean()
    # Some filters for some strengths; between them the results are mixed.
    levels = np.geomspace(max(strength.min(), 1e-3 * strength.max()), strength.max(), _LEVELS)
    place = np.interp(np.log(np.maximum(strength, levels[0])), np.log(levels), np.arange(_LEVELS))
    out = np.zeros(frames.shape)
    for number, level in enumerate(levels):
        weight = np.clip(1 - np.abs(place - number), 0, 1)
        gain = level * power / (level * power + variance)
        for frame, result in zip(frames, out, strict=True):
            spectrum = fft.fft2(_padded(np.asarray(frame, np.float64) - mean))
            result += weight * np.real(fft.ifft2(gain * spectrum))[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return out + mean


def level_beyond_chance(finder: Finder, off: Array) -> float:
    """Return the height that errors (T, H, W) like these, were they Gaussian, pass less than once in ten megapixels.

    A Gaussian field of unit variance has l / (2 pi)^1.5 u exp(-u^2 / 2) maxima a px above a high level u, l the
    variance of its slope (Adler and Taylor, Random Fields and Geometry, 2007, chapter 11).
    """
    heights = np.stack([finder.heights(frame) for frame in off])
    variance = float(np.mean(np.square(heights)))
    if variance <= 0:
        return 0.0
    slope = float(np.mean([np.mean(np.square(np.diff(heights, axis=axis))) for axis in (1, 2)])) / variance
    # The variance where the errors are, of Gaussians that differ from place to place: a film may fill a part only.
    spread = float(np.sqrt(np.mean(heights**4) / (3 * variance)))
    rate = max(slope / (2 * np.pi) ** 1.5, 10 * _PASSES)
    return spread * float(optimize.brentq(lambda u: rate * u * np.exp(-(u**2) / 2) - _PASSES, 1.0, 12.0))


def _excess(here: Array, there: Array, places: Array, finder: Finder) -> Array:
    """Return how much more the result holds around each place than the clean image, unmoved and moved (n,)."""
    reach = max(1, int(_AROUND * finder.radius))
    off = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1).T
    around = places[:, None] + off[np.hypot(*off.T) <= max(1.0, _AROUND * finder.radius)]

    def more(chosen: npt.NDArray[np.bool_], shift: Array) -> Array:
        where = around[chosen]
        differing = _at(here, where) - _at(there, where + shift[:, None])
        return np.asarray(differing.max(axis=1, initial=-np.inf))

    out = more(np.ones(len(places), bool), np.zeros((len(places), 2)))
    # Moving is asked only where it matters: it takes most of the time.
    asked = out > finder.least
    if asked.any():
        shift = _moved(here, there, places[asked], finder.radius)
        out[asked] = np.minimum(out[asked], more(asked, shift))
    return out


def _moved(here: Array, there: Array, places: Array, radius: float) -> Array:
    """Return by how much the clean image's places differ (n, 2), at most `radius`, from how the surroundings fit."""
    reach, most = int(_SURROUNDINGS * radius), int(np.ceil(radius)) + 1
    line = np.arange(-reach, reach + 1, -(-2 * reach // _SAMPLES_ACROSS))
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    far = np.hypot(*grid.T)
    margin = reach + most
    # Not the place itself: what was invented there must not choose what excuses it.
    nearest = np.clip(np.rint(places).astype(int), 0, np.array(here.shape) - 1)
    around = nearest[:, None] + grid[(far <= reach) & (far >= radius)] + margin
    seen, known = (np.pad(image.astype(np.float32), margin, mode="edge") for image in (here, there))
    wide = seen.shape[1]
    at = around[..., 0] * wide + around[..., 1]
    seen, known = seen.ravel()[at], known.ravel()
    steps = np.arange(-most, most + 1)
    misfit = np.empty((len(places), len(steps), len(steps)))
    for i, down in enumerate(steps):
        for j, across in enumerate(steps):
            misfit[:, i, j] = np.mean(np.square(seen - known[at + (down * wide + across)]), axis=1)
    allowed = np.hypot(steps[:, None], steps[None]) <= radius + 0.5
    allowed[[0, -1]] = allowed[:, [0, -1]] = False
    best = np.argmin(np.where(allowed, misfit, np.inf).reshape(len(places), -1), axis=1)
    row, col = np.unravel_index(best, allowed.shape)
    each = np.arange(len(places))
    fit = -misfit
    fine = [
        steps[row] + vertex(fit[each, row - 1, col], fit[each, row, col], fit[each, row + 1, col]),
        steps[col] + vertex(fit[each, row, col - 1], fit[each, row, col], fit[each, row, col + 1]),
    ]
    return np.stack(fine, axis=1)


def _at(image: Array, places: Array) -> Array:
    """Read an image at places (..., 2), between px too."""
    flat = places.reshape(-1, 2).T
    return np.asarray(ndimage.map_coordinates(image, flat, order=1, mode="nearest")).reshape(places.shape[:-1])


def _padded(image: Array) -> Array:
    return np.pad(image, _MARGIN, mode="symmetric")
