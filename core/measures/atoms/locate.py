"""Find all columns of an image and fit them: peaks, a joint fit, what the residual still shows, and a last fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from core.measures.atoms.errors import atoms_error
from core.measures.atoms.fit import Fit, FittedColumns, fit_columns
from core.measures.atoms.noise import ImageNoise, NoiseMap, noise_of
from core.measures.atoms.peaks import Peaks, apart, blob_width, find_peaks, response, sharpened, typical_height

Array = npt.NDArray[np.float64]

_SMALLEST_PX = 24
# Standard deviations above what a fit has left over.
_SURE = 4.5
# Filters, finest first, in widths: the finest whose noise is below this share of a typical column is used.
_FILTERS, _QUIET = (0.6, 0.75, 0.9, 1.1), 0.08
_LOOKS_AGAIN = 2
# Two columns this many widths apart are one; farther apart where noise (relative to a column's height) splits columns.
_NEAREST, _FARTHER, _MOST_FARTHER = 0.8, 12.0, 1.0
_JUST_BELOW = 0.7
_ODD_WIDTH = 2.2
_RIGHT_WIDTH = 0.05
# Columns too faint to be given back (oxygen beside heavy atoms) still draw their neighbours: they are fitted if they
# have this share of a typical one's height, stand so many widths aside, and aren't so many that they are something
# else. Each look shows those that the ones before have hidden.
_FAINT, _ASIDE, _MOST_FAINT, _FAINT_LOOKS = 0.01, 1.6, 3, 4
# They don't matter where noise alone makes peaks of this share, nor if a look shows this share of new ones; and so many
# steps of columns are enough.
_CLEAR, _FEW_MORE, _FAINT_STEPS = 0.1, 0.005, 15000
# Peaks below this share of the image's range are rounding.
_TRIFLE = 0.01
# Rounds of a fit: fewer where columns are many, so that a large image takes seconds.
_STEPS_OF_COLUMNS, _FEWEST_ROUNDS, _MOST_ROUNDS = 20000, 8, 40
_MANY_MORE = 0.2
_ABOUT_AS_MANY = 0.8
# Around how many px the noise is averaged while no width is known.
_GUESS_PX = 3.0
# Finer sampling than so many px a width only costs time.
_FINE_ENOUGH = 2.0


@dataclass(frozen=True)
class Search:
    """What to look for.

    Attributes
    ----------
    dark : bool
        Columns are darker than what is around them (ABF, some HRTEM).
    pixel_nm : float or None
        Size of a px; helps to tell columns from other blobs.
    width_px : float or None
        Sigma of a column in px; None: estimated from the image.
    least : float
        Faintest column that counts, relative to the height of a typical one.
    least_height : float
        The same in image units, where it is known (null tests); the higher of both holds.
    own_widths : bool
        Whether columns may differ in width.
    noise : ImageNoise or None
        The image's noise, where it is known; None: that of counts if the image holds counts, else what is seen of it.
    check : callable or None
        Called between steps; may raise to stop.
    """

    dark: bool = False
    pixel_nm: float | None = None
    width_px: float | None = None
    least: float = 0.15
    least_height: float = 0.0
    own_widths: bool = True
    noise: ImageNoise | None = None
    check: Callable[[], None] | None = None


@dataclass(frozen=True)
class Found:
    """Columns and what was made of the image on the way.

    Attributes
    ----------
    columns : FittedColumns
        Volumes and heights are negative for dark columns.
    width_px : float
        What was taken for a column's sigma.
    typical : float
        Height of a typical column, image units, positive.
    noise : float
        Standard deviation of the noise of a px, on average.
    """

    columns: FittedColumns
    width_px: float
    typical: float
    noise: float


def find_columns(image: npt.ArrayLike, search: Search | None = None) -> Peaks:
    """Find columns without fitting them: fast, right to about a tenth of a px. Raises as `locate_columns`."""
    search = search or Search()
    coarse = _Coarse.of(_checked(image, search), search)
    peaks, _ = _first_look(coarse, search)
    return Peaks(coarse.back(peaks.positions), peaks.heights)


def locate_columns(image: npt.ArrayLike, search: Search | None = None) -> Found:
    """Find and fit every column of an image (H, W).

    Raises
    ------
    AtomsError
        Code ``not-an-image``: not two-dimensional, too small, values that are not finite, or all the same.
    """
    search = search or Search()
    checked = _checked(image, search)
    size = checked.shape
    coarse = _Coarse.of(checked, search)
    work, width = coarse.image, coarse.width
    peaks, typical = _first_look(coarse, search)
    asked = max(search.least * typical, search.least_height)
    fit = _fitted(coarse, peaks.positions, width, search)
    # Where the first look shows nothing, the noise shows no more.
    for _ in range(_LOOKS_AGAIN if len(peaks) else 0):
        guessed, width = width, _fitted_width(fit.columns, width)
        if search.width_px is None and width >= 2 * _FINE_ENOUGH:
            # Wider than guessed: coarser px will do, and take a fraction of the time.
            return locate_columns(image, replace(search, width_px=width * coarse.factor))
        limits = _Limits.of(coarse, fit, width, typical, asked)
        places = _kept(fit.columns, limits)
        more = _in_the_residual(work, fit, width, limits)
        if fit.rounds >= _rounds(len(fit.columns)) and len(more) > _MANY_MORE * len(places):
            # What a fit that was cut short leaves over looks like columns.
            more = more[:0]
        # The profile's tails are laid out by the guessed width: one that was far off is worth another fit.
        good = abs(np.log(width / guessed)) < _RIGHT_WIDTH
        if good and not len(more) and len(places) == len(fit.columns):
            break
        places = np.concatenate([places, more])
        fit = _fitted(coarse, places[apart(places, limits.nearest)], width, search)
    limits = _Limits.of(coarse, fit, width, typical, asked)
    if len(peaks):
        fit = _with_faint_ones(coarse, fit, width, limits, _FAINT * typical, search)
    fit = Fit(fit.columns.chosen(_good(fit.columns, limits)), fit.model, fit.rounds)
    columns = coarse.enlarged(fit.columns)
    columns = columns.chosen(np.all((columns.positions > -0.5) & (columns.positions < np.array(size) - 0.5), axis=1))
    if search.dark:
        columns = replace(columns, volumes=-columns.volumes, background=-columns.background)
    heights = np.abs(columns.heights)
    noise = coarse.noise.middle**0.5 * coarse.factor
    return Found(columns, width * coarse.factor, float(np.median(heights)) if len(heights) else 0.0, noise)


@dataclass(frozen=True)
class _Coarse:
    """An image binned as far as its columns allow: areas add up exactly, so nothing is lost but time.

    `image` (h, w) holds means of `factor` x `factor` px, `width` is the columns' sigma in its px, `noise` its noise.
    """

    image: Array
    factor: int
    width: float
    noise: NoiseMap

    @classmethod
    def of(cls, work: Array, search: Search) -> _Coarse:
        upright = -work if search.dark else work
        width = search.width_px
        if width is None:
            width = blob_width(work, search.pixel_nm, noise_of(upright, search.noise, search.dark, _GUESS_PX).middle)
            width = _clearest(work, upright, width, search)
        noise = noise_of(upright, search.noise, search.dark, width)
        factor = max(1, int(width / _FINE_ENOUGH))
        rows, cols = (length // factor for length in work.shape)
        cut = work[: rows * factor, : cols * factor]
        return cls(
            cut.reshape(rows, factor, cols, factor).mean(axis=(1, 3)), factor, width / factor, noise.binned(factor)
        )

    def back(self, places: Array) -> Array:
        """Places in px of the image as it was."""
        return np.asarray(places * self.factor + (self.factor - 1) / 2)

    def enlarged(self, columns: FittedColumns) -> FittedColumns:
        """Columns in px of the image as it was."""
        return replace(
            columns,
            positions=self.back(columns.positions),
            volumes=columns.volumes * self.factor**2,
            widths=columns.widths * self.factor,
            errors=columns.errors * self.factor,
        )


def _clearest(work: Array, upright: Array, width: float, search: Search) -> float:
    """Of some widths, from the guess on, return that which shows most columns beyond the noise.

    Noise hides the guess's finest scale first; too wide a filter joins neighbours. The guess stays where it shows about
    as many, and where the noise isn't known.
    """
    shown = []
    for one in (width, 2**0.5 * width, 2 * width):
        noise = noise_of(upright, search.noise, search.dark, one)
        if not noise.quantum:
            return width
        shown.append((len(find_peaks(work, one, one, noise.least(one, one))), one))
    most = max(count for count, _ in shown)
    return next(one for count, one in shown if count >= _ABOUT_AS_MANY * most)


def _checked(image: npt.ArrayLike, search: Search) -> Array:
    array = np.asarray(image)
    if array.ndim != 2 or min(array.shape) < _SMALLEST_PX or array.dtype.kind not in "iufb":
        raise atoms_error(
            "not-an-image",
            f"Columns are looked for in one image of at least {_SMALLEST_PX} px a side, not in {array.shape}.",
            "Choose a larger region.",
        )
    work = np.asarray(array, dtype=np.float64)
    if not np.isfinite(work).all():
        raise atoms_error(
            "not-an-image", "The image holds values that are not finite.", "Choose another frame or region."
        )
    if float(np.ptp(work)) <= 1e-9 * max(float(np.abs(work).max()), 1e-300):
        raise atoms_error("not-an-image", "All pixels of the image are the same.", "Choose another frame or region.")
    return -work if search.dark else work


def _first_look(coarse_image: _Coarse, search: Search) -> tuple[Peaks, float]:
    """Return peaks and the height of a typical column."""
    work, width, noise = coarse_image.image, coarse_image.width, coarse_image.noise
    rounding = _TRIFLE * float(np.quantile(work, 0.999) - np.median(work))
    coarse = find_peaks(work, width, width, np.maximum(noise.least(width, width), rounding))
    typical = typical_height(coarse.heights)
    if not len(coarse):
        return coarse, typical
    rows, cols = _px(coarse.positions, work.shape)
    there = NoiseMap(noise.variance[rows, cols], noise.quantum, noise.spread_px)
    chosen = next(
        (one for one in _FILTERS if np.median(there.deviation(width, one * width)) < _QUIET * typical), _FILTERS[-1]
    )
    floor = max(search.least * typical, search.least_height)
    peaks = find_peaks(work, width, chosen * width, np.maximum(noise.least(width, chosen * width), floor))
    keep = apart(peaks.positions, _NEAREST * width)
    return Peaks(peaks.positions[keep], peaks.heights[keep]), typical


def _px(places: Array, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns of the px that hold places (n, 2), or the nearest ones of the frame."""
    rows, cols = (np.clip(np.rint(places[:, axis]).astype(np.int64), 0, shape[axis] - 1) for axis in (0, 1))
    return rows, cols


def _fitted(coarse: _Coarse, places: Array, width: float, search: Search) -> Fit:
    """Fit, with columns guessed beyond the border, which are not given back."""
    beyond = continued(places, coarse.image.shape, 3 * width)
    both = np.concatenate([places, beyond])
    held = np.arange(len(both)) >= len(places)
    rounds = _rounds(len(both))
    # Seen, not known, noise may be a part of the columns themselves.
    deviation = coarse.noise.middle**0.5 if coarse.noise.quantum else 0.0
    fit = fit_columns(
        coarse.image,
        both,
        width,
        held=held,
        own_widths=search.own_widths,
        rounds=rounds,
        deviation=deviation,
        check=search.check,
    )
    return Fit(fit.columns.chosen(~held), fit.model, fit.rounds)


def _rounds(columns: int) -> int:
    return int(np.clip(_STEPS_OF_COLUMNS / max(columns, 1), _FEWEST_ROUNDS, _MOST_ROUNDS))


def _fitted_width(columns: FittedColumns, guess: float) -> float:
    """Sigma of the fitted columns, not too far from the guess."""
    return float(np.clip(np.median(columns.widths), guess / 2, 2 * guess)) if len(columns) >= 3 else guess


def _good(columns: FittedColumns, limits: _Limits) -> npt.NDArray[np.bool_]:
    """Columns that are high enough and as wide as columns are."""
    if not len(columns):
        return np.zeros(0, dtype=np.bool_)
    middle = float(np.median(columns.widths))
    odd = (columns.widths > _ODD_WIDTH * middle) | (columns.widths < middle / _ODD_WIDTH)
    # A joint fit finds nearly the height that the peak had; what was just above the limit may come out just below.
    return np.asarray((columns.heights >= _JUST_BELOW * limits.floor(columns.positions)) & ~odd)


@dataclass(frozen=True)
class _Limits:
    """What counts as a column.

    `asked` is its least height, `sure` (H, W) the height that noise can't reach, `nearest` the least distance, and
    `typical` the height of a typical one.
    """

    asked: float
    sure: Array
    nearest: float
    typical: float

    def floor(self, places: Array) -> Array:
        """Least heights at places (n, 2)."""
        return np.asarray(np.maximum(self.asked, self.sure[_px(places, self.sure.shape)]))

    @classmethod
    def of(cls, coarse: _Coarse, fit: Fit, width: float, typical: float, asked: float) -> _Limits:
        """By the noise, and by the scatter of what the fit left over: noise may be smooth, as in denoised images."""
        scale = _FILTERS[1] * width
        rest = sharpened(coarse.image - fit.model, scale)
        scatter = 1.4826 * float(np.median(np.abs(rest - np.median(rest)))) / response(width, scale)
        noise = coarse.noise
        noisy = scatter
        if len(fit.columns):
            at = _px(fit.columns.positions, coarse.image.shape)
            noisy = max(scatter, float(np.median(noise.deviation(width, _FILTERS[-1] * width)[at])))
        nearest = _NEAREST + min(_FARTHER * noisy / typical, _MOST_FARTHER) if typical > 0 else _NEAREST
        return cls(asked, np.maximum(noise.least(width, scale), _SURE * scatter), nearest * width, typical)


def _with_faint_ones(coarse: _Coarse, fit: Fit, width: float, limits: _Limits, least: float, search: Search) -> Fit:
    """Fit again with columns of at least `least`, which are too faint to be given back, where the residual has some."""
    places = _kept(fit.columns, limits)
    most = (1 + _MOST_FAINT) * len(places)
    left = _FAINT_STEPS
    for _ in range(_FAINT_LOOKS):
        left -= fit.rounds * len(fit.columns)
        if left < 0 or float(np.median(limits.sure)) > _CLEAR * limits.typical:
            break
        faint = _in_the_residual(coarse.image, fit, width, replace(limits, asked=least), _ASIDE)
        if len(faint) <= _FEW_MORE * len(places) or len(faint) + len(places) > most:
            break
        places = np.concatenate([places, faint])
        fit = _fitted(coarse, places[apart(places, limits.nearest)], width, search)
        places = _kept(fit.columns, replace(limits, asked=least))
    return fit


def _kept(columns: FittedColumns, limits: _Limits) -> Array:
    good = columns.chosen(_good(columns, limits))
    places = good.positions[np.argsort(-good.volumes, kind="stable")]
    return places[apart(places, limits.nearest)]


def _in_the_residual(work: Array, fit: Fit, width: float, limits: _Limits, aside: float = 0.0) -> Array:
    """Return the places of columns that the fit has missed; those less than `aside` widths from one are left out.

    What no model fits (another shape of the columns) is no column: beside a column it must stand out of the rest.
    """
    rest = work - fit.model
    floor = np.maximum(limits.asked, limits.sure)
    if aside == 0:
        floor = np.maximum(floor, 4 * float(np.std(rest)))
    peaks = find_peaks(rest, width, _FILTERS[1] * width, floor)
    if not len(peaks) or not len(fit.columns):
        return peaks.positions
    near, _ = cKDTree(fit.columns.positions).query(peaks.positions)
    return np.asarray(peaks.positions[near > max(limits.nearest, aside * width)])


def continued(places: Array, shape: tuple[int, ...], reach: float) -> Array:
    """Guess columns beyond the border, up to `reach` px, by continuing the lattice: p + (p - q) for neighbours p, q.

    Their flanks reach into the frame; a fit without them draws the first row outwards and spoils the profile. Where
    there is no lattice a guess may be wrong: it is then fitted as very faint.
    """
    if len(places) < 4:
        return np.zeros((0, 2))
    size = np.array(shape[:2])
    tree = cKDTree(places)
    spacing = float(np.median(tree.query(places, k=2)[0][:, 1]))
    border = np.minimum(places, size - 1 - places).min(axis=1)
    guesses = []
    for index in np.flatnonzero(border < 2.2 * spacing):
        near = np.array(tree.query_ball_point(places[index], 2.2 * spacing))
        guesses.append(2 * places[index] - places[near[near != index]])
    if not guesses:
        return np.zeros((0, 2))
    all_of_them = np.concatenate(guesses)
    out = np.minimum(all_of_them, size - 1 - all_of_them).min(axis=1)
    all_of_them = all_of_them[(out < 0) & (out > -reach)]
    if not len(all_of_them):
        return np.zeros((0, 2))
    # Several neighbours foretell the same column: those that agree best come first, and are averaged.
    votes = cKDTree(all_of_them).query_ball_point(all_of_them, 0.3 * spacing)
    count = np.array([len(one) for one in votes])
    means = np.array([all_of_them[one].mean(axis=0) for one in votes])
    order = np.argsort(-count, kind="stable")
    means = means[order][count[order] >= 2]
    means = means[apart(means, 0.7 * spacing)]
    far, _ = tree.query(means) if len(means) else (np.zeros(0), None)
    return np.asarray(means[far > 0.6 * spacing])
