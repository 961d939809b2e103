"""What a movie does: its course and its restless surface, drawn by a recipe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.protocol.simulation import MotionRecipe
from core.simulation.dynamics.course import Course, Dynamics
from core.simulation.dynamics.drift import Drift
from core.simulation.dynamics.events import SurfaceEvents

_AT_REST = Dynamics(exposure=0.0)


@dataclass(frozen=True)
class Movement:
    """A course, the events that go with it, and plain values that say how they were drawn."""

    course: Course
    events: SurfaceEvents
    settings: dict[str, Any]


def draw_movement(rng: np.random.Generator, motion: MotionRecipe | None, reach: float) -> Movement:
    """Draw how a movie moves and changes; None: a single frame at rest.

    Parameters
    ----------
    reach
        Px by which the picture may move.
    """
    if motion is None:
        return Movement(_AT_REST.course(1, rng), SurfaceEvents(), {})
    walk = motion.walks[int(rng.integers(len(motion.walks)))]
    turning = float(rng.uniform() < motion.turning_share)
    dynamics = Dynamics(
        drift=Drift(_log_uniform(rng, motion.drift_px), walk, tremble=float(rng.uniform(0, 0.05))),
        turning=turning * np.deg2rad(motion.turning_deg) * float(rng.uniform(-1, 1)) / motion.frames,
        tilt_wander=turning * np.deg2rad(motion.tilt_deg) * float(rng.uniform()),
        defocus_wander=10 * motion.wander_nm * float(rng.uniform()),
        beam_wander=motion.beam * float(rng.uniform()),
        flicker=motion.beam * float(rng.uniform(0, 0.2)),
        beam_steps=float(rng.choice([0.0, 0.0, 0.0, 1.0 / motion.frames])),
        dropped=motion.dropped if rng.uniform() < motion.dropped_share else 0.0,
        exposure=float(rng.uniform(0.5, 1.0)),
    )
    events = SurfaceEvents()
    if rng.uniform() < motion.events_share:
        events = SurfaceEvents(_log_uniform(rng, motion.events), _log_uniform(rng, motion.lifetime))
    asked = _centred(dynamics.course(motion.frames, rng))
    course = asked.limited(reach)
    settings = {
        "walk": walk,
        "drift_px": _mean_step(course),
        # Before it was made smaller to stay within reach.
        "asked_drift_px": _mean_step(asked),
        "turn_deg": float(np.rad2deg(dynamics.turning) * motion.frames),
        "tilt_wander_deg": float(np.rad2deg(dynamics.tilt_wander)),
        "defocus_wander": dynamics.defocus_wander,
        "beam_wander": dynamics.beam_wander,
        "dropped": dynamics.dropped,
        "exposure": dynamics.exposure,
        "events_share": events.share,
        "events_lifetime": events.lifetime,
    }
    return Movement(course, events, settings)


def without(movement: Movement, turns: bool = False, defocus: bool = False) -> Movement:
    """Return the movement without turning and tilting, or without change of focus."""
    course, settings = movement.course, dict(movement.settings)
    if turns:
        course = replace(course, turns=np.zeros_like(course.turns), tilts=np.zeros_like(course.tilts))
        settings |= {name: 0.0 for name in ("turn_deg", "tilt_wander_deg") if name in settings}
    if defocus:
        course = replace(course, defocus=np.zeros_like(course.defocus))
        settings |= {name: 0.0 for name in ("defocus_wander",) if name in settings}
    return replace(movement, course=course, settings=settings)


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(bounds))))


def _centred(course: Course) -> Course:
    """Move the whole path so that it needs the least margin."""
    middle = (course.shifts.max(axis=0) + course.shifts.min(axis=0)) / 2
    return replace(course, shifts=course.shifts - middle)


def _mean_step(course: Course) -> float:
    return float(np.hypot(*np.diff(course.shifts, axis=0).T).mean()) if len(course) > 1 else 0.0
