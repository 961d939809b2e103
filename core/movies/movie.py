"""An open movie: what is known of it, and its frames on demand."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import numpy as np

from core.movies.errors import Malformed, MovieError, reason, unreadable
from core.movies.sources import Frame, FrameSource
from core.protocol.movie import MovieMeta

ALL = slice(None)

# The kinds in which parsers and decoders fail on a damaged file; anything else is a mistake of ours and is not hidden.
_PARSER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


@contextmanager
def typed_errors(path: str, doing: str) -> Iterator[None]:
    """Turn whatever a library raises on a damaged file into an error of `core.movies`."""
    try:
        yield
    except MovieError:
        raise
    except OSError as error:
        raise unreadable(path, error) from error
    except MemoryError as error:
        raise MovieError.about(
            path,
            f"There is not enough memory; {doing} failed.",
            "Close other programs, or work on a region of the movie.",
            "out-of-memory",
        ) from error
    except _PARSER_ERRORS as error:
        raise Malformed.about(path, f"The file seems to be damaged; {doing} failed: {reason(error)}.") from error


class Movie:
    """A movie file, read lazily; safe to use from many threads.

    Made by `core.movies.open_movie`. Use it in a ``with`` statement, or call `close`.

    Attributes
    ----------
    meta : MovieMeta
        What the file says of itself.
    """

    def __init__(self, meta: MovieMeta, source: FrameSource, tags: Callable[[], dict[str, Any]] | None = None) -> None:
        self.meta = meta
        self._source = source
        self._tags = tags

    def __len__(self) -> int:
        return self.meta.frames

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, height, width)."""
        return self.meta.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a frame's pixels, in the native byte order."""
        return np.dtype(self.meta.dtype)

    def frame(self, index: int) -> Frame:
        """Frame `index` as a new array (height, width) in the file's own type; its rows may run backwards in memory.

        Parameters
        ----------
        index : int
            0 to ``frames - 1``; negative numbers are refused.

        Raises
        ------
        IndexError
            There is no such frame.
        MovieError
            It can't be read: the file shrank, the disk is gone, the frame is damaged.
        """
        return self._read(index, slice(0, self.meta.height), slice(0, self.meta.width))

    def region(self, frames: slice, rows: slice = ALL, columns: slice = ALL) -> Frame:
        """A part of the movie as a new array (T, h, w) in the file's own type.

        Parameters
        ----------
        frames, rows, columns : slice
            As for a numpy array; only `frames` may have a step, and it is positive. The caller asks for no more than
            fits into memory.

        Raises
        ------
        ValueError
            A step where none is allowed.
        MovieError
            It can't be read.
        """
        y0, y1, y_step = rows.indices(self.meta.height)
        x0, x1, x_step = columns.indices(self.meta.width)
        start, stop, step = frames.indices(self.meta.frames)
        if y_step != 1 or x_step != 1 or step < 1:
            raise ValueError("rows and columns take no step, and frames only a positive one")
        wanted = range(start, stop, step)
        out = np.empty((len(wanted), max(0, y1 - y0), max(0, x1 - x0)), self.dtype)
        if out.size:
            for place, index in enumerate(wanted):
                out[place] = self._read(index, slice(y0, y1), slice(x0, x1))
        return out

    def _read(self, index: int, rows: slice, columns: slice) -> Frame:
        if not 0 <= index < self.meta.frames:
            raise IndexError(f"there is no frame {index}: the movie has frames 0 to {self.meta.frames - 1}")
        with typed_errors(self.meta.path, f"reading frame {index}"):
            part = self._source.read(index, rows, columns)
            wanted = (rows.stop - rows.start, columns.stop - columns.start)
            if part.shape != wanted or part.dtype != self.dtype:
                raise Malformed.about(
                    self.meta.path,
                    f"Frame {index} is {part.shape} {part.dtype}, where the first one promised {wanted} {self.dtype}.",
                )
            return part

    def tags(self) -> dict[str, Any]:
        """The file's own tags by name, for the curious; empty where the format has none. Read anew at each call."""
        if self._tags is None:
            return {}
        with typed_errors(self.meta.path, "reading the tags"):
            return self._tags()

    def close(self) -> None:
        """Close the file; reading afterwards raises `Unreadable`."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
