"""The error of an export that can't be done."""

from __future__ import annotations

from core.protocol.base import InfoError


class ExportError(InfoError):
    """`info` says what happened, to which file, and what to do next."""


export_error = ExportError.of
