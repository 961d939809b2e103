"""A detector: a named chain of effects, from the electrons that are expected to the values in the file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from core.simulation.detectors.arrivals import Counting, Efficiency
from core.simulation.detectors.effect import Array, Effect
from core.simulation.detectors.storing import Digitise, EightBit, Jpeg, Stored
from core.simulation.detectors.transfer import Localisation

Family = Literal["TEM", "STEM", "SEM"]

_MODALITIES: dict[Family, tuple[str, ...]] = {"TEM": ("HRTEM", "TEM"), "STEM": ("HAADF", "ABF"), "SEM": ("SEM",)}


@dataclass(frozen=True)
class Exposure:
    """What a detector made of a picture or movie.

    Attributes
    ----------
    values : (H, W) or (frames, H, W)
        As stored.
    expected : float64, the same shape
        Electrons a px without noise and defects: the mean of (values - offset) / gain.
    gain, offset
        Stored units an electron, and of the black level.
    """

    values: Stored
    expected: Array
    gain: float
    offset: float


@dataclass(frozen=True)
class Camera:
    """A detector of any kind.

    Attributes
    ----------
    name
        Of the preset.
    family
        Where it belongs: below a TEM's screen, in a STEM or in a SEM.
    steps
        In the order of the signal.
    store
        Into values.
    conversions
        After storing.
    """

    name: str
    family: Family
    steps: tuple[Effect, ...]
    store: Digitise = field(default_factory=Digitise)
    conversions: tuple[EightBit | Jpeg, ...] = ()

    @property
    def modalities(self) -> tuple[str, ...]:
        """What it is used for: of ``HRTEM``, ``TEM``, ``HAADF``, ``ABF``, ``SEM``."""
        return _MODALITIES[self.family]

    @property
    def settings(self) -> dict[str, Any]:
        """All settings as plain values: what a truth file writes down."""
        steps = [{"effect": type(step).__name__} | asdict(step) for step in self.steps]
        after = [{"effect": type(step).__name__} | asdict(step) for step in self.conversions]
        return {"name": self.name, "steps": steps, "store": asdict(self.store), "conversions": after}

    @property
    def counts(self) -> bool:
        """Whether its values are Poisson counts of what is expected, as an ideal counter's are."""
        ideal = all(isinstance(step, Localisation | Efficiency | Counting) for step in self.steps)
        unscaled = self.store.gain == 1 and self.store.offset == 0 and not self.conversions
        return ideal and unscaled and any(isinstance(step, Counting) for step in self.steps)

    def expected(self, electrons: Array) -> Array:
        """Return the electrons a px that the values stand for in the mean, defects left out."""
        out = np.asarray(electrons, dtype=np.float64)
        for step in self.steps:
            out = step.expected(out)
        return out

    def expose(self, electrons: Array, rng: np.random.Generator) -> Exposure:
        """Take a picture (H, W) or movie (frames, H, W) of expected electrons a px, none negative."""
        start = np.asarray(electrons, dtype=np.float64)
        if start.ndim not in (2, 3) or not np.isfinite(start).all() or (start < 0).any():
            raise ValueError("a detector needs expected electrons (H, W) or (frames, H, W), finite and not negative")
        signal = start
        for step in self.steps:
            signal = step(signal, rng)
        values, scale = self.store(signal)
        for conversion in self.conversions:
            values, scale = conversion(values, scale)
        return Exposure(values, self.expected(start), scale.gain, scale.offset)

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Stored:
        """Return the stored values alone."""
        return self.expose(electrons, rng).values

    def numbered(self, serial: int) -> Camera:
        """Return another specimen of this model: its dead and hot pixels and its residue lie elsewhere."""
        steps = tuple(
            replace(step, serial=serial) if any(f.name == "serial" for f in fields(step)) else step  # type: ignore[call-arg]
            for step in self.steps
        )
        return replace(self, steps=steps)
