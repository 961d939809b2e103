"""From a scene to an item: a scan and a detector are drawn, the dose is set, and the truth kept in the frame's own
geometry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from core.protocol.simulation import MotionRecipe
from core.simulation.detectors.camera import Camera
from core.simulation.detectors.presets import BENCHMARK_DETECTORS, IDEAL_COUNTER, TRAINING_DETECTORS
from core.simulation.item import Item
from core.simulation.scan.presets import BENCHMARK_SCANS, TRAINING_SCANS
from core.simulation.scan.scan import Scan
from core.simulation.scene import Check, Scene, no_check
from core.simulation.truth import Columns

SCANNED = frozenset({"HAADF", "ABF", "SEM"})
_STILL_INTERVAL_S = 1.0


@dataclass(frozen=True)
class Instruments:
    """Detectors and scans that may be used, by name.

    Attributes
    ----------
    counters
        Views that are counted ideally may also be on counters that lose or blur electrons, and no others are on these.
        Without: counted is on the ideal counter, and all others are on the detectors that the recipe names.
    """

    cameras: Mapping[str, Camera]
    scans: Mapping[str, Scan]
    counters: bool = True

    def names(self, modality: str) -> tuple[str, ...]:
        """Names of the detectors that fit a modality."""
        return tuple(name for name, camera in self.cameras.items() if modality in camera.modalities)

    def draw_camera(self, rng: np.random.Generator, scene: Scene, counted: bool) -> Camera:
        """Draw a detector that counts ideally, or one that does not."""
        chosen = scene.recipe.detectors
        named = [self.cameras[name] for name in chosen or self.names(scene.recipe.modality)]
        fitting = [camera for camera in named if camera.counts == counted]
        if counted:
            fitting = [IDEAL_COUNTER, *fitting]
        if not self.counters and (counted or chosen):
            fitting = [IDEAL_COUNTER] if counted else named
        camera = fitting[int(rng.integers(len(fitting)))] if fitting else IDEAL_COUNTER
        return camera.numbered(int(rng.integers(1, 2**31)))

    def draw_scan(self, rng: np.random.Generator, scene: Scene, counted: bool) -> Scan | None:
        """Draw a scan; ideal counts are scanned ideally, and a TEM does not scan."""
        name = str(rng.choice(list(self.scans)))
        return self.scans[name] if scene.recipe.modality in SCANNED and not counted else None


TRAINING_INSTRUMENTS = Instruments(TRAINING_DETECTORS, TRAINING_SCANS)
RECIPE_INSTRUMENTS = replace(TRAINING_INSTRUMENTS, counters=False)
BENCHMARK_INSTRUMENTS = Instruments(BENCHMARK_DETECTORS, BENCHMARK_SCANS)


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
    scene: Scene,
    view: View,
    motion: MotionRecipe | None,
    rng: np.random.Generator,
    instruments: Instruments,
    check: Check = no_check,
) -> Item:
    """Shoot a scene and record it; the caller gives the item its name and seed. `check` is called between frames."""
    camera = instruments.draw_camera(rng, scene, view.counted)
    scan = instruments.draw_scan(rng, scene, view.counted)
    shot = scene.shoot(rng, motion, scan, check)
    factor = view.dose / max(float(shot.frames.mean()), 1e-12)
    frames = shot.frames * factor
    exposure = camera.expose(frames, rng)
    clean = exposure.expected.astype(np.float32)
    # In a dark field a column's strength is what it adds to the image: electrons, then.
    dark = scene.recipe.modality == "HAADF"
    interval = _STILL_INTERVAL_S if motion is None else motion.interval_s
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
        pixel_nm=scene.field.pixel / 10,
        dose=float(clean.mean()),
        interval_s=interval,
        shifts=shot.course.shifts,
        times_s=_times(shot.course.times, interval),
        frame_columns=tuple(_scaled(one, factor) if dark else one for one in shot.columns),
        settings={
            "detector": camera.name,
            "detector_settings": camera.settings,
            "scan": None if scan is None else scan.settings,
            "asked_dose": view.dose,
            "clipped": _clipped(exposure.values, camera),
            **scene.settings,
            **shot.settings,
        },
    )


def _clipped(values: np.ndarray, camera: Camera) -> float:
    """Share of the px at the end of what the detector can store; what export to 8 bits cuts is left out."""
    dtype = np.dtype(camera.store.dtype)
    if dtype.kind == "f" or camera.conversions:
        return 0.0
    most = np.iinfo(dtype).max if camera.store.high is None else camera.store.high
    return float((values >= most).mean())


def _scaled(columns: Columns, factor: float) -> Columns:
    return replace(columns, heights=columns.heights * factor)


def _times(times: np.ndarray, interval: float) -> tuple[float, ...]:
    """Times in seconds where frames were lost; empty where none was."""
    even = len(times) < 2 or bool((np.diff(times) == 1).all())
    return () if even else tuple(float(t) * interval for t in times)
