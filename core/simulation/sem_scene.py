"""SEM: a surface under a scanned probe."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from core.simulation.courses import Movement
from core.simulation.movie import render_picture
from core.simulation.objects.surface import Surface
from core.simulation.scan.scan import Scan
from core.simulation.scene import Array, Check, Scene, Shot
from core.simulation.sem import SemOptics, sem_image


@dataclass
class SemScene(Scene):
    """A surface under a scanned probe; nothing comes and goes on it."""

    surface: Surface

    def _shot(self, movement: Movement, scan: Scan | None, rng: np.random.Generator, check: Check) -> Shot:
        check()
        given = self.recipe.lens.kilovolt
        optics = SemOptics(
            kilovolt=float(rng.choice(given) if given else np.exp(rng.uniform(np.log(1.0), np.log(20.0)))),
            probe=self.field.pixel / 10 * float(np.exp(rng.uniform(np.log(0.4), np.log(1.6)))),
            tail=float(rng.uniform(0.0, 0.15)),
            shadowing=float(rng.uniform(0.3, 0.9)),
            asymmetry=float(rng.uniform(0.0, 0.9)),
            detector_angle=float(rng.uniform(-np.pi, np.pi)),
            backscatter=float(rng.uniform(0.2, 0.8)),
            tilt=float(rng.choice([0.0, 0.0, rng.uniform(0.0, 0.6)])),
            tilt_angle=float(rng.uniform(-np.pi, np.pi)),
        )
        picture = seamless(
            np.asarray(sem_image(self.surface, optics), np.float64), (self.field.margin - self.field.reach) // 2
        )
        rendered = render_picture(picture, movement.course, self.field.side, scan, rng)
        settings = {name: value for name, value in movement.settings.items() if not name.startswith("events")}
        return Shot(rendered.images, movement.course, (), {**asdict(optics), **settings})


def seamless(picture: Array, width: int) -> Array:
    """Let a picture (H, W) fade into its mean within `width` px of its border, so that it repeats without a seam.

    A seam would ring through the whole picture when it is moved by the phase of its spectrum.
    """
    fades = []
    for length in picture.shape:
        edge = np.minimum(np.arange(length), np.arange(length)[::-1])
        fades.append(0.5 - 0.5 * np.cos(np.pi * np.minimum((edge + 0.5) / width, 1.0)))
    mean = float(picture.mean())
    return np.asarray(mean + (picture - mean) * np.outer(*fades))
