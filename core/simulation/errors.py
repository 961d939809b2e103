"""What can be wrong with a request to simulate, told so that a person knows what to do."""

from __future__ import annotations

from typing import Self

from core.protocol.base import ErrorInfo


class SimulationError(ValueError):
    """The base of every error of `core.simulation`; `info` says what happened and what to do next."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info)
        self.info = info

    def __str__(self) -> str:
        return self.info.sentence()

    @classmethod
    def about(cls, what: str, advice: str = "", path: str | None = None, code: str = "bad-request") -> Self:
        """Make the error from one sentence of what happened and one of what to do."""
        return cls(ErrorInfo(code=code, what=what, path=path, advice=advice))


class SpecimenError(SimulationError):
    """A specimen that cannot be made: an unknown material or shape, or one that does not fit its box."""


class CrystalFileError(SimulationError):
    """A CIF that holds no crystal that can be built as it stands."""


class OpticsError(SimulationError):
    """Imaging conditions that no microscope can have, or that a wave is sampled too coarsely for."""
