"""How a simulation fails."""

from __future__ import annotations

from core.protocol.base import ErrorInfo


class SimulationError(Exception):
    """A specimen, optics or recipe can't be simulated; `info` says what happened, to which file, and what to do next.

    Codes: ``bad-optics``, ``bad-specimen``, ``bad-crystal``, ``bad-recipe``.
    """

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.sentence())
        self.info = info


def simulation_error(code: str, what: str, path: str | None = None, advice: str = "") -> SimulationError:
    """Return the error made of these words."""
    return SimulationError(ErrorInfo(code=code, what=what, path=path, advice=advice))
