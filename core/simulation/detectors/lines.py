"""What scanning detectors do in time: afterglow along a line, hum of the mains, lines that are missing or repeated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from core.simulation.detectors.effect import Array, Effect, require


@dataclass(frozen=True)
class Afterglow(Effect):
    """The detector answers slowly: y_i = (1 - a) x_i + a y_(i-1) along each line, a = exp(-1 / decay).

    The scintillator's decay and the amplifier's bandwidth blur along the fast axis, to one side; noise passes through
    it too. Each line starts settled on its first px (the beam waits there), so an even picture stays even.

    Attributes
    ----------
    decay
        In px (dwell times).
    """

    decay: float

    def __post_init__(self) -> None:
        require(self.decay > 0, f"a decay of {self.decay} px")

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Smear the signal."""
        return self.expected(electrons)

    def expected(self, electrons: Array) -> Array:
        """Smear the signal."""
        kept = float(np.exp(-1 / self.decay))
        settled = kept * electrons[..., :1]
        return np.asarray(lfilter([1 - kept], [1, -kept], electrons, axis=-1, zi=settled)[0])


@dataclass(frozen=True)
class Hum(Effect):
    """The mains in the amplifier: adds amplitude * cos(2 pi (cycles_per_line * line + phase)), drawn phase a frame.

    Attributes
    ----------
    amplitude
        In electrons.
    cycles_per_line
        Mains frequency times the time of one line; lines synchronised to the mains have a whole number.
    """

    amplitude: float
    cycles_per_line: float

    def __post_init__(self) -> None:
        require(self.amplitude >= 0 and self.cycles_per_line > 0, "a hum outside its range")

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Add the wave; conserves electrons but for a part of a cycle."""
        height, width = electrons.shape[-2:]
        line = np.arange(height)[:, None] + np.arange(width)[None] / width
        phase = rng.uniform(0, 1, (*electrons.shape[:-2], 1, 1))
        return np.asarray(electrons + self.amplitude * np.cos(2 * np.pi * (self.cycles_per_line * line + phase)))


@dataclass(frozen=True)
class LostLines(Effect):
    """Lines that were not stored: a line repeats the one before it (noise and all), or is blank.

    Attributes
    ----------
    repeated, blank
        Chance of each line.
    """

    repeated: float = 0.0
    blank: float = 0.0

    def __post_init__(self) -> None:
        require(0 <= self.repeated <= 1 and 0 <= self.blank <= 1, "a chance outside 0 to 1")

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Repeat and blank lines."""
        out = electrons.copy()
        draws = rng.random((2, *electrons.shape[:-1]))
        repeated = draws[0] < self.repeated
        repeated[..., 0] = False
        # A line after a repeated one may repeat it again: the last line that was stored goes on.
        source = np.where(repeated, 0, np.arange(electrons.shape[-2]))
        source = np.maximum.accumulate(source, axis=-1)
        out = np.take_along_axis(out, source[..., None], axis=-2)
        out[draws[1] < self.blank] = 0.0
        return out
