"""Results as TIFF: contiguous frames that Fiji shows with their calibration, written in any order and resumable.

Layout: the header, a block that names the layout (for resume), then all pixels without a gap. Description and list of
images follow behind the pixels when the movie is finished, and the header points to them last: before that the file is
no TIFF, so nobody takes a partial result for a whole one. Below 4 GB it is a classic ImageJ TIFF; above it is BigTIFF
with the same description, which Fiji opens through Bio-Formats.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.movies.errors import MovieError, WriteFailed, unwritable
from core.movies.registry import open_movie
from core.movies.writers.tiff_directory import Directory, Scale, description, directories

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

DATA_OFFSET = 4096
_LAYOUT_AT = 64
_CLASSIC_LIMIT = (1 << 32) - (1 << 20)
# A page in the list of images takes less than this, the description less than that.
_PAGE_BYTES = 320
_DESCRIPTION_BYTES = 1 << 18
_LOCK_AT = 1 << 40
_TYPES = ("float32", "uint16", "uint8")


def needed_bytes(shape: tuple[int, int, int], dtype: str | np.dtype[Any] = "float32") -> int:
    """The size of the finished file, rounded up a little.

    Parameters
    ----------
    shape : tuple of int
        (frames, height, width).
    dtype : str or numpy.dtype
        ``float32``, ``uint16`` or ``uint8``.
    """
    frames, height, width = shape
    pixels = frames * height * width * np.dtype(dtype).itemsize
    return DATA_OFFSET + pixels + frames * _PAGE_BYTES + _DESCRIPTION_BYTES


def free_bytes(path: str | Path) -> int:
    """Free space where `path` would be written.

    Raises
    ------
    WriteFailed
        Its folder does not exist.
    """
    try:
        return shutil.disk_usage(Path(path).absolute().parent).free
    except OSError as error:
        raise unwritable(path, error) from error


def partial_path(path: str | Path) -> Path:
    """Where a result is written until it is finished: ``NAME.partial``."""
    return Path(f"{path}.partial")


class TiffMovieWriter:
    """Writes a movie frame by frame, in any order, from any thread.

    Made by `create`; used in a ``with`` statement, or closed by `close`. `finish` makes the result.

    Attributes
    ----------
    path, partial : Path
        The result, and the file in the making.
    shape : tuple of int
        (frames, height, width).
    dtype : numpy.dtype
        Of the stored pixels.
    resumed : bool
        An existing partial file of the same layout was opened; its frames are as they were.
    """

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
            ``float32``, ``uint16`` or ``uint8``.
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
        """
        if min(shape) < 1 or np.dtype(dtype).name not in _TYPES:
            raise ValueError(f"a result of {shape} {np.dtype(dtype)} can't be written")
        writer = cls(Path(path), shape, np.dtype(dtype), scale, overwrite)
        if writer.path.is_dir():
            raise WriteFailed.about(path, "The result's name is that of a folder.", "Choose another name.")
        if writer.path.exists() and not overwrite:
            raise unwritable(path, FileExistsError())
        writer._open(resume)
        return writer

    def _open(self, resume: bool) -> None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        layout = self._layout()
        existed = self.partial.exists()
        try:
            self._file = os.open(self.partial, flags, 0o666)
            if not _locked(self._file):
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
            self._check_space()
            if not self.resumed:
                self._write(_LAYOUT_AT, layout)
                # Sparse: pages that were never written take no room and read as zero.
                os.ftruncate(self._file, DATA_OFFSET + self.shape[0] * self._frame_bytes)
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

    def _check_space(self) -> None:
        free = free_bytes(self.path)
        status = os.fstat(self._file)
        # Windows does not tell how much of a file takes room.
        taken = getattr(status, "st_blocks", 0) * 512
        needed = needed_bytes(self.shape, self.dtype) - taken
        if needed > free:
            raise WriteFailed.about(
                self.path,
                f"The result needs {needed / 1e9:.2f} GB, but only {free / 1e9:.2f} GB are free on this disk.",
                "Free some space, choose another disk, or denoise fewer frames or a region.",
                "disk-full",
            )

    def _layout(self) -> bytes:
        text = json.dumps({"quietbeam": 1, "shape": self.shape, "dtype": self.dtype.name}, separators=(",", ":"))
        return text.encode("ascii").ljust(256)

    @property
    def _frame_bytes(self) -> int:
        return self.shape[1] * self.shape[2] * self.dtype.itemsize

    @property
    def big(self) -> bool:
        """Whether the result is a BigTIFF: it would pass 4 GB."""
        return needed_bytes(self.shape, self.dtype) > _CLASSIC_LIMIT

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
            self._write(DATA_OFFSET + index * self._frame_bytes, stored.data.cast("B"))
        except OSError as error:
            raise unwritable(self.partial, error) from error

    def read(self, index: int) -> NDArray[Any]:
        """Frame `index` as it was written, (height, width); zeros if it was not."""
        if not 0 <= index < self.shape[0]:
            raise ValueError(f"there is no frame {index} in a movie of {self.shape[0]}")
        try:
            data = self._read(DATA_OFFSET + index * self._frame_bytes, self._frame_bytes)
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
        """Write description and list of images, and give the file its name.

        Parameters
        ----------
        provenance_json : str, optional
            One JSON object, kept inside the file; `read_provenance` gives it back.
        display : tuple of float, optional
            Grey levels that Fiji shows as black and white.

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
        text = description(self.shape[0], self.scale, provenance, display)
        end = DATA_OFFSET + self.shape[0] * self._frame_bytes
        header, tail = directories(
            Directory(self.shape, self.dtype, self.scale, text, DATA_OFFSET, end + (-end % 16), self.big)
        )
        try:
            self._write(end + (-end % 16), tail)
            self.flush()
            self._write(0, header)
            self.flush()
        except OSError as error:
            raise unwritable(self.partial, error) from error
        self.close()
        try:
            self._rename()
        except OSError as error:
            raise unwritable(self.path, error) from error
        return self.path

    def _rename(self) -> None:
        if self._overwrite:
            self.partial.replace(self.path)
            return
        try:
            # A link fails if the name is taken, a rename on POSIX would not.
            os.link(self.partial, self.path)
        except FileExistsError:
            raise
        except OSError:
            if self.path.exists():
                raise FileExistsError(self.path) from None
            self.partial.rename(self.path)
        else:
            self.partial.unlink()

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


def _locked(descriptor: int) -> bool:
    """Take the file for this writer; False if another writer has it. The system lets go when the process dies."""
    try:
        if sys.platform == "win32":
            # Windows locks bytes, and for everybody: one far behind any data.
            os.lseek(descriptor, _LOCK_AT, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        # Some network drives know no locks; better a result without one than none.
        return True
    return True


def read_provenance(path: str | Path) -> dict[str, Any] | None:
    """The provenance inside a result; None for a file that carries none.

    Raises
    ------
    MovieError
        The file can't be read.
    """
    try:
        with open_movie(path) as movie:
            text = movie.tags().get("ImageDescription")
    except MovieError as error:
        if error.code in {"unsupported", "not-a-movie"}:
            return None
        raise
    for line in text.splitlines() if isinstance(text, str) else ():
        if line.startswith("quietbeam="):
            try:
                found = json.loads(line.removeprefix("quietbeam="))
            except ValueError:
                return None
            return found if isinstance(found, dict) else None
    return None
