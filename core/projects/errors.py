"""How a project file fails."""

from __future__ import annotations

import sqlite3

from core.protocol.base import InfoError

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}


class ProjectError(InfoError):
    """A project can't be opened or written; `info` says what happened, to which file, and what to do next.

    Codes: ``damaged``, ``newer``, ``not-a-project``, ``no-permission``, ``disk-full``, ``unreadable``, ``not-found``.
    """


project_error = ProjectError.of


def from_sqlite(error: sqlite3.Error, path: str) -> ProjectError:
    """Say in plain words what SQLite said."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return project_error("damaged", "The project file is damaged.", path)
    if code == sqlite3.SQLITE_FULL:
        return project_error("disk-full", "The disk is full; the project can't be saved.", path, "Free some space.")
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return project_error("no-permission", "The project may not be written.", path, "Ask for permission to write.")
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return project_error("unreadable", "Another program holds the project file.", path, "Close it, then try again.")
    what = f"The project file can't be used ({error})."
    return project_error("unreadable", what, path, "Check that its disk is connected and may be written.")
