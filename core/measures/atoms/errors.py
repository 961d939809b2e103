"""How measuring atoms fails."""

from __future__ import annotations

from core.protocol.base import InfoError


class AtomsError(InfoError):
    """An image can't be measured; `info` says what happened, to which file, and what to do next."""


def atoms_error(code: str, what: str, advice: str = "") -> AtomsError:
    """Return the error made of these words."""
    return AtomsError.of(code, what, None, advice)
