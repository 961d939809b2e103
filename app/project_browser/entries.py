"""Movies and results as the list knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath

from PySide6.QtGui import QImage

from core.protocol.base import ErrorInfo
from core.protocol.clean_up import CleanUp
from core.protocol.denoise import DenoiseRequest, DenoiseResult
from core.protocol.entered import Entered
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

_LEVELS = ("error", "warning", "info")


@dataclass(eq=False)
class ResultEntry:
    """A finished result of a movie. `problem` says why it cannot be shown."""

    path: str
    request: DenoiseRequest
    model_title: str
    created: float
    worst_local_mean: float | None = None
    frames: int = 0
    problem: ErrorInfo | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return PurePath(self.path).name

    @classmethod
    def of(cls, request: DenoiseRequest, result: DenoiseResult, model_title: str, created: float) -> ResultEntry:
        """The entry of a result that has just been made."""
        return cls(
            path=result.output,
            request=request.model_copy(update={"scratch": None, "plan": result.plan}),
            model_title=model_title,
            created=created,
            worst_local_mean=result.quality.worst_local_mean,
            frames=result.frames,
        )


@dataclass(frozen=True)
class HolderLog:
    """A log of the sample holder that belongs to a movie; `offset_s` is added to its time."""

    path: str
    offset_s: float = 0.0


@dataclass(eq=False)
class MovieEntry:
    """A movie of the list: described once the reader has looked at it.

    Attributes
    ----------
    file_meta : MovieMeta or None
        What the file says; `meta` is the same with what the user typed.
    mean_value : float or None
        Mean stored value of its middle frame, once it was pictured.
    fresh : bool
        Added in this session, not brought back by the project.
    growing : bool
        The file grew while it was looked at: the camera still writes it.
    """

    path: str
    dataset: str | None = None
    file_meta: MovieMeta | None = None
    entered: Entered = Entered()  # noqa: RUF009 - a frozen record
    datasets: tuple[DatasetInfo, ...] = ()
    problem: ErrorInfo | None = None
    thumbnail: QImage | None = None
    mean_value: float | None = None
    results: list[ResultEntry] = field(default_factory=list)
    holder_log: HolderLog | None = None
    clean_up: CleanUp = CleanUp()  # noqa: RUF009 - a frozen record
    file_bytes: int = 0
    waiting: bool = True
    fresh: bool = False
    growing: bool = False

    @property
    def meta(self) -> MovieMeta | None:
        """What is known of the movie: the file's words, and the user's in their place."""
        return None if self.file_meta is None else self.entered.applied_to(self.file_meta)

    @property
    def name(self) -> str:
        """The file's name, with the dataset if one was chosen."""
        name = PurePath(self.path).name
        several = len(self.movie_datasets) > 1 or (self.dataset or "").startswith("raw:")
        return f"{name} [{self.dataset_title}]" if self.dataset and several else name

    @property
    def dataset_title(self) -> str:
        """The chosen dataset as a person would say it; empty if the file's own choice is shown."""
        if not self.dataset:
            return ""
        title = next((info.title for info in self.datasets if info.key == self.dataset), "")
        return title or self.dataset

    @property
    def key(self) -> tuple[str, str | None]:
        """What tells it from other entries."""
        return (self.path, self.dataset)

    @property
    def open_dataset(self) -> str:
        """The key of the dataset that is shown, chosen or not."""
        return self.dataset or (self.file_meta.dataset if self.file_meta is not None else "")

    def is_of(self, path: str, dataset: str | None) -> bool:
        """Whether a job on this file and dataset was one on this movie."""
        return path == self.path and (dataset in (self.dataset, None) or dataset == self.open_dataset)

    @property
    def movie_datasets(self) -> tuple[DatasetInfo, ...]:
        """What else of the file can be shown."""
        return tuple(info for info in self.datasets if info.refusal is None)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What is wrong with the file or should be known, the worst first."""
        found = self.file_meta.issues if self.file_meta is not None and self.problem is None else ()
        return tuple(sorted(found, key=lambda issue: _LEVELS.index(issue.level)))
