"""The tables, and how an older file becomes a newer one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from core.projects.errors import project_error

# "QBPJ": tells our files from any other SQLite file.
APPLICATION_ID = 0x5142504A

_FIRST = """
CREATE TABLE movies (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, relative_path TEXT, dataset TEXT NOT NULL, fingerprint TEXT NOT NULL,
    meta TEXT NOT NULL, added TEXT NOT NULL, UNIQUE (path, dataset)
);
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, movie_id INTEGER REFERENCES movies (id) ON DELETE SET NULL, kind TEXT NOT NULL,
    request TEXT NOT NULL, state TEXT NOT NULL, created TEXT NOT NULL, finished TEXT NOT NULL DEFAULT '[]',
    total INTEGER NOT NULL DEFAULT 0, error TEXT, result TEXT
);
CREATE TABLE results (
    id INTEGER PRIMARY KEY, movie_id INTEGER NOT NULL REFERENCES movies (id) ON DELETE CASCADE,
    job_id INTEGER REFERENCES jobs (id) ON DELETE SET NULL,
    parent_id INTEGER REFERENCES results (id) ON DELETE SET NULL,
    path TEXT NOT NULL UNIQUE, relative_path TEXT, created TEXT NOT NULL
);
CREATE INDEX movies_by_fingerprint ON movies (fingerprint);
CREATE INDEX results_by_movie ON results (movie_id);
CREATE INDEX jobs_by_movie ON jobs (movie_id);
"""
# What the user typed where the file is silent, the holder log joined to the movie, and what is done about the
# detector's defects. NULL: nothing was said.
_ENTERED = """
ALTER TABLE movies ADD COLUMN entered TEXT;
ALTER TABLE movies ADD COLUMN holder_log TEXT;
ALTER TABLE movies ADD COLUMN relative_holder_log TEXT;
ALTER TABLE movies ADD COLUMN holder_offset_s REAL NOT NULL DEFAULT 0;
ALTER TABLE movies ADD COLUMN clean_up TEXT;
"""
# Entry k takes a file from version k to k + 1. Never change one that was published: add another.
MIGRATIONS: tuple[str, ...] = (_FIRST, _ENTERED)
_TABLES = {"movies", "jobs", "results"}


def version_of(connection: sqlite3.Connection) -> int:
    """The version of the file's tables; 0 for an empty file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that this is a sound project which this program can read.

    Raises
    ------
    ProjectError
        It is damaged, was made by a newer program, or belongs to another program altogether.
    sqlite3.Error
        SQLite could not read it.
    """
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    version = version_of(connection)
    if not ours and (tables or version):
        advice = "Choose another file."
        raise project_error("not-a-project", "This file belongs to another program.", str(path), advice)
    if version > len(MIGRATIONS):
        what = f"The project was made by a newer Quietbeam (its version {version}, known here {len(MIGRATIONS)})."
        raise project_error("newer", what, str(path), "Update Quietbeam to open it.")
    sound = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
    if not sound or (version and not tables >= _TABLES):
        raise project_error("damaged", "The project file is damaged.", str(path))


def migrate(connection: sqlite3.Connection, file: Path | None = None) -> None:
    """Bring the tables up to date; an older `file` is copied beside itself first (None: it lives in memory)."""
    version = version_of(connection)
    if version == len(MIGRATIONS):
        return
    if version and file is not None:
        backup = file.with_name(f"{file.name}.backup-version-{version}")
        with closing(sqlite3.connect(backup)) as copy:
            connection.backup(copy)
    for script in MIGRATIONS[version:]:
        version += 1
        # One transaction a step: a crash leaves the version before or the version after, never half of one.
        mark = f"PRAGMA user_version = {version}; PRAGMA application_id = {APPLICATION_ID};"
        connection.executescript(f"BEGIN IMMEDIATE; {script} {mark} COMMIT;")
