"""An open project: movies, jobs and results, added, changed and handed out."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from core.projects import schema
from core.projects.errors import ProjectError, from_sqlite, project_error
from core.projects.location import absolute, candidates, relative_to_project
from core.projects.lock import Holder, LockFile, acquire
from core.projects.records import (
    JobRecord,
    JobState,
    MovieRecord,
    ResultRecord,
    merge_frames,
)
from core.protocol.base import ErrorInfo
from core.protocol.clean_up import CleanUp
from core.protocol.entered import Entered
from core.protocol.jobs import JobRequest, JobResult, Request, Result
from core.protocol.movie import MovieMeta

_FLUSH_S = 1.0
Record = TypeVar("Record")
Words = TypeVar("Words", bound=BaseModel)
_request: TypeAdapter[Request] = TypeAdapter(JobRequest)
_result: TypeAdapter[Result] = TypeAdapter(JobResult)


class Project:
    """A project, used from one thread; every change is on the disk when its method returns.

    Frames of running jobs are the exception: they are gathered for a second (the job's own frame list beside its
    result is exact).

    Attributes
    ----------
    path : Path
        The project file.
    notices : tuple of ErrorInfo
        What the user should be told about the opening: a damaged file that was kept aside, another holder.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        lock: LockFile | None,
        notices: tuple[ErrorInfo, ...] = (),
    ) -> None:
        self._db = connection
        self._lock = lock
        self._pending: dict[int, set[int]] = {}
        self._flushed = time.monotonic()
        self.path = path
        self.notices = notices

    @classmethod
    def open(cls, path: str | Path) -> Project:
        """Open a project, or begin one.

        Whoever finds it held by another works on a copy in memory: everything can be done, nothing is kept, and
        `notices` says so.

        Raises
        ------
        ProjectError
            It is damaged, is no project, was made by a newer program, or can be neither read nor written.
        """
        return _open(Path(absolute(path)))

    @property
    def read_only(self) -> bool:
        """Whether changes are kept only until the end of this process."""
        return self._lock is None

    def close(self) -> None:
        """Write what is gathered, close the file and give the lock back."""
        # A full disk or a lost drive at the very end must not keep the program from ending.
        with suppress(ProjectError):
            self.flush()
        self._db.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Movies

    def add_movie(self, meta: MovieMeta) -> MovieRecord:
        """Add a movie, or bring the one of that path and dataset up to date."""
        path = absolute(meta.path)
        relative = relative_to_project(path, self.path)
        with self._write() as db:
            db.execute(
                "INSERT INTO movies (path, relative_path, dataset, fingerprint, meta, added) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (path, dataset) DO UPDATE SET meta = excluded.meta, fingerprint = excluded.fingerprint,"
                " relative_path = excluded.relative_path",
                (path, relative, meta.dataset, meta.fingerprint, meta.model_dump_json(), _now()),
            )
        return next(m for m in self._movies("path = ? AND dataset = ?", path, meta.dataset))

    def movies(self) -> tuple[MovieRecord, ...]:
        """All movies in the order in which they were added."""
        return tuple(self._movies("1"))

    def movie(self, movie_id: int) -> MovieRecord:
        """One movie; raises ProjectError (``not-found``)."""
        return self._one(self._movies("id = ?", movie_id), "movie", movie_id)

    def movies_with_fingerprint(self, fingerprint: str) -> tuple[MovieRecord, ...]:
        """Movies of the same content: the same file under another name."""
        return tuple(self._movies("fingerprint = ?", fingerprint)) if fingerprint else ()

    def relocate_movie(self, movie_id: int, path: str | Path) -> MovieRecord:
        """Say where a moved file is now; a record that stood there already is taken into this one."""
        new = absolute(path)
        record = self.movie(movie_id)
        meta = record.meta.model_copy(update={"path": new})
        with self._write() as db:
            for (other,) in db.execute(
                "SELECT id FROM movies WHERE path = ? AND dataset = ? AND id <> ?", (new, meta.dataset, movie_id)
            ).fetchall():
                db.execute("UPDATE results SET movie_id = ? WHERE movie_id = ?", (movie_id, other))
                db.execute("UPDATE jobs SET movie_id = ? WHERE movie_id = ?", (movie_id, other))
                db.execute("DELETE FROM movies WHERE id = ?", (other,))
            db.execute(
                "UPDATE movies SET path = ?, relative_path = ?, meta = ? WHERE id = ?",
                (new, relative_to_project(new, self.path), meta.model_dump_json(), movie_id),
            )
        return self.movie(movie_id)

    def set_entered(self, movie_id: int, entered: Entered) -> None:
        """Keep what the user typed about a movie; `Entered()` forgets it."""
        text = None if entered.nothing else entered.model_dump_json(exclude_none=True)
        with self._write() as db:
            db.execute("UPDATE movies SET entered = ? WHERE id = ?", (text, movie_id))

    def set_holder_log(self, movie_id: int, log: str | Path | None, offset_s: float = 0.0) -> None:
        """Keep which holder log belongs to a movie and how far its clock is off; None: none."""
        where = None if log is None else absolute(log)
        relative = None if where is None else relative_to_project(where, self.path)
        with self._write() as db:
            db.execute(
                "UPDATE movies SET holder_log = ?, relative_holder_log = ?, holder_offset_s = ? WHERE id = ?",
                (where, relative, offset_s, movie_id),
            )

    def set_clean_up(self, movie_id: int, clean_up: CleanUp | None) -> None:
        """Keep what is done about the detector's defects in a movie."""
        text = None if clean_up is None else clean_up.model_dump_json()
        with self._write() as db:
            db.execute("UPDATE movies SET clean_up = ? WHERE id = ?", (text, movie_id))

    def remove_movie(self, movie_id: int) -> None:
        """Forget a movie and its results; no file is touched."""
        with self._write() as db:
            db.execute("DELETE FROM movies WHERE id = ?", (movie_id,))

    # Jobs

    def add_job(self, request: Request, movie_id: int | None = None) -> JobRecord:
        """Note a job that is to be run."""
        with self._write() as db:
            made = db.execute(
                "INSERT INTO jobs (movie_id, kind, request, state, created) VALUES (?, ?, ?, ?, ?)",
                (movie_id, request.kind, request.model_dump_json(), JobState.QUEUED, _now()),
            )
        return self.job(int(made.lastrowid or 0))

    def jobs(self, *states: JobState) -> tuple[JobRecord, ...]:
        """Jobs in the order in which they were made; all, or those in one of the states."""
        self.flush()
        found = self._jobs("1")
        return tuple(job for job in found if not states or job.state in states)

    def job(self, job_id: int) -> JobRecord:
        """One job; raises ProjectError (``not-found``)."""
        self.flush()
        return self._one(self._jobs("id = ?", job_id), "job", job_id)

    def set_job_state(
        self, job_id: int, state: JobState, *, error: ErrorInfo | None = None, result: Result | None = None
    ) -> None:
        """Say where a job stands now."""
        self.flush()
        told = error.model_dump_json() if error is not None else None
        made = result.model_dump_json() if result is not None else None
        with self._write() as db:
            db.execute("UPDATE jobs SET state = ?, error = ?, result = ? WHERE id = ?", (state, told, made, job_id))

    def set_job_total(self, job_id: int, total: int) -> None:
        """Say how many frames a job's result will have."""
        with self._write() as db:
            db.execute("UPDATE jobs SET total = ? WHERE id = ?", (total, job_id))

    def record_frames(self, job_id: int, frames: Iterable[int]) -> None:
        """Note finished frames; written at most once a second, so that it may be called for each frame."""
        self._pending.setdefault(job_id, set()).update(frames)
        if time.monotonic() - self._flushed > _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write the gathered frames."""
        self._flushed = time.monotonic()
        if not self._pending:
            return
        pending, self._pending = self._pending, {}
        with self._write() as db:
            for job_id, frames in pending.items():
                row = db.execute("SELECT finished FROM jobs WHERE id = ?", (job_id,)).fetchone()
                if row is not None:
                    merged = merge_frames(_ranges(row[0]), frames)
                    db.execute("UPDATE jobs SET finished = ? WHERE id = ?", (json.dumps(merged), job_id))

    # Results

    def add_result(
        self, movie_id: int, path: str | Path, job_id: int | None = None, parent_id: int | None = None
    ) -> ResultRecord:
        """Note a file that was made of a movie; one that lay under that path before is replaced."""
        where = absolute(path)
        with self._write() as db:
            db.execute("DELETE FROM results WHERE path = ?", (where,))
            made = db.execute(
                "INSERT INTO results (movie_id, job_id, parent_id, path, relative_path, created)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (movie_id, job_id, parent_id, where, relative_to_project(where, self.path), _now()),
            )
        return self._one(self._results("id = ?", int(made.lastrowid or 0)), "result", 0)

    def results(self, movie_id: int | None = None) -> tuple[ResultRecord, ...]:
        """Results in the order in which they were made; all, or those of one movie."""
        return tuple(self._results("1") if movie_id is None else self._results("movie_id = ?", movie_id))

    def remove_result(self, result_id: int) -> None:
        """Forget a result; its file is not touched."""
        with self._write() as db:
            db.execute("DELETE FROM results WHERE id = ?", (result_id,))

    # Rows

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        if self._lock is not None and self._lock.lost:
            self._leave_file()
        try:
            with self._db:
                yield self._db
        except sqlite3.Error as error:
            raise from_sqlite(error, str(self.path)) from error

    def _leave_file(self) -> None:
        """Somebody else holds the project by now: go on with a copy in memory."""
        copy = _in_memory(self._db)
        self._db.close()
        self._db, self._lock = copy, None
        self.notices = (*self.notices, _held(self.path, None))

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise from_sqlite(error, str(self.path)) from error

    def _movies(self, where: str, *values: object) -> Iterator[MovieRecord]:
        columns = "id, path, relative_path, meta, added, entered, holder_log, relative_holder_log, holder_offset_s"
        query = f"SELECT {columns}, clean_up FROM movies WHERE {where} ORDER BY id"  # noqa: S608
        for row in self._rows(query, values):
            number, path, relative, meta, added, entered, log, relative_log, offset_s, clean_up = row
            # A row that another version wrote and this one can't read is left alone, never a reason to stop.
            with suppress(ValidationError):
                yield MovieRecord(
                    id=number,
                    paths=candidates(path, relative, self.path),
                    meta=MovieMeta.model_validate_json(meta),
                    added=added,
                    entered=_understood(Entered, entered) or Entered(),
                    holder_logs=() if log is None else candidates(log, relative_log, self.path),
                    holder_offset_s=offset_s,
                    clean_up=_understood(CleanUp, clean_up),
                )

    def _jobs(self, where: str, *values: object) -> Iterator[JobRecord]:
        columns = "id, movie_id, request, state, created, finished, total, error, result"
        query = f"SELECT {columns} FROM jobs WHERE {where} ORDER BY id"  # noqa: S608 - `where` is our own text
        for number, movie, request, state, created, finished, total, error, result in self._rows(query, values):
            with suppress(ValidationError, ValueError):
                yield JobRecord(
                    id=number,
                    movie_id=movie,
                    request=_request.validate_json(request),
                    state=JobState(state),
                    created=created,
                    finished=_ranges(finished),
                    total=total,
                    error=None if error is None else ErrorInfo.model_validate_json(error),
                    result=None if result is None else _result.validate_json(result),
                )

    def _results(self, where: str, *values: object) -> Iterator[ResultRecord]:
        columns = "id, movie_id, job_id, parent_id, path, relative_path, created"
        query = f"SELECT {columns} FROM results WHERE {where} ORDER BY id"  # noqa: S608 - `where` is our own text
        for number, movie, job, parent, path, relative, created in self._rows(query, values):
            yield ResultRecord(number, movie, job, parent, candidates(path, relative, self.path), created)

    def _one(self, found: Iterator[Record], kind: str, number: int) -> Record:
        for record in found:
            return record
        raise project_error("not-found", f"The project has no {kind} {number}.", str(self.path))


def open_or_begin(path: str | Path) -> Project:
    """Open a project come what may: what stands in the way is kept, and told in `Project.notices`.

    A damaged file is renamed and a new one begun; where nothing can be written, or the file is not ours to change, the
    project lives in memory.
    """
    place = Path(absolute(path))
    try:
        return _open(place)
    except ProjectError as error:
        if error.info.code != "damaged":
            return _without_file(place, error.info)
    try:
        aside = _keep_aside(place)
        project = _open(place)
    except (OSError, ProjectError) as error:
        info = error.info if isinstance(error, ProjectError) else _unwritable(place, error).info
        return _without_file(place, info)
    what = f"The project file was damaged; it was kept as {aside.name} and a new project was begun."
    info = ErrorInfo(code="damaged", what=what, path=str(place), advice="Add your movies again; no movie was touched.")
    project.notices = (info, *project.notices)
    return project


def _open(path: Path) -> Project:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    held = acquire(path)
    try:
        if isinstance(held, LockFile):
            return _open_to_write(path, held)
        if not path.exists():
            raise project_error(
                "no-permission", "No project can be made here.", str(path), "Choose a folder that you may write to."
            )
        return _open_copy(path, held)
    except BaseException as error:
        if isinstance(held, LockFile):
            held.release()
        if isinstance(error, sqlite3.Error):
            raise from_sqlite(error, str(path)) from error
        raise


def _open_to_write(path: Path, lock: LockFile) -> Project:
    connection = sqlite3.connect(path, timeout=5.0)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = DELETE")
        schema.check(connection, path)
        schema.migrate(connection, path)
        with connection:
            connection.execute("UPDATE jobs SET state = ? WHERE state = ?", (JobState.INTERRUPTED, JobState.RUNNING))
    except BaseException:
        connection.close()
        raise
    return Project(connection, path, lock)


def _open_copy(path: Path, holder: Holder | None) -> Project:
    file = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5.0)
    try:
        schema.check(file, path)
        copy = _in_memory(file)
    finally:
        file.close()
    schema.migrate(copy)
    return Project(copy, path, None, (_held(path, holder),))


def _in_memory(source: sqlite3.Connection | None = None) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:")
    if source is not None:
        source.backup(copy)
    copy.execute("PRAGMA foreign_keys = ON")
    return copy


def _without_file(path: Path, reason: ErrorInfo) -> Project:
    memory = _in_memory()
    schema.migrate(memory)
    advice = f"{reason.advice} Until then, the list of movies is kept only while Quietbeam runs.".strip()
    return Project(memory, path, None, (reason.model_copy(update={"advice": advice}),))


def _held(path: Path, holder: Holder | None) -> ErrorInfo:
    who = f" on {holder.host} (process {holder.pid})" if holder is not None and holder.host else ""
    what = f"Another Quietbeam{who} has this project open, or it may not be written: it is shown, but not changed."
    return ErrorInfo(code="read-only", what=what, path=str(path), advice="What you add here is not kept in it.")


def _keep_aside(path: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    path.rename(aside)
    journal = path.with_name(path.name + "-journal")
    if journal.exists():
        journal.rename(aside.with_name(aside.name + "-journal"))
    return aside


def _unwritable(path: Path, error: OSError) -> ProjectError:
    what = f"No project can be made here ({error.strerror or error})."
    return project_error("no-permission", what, str(path), "Choose a folder that you may write to.")


def _understood(kind: type[Words], text: str | None) -> Words | None:
    """A record of the project; None where there is none, or another version wrote what this one can't read."""
    with suppress(ValidationError):
        return None if text is None else kind.model_validate_json(text)
    return None


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(start), int(stop)) for start, stop in json.loads(text))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
