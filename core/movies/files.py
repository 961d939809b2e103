"""Reading a file at any place from any thread: positional reads, never a shared position and never a memory map.

A memory map over a network file that shrinks kills the process; a positional read gives an error that can be caught,
at the same speed (measured).
"""

from __future__ import annotations

import hashlib
import ntpath
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from core.movies.errors import Malformed, NotAMovie, Truncated, Unreadable, unreadable

# None on Windows.
_preadv: Callable[[int, list[memoryview], int], int] | None = getattr(os, "preadv", None)
# Linux ends one read at 2 GiB - 4 KiB; stay well below on every system.
_LARGEST_READ = 1 << 30
# Windows takes names of up to 259 letters, and folders of 247, as they are.
_LONG_NAME = 240


def system_path(path: str, windows: bool = os.name == "nt") -> str:
    """The name under which the system finds a file: Windows needs a mark before long ones.

    Parameters
    ----------
    path : str
        As the user knows it.
    windows : bool
        Whether this is Windows.
    """
    if not windows or len(path) < _LONG_NAME or path.startswith("\\\\?\\"):
        return path
    whole = ntpath.abspath(path)
    return "\\\\?\\UNC\\" + whole[2:] if whole.startswith("\\\\") else "\\\\?\\" + whole


class RandomAccessFile:
    """A file opened read-only, read at given offsets; safe to use from many threads.

    Parameters
    ----------
    path : str or Path
        An ordinary file.

    Attributes
    ----------
    size : int
        Its size in bytes when it was opened.

    Raises
    ------
    Unreadable
        It does not exist, is a folder, or may not be read.
    NotAMovie
        It is empty, or no ordinary file (a pipe would block for ever).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._lock = threading.Lock()
        self._reading = 0
        self._closed = False
        self._local = threading.local()
        self._handles: list[int] = []
        try:
            status = Path(system_path(self.path)).stat()
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(self.path)
            if not stat.S_ISREG(status.st_mode):
                raise NotAMovie.about(self.path, "This is not an ordinary file.")
            self._descriptor = self._open()
        except OSError as error:
            raise unreadable(self.path, error) from error
        except ValueError as error:
            raise Unreadable.about(self.path, "This is no valid file name.", "Check the name.", "not-found") from error
        self.size = status.st_size
        if self.size == 0:
            self.close()
            raise NotAMovie.about(
                self.path,
                "The file is empty: it has 0 bytes.",
                "Copy it again from where it was recorded, or check that the recording was saved.",
                "empty",
            )

    def _open(self) -> int:
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(system_path(self.path), flags)
        self._handles.append(descriptor)
        return descriptor

    def read(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes from `offset` on.

        Raises
        ------
        Malformed
            The range lies outside the file: a header points nowhere.
        Truncated
            The file has shrunk since it was opened.
        Unreadable
            The disk or the network failed.
        """
        self.check(offset, count)
        buffer = bytearray(count)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def check(self, offset: int, count: int) -> None:
        """Refuse a range outside the file before anything is allocated for it."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise Malformed.about(
                self.path, f"The header points to bytes {offset} to {offset + count} of a file of {self.size} bytes."
            )

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` from `offset` on; errors as in `read`."""
        view = buffer.cast("B")
        self._enter()
        try:
            done = 0
            while done < len(view):
                part = view[done : done + _LARGEST_READ]
                got = self._read_some(offset + done, part)
                if got == 0:
                    raise Truncated.about(
                        self.path,
                        f"The file ends at byte {offset + done}: it has become shorter since it was opened.",
                        "Wait until it is written completely, then open it again.",
                    )
                done += got
        except OSError as error:
            raise unreadable(self.path, error) from error
        finally:
            self._leave()

    def _read_some(self, offset: int, part: memoryview) -> int:
        if _preadv is not None:
            return _preadv(self._descriptor, [part], offset)
        # Windows has no positional read: a handle a thread, so that no position is shared.
        handle: int | None = getattr(self._local, "handle", None)
        if handle is None:
            with self._lock:
                handle = self._open()
            self._local.handle = handle
        os.lseek(handle, offset, os.SEEK_SET)
        data = os.read(handle, len(part))
        part[: len(data)] = data
        return len(data)

    def _enter(self) -> None:
        with self._lock:
            if self._closed:
                raise Unreadable.about(self.path, "The movie has been closed.", "Open it again.")
            self._reading += 1

    def _leave(self) -> None:
        with self._lock:
            self._reading -= 1
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        # Closing under a thread that still reads could give its descriptor's number to another file.
        if self._closed and self._reading == 0:
            for handle in self._handles:
                os.close(handle)
            self._handles.clear()

    def close(self) -> None:
        """Close the file once the last read under way has ended."""
        with self._lock:
            self._closed = True
            self._close_if_idle()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def fingerprint(self) -> str:
        """A sampled hash of the content: nine blocks of 16 KiB and the size, so that a slow disk is not read twice."""
        block = 16 * 1024
        digest = hashlib.sha256(str(self.size).encode())
        last = max(0, self.size - block)
        for part in range(9):
            start = last * part // 8
            digest.update(self.read(start, min(block, self.size - start)))
        return digest.hexdigest()[:32]
