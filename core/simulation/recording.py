"""From a shot to an item: the dose, the detector, and the truth in the frame's own geometry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.protocol.simulation import MotionRecipe
from core.simulation.detectors.camera import Camera
from core.simulation.detectors.presets import BENCHMARK_DETECTORS, IDEAL_COUNTER, TRAINING_DETECTORS
from core.simulation.item import Item
from core.simulation.scenes import Scene, Shot

_FAMILY = {"HRTEM": "TEM", "TEM": "TEM", "HAADF": "STEM", "ABF": "STEM", "SEM": "SEM"}
_STILL_INTERVAL_S = 1.0


@dataclass(frozen=True)
class Detectors:
    """The detectors that may be used, by name."""

    cameras: Mapping[str, Camera]

    @classmethod
    def training(cls) -> Detectors:
        """Those that training may use."""
        return cls(TRAINING_DETECTORS)

    @classmethod
    def benchmark(cls) -> Detectors:
        """Those kept for the benchmark."""
        return cls(BENCHMARK_DETECTORS)

    def names(self, modality: str) -> tuple[str, ...]:
        """Names of those that fit a modality."""
        return tuple(name for name, camera in self.cameras.items() if camera.family == _FAMILY[modality])

    def draw(self, rng: np.random.Generator, scene: Scene, counted: bool) -> Camera:
        """Draw a detector that counts ideally, or one that does not."""
        named = scene.recipe.detectors or self.names(scene.recipe.modality)
        fitting = [self.cameras[name] for name in named if self.cameras[name].counts == counted]
        if counted:
            fitting = [IDEAL_COUNTER, *fitting]
        chosen = fitting[int(rng.integers(len(fitting)))] if fitting else IDEAL_COUNTER
        return chosen.numbered(int(rng.integers(1, 2**31)))


@dataclass(frozen=True)
class View:
    """How a scene is recorded.

    Attributes
    ----------
    dose : float
        Mean electrons a px and frame that reach the detector.
    counted : bool
        By an ideal counting detector.
    """

    dose: float
    counted: bool


def record(
    scene: Scene, shot: Shot, view: View, motion: MotionRecipe | None, rng: np.random.Generator, detectors: Detectors
) -> Item:
    """Record a shot with a detector drawn for it."""
    camera = detectors.draw(rng, scene, view.counted)
    frames = np.clip(shot.frames, 0.0, None)
    frames *= view.dose / max(float(frames.mean()), 1e-12)
    exposure = camera.expose(frames, rng)
    clean = exposure.expected.astype(np.float32)
    return Item(
        name="",
        seed=0,
        modality=scene.recipe.modality,
        kind=scene.kind,
        periodic=scene.periodic,
        noisy=exposure.values,
        clean=clean,
        gain=float(exposure.gain),
        offset=float(exposure.offset),
        counts=camera.counts,
        pixel_nm=scene.pixel / 10,
        dose=float(clean.mean()),
        interval_s=_STILL_INTERVAL_S if motion is None else motion.interval_s,
        shifts=shot.shifts,
        frame_columns=shot.columns,
        settings={"detector": camera.name, **scene.settings, **shot.settings},
    )
