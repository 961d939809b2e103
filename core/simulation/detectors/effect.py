"""What every effect of a detector is: a small class from electrons to electrons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """One effect, from electrons to electrons a px; arrays are (H, W) or (frames, H, W).

    Up to the arrival of the electrons the values are expected numbers, from then on they are signals, still in units
    of one electron's mean signal. An effect conserves electrons unless it says otherwise, and gives the same for the
    same generator state.
    """

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Apply the effect."""
        raise NotImplementedError

    def expected(self, electrons: Array) -> Array:
        """Return the mean over noise of what the effect gives; without an own definition, the input.

        Defects (dead pixels, hits, residue of references, lost lines) are left out: they are no part of the truth.
        """
        return electrons


def require(condition: bool, what: str) -> None:
    """Raise ValueError if a setting is impossible."""
    if not condition:
        raise ValueError(f"impossible detector setting: {what}")


def fixed_generator(serial: int, purpose: int) -> np.random.Generator:
    """Return the generator of a camera's fixed pattern: the camera with this serial number always has the same."""
    return np.random.default_rng([serial, purpose])
