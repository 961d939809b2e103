"""A path of measured positions, smoothed by a walk of position and velocity whose pace the path itself tells."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Path = npt.NDArray[np.float64]

# Deviations of a step of the position (px) and of the velocity (px a frame), a frame.
_STEPS = (0.003, 0.03, 0.1, 0.3, 1.0, 3.0)
_TURNS = (0.0003, 0.003, 0.03, 0.3)
# The claimed variance of a measurement may be this many times too small: the taper's neighbours share their noise.
_SCALES = (1.0, 2.0, 4.0, 8.0, 16.0)
_START_PX, _START_SPEED = 100.0, 3.0
# An innovation so far out is a jump of the stage; it may then have been as far as this.
_JUMP, _JUMP_PX = 5.0, 50.0


def smooth_path(measured: Path, covariance: npt.NDArray[np.float64]) -> tuple[Path, Path]:
    """Smooth positions (frames, 2) whose errors have this covariance (2, 2) each.

    Position p and velocity v of each principal axis walk at random, p' = p + v + N(0, a^2), v' = v + N(0, b^2); a and b
    are those of the greatest likelihood among a few. Jumps are let through.

    Returns
    -------
    path, variance : float64 (frames, 2)
        The smoothed positions, and the variance of each.
    """
    variances, axes = np.linalg.eigh(covariance)
    turned = measured @ axes
    scale, step, turn = _likeliest(turned, variances)
    variances = variances * scale
    quiet = np.zeros(len(measured))
    jumps = np.zeros(len(measured))
    for k in (0, 1):
        surprise = _filter(turned[:, k], variances[k], step, turn, quiet).surprise
        jumps = np.maximum(jumps, np.where(np.abs(surprise) > _JUMP, _JUMP_PX**2, 0.0))
    paths = [_smooth(turned[:, k], variances[k], step, turn, jumps) for k in (0, 1)]
    path = np.stack([one[0] for one in paths], axis=1) @ axes.T
    variance = np.stack([one[1] for one in paths], axis=1) @ np.square(axes).T
    return path, variance


def _likeliest(z: Path, errors: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the scale of the errors and the paces (a, b) of greatest likelihood; all are tried side by side."""
    tried = np.array(list(itertools.product(_SCALES, _STEPS, _TURNS)))
    error = errors[:, None] * tried[:, 0]
    steps, turns = np.square(tried[:, 1]), np.square(tried[:, 2])
    p = np.repeat(z[0][:, None], len(tried), axis=1)
    v, pv = np.zeros_like(p), np.zeros_like(p)
    pp, vv = np.full_like(p, _START_PX**2), np.full_like(p, _START_SPEED**2)
    likelihood = np.zeros_like(p)
    for number in range(len(z)):
        if number:
            p = p + v
            pp, pv, vv = pp + 2 * pv + vv + steps, pv + vv, vv + turns
        total = pp + error
        miss = z[number][:, None] - p
        if number > 1:
            likelihood -= 0.5 * (np.square(miss) / total + np.log(total))
        gain, drag = pp / total, pv / total
        p, v = p + gain * miss, v + drag * miss
        pp, pv, vv = pp * (1 - gain), pv * (1 - gain), vv - drag * pv
    scale, step, turn = tried[int(np.argmax(likelihood.sum(axis=0)))]
    return float(scale), float(step), float(turn)


@dataclass(frozen=True)
class _Filtered:
    """States (frames, 2) and covariances (frames, 2, 2) before and after each measurement."""

    before: Path
    before_cov: npt.NDArray[np.float64]
    after: Path
    after_cov: npt.NDArray[np.float64]
    surprise: npt.NDArray[np.float64]


_MOVE = np.array([[1.0, 1.0], [0.0, 1.0]])


def _filter(z: npt.NDArray[np.float64], error: float, step: float, turn: float, jumps: Path) -> _Filtered:
    count = len(z)
    before, after = np.empty((count, 2)), np.empty((count, 2))
    before_cov, after_cov = np.empty((count, 2, 2)), np.empty((count, 2, 2))
    surprise = np.zeros(count)
    p, v = float(z[0]), 0.0
    pp, pv, vv = _START_PX**2, 0.0, _START_SPEED**2
    for number in range(count):
        if number:
            p += v
            pp, pv, vv = pp + 2 * pv + vv + step**2 + float(jumps[number]), pv + vv, vv + turn**2
        before[number] = p, v
        before_cov[number] = (pp, pv), (pv, vv)
        total = pp + error
        miss = float(z[number]) - p
        surprise[number] = miss / total**0.5
        gain, drag = pp / total, pv / total
        p, v = p + gain * miss, v + drag * miss
        pp, pv, vv = pp * (1 - gain), pv * (1 - gain), vv - drag * pv
        after[number] = p, v
        after_cov[number] = (pp, pv), (pv, vv)
    return _Filtered(before, before_cov, after, after_cov, surprise)


def _smooth(z: Path, error: float, step: float, turn: float, jumps: Path) -> tuple[Path, Path]:
    """Return positions and variances (frames,), each by all measurements, those after it too."""
    one = _filter(z, error, step, turn, jumps)
    state, covariance = one.after[-1].copy(), one.after_cov[-1].copy()
    path, variance = np.empty(len(z)), np.empty(len(z))
    path[-1], variance[-1] = state[0], covariance[0, 0]
    for number in range(len(z) - 2, -1, -1):
        back = np.linalg.solve(one.before_cov[number + 1], _MOVE @ one.after_cov[number]).T
        state = one.after[number] + back @ (state - one.before[number + 1])
        covariance = one.after_cov[number] + back @ (covariance - one.before_cov[number + 1]) @ back.T
        path[number], variance[number] = state[0], covariance[0, 0]
    return path, variance
