"""Reading the signal out: dark current, read noise, noise of rows and columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.simulation.detectors.effect import Array, Effect, require


@dataclass(frozen=True)
class ReadNoise(Effect):
    """Gaussian noise of the amplifier: adds N(0, sigma^2), `sigma` in electrons of the beam, a px and frame."""

    sigma: float

    def __post_init__(self) -> None:
        require(self.sigma >= 0, f"a read noise of {self.sigma}")

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Add noise; conserves electrons in the mean."""
        return electrons + rng.normal(0.0, self.sigma, electrons.shape)


@dataclass(frozen=True)
class DarkCurrent(Effect):
    """Thermal charge of the sensor, its mean taken away by the dark reference: adds (Poisson(d) - d) / c.

    Attributes
    ----------
    charge
        d: thermal electrons of the sensor in a px and frame.
    conversion
        c: sensor electrons one beam electron makes (50 to 500 behind a scintillator).
    """

    charge: float
    conversion: float

    def __post_init__(self) -> None:
        require(self.charge >= 0 and self.conversion > 0, f"dark charge {self.charge}, conversion {self.conversion}")

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Add the noise of the dark current."""
        return electrons + (rng.poisson(self.charge, electrons.shape) - self.charge) / self.conversion


@dataclass(frozen=True)
class LineNoise(Effect):
    """Offsets that a whole row or column of one frame shares: N(0, rows^2) and N(0, columns^2), in electrons.

    CMOS sensors convert a row at a time, with one converter a column.
    """

    rows: float = 0.0
    columns: float = 0.0

    def __post_init__(self) -> None:
        require(self.rows >= 0 and self.columns >= 0, "line noise below zero")

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Add an offset to each row and column."""
        height, width = electrons.shape[-2:]
        by_row = rng.normal(0.0, self.rows, (*electrons.shape[:-2], height, 1))
        by_column = rng.normal(0.0, self.columns, (*electrons.shape[:-2], 1, width))
        return np.asarray(electrons + by_row + by_column)
