"""Movies and results as the list knows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath

from PySide6.QtGui import QImage

from core.protocol.base import ErrorInfo
from core.protocol.denoise import DenoiseRequest, DenoiseResult
from core.protocol.movie import DatasetInfo, MovieMeta


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


@dataclass(eq=False)
class MovieEntry:
    """A movie of the list: described once the reader has looked at it."""

    path: str
    dataset: str | None = None
    meta: MovieMeta | None = None
    datasets: tuple[DatasetInfo, ...] = ()
    problem: ErrorInfo | None = None
    thumbnail: QImage | None = None
    results: list[ResultEntry] = field(default_factory=list)
    waiting: bool = True

    @property
    def name(self) -> str:
        """The file's name, with the dataset if one was chosen."""
        name = PurePath(self.path).name
        return f"{name} [{self.dataset}]" if self.dataset else name

    @property
    def key(self) -> tuple[str, str | None]:
        """What tells it from other entries."""
        return (self.path, self.dataset)
