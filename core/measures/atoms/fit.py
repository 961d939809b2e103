"""Fit all columns of an image at once: one profile for all, own places, volumes and widths, a local background.

The model of an incoherent image: every column is the same round profile, a sum of Gaussians integrated over the area
of each px, at its own place, of its own volume, and a little wider or narrower than the others; below them lies a
background, linear between knots. Fitted together, because neighbours overlap: a column at a surface, fitted alone or
with a plain Gaussian, is drawn towards the crystal by its neighbours' tails. The joint fit of overlapping columns is
described by De Backer et al. (Ultramicroscopy 171, 2016); the common profile made of several Gaussians, and the priors,
are our own. Levenberg-Marquardt with an exact residual; the far tails are left out of the derivatives only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import splu

from core.measures.atoms.profile import draw, lines, widened

Array = npt.NDArray[np.float64]

# Widths of the profile's Gaussians, relative to the core's.
_RATIOS = (1.0, 1.5, 2.2, 3.3, 5.0)
# How far the derivatives reach, in widths of the core.
_REACH = 3.0
# Widths of columns differ by about this much (natural logarithm); the noise decides whether it shows.
_SPREAD = 0.15
_TAILS = 1.0
_KNOTS = 8.0
_LEAST_KNOTS_PX = 12.0
# It is over when what is left to go is foreseen to be this many widths.
_STILL = 1e-3
# Or this share of what known noise allows for a column, or the residual for a typical one.
_NOISY, _TYPICALLY = 0.1, 0.03
# The Hessian is made anew after a way of this many widths.
_MOVED = 0.1
# Places and logarithms of volumes that are only guessed (columns beyond the border) stay this near to the guess.
_HELD_PX, _HELD_VOLUME = 0.25, 0.4
_STEP = 0.4
_DAMPING = 1e-4


@dataclass(frozen=True)
class FittedColumns:
    """Atom columns of one image.

    Attributes
    ----------
    positions : (n, 2)
        Rows and columns in px; the first pixel's centre is 0.
    volumes : (n,)
        Integrals above the background, image units times px squared: what is proportional to scattering power.
        Negative for dark columns. Compared with each other they are right to a percent; all of them together may be
        10 to 25 % too low where the probe has far tails, which can't be told from background in a dense lattice.
    widths : (n,)
        Sigmas of the profile's core in px.
    errors : (n,)
        Standard error of a position along one axis, px, by the scatter of the residual; neighbours are taken as known,
        and a wrong model isn't in it.
    background : (n,)
        Image value below each column.
    whole : bool (n,)
        Whether the column lies at least two widths inside the frame; what is cut off is fitted worse.
    residual_rms : float
        Of image minus model.
    """

    positions: Array
    volumes: Array
    widths: Array
    errors: Array
    background: Array
    whole: npt.NDArray[np.bool_]
    residual_rms: float

    def __len__(self) -> int:
        return len(self.volumes)

    @property
    def heights(self) -> Array:
        """Height of each column's core above the background (its whole volume taken as one Gaussian), image units."""
        return np.asarray(self.volumes / (2 * np.pi * self.widths**2))

    def chosen(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> FittedColumns:
        """Return some of the columns."""
        names = ("positions", "volumes", "widths", "errors", "background", "whole")
        return replace(self, **{name: getattr(self, name)[which] for name in names})


@dataclass(frozen=True)
class Fit:
    """The columns and the image that they make."""

    columns: FittedColumns
    model: Array
    rounds: int


@dataclass
class _Guess:
    """What is being fitted; everything changes from step to step."""

    positions: Array
    volumes: Array
    stretch: Array
    width: float
    tails: Array
    knots: Array

    @property
    def widths(self) -> Array:
        return np.asarray(self.width * np.exp(self.stretch))


def fit_columns(
    image: Array,
    positions: Array,
    width: float,
    variance: Array | None = None,
    held: npt.NDArray[np.bool_] | None = None,
    own_widths: bool = True,
    rounds: int = 40,
    deviation: float = 0.0,
    check: Callable[[], None] | None = None,
) -> Fit:
    """Fit bright columns near `positions` jointly.

    Parameters
    ----------
    image : (H, W)
        Finite, any unit.
    positions : (n, 2)
        First guesses, rows and columns in px, right to about a width; they may lie a little outside the frame.
    width
        First guess of the columns' sigma in px.
    variance : (H, W), optional
        Noise variance of each px, for weights; None: all px weigh the same.
    held : bool (n,), optional
        Columns that stay near their guess: those beyond the border, of which only a flank is seen.
    own_widths
        Whether widths may differ between columns, as far as the noise allows to tell.
    rounds
        Most steps.
    deviation
        Standard deviation of the noise of a px, if known: columns are followed no further than it allows.
    check
        Called before each step; may raise to stop.
    """
    places = np.asarray(positions, float).reshape(-1, 2)
    still = np.zeros(len(places), dtype=np.bool_) if held is None else held
    return _Problem(np.asarray(image, float), width, variance, own_widths, still, deviation).solve(
        places, rounds, check
    )


class _Problem:
    """One image's normal equations."""

    def __init__(
        self,
        image: Array,
        width: float,
        variance: Array | None,
        own_widths: bool,
        held: npt.NDArray[np.bool_],
        deviation: float,
    ) -> None:
        self._deviation = deviation
        self._held = held
        self._start: _Guess | None = None
        self._image = image
        self._first_width = width
        self._own = own_widths
        self._root = (
            np.ones(image.shape) if variance is None else np.sqrt(variance.mean() / np.maximum(variance, 1e-12))
        )
        self._extra = [np.sqrt(r**2 - 1) * width for r in _RATIOS[1:]]
        self._knots = _knot_matrix(image.shape, max(_KNOTS * width, _LEAST_KNOTS_PX))
        self._tail_images: list[Array] = []

    def solve(self, positions: Array, rounds: int, check: Callable[[], None] | None = None) -> Fit:
        """Step until nothing moves."""
        guess = self._begin(positions)
        self._start = guess
        residual = self._residual(guess)
        noise = self._noise(residual)
        cost = self._cost(guess, residual, noise)
        damping, fresh, moved, used, before = _DAMPING, True, 0.0, 0, np.inf
        equations = None
        for used in range(1, rounds + 1):
            if check is not None:
                check()
            if fresh or equations is None:
                noise = self._noise(residual)
                cost = self._cost(guess, residual, noise)
                equations = self._equations(guess, noise, damping)
                moved = 0.0
            step = equations.step(self._gradient(guess, equations, residual, noise))
            trial = self._moved(guess, step)
            trial_residual = self._residual(trial)
            trial_cost = self._cost(trial, trial_residual, noise)
            if trial_cost > cost:
                # Twice in a row on a fresh Hessian: it is as good as it gets.
                if fresh and damping > 1e3:
                    break
                damping, fresh = max(damping, 1e-4) * 30, True
                self._residual(guess)
                continue
            ways = np.abs(trial.positions - guess.positions).max(axis=1, initial=0.0)
            far = float(ways.max(initial=0.0))
            guess, residual, cost = trial, trial_residual, trial_cost
            # A faint column that noise leads astray is no reason to go on, nor to look at all the others again.
            settled = ways < _NOISY * _place_errors(guess.volumes, guess.widths, self._deviation)
            moved += float(ways[~settled].max(initial=0.0))
            fresh = moved > _MOVED * guess.width
            damping = max(damping / 10, 1e-9) if fresh else damping
            # Steps shrink by about the same factor: that foresees the way that is left.
            slow = min(far / before, 0.95)
            enough = max(_STILL * guess.width, _TYPICALLY * self._error(guess, residual))
            if used > 3 and np.all(settled | (ways * slow / (1 - slow) < enough)):
                break
            before = max(far, 1e-300)
        return self._finished(guess, residual, noise, used)

    def _begin(self, positions: Array) -> _Guess:
        count = len(positions)
        rows, cols = (
            np.clip(np.rint(positions[:, axis]).astype(int), 0, self._image.shape[axis] - 1) for axis in (0, 1)
        )
        low = np.median(self._image) if not count else np.quantile(self._image, 0.05)
        heights = np.maximum(self._image[rows, cols] - low, 1e-6 * max(float(np.ptp(self._image)), 1e-12))
        # Neighbours overlap: all of them together must not be brighter than the image.
        drawn = draw(self._image.shape, positions, heights, np.full(count, self._first_width)) if count else None
        share = 1.0
        if drawn is not None:
            share = float(np.sum((self._image - low) * drawn) / max(float(np.sum(drawn**2)), 1e-300))
        knots = np.full(self._knots.shape[1], float(low))
        volumes = heights * (share if share > 0 else 2 * np.pi * self._first_width**2)
        tails = np.zeros(len(self._extra))
        return _Guess(positions.copy(), volumes, np.zeros(count), self._first_width, tails, knots)

    def _residual(self, guess: _Guess) -> Array:
        """Image minus model, weighted; keeps the tails' images, which the derivatives need."""
        margin = int(np.ceil(2 * self._first_width))
        core = draw(self._image.shape, guess.positions, guess.volumes, guess.widths, margin)
        inner = np.s_[margin : margin + self._image.shape[0], margin : margin + self._image.shape[1]]
        self._tail_images = [tail[inner] for tail in widened(core, self._extra)]
        model = core[inner] + (self._knots @ guess.knots).reshape(self._image.shape)
        for share, tail in zip(guess.tails, self._tail_images, strict=True):
            model += share * tail
        return np.asarray((self._image - model) * self._root)

    def _noise(self, residual: Array) -> float:
        """Variance that the priors are measured by; never quite 0."""
        middle = 1.4826 * float(np.median(np.abs(residual)))
        return max(middle**2, (1e-7 * float(np.ptp(self._image))) ** 2, 1e-300)

    def _cost(self, guess: _Guess, residual: Array, noise: float) -> float:
        priors = np.sum(guess.stretch**2) / _SPREAD**2 + np.sum(guess.tails**2) / _TAILS**2
        away, louder = self._away(guess)
        held = np.sum(away**2) / (_HELD_PX * self._first_width) ** 2 + np.sum(louder**2) / _HELD_VOLUME**2
        return float(np.sum(residual**2) + noise * (priors + held))

    def _away(self, guess: _Guess) -> tuple[Array, Array]:
        """How far held columns are from their guess, places (n, 2) and log volumes (n,); 0 for the others."""
        if self._start is None or not len(guess.volumes):
            return np.zeros((len(guess.volumes), 2)), np.zeros(len(guess.volumes))
        louder = np.log(guess.volumes / self._start.volumes)
        return (guess.positions - self._start.positions) * self._held[:, None], louder * self._held

    def _equations(self, guess: _Guess, noise: float, damping: float) -> _Equations:
        local, stretching = self._derivatives(guess)
        wide = np.stack([(tail * self._root).ravel() for tail in self._tail_images] + [stretching], axis=1)
        count, size = len(guess.volumes), local.shape[1]
        prior = np.zeros(size)
        prior[: 2 * count] = np.tile(self._held, 2) * noise / (_HELD_PX * self._first_width) ** 2
        prior[2 * count : 3 * count] = self._held * noise / _HELD_VOLUME**2
        if self._own:
            prior[3 * count : 4 * count] = noise / _SPREAD**2
        return _Equations.of(local, wide, prior, noise, damping)

    def _derivatives(self, guess: _Guess) -> tuple[sparse.csr_array, Array]:
        """Derivatives by each column's row, column, log volume and stretch, and by the knots; and by the one width."""
        count = len(guess.volumes)
        reach = int(np.ceil(_REACH * guess.width)) + 1
        side = 2 * reach + 1
        first = np.rint(guess.positions).astype(np.int64) - reach
        parts = np.zeros((4, count, side, side))
        for share, extra in zip((1.0, *guess.tails), (0.0, *self._extra), strict=True):
            if share == 0:
                continue
            widths = np.sqrt(guess.widths**2 + extra**2)
            y = lines(guess.positions[:, 0], widths, first[:, 0], side)
            x = lines(guess.positions[:, 1], widths, first[:, 1], side)
            inner = (guess.widths / widths) ** 2
            height = (share * guess.volumes)[:, None, None]
            parts[0] += height * y.by_centre[:, :, None] * x.value[:, None]
            parts[1] += height * y.value[:, :, None] * x.by_centre[:, None]
            parts[2] += height * y.value[:, :, None] * x.value[:, None]
            turned = y.by_log_width[:, :, None] * x.value[:, None] + y.value[:, :, None] * x.by_log_width[:, None]
            parts[3] += height * inner[:, None, None] * turned
        height_px, width_px = self._image.shape
        rows = np.broadcast_to((first[:, 0, None] + np.arange(side))[:, :, None], (count, side, side))
        cols = np.broadcast_to((first[:, 1, None] + np.arange(side))[:, None], (count, side, side))
        inside = (rows >= 0) & (rows < height_px) & (cols >= 0) & (cols < width_px)
        pixel = (rows * width_px + cols)[inside]
        column = np.broadcast_to(np.arange(count)[:, None, None], inside.shape)[inside]
        root = self._root.ravel()[pixel]
        values = [part[inside] * root for part in parts]
        stretching = np.bincount(pixel, values[3], minlength=self._image.size).astype(np.float64)
        kinds = 4 if self._own else 3
        matrix = sparse.csr_array(
            (
                np.concatenate(values[:kinds]),
                (np.tile(pixel, kinds), np.concatenate([column + kind * count for kind in range(kinds)])),
            ),
            shape=(self._image.size, kinds * count),
        )
        knots = sparse.csr_array(self._knots.multiply(self._root.ravel()[:, None]))
        return sparse.csr_array(sparse.hstack([matrix, knots])), stretching

    def _gradient(self, guess: _Guess, equations: _Equations, residual: Array, noise: float) -> tuple[Array, Array]:
        flat = residual.ravel()
        local = equations.local.T @ flat
        count = len(guess.stretch)
        away, louder = self._away(guess)
        local[: 2 * count] -= noise * away.T.ravel() / (_HELD_PX * self._first_width) ** 2
        local[2 * count : 3 * count] -= noise * louder / _HELD_VOLUME**2
        if self._own:
            local[3 * count : 4 * count] -= noise * guess.stretch / _SPREAD**2
        wide = equations.wide.T @ flat
        wide[:-1] -= noise * guess.tails / _TAILS**2
        return local, wide

    def _moved(self, guess: _Guess, step: tuple[Array, Array]) -> _Guess:
        local, wide = step
        count = len(guess.volumes)
        limit = _STEP * guess.width
        places = np.clip(np.stack([local[:count], local[count : 2 * count]], axis=1), -limit, limit)
        stretch = guess.stretch
        if self._own:
            stretch = np.clip(stretch + np.clip(local[3 * count : 4 * count], -0.3, 0.3), -0.7, 0.7)
        kinds = 4 if self._own else 3
        edge = _STEP * guess.width
        far = np.array(self._image.shape) - 1 + 2 * self._first_width
        return _Guess(
            np.clip(guess.positions + places, -2 * self._first_width, far),
            guess.volumes * np.exp(np.clip(local[2 * count : 3 * count], -1.0, 1.0)),
            stretch,
            float(np.clip(guess.width * np.exp(np.clip(wide[-1], -0.3, 0.3)), 0.3, 4 * self._first_width + edge)),
            guess.tails + np.clip(wide[:-1], -0.5, 0.5),
            guess.knots + local[kinds * count :],
        )

    def _error(self, guess: _Guess, residual: Array) -> float:
        """Typical standard error of a place in px."""
        if not len(guess.volumes):
            return 0.0
        return float(np.median(_place_errors(guess.volumes, guess.widths, float(np.sqrt(np.mean(residual**2))))))

    def _finished(self, guess: _Guess, residual: Array, noise: float, used: int) -> Fit:
        whole_volume = 1 + float(guess.tails.sum())
        volumes = guess.volumes * (whole_volume if whole_volume > 0.05 else 1.0)
        scatter = float(np.sqrt(np.mean(residual**2)))
        errors = _place_errors(volumes, guess.widths, scatter)
        background = (self._knots @ guess.knots).reshape(self._image.shape)
        rows, cols = (
            np.clip(np.rint(guess.positions[:, axis]).astype(int), 0, self._image.shape[axis] - 1) for axis in (0, 1)
        )
        low, high = 2 * guess.widths - 0.5, 2 * guess.widths + 0.5
        whole = np.all(
            (guess.positions >= low[:, None]) & (guess.positions <= np.array(self._image.shape) - high[:, None]), axis=1
        )
        columns = FittedColumns(
            guess.positions,
            volumes,
            guess.widths,
            errors,
            background[rows, cols],
            whole,
            scatter,
        )
        return Fit(columns, self._image - residual / self._root, used)


def _place_errors(volumes: Array, widths: Array, noise: float) -> Array:
    """Standard errors of Gaussians' places along one axis, px: s^2 sqrt(8 pi) / V times the noise of a px."""
    return np.asarray(noise * np.sqrt(8 * np.pi) * widths**2 / np.maximum(volumes, 1e-300))


@dataclass(frozen=True)
class _Equations:
    """Factorised normal equations: a sparse part (columns, knots) and a few unknowns that touch every px."""

    local: sparse.csr_array
    wide: Array
    solve: Callable[[Array], Array]
    cross: Array
    inner: Array
    schur: Array

    @classmethod
    def of(cls, local: sparse.csr_array, wide: Array, prior: Array, noise: float, damping: float) -> _Equations:
        """Factorise; `prior` is added to the diagonal, `damping` is relative to it."""
        square = sparse.csc_array(local.T @ local)
        diagonal = square.diagonal()
        top = float(diagonal.max(initial=0.0))
        square = sparse.csc_array(square + sparse.diags_array(damping * diagonal + prior + 1e-9 * top + 1e-300))
        solve = splu(square).solve
        cross = np.asarray(local.T @ wide)
        inner = solve(cross)
        own = wide.T @ wide
        ridge = np.full(wide.shape[1], noise / _TAILS**2)
        ridge[-1] = 0.0
        schur = own - cross.T @ inner + np.diag((damping + 1e-9) * np.diag(own) + ridge + 1e-300)
        return cls(local, wide, solve, cross, inner, schur)

    def step(self, gradient: tuple[Array, Array]) -> tuple[Array, Array]:
        """Solve for the step of both parts."""
        alone = self.solve(gradient[0])
        wide = np.asarray(np.linalg.solve(self.schur, gradient[1] - self.cross.T @ alone), dtype=np.float64)
        return alone - self.inner @ wide, wide


def _knot_matrix(shape: tuple[int, int], step: float) -> sparse.csr_array:
    """The matrix (px, knots) of linear interpolation between a grid of knots about `step` px apart."""
    rows, cols = (_hats(length, step) for length in shape)
    return sparse.csr_array(sparse.kron(rows, cols, format="csr"))


def _hats(length: int, step: float) -> sparse.csr_array:
    count = max(2, round((length - 1) / step) + 1)
    at = np.linspace(0, count - 1, length)
    low = np.minimum(at.astype(int), count - 2)
    part = at - low
    index = np.arange(length)
    return sparse.csr_array((np.r_[1 - part, part], (np.r_[index, index], np.r_[low, low + 1])), shape=(length, count))
