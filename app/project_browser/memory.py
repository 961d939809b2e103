"""What the window needs remembered over a restart, kept by the project.

A project that cannot be written is told once and then worked without: the window never stops for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from app.project_browser.entries import HolderLog, MovieEntry, ResultEntry
from core.projects import JobRecord, JobState, Project, ProjectError
from core.protocol.base import ErrorInfo
from core.protocol.clean_up import CleanUp
from core.protocol.denoise import DenoiseRequest, DenoiseResult

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Interrupted:
    """A job that was under way when the program ended."""

    record: int
    request: DenoiseRequest
    finished: int


class Memory(QObject):
    """Movies, results and jobs of a project, in the window's terms."""

    failed = Signal(object)

    def __init__(self, project: Project, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._movie_ids: dict[tuple[str, str | None], int] = {}
        self._told = False

    @property
    def notices(self) -> tuple[ErrorInfo, ...]:
        """What the opening of the project has to tell."""
        return self._project.notices

    def movies(self) -> list[MovieEntry]:
        """The movies with their results, in the order in which they were added."""
        return self._try(self._read_movies) or []

    def _read_movies(self) -> list[MovieEntry]:
        jobs = {job.id: job for job in self._project.jobs()}
        entries: list[MovieEntry] = []
        for record in self._project.movies():
            entry = MovieEntry(record.path, record.meta.dataset or None, record.meta, record.entered)
            entry.clean_up = record.clean_up or CleanUp()
            if record.holder_logs:
                entry.holder_log = HolderLog(record.holder_logs[0], record.holder_offset_s)
            for made in self._project.results(record.id):
                job = jobs.get(made.job_id) if made.job_id is not None else None
                if job is not None and isinstance(job.request, DenoiseRequest):
                    entry.results.append(_result_entry(made.path, job, job.request))
            self._movie_ids[entry.key] = record.id
            entries.append(entry)
        return entries

    def keep_movie(self, entry: MovieEntry) -> None:
        """Keep a movie once the reader has described it."""
        meta = entry.file_meta
        if meta is not None and entry.problem is None:
            kept = self._try(lambda: self._project.add_movie(meta))
            if kept is not None:
                self._movie_ids[entry.key] = kept.id

    def keep_entered(self, entry: MovieEntry) -> None:
        """Keep what the user typed."""
        number = self._movie_ids.get(entry.key)
        if number is not None:
            self._try(lambda: self._project.set_entered(number, entry.entered))

    def keep_holder_log(self, entry: MovieEntry) -> None:
        """Keep which holder log belongs to a movie."""
        number, log = self._movie_ids.get(entry.key), entry.holder_log
        if number is not None:
            path, offset_s = (log.path, log.offset_s) if log is not None else (None, 0.0)
            self._try(lambda: self._project.set_holder_log(number, path, offset_s))

    def keep_clean_up(self, entry: MovieEntry) -> None:
        """Keep what is done about the detector's defects."""
        number = self._movie_ids.get(entry.key)
        if number is not None:
            chosen = None if entry.clean_up == CleanUp() else entry.clean_up
            self._try(lambda: self._project.set_clean_up(number, chosen))

    def drop_movie(self, entry: MovieEntry) -> None:
        """Forget a movie and its results."""
        number = self._movie_ids.pop(entry.key, None)
        if number is not None:
            self._try(lambda: self._project.remove_movie(number))

    def keep_result(self, entry: MovieEntry, result: ResultEntry, job: int | None) -> None:
        """Keep a finished result."""
        number = self._movie_ids.get(entry.key)
        if number is not None:
            self._try(lambda: self._project.add_result(number, result.path, job))

    def job_begun(self, request: DenoiseRequest, entry: MovieEntry) -> int | None:
        """Note a job that runs; scratch files are of this run of the program alone and are left out."""
        kept = request.model_copy(update={"scratch": None})
        job = self._try(lambda: self._project.add_job(kept, self._movie_ids.get(entry.key)))
        if job is not None:
            self._try(lambda: self._project.set_job_state(job.id, JobState.RUNNING))
        return job.id if job is not None else None

    def frames_finished(self, job: int, frames: Iterable[int]) -> None:
        """Note finished frames; cheap, written once a second."""
        self._try(lambda: self._project.record_frames(job, frames))

    def job_ended(
        self, job: int, state: JobState, error: ErrorInfo | None = None, result: DenoiseResult | None = None
    ) -> None:
        """Say how a job ended."""
        self._try(lambda: self._project.set_job_state(job, state, error=error, result=result))

    def interrupted(self) -> list[Interrupted]:
        """Jobs that were under way when the program ended last."""
        found = self._try(lambda: self._project.jobs(JobState.INTERRUPTED)) or ()
        return [
            Interrupted(job.id, job.request, job.finished_frames)
            for job in found
            if isinstance(job.request, DenoiseRequest)
        ]

    def close(self) -> None:
        """Write and close the project."""
        self._try(self._project.close)

    def _try(self, ask: Callable[[], Answer]) -> Answer | None:
        try:
            return ask()
        except ProjectError as error:
            if not self._told:
                self._told = True
                self.failed.emit(error.info)
            return None


def _result_entry(path: str, job: JobRecord, request: DenoiseRequest) -> ResultEntry:
    result = job.result if isinstance(job.result, DenoiseResult) else None
    return ResultEntry(
        path=path,
        request=request.model_copy(update={"plan": result.plan}) if result is not None else request,
        model_title=request.model,
        created=datetime.fromisoformat(job.created).timestamp(),
        worst_local_mean=result.quality.worst_local_mean if result is not None else None,
        frames=result.frames if result is not None else 0,
    )
