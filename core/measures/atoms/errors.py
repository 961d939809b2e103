"""How measuring atoms fails."""

from __future__ import annotations

from core.protocol.base import ErrorInfo


class AtomsError(Exception):
    """An image can't be measured; `info` says what happened, to which file, and what to do next."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.sentence())
        self.info = info


def atoms_error(code: str, what: str, advice: str = "") -> AtomsError:
    """Return the error made of these words."""
    return AtomsError(ErrorInfo(code=code, what=what, path=None, advice=advice))
