"""How the picture drifts where electrons are few: matched to the mean of the others, smoothed by likely motion.

Three steps, all in Fourier space. (1) Coefficients that agree from one frame to the next are picked: |<Y_(t+1) Y_t*>|
over the frames is the signal's power, whatever the noise's colour, and drift only turns its phase. (2) Each frame is
held against the mean of the others, every coefficient weighted by signal over noise (the matched filter: the maximum
of the likelihood); the curvature there is the Fisher information, so each shift comes with its error. (3) The shifts
are smoothed by a Kalman filter and Rauch-Tung-Striebel smoother (Rauch, Tung, Striebel, AIAA J. 3, 1965) for a
position and a velocity that both walk at random; how fast they walk is chosen by the likelihood of the innovations.
At 0.5 e/px one frame's own shift is uncertain by a third of a px or more, the smoothed path by a tenth.

Only a translation, the same for the whole frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from core.motion.path_smoothing import smooth_path
from core.noise.shifting import phase

Image = npt.NDArray[np.float32]
Shifts = npt.NDArray[np.float64]
_Complex = npt.NDArray[np.complex64]

LEAST_FRAMES = 4
_LEAST_SIDE = 16
# Coefficients kept at most, and fewest that say something.
_MOST, _FEWEST = 4000, 6
# How likely noise alone is as coherent as one that is picked: those that hardly stand out blur the path, and are looked
# at only where there are too few others.
_CHANCES = (1e-5, 1e-4, 1e-3)
_NEARBY = 7
# Coarsest detail that counts, in periods a frame: what is slower is background, and the taper's own.
_SLOWEST = 3.0
_TAPER = 0.2
_SEARCH_PX, _SEARCH_SHARE = 8.0, 0.06
# Tops that differ by so many deviations of their noise are alike; the taper's neighbours share theirs.
_AS_HIGH = 4.0
_NEARLY, _TOPS = 0.8, 12
_ROUNDS = 4
_SETTLED = 0.01
# What all frames show must be this share of each direction.
_LEAST_SHARE = 0.5
_NEWTON = 3
_CERTAIN_PX = 0.5
# Squares of so many coefficients a side make halves; so far the halves must agree.
_PATCH, _CONFIRMED = 4, 8.0


@dataclass(frozen=True)
class Trajectory:
    """Where the picture lies in each frame.

    Attributes
    ----------
    shifts : float64 (frames, 2)
        Rows and columns in px, the first frame at 0: ``frame(y, x) = picture(y - shift_y, x - shift_x)``.
    error : float
        Standard error of a shift relative to frames nearby, in px; infinite if nothing could be followed.
    certain : bool
        Whether it may be relied on; if not, the shifts are the best guess.
    """

    shifts: Shifts
    error: float
    certain: bool

    @property
    def speed(self) -> float:
        """Median motion from one frame to the next, in px."""
        if len(self.shifts) < 2:
            return 0.0
        return float(np.median(np.hypot(*np.diff(self.shifts, axis=0).T)))

    def times(self, factor: float) -> Trajectory:
        """The same in smaller px."""
        error = self.error * factor
        return Trajectory(self.shifts * factor, error, self.certain and error < 2 * _CERTAIN_PX)


def still(frames: int) -> Trajectory:
    """A path that says nothing: no motion, not certain."""
    return Trajectory(np.zeros((frames, 2)), float("inf"), False)


def follow(frames: Image, check: Callable[[], None]) -> Trajectory:
    """Follow the picture through frames (n, h, w), finite, small enough to be kept.

    Camera-fixed pixels must have been taken out: they would speak for no drift. `check` may raise to stop.
    """
    if len(frames) < LEAST_FRAMES or min(frames.shape[1:]) < _LEAST_SIDE:
        return still(len(frames))
    size = (frames.shape[1], frames.shape[2])
    spectra = _spectra(frames, check)
    for chance in _CHANCES:
        picked = _pick(spectra, size, chance)
        if picked is not None and _confirmed(picked, size, check) >= _CONFIRMED:
            break
    else:
        return still(len(frames))
    rough = _path_of(picked, size, check)
    # Seen through a frame that stands still, a picture that moves seems to move less: now the frame moves along.
    whole = np.rint(rough - rough[0]).astype(int)
    cut = _cut_along(frames, whole)
    if cut is None:
        return Trajectory(rough - rough[0], float("inf"), False)
    size = (cut.shape[1], cut.shape[2])
    picked = _pick(_spectra(cut, check), size, chance, rough - rough[0] - whole)
    if picked is None:
        return Trajectory(rough - rough[0], float("inf"), False)
    shifts, deviation = _settle(picked, rough - rough[0], whole.astype(np.float64), check)
    error = float(np.sqrt(np.median(deviation.sum(axis=1))))
    return Trajectory(shifts - shifts[0], error, error < _CERTAIN_PX)


def _path_of(picked: _Picked, size: tuple[int, int], check: Callable[[], None]) -> Shifts:
    shifts, _ = _settle(picked, _first_guess(picked, size, check), np.zeros((len(picked.values), 2)), check)
    return shifts


def _confirmed(picked: _Picked, size: tuple[int, int], check: Callable[[], None]) -> float:
    """Follow the picture by one half of the coefficients; how well does the other half agree with that path?

    Noise alone can be lined up too, but its other half knows nothing of it: about 0, with a scatter of 1 to 3.
    """
    places = picked.wave * np.array(size) / (2 * np.pi * _PATCH)
    # Halves of small squares: coefficients beside each other share the taper's blur.
    one = np.floor(places).sum(axis=1).astype(int) % 2 == 0
    rises = []
    for half in (one, ~one):
        if min(half.sum(), (~half).sum()) < 2:
            return 0.0
        rises.append(_agreement(picked.only(~half), _path_of(picked.only(half), size, check)))
    return float(np.mean(rises))


def _settle(picked: _Picked, shifts: Shifts, cut_at: Shifts, check: Callable[[], None]) -> tuple[Shifts, Shifts]:
    """Measure and smooth until nothing changes much; returns shifts and variances (frames, 2).

    `cut_at` is where each frame was cut out (frames, 2): the path is smooth, what is left of it in the cuts is not.
    """
    deviation = np.zeros_like(shifts)
    for _ in range(_ROUNDS):
        before = shifts
        measured, spread = _measure(picked, shifts - cut_at, check)
        shifts, deviation = smooth_path(cut_at + measured, spread)
        if np.abs((shifts - before) - (shifts - before).mean(axis=0)).max() < _SETTLED:
            break
    return shifts, deviation


def _cut_along(frames: Image, whole: npt.NDArray[np.int64]) -> Image | None:
    """Cut out of each frame the part that all of them show; None if it is too small to go by."""
    first = np.maximum(0, -whole.min(axis=0))
    last = np.array(frames.shape[1:]) - np.maximum(0, whole.max(axis=0))
    if np.any(last - first < np.maximum(_LEAST_SIDE, _LEAST_SHARE * np.array(frames.shape[1:]))):
        return None
    parts = []
    for frame, (y, x) in zip(frames, whole, strict=True):
        parts.append(frame[first[0] + y : last[0] + y, first[1] + x : last[1] + x])
    return np.stack(parts)


@dataclass(frozen=True)
class _Picked:
    """Fourier coefficients worth looking at.

    Attributes
    ----------
    values : complex64 (frames, k)
        Divided by the noise's deviation.
    wave : float64 (k, 2)
        2 pi x frequency, radians a px.
    index : int (k,)
        Where they stand in the half spectrum, flattened.
    signal : float64 (k,)
        Power of the signal over the noise's in one frame.
    """

    values: _Complex
    wave: npt.NDArray[np.float64]
    index: npt.NDArray[np.intp]
    signal: npt.NDArray[np.float64]

    def only(self, which: npt.NDArray[np.bool_]) -> _Picked:
        """Return some of them."""
        return _Picked(self.values[:, which], self.wave[which], self.index[which], self.signal[which])


def _spectra(frames: Image, check: Callable[[], None]) -> _Complex:
    height, width = frames.shape[1:]
    window = np.outer(_taper(height), _taper(width)).astype(np.float32)
    out = np.empty((len(frames), height, width // 2 + 1), dtype=np.complex64)
    for number, frame in enumerate(frames):
        out[number] = fft.rfft2((frame - frame.mean(dtype=np.float64).astype(np.float32)) * window)
        check()
    return out


def _taper(length: int) -> npt.NDArray[np.float64]:
    """A window that is flat but for a fifth at each end."""
    at = (np.arange(length) + 0.5) / length
    return np.sin(0.5 * np.pi * np.clip(np.minimum(at, 1 - at) / _TAPER, 0, 1)) ** 2


def _pick(spectra: _Complex, size: tuple[int, int], chance: float, known: Shifts | None = None) -> _Picked | None:
    """Pick the coefficients that agree from frame to frame, moved back by what is known of their shifts."""
    count = len(spectra)
    power = np.mean(spectra.real**2 + spectra.imag**2, axis=0, dtype=np.float64)
    coherent = np.zeros(power.shape, dtype=np.complex128)
    steps = np.zeros((count - 1, 2)) if known is None else -np.diff(known, axis=0)
    for one, following, step in zip(spectra[:-1], spectra[1:], steps, strict=True):
        product = following * one.conj()
        coherent += product * phase(step, size) if step.any() else product
    signal = np.abs(coherent) / (count - 1)
    # By the neighbours too: a few frames may agree by chance. Of noise, |mean| takes 0.89 / sqrt(n) with it.
    noise = ndimage.uniform_filter(power - signal, _NEARBY, mode="nearest") / (1 - 0.886 / np.sqrt(count - 1))
    noise = np.maximum(noise, 1e-6 * power.max())
    rows, columns = fft.fftfreq(size[0])[:, None], fft.rfftfreq(size[1])[None]
    slow = np.hypot(rows * size[0], columns * size[1]) < _SLOWEST
    # The half spectrum's first and last column hold each coefficient twice; Nyquist has no side to turn to.
    useless = slow | ((columns == 0) & (rows < 0)) | (np.abs(rows) == 0.5) | (columns == 0.5) | (power <= 0)
    # Of n products of noise |mean|^2 / mean^2 exceeds x with a chance of (1 - x)^(n - 1).
    coherence = np.where(useless, 0.0, signal / np.maximum(power, 1e-300))
    order = np.argsort(-coherence, axis=None, kind="stable")[:_MOST]
    order = order[np.square(coherence.flat[order]) > 1 - chance ** (1 / max(1, count - 2))]
    if len(order) < _FEWEST:
        return None
    wave = 2 * np.pi * np.stack(np.broadcast_arrays(rows, columns), axis=-1).reshape(-1, 2)[order]
    deviation = np.sqrt(noise.flat[order])
    values = np.asarray(spectra.reshape(count, -1)[:, order] / deviation.astype(np.float32), dtype=np.complex64)
    # What scatter alone would reach is taken off the signal.
    strength = np.sqrt(np.maximum(np.square(signal.flat[order] / noise.flat[order]) - 1 / (count - 1), 0))
    return _Picked(values, wave, order, strength)


def _turned(picked: _Picked, values: _Complex, shift: Shifts) -> _Complex:
    """Move coefficients (k,) back by a shift."""
    return np.asarray(values * np.exp(1j * (picked.wave @ shift)), dtype=np.complex64)


def _first_guess(picked: _Picked, size: tuple[int, int], check: Callable[[], None]) -> Shifts:
    """Follow the picture from frame to frame, against the mean of those before."""
    shifts = np.zeros((len(picked.values), 2))
    memory = picked.values[0].copy()
    weight, step = 1.0, np.zeros(2)
    reach = [max(_SEARCH_PX, _SEARCH_SHARE * length) for length in size]
    grid = np.zeros(size[0] * (size[1] // 2 + 1), dtype=np.complex64)
    for number in range(1, len(shifts)):
        trust = (weight * picked.signal / (1 + weight * picked.signal)).astype(np.float32)
        other = (memory / np.float32(weight)).conj() * trust
        product = picked.values[number] * other
        grid[picked.index] = product
        tops = _tops(grid.reshape(size[0], -1), shifts[number - 1] + step, reach, size)
        noise = float(np.sqrt(np.sum(other.real**2 + other.imag**2, dtype=np.float64) / 2))
        shifts[number] = _nearest_top(picked.wave, product, tops, noise)
        step = 0.8 * step + 0.2 * (shifts[number] - shifts[number - 1])
        # Those long past fade: the specimen changes.
        memory = np.complex64(0.9) * memory + _turned(picked, picked.values[number], shifts[number])
        weight = 0.9 * weight + 1
        check()
    return shifts


def _tops(product: _Complex, near: Shifts, reach: list[float], size: tuple[int, int]) -> list[Shifts]:
    """Return the whole-px shifts at which the correlation has its high tops, those far from `near` counting less.

    On whole px a top loses some of its height: all that are nearly as high as the highest; the nearest come first.
    """
    correlation = fft.irfft2(product, s=size)
    axes = [
        (np.arange(length) - centre + length / 2) % length - length / 2
        for length, centre in zip(size, near, strict=True)
    ]
    weight = [np.exp2(-np.square(axis / far)) for axis, far in zip(axes, reach, strict=True)]
    weighted = np.where(correlation > 0, correlation * np.outer(*weight), correlation)
    rows, columns = np.nonzero(weighted >= _NEARLY * weighted.max())
    around = [weighted[(rows + y) % size[0], (columns + x) % size[1]] for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
    top = weighted[rows, columns] >= np.max(around, axis=0)
    away = np.stack([axes[0][rows[top]], axes[1][columns[top]]], axis=1)
    order = np.argsort(np.square(away).sum(axis=1), kind="stable")[:_TOPS]
    # The highest of all, too, if it is far.
    highest = np.unravel_index(int(np.argmax(weighted)), size)
    last = np.array([axes[0][highest[0]], axes[1][highest[1]]])
    return [near + one for one in [*away[order], last]]


def _nearest_top(wave: npt.NDArray[np.float64], product: _Complex, tops: list[Shifts], noise: float) -> Shifts:
    """Return the exact place of the first of some tops that is as high as the highest, but for the noise.

    A lattice looks the same a period further on: among equals the nearest is taken.
    """
    exact = [_newton(wave, product, top)[0] for top in tops]
    heights = np.array([float(np.sum((product * np.exp(1j * (wave @ one))).real)) for one in exact])
    return exact[int(np.argmax(heights >= heights.max() - _AS_HIGH * noise))]


def _newton(wave: npt.NDArray[np.float64], product: _Complex, shift: Shifts) -> tuple[Shifts, npt.NDArray[np.float64]]:
    """Climb to the top of Re sum(product exp(i q shift)); returns the shift and the curvature (2, 2) there."""
    shift = shift.copy()
    least = 1e-3 * float(np.sum(np.abs(product) * np.square(wave).sum(axis=1))) + 1e-12
    bend = np.eye(2) * least
    for _ in range(_NEWTON):
        turned = product * np.exp(1j * (wave @ shift))
        slope = -(turned.imag @ wave)
        bend = (wave * turned.real[:, None]).T @ wave
        values, vectors = np.linalg.eigh(bend)
        # Where the top is not round (or this is no top) the step is held back.
        bend = (vectors * np.maximum(values, least)) @ vectors.T
        shift += np.clip(np.linalg.solve(bend, slope), -0.7, 0.7)
    return shift, bend


def _others(picked: _Picked, shifts: Shifts) -> tuple[_Complex, _Complex]:
    """Return the frames moved back (frames, k), and of each the mean of the others, noise shrunk out of it."""
    aligned = np.stack([_turned(picked, one, shift) for one, shift in zip(picked.values, shifts, strict=True)])
    count = len(aligned) - 1
    mean = (aligned.sum(axis=0)[None] - aligned) / np.float32(count)
    return aligned, mean * (count * picked.signal / (1 + count * picked.signal)).astype(np.float32)


def _measure(picked: _Picked, shifts: Shifts, check: Callable[[], None]) -> tuple[Shifts, npt.NDArray[np.float64]]:
    """Measure each frame's shift against the others; returns (frames, 2), and the covariance (2, 2) of one."""
    aligned, mean = _others(picked, shifts)
    out = np.empty_like(shifts)
    bends = np.empty((len(shifts), 2, 2))
    for number, (one, other) in enumerate(zip(aligned, mean, strict=True)):
        moved, bends[number] = _newton(picked.wave, one * other.conj(), np.zeros(2))
        out[number] = shifts[number] + moved
        check()
    # Noise of unit power is a half in each of the real and the imaginary part.
    return out, np.linalg.inv(np.mean(bends, axis=0)) / 2


def _agreement(picked: _Picked, shifts: Shifts) -> float:
    """Return how far the frames' correlation with the mean of the others rises above its own scatter."""
    aligned, mean = _others(picked, shifts)
    each = np.einsum("tk,tk->t", aligned, mean.conj()).real.astype(np.float64)
    return float(each.mean() / max(each.std() / np.sqrt(len(each)), 1e-300))
