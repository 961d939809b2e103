"""STEM: atoms under a scanned probe, dark field or annular bright field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.simulation.courses import Movement, without
from core.simulation.lenses import draw_given, semiangles, voltages
from core.simulation.scan.scan import Scan
from core.simulation.scene import AtomScene, Check, Lens, Shot
from core.simulation.specimens import Specimen
from core.simulation.stem import stem_columns, stem_image
from core.simulation.stem_optics import StemOptics
from core.simulation.truth import Columns

# What else reaches a dark-field detector: scattering in the microscope, and the amplifier's level. A share of the mean.
_STRAY = (0.005, 0.3)


@dataclass
class StemScene(AtomScene):
    """Atoms under a scanned probe."""

    def lens(self, rng: np.random.Generator) -> Lens:
        """Draw a probe, and the angles of the detector."""
        optics = self._optics(rng)
        dark = self.recipe.modality == "HAADF"
        stray = float(np.exp(rng.uniform(*np.log(_STRAY)))) if dark else 0.0

        def image_of(specimen: Specimen, defocus: float) -> NDArray[Any]:
            del defocus
            picture = np.asarray(stem_image(specimen, self.field.pixel, self.field.grid, optics), np.float64)
            return picture + stray * max(float(picture.mean()), 1e-9)

        def columns_of(specimen: Specimen) -> Columns:
            return stem_columns(specimen, self.field.pixel, self.field.grid, optics, only=self.ordered)

        return Lens(image_of, {**asdict(optics), "stray": stray}, columns_of)

    def _shot(self, movement: Movement, scan: Scan | None, rng: np.random.Generator, check: Check) -> Shot:
        # A column model does not change much with focus; keeping it lets drifting frames share one image.
        return super()._shot(without(movement, defocus=True), scan, rng, check)

    def _optics(self, rng: np.random.Generator) -> StemOptics:
        ranges = self.recipe.lens

        def drawn(key: str, usual: Callable[[], float]) -> float:
            given = draw_given(rng, ranges, key)
            return float(usual()) if given is None else given

        kilovolt = float(rng.choice(voltages(ranges)))
        semiangle = 1e-3 * float(rng.uniform(*semiangles(ranges)))
        if self.recipe.modality == "HAADF":
            inner = drawn("inner_mrad", lambda: rng.uniform(2.2, 3.5) * semiangle)
            outer = drawn("outer_mrad", lambda: inner * rng.uniform(2.0, 3.0))
        else:
            inner = drawn("inner_mrad", lambda: rng.uniform(0.4, 0.6) * semiangle)
            outer = drawn("outer_mrad", lambda: rng.uniform(0.9, 1.0) * semiangle)
        return StemOptics(
            kilovolt=kilovolt,
            convergence=semiangle,
            inner=inner,
            outer=outer,
            defocus=drawn("defocus_nm", lambda: rng.normal(0, 15)),
            spherical=drawn("spherical_um", lambda: rng.uniform(-1e4, 1e4)),
            astigmatism=drawn("astigmatism_nm", lambda: rng.uniform(0, 10)),
            astigmatism_angle=float(rng.uniform(0, np.pi)),
            focal_spread=drawn("focal_spread_nm", lambda: rng.uniform(20, 60)),
            source=float(rng.uniform(0.25, 0.5)),
        )
