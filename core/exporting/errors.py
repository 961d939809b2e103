"""The error of an export that can't be done."""

from __future__ import annotations

from core.protocol.base import ErrorInfo


class ExportError(Exception):
    """`info` says what happened, to which file, and what to do next."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.sentence())
        self.info = info


def export_error(code: str, what: str, path: str | None = None, advice: str = "") -> ExportError:
    """Return the error made of these words."""
    return ExportError(ErrorInfo(code=code, what=what, path=path, advice=advice))
