"""HRTEM: atoms under a TEM, by multislice."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.simulation.imaging import enough_foci, image
from core.simulation.lenses import draw_objective
from core.simulation.multislice import exit_wave, wave_size
from core.simulation.scene import AtomScene, Lens
from core.simulation.specimens import Specimen

# Finer waves show heavy nuclei better (`wave_size`); these take seconds.
_SAMPLING, _LARGEST = 0.15, 1280  # angstrom, px


@dataclass
class HrtemScene(AtomScene):
    """Atoms under a TEM. The wave is kept from view to view, as only the lens changes."""

    _waves: dict[float, tuple[Specimen, Tensor]] = field(default_factory=dict, repr=False)

    def lens(self, rng: np.random.Generator) -> Lens:
        """Draw an objective lens."""
        optics = draw_objective(rng, self.recipe.lens, "HRTEM", (0.05, 0.4))

        foci = enough_foci(optics)

        def image_of(specimen: Specimen, defocus: float) -> NDArray[Any]:
            wave = self._wave(specimen, optics.kilovolt)
            at = replace(optics, defocus=optics.defocus + defocus)
            return np.asarray(image(wave, specimen.box, at, self.field.grid, foci).double().cpu().numpy())

        return Lens(image_of, asdict(optics))

    def _wave(self, specimen: Specimen, kilovolt: float) -> Tensor:
        """Return the exit wave; the last one is kept for each voltage."""
        known = self._waves.get(kilovolt)
        if known is not None and _same_atoms(known[0], specimen):
            return known[1]
        size = wave_size(specimen.box, self.field.grid, max(_SAMPLING, specimen.box / _LARGEST))
        wave = exit_wave(specimen.positions, specimen.elements, specimen.box, size, kilovolt)
        self._waves[kilovolt] = (specimen, wave)
        return wave


def _same_atoms(one: Specimen, other: Specimen) -> bool:
    return one is other or (
        one.positions.shape == other.positions.shape and bool((one.positions == other.positions).all())
    )
