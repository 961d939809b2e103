"""TEM of macromolecules in vitreous ice: a phase object, seen far from focus."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.simulation.courses import Movement, without
from core.simulation.imaging import image
from core.simulation.lenses import draw_objective
from core.simulation.multislice import wave_size
from core.simulation.objects.ice import ice_phase
from core.simulation.objects.protein import DISPLACED
from core.simulation.phase_object import exit_spectrum, projected_phase
from core.simulation.scan.scan import Scan
from core.simulation.scene import AtomScene, Check, Lens, Shot
from core.simulation.specimens import Specimen

_ABSORBED = 0.08  # amplitude contrast of proteins in ice


@dataclass
class IceScene(AtomScene):
    """Macromolecules in a layer of ice (thickness in angstrom)."""

    thickness: float

    def lens(self, rng: np.random.Generator) -> Lens:
        """Draw an objective lens, and another patch of ice."""
        optics = draw_objective(rng, self.recipe.lens, "TEM", (0.2, 1.0))
        grid = self.field.grid
        # The wave ends at 2/3 of its own Nyquist; the image's Nyquist lies within.
        size = wave_size(self.field.box, -(-grid * 3 // 2), self.field.box)
        ice = ice_phase(rng, size, self.field.box / size, self.thickness, optics.kilovolt)

        wave: list[tuple[Specimen, Tensor]] = []

        def image_of(specimen: Specimen, defocus: float) -> NDArray[Any]:
            # Only the focus changes as long as the atoms stay.
            if not wave or wave[0][0] is not specimen:
                wave[:] = [(specimen, self._wave(specimen, ice, optics.kilovolt))]
            at = replace(optics, defocus=optics.defocus + defocus)
            return np.asarray(image(wave[0][1], specimen.box, at, grid).double().cpu().numpy())

        return Lens(image_of, {**asdict(optics), "ice": self.thickness})

    def _wave(self, specimen: Specimen, ice: Tensor, kilovolt: float) -> Tensor:
        phase = projected_phase(
            specimen.positions, specimen.elements, specimen.box, len(ice), kilovolt, displaced=DISPLACED
        )
        return exit_spectrum(ice + phase, _ABSORBED)

    def _shot(self, movement: Movement, scan: Scan | None, rng: np.random.Generator, check: Check) -> Shot:
        # The ice would have to turn and tilt with what it holds.
        return super()._shot(without(movement, turns=True), scan, rng, check)
