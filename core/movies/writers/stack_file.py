"""Results in which all frames follow each other in one file: written in any order, from any thread, and resumable.

Layout: a header, which until the end holds a block that names the layout (for resume), then all pixels without a gap,
then whatever the format has behind them. The header is written last: before that the file is of no format, so nobody
takes a partial result for a whole one.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from core.movies.calibration import Scale
from core.movies.errors import WriteFailed, unwritable
from core.movies.writers.disk import check_name, check_room, locked, partial_path, rename_new

_LAYOUT_AT = 64
_LAYOUT_BYTES = 256


class StackFileWriter:
    """Writes a movie frame by frame into one file.

    Made by `create`; used in a ``with`` statement, or closed by `close`. `finish` makes the result. A format says where
    its pixels begin (`data_offset`), what it can hold (`types`) and what stands around the pixels (`_around`).

    Attributes
    ----------
    path, partial : Path
        The result, and the file in the making.
    shape : tuple of int
        (frames, height, width).
    dtype : numpy.dtype
        Of the stored pixels.
    scale : Scale
        Calibration, written into the result.
    resumed : bool
        An existing partial file of the same layout was opened; its frames are as they were.
    """

    layout_name: ClassVar[str] = ""
    types: ClassVar[tuple[str, ...]] = ()
    data_offset: ClassVar[int] = 0

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
        self._file = -1
        self._lock = threading.Lock()

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
        """Open the partial file, after making sure that the result can be written.

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
            Go on with a partial file of the same layout, if there is one.
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
        check_name(writer.path, overwrite)
        writer._open(resume)
        return writer

    def _open(self, resume: bool) -> None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        layout = self._layout()
        existed = self.partial.exists()
        try:
            self._file = os.open(self.partial, flags, 0o666)
            if not locked(self._file):
                raise WriteFailed.about(
                    self.path,
                    "Another run is writing this result at this moment.",
                    "Wait until it has ended, or choose another name.",
                    "output-exists",
                )
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
        wanted: dict[str, Any] = {"quietbeam": 1, "shape": self.shape, "dtype": self.dtype.name}
        if self.layout_name:
            wanted["as"] = self.layout_name
        if self.dtype.kind != "f" and self.scale.line is not None:
            # Frames of another scale would be other values.
            wanted["line"] = self.scale.line
        return json.dumps(wanted, separators=(",", ":")).encode("ascii").ljust(_LAYOUT_BYTES)

    @property
    def _frame_bytes(self) -> int:
        return self.shape[1] * self.shape[2] * self.dtype.itemsize

    @property
    def _end(self) -> int:
        """Where the pixels end."""
        return self.data_offset + self.shape[0] * self._frame_bytes

    @property
    def needed_bytes(self) -> int:
        """The size of the finished file, rounded up a little."""
        return self._end

    def write(self, index: int, frame: NDArray[Any]) -> None:
        """Write frame `index`: (height, width), in the writer's type.

        Raises
        ------
        ValueError
            Another shape or type, or no such frame.
        WriteFailed
            The disk is full or gone; frames written before are kept.
        """
        if not 0 <= index < self.shape[0]:
            raise ValueError(f"there is no frame {index} in a movie of {self.shape[0]}")
        if frame.shape != self.shape[1:] or frame.dtype != self.dtype:
            raise ValueError(f"a frame of {frame.shape} {frame.dtype} does not fit {self.shape[1:]} {self.dtype}")
        stored = np.ascontiguousarray(frame, dtype=self.dtype.newbyteorder("<"))
        try:
            self._write(self.data_offset + index * self._frame_bytes, stored.data.cast("B"))
        except OSError as error:
            raise unwritable(self.partial, error) from error

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index` as it was written, (height, width); zeros if it was not."""
        if not 0 <= index < self.shape[0]:
            raise ValueError(f"there is no frame {index} in a movie of {self.shape[0]}")
        try:
            data = self._read(self.data_offset + index * self._frame_bytes, self._frame_bytes)
        except OSError as error:
            raise unwritable(self.partial, error) from error
        return np.frombuffer(data, self.dtype.newbyteorder("<")).reshape(self.shape[1:]).astype(self.dtype)

    def flush(self) -> None:
        """Bring what was written to the disk, so that it survives a loss of power."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise unwritable(self.partial, error) from error

    def finish(self, provenance_json: str | None = None, display: tuple[float, float] | None = None) -> Path:
        """Write what stands around the pixels, and give the file its name.

        Parameters
        ----------
        provenance_json : str, optional
            One JSON object, kept with the file; `read_provenance` gives it back.
        display : tuple of float, optional
            Stored grey levels that programs show as black and white.

        Returns
        -------
        Path
            The result.

        Raises
        ------
        WriteFailed
            The disk is full, or the result came into being meanwhile; the partial file is kept.
        """
        provenance = None if provenance_json is None else json.loads(provenance_json)
        try:
            header, at, tail = self._around(provenance, display)
            self._write(at, tail)
            self.flush()
            self._write(0, header)
            self.flush()
        except OSError as error:
            raise unwritable(self.partial, error) from error
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

    def _around(
        self, provenance: dict[str, Any] | None, display: tuple[float, float] | None
    ) -> tuple[bytes, int, bytes]:
        """The header, and where which bytes stand behind the pixels."""
        raise NotImplementedError

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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
