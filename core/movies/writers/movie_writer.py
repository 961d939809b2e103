"""What every writer of results is, whatever it writes into: a file, or a folder of small files."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.movies.calibration import Scale
from core.movies.errors import WriteFailed
from core.movies.writers.disk import check_name, partial_path


class MovieWriter(ABC):
    """Writes a movie frame by frame, in any order, from any thread.

    Made by `create`; used in a ``with`` statement, or closed by `close`. `finish` makes the result. A format says what
    it can hold (`types`) and whether its result is a folder (`is_folder`).

    Attributes
    ----------
    path, partial : Path
        The result, and what is in the making.
    shape : tuple of int
        (frames, height, width).
    dtype : numpy.dtype
        Of the stored pixels.
    scale : Scale
        Calibration, written into the result.
    resumed : bool
        An existing partial result of the same layout was opened; its frames are as they were.
    """

    layout_name: ClassVar[str] = ""
    types: ClassVar[tuple[str, ...]] = ()
    is_folder: ClassVar[bool] = False

    def __init__(
        self, path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any], scale: Scale, overwrite: bool
    ) -> None:
        self.path = path
        self.partial = partial_path(path)
        self.shape = shape
        self.dtype = dtype
        self.scale = scale
        self.resumed = False
        self._overwrite = overwrite

    @classmethod
    def create(
        cls,
        path: str | Path,
        shape: tuple[int, int, int],
        dtype: str | np.dtype[Any] = "float32",
        *,
        scale: Scale = Scale(),  # noqa: B008 - frozen
        resume: bool = True,
        overwrite: bool = False,
    ) -> Self:
        """Open the partial result, after making sure that the result can be written.

        Parameters
        ----------
        path : str or Path
            The result; its folder exists.
        shape : tuple of int
            (frames, height, width).
        dtype : str or numpy.dtype
            One of the format's `types`.
        scale : Scale
            Calibration, written into the result.
        resume : bool
            Go on with a partial result of the same layout, if there is one.
        overwrite : bool
            Replace an existing result in the end.

        Raises
        ------
        WriteFailed
            The result exists, the disk has too little room, the folder is missing or may not be written to.
        ValueError
            The format holds no such movie.
        """
        if min(shape) < 1 or np.dtype(dtype).name not in cls.types:
            raise ValueError(f"a result of {shape} {np.dtype(dtype)} can't be written")
        writer = cls(Path(path), shape, np.dtype(dtype), scale, overwrite)
        check_name(writer.path, overwrite, cls.is_folder)
        writer._open(resume)
        return writer

    @abstractmethod
    def _open(self, resume: bool) -> None:
        """Open what is in the making, or make it anew; raises `WriteFailed`."""

    @property
    @abstractmethod
    def needed_bytes(self) -> int:
        """The size of the finished result, rounded up a little."""

    @abstractmethod
    def write(self, index: int, frame: NDArray[Any]) -> None:
        """Write frame `index`: (height, width), in the writer's type.

        Raises
        ------
        ValueError
            Another shape or type, or no such frame.
        WriteFailed
            The disk is full or gone; frames written before are kept.
        """

    @abstractmethod
    def read(self, index: int) -> NDArray[Any]:
        """Frame `index` as it was written, (height, width); zeros if it was not."""

    @abstractmethod
    def flush(self) -> None:
        """Bring what was written to the disk, so that it survives a loss of power."""

    @abstractmethod
    def finish(self, provenance_json: str | None = None, display: tuple[float, float] | None = None) -> Path:
        """Write what stands around the pixels, and give the result its name.

        Parameters
        ----------
        provenance_json : str, optional
            One JSON object, kept with the result; `read_provenance` gives it back.
        display : tuple of float, optional
            Stored grey levels that programs show as black and white.

        Returns
        -------
        Path
            The result.

        Raises
        ------
        WriteFailed
            The disk is full, or the result came into being meanwhile; the partial result is kept.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the partial result and keep it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _frame_bytes(self) -> int:
        return self.shape[1] * self.shape[2] * self.dtype.itemsize

    def _layout(self) -> bytes:
        """What a partial result must be a result of for a run to go on with it."""
        wanted: dict[str, Any] = {"quietbeam": 1, "shape": self.shape, "dtype": self.dtype.name}
        if self.layout_name:
            wanted["as"] = self.layout_name
        if self.dtype.kind != "f" and self.scale.line is not None:
            # Frames of another scale would be other values.
            wanted["line"] = self.scale.line
        return json.dumps(wanted, separators=(",", ":")).encode("ascii")

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.shape[0]:
            raise ValueError(f"there is no frame {index} in a movie of {self.shape[0]}")

    def _check_frame(self, frame: NDArray[Any]) -> None:
        if frame.shape != self.shape[1:] or frame.dtype != self.dtype:
            raise ValueError(f"a frame of {frame.shape} {frame.dtype} does not fit {self.shape[1:]} {self.dtype}")

    def _taken(self) -> WriteFailed:
        """The error for a partial result that another run holds."""
        return WriteFailed.about(
            self.path,
            "Another run is writing this result at this moment.",
            "Wait until it has ended, or choose another name.",
            "output-exists",
        )
