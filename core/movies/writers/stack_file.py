"""Results in which all frames follow each other in one file: written in any order, from any thread, and resumable.

Layout: a header, which until the end holds a block that names the layout (for resume), then all pixels without a gap,
then whatever the format has behind them. The header is written last: before that the file is of no format, so nobody
takes a partial result for a whole one.
"""

from __future__ import annotations

import json
import os
import threading
from abc import abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.movies.calibration import Scale
from core.movies.errors import WriteFailed, unwritable
from core.movies.writers.disk import check_room, locked, rename_new, writing
from core.movies.writers.movie_writer import MovieWriter

_LAYOUT_AT = 64
_LAYOUT_BYTES = 256


class StackFileWriter(MovieWriter):
    """Writes a movie frame by frame into one file.

    A format says, besides what `MovieWriter` wants to know, where its pixels begin (`data_offset`) and what stands
    around them (`_around`).
    """

    data_offset: ClassVar[int] = 0

    def __init__(
        self, path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any], scale: Scale, overwrite: bool
    ) -> None:
        super().__init__(path, shape, dtype, scale, overwrite)
        self._file = -1
        self._lock = threading.Lock()

    def _open(self, resume: bool) -> None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        layout = self._layout()
        existed = self.partial.exists()
        try:
            self._file = os.open(self.partial, flags, 0o666)
            if not locked(self._file):
                raise self._taken()
            if resume and self._read(_LAYOUT_AT, len(layout)) == layout:
                self.resumed = True
            else:
                os.ftruncate(self._file, 0)
            # Windows does not tell how much of a file takes room.
            check_room(self.path, self.needed_bytes, getattr(os.fstat(self._file), "st_blocks", 0) * 512)
            if not self.resumed:
                self._write(_LAYOUT_AT, layout)
                # Sparse: pages that were never written take no room and read as zero.
                os.ftruncate(self._file, self._end)
        except OSError as error:
            self._abandon(existed)
            raise unwritable(self.partial, error) from error
        except WriteFailed:
            self._abandon(existed)
            raise

    def _abandon(self, existed: bool) -> None:
        if self._file >= 0:
            self.close()
            if not existed:
                self.partial.unlink(missing_ok=True)

    def _layout(self) -> bytes:
        return super()._layout().ljust(_LAYOUT_BYTES)

    @property
    def _end(self) -> int:
        """Where the pixels end."""
        return self.data_offset + self.shape[0] * self._frame_bytes

    @property
    def needed_bytes(self) -> int:
        """The size of the finished file, rounded up a little."""
        return self._end

    def write(self, index: int, frame: NDArray[Any]) -> None:
        """As of `MovieWriter`."""
        self._check_index(index)
        self._check_frame(frame)
        stored = np.ascontiguousarray(frame, dtype=self.dtype.newbyteorder("<"))
        with writing(self.partial):
            self._write(self.data_offset + index * self._frame_bytes, stored.data.cast("B"))

    def read(self, index: int) -> NDArray[Any]:
        """As of `MovieWriter`."""
        self._check_index(index)
        with writing(self.partial):
            data = self._read(self.data_offset + index * self._frame_bytes, self._frame_bytes)
        return np.frombuffer(data, self.dtype.newbyteorder("<")).reshape(self.shape[1:]).astype(self.dtype)

    def flush(self) -> None:
        """As of `MovieWriter`."""
        with writing(self.partial):
            os.fsync(self._file)

    def finish(self, provenance_json: str | None = None, display: tuple[float, float] | None = None) -> Path:
        """As of `MovieWriter`."""
        provenance = None if provenance_json is None else json.loads(provenance_json)
        with writing(self.partial):
            header, at, tail = self._around(provenance, display)
            self._write(at, tail)
            self.flush()
            self._write(0, header)
            self.flush()
        self.close()
        try:
            rename_new(self.partial, self.path, self._overwrite)
        except OSError as error:
            self._unfinish()
            raise unwritable(self.path, error) from error
        return self.path

    def _unfinish(self) -> None:
        """Make a partial result of it again, from which the run can go on."""
        with suppress(OSError), self.partial.open("r+b") as file:
            file.write(bytes(_LAYOUT_AT) + self._layout())

    @abstractmethod
    def _around(
        self, provenance: dict[str, Any] | None, display: tuple[float, float] | None
    ) -> tuple[bytes, int, bytes]:
        """The header, and where which bytes stand behind the pixels."""

    def _write(self, offset: int, data: bytes | memoryview) -> None:
        view = memoryview(data)
        done = 0
        while done < len(view):
            part = view[done : done + (1 << 30)]
            if hasattr(os, "pwrite"):
                done += os.pwrite(self._file, part, offset + done)
            else:
                with self._lock:
                    os.lseek(self._file, offset + done, os.SEEK_SET)
                    done += os.write(self._file, part)

    def _read(self, offset: int, count: int) -> bytes:
        parts = []
        while count > 0:
            if hasattr(os, "pread"):
                part = os.pread(self._file, min(count, 1 << 30), offset)
            else:
                with self._lock:
                    os.lseek(self._file, offset, os.SEEK_SET)
                    part = os.read(self._file, min(count, 1 << 30))
            if not part:
                break
            parts.append(part)
            offset += len(part)
            count -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Close the partial file and keep it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
