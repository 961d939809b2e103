"""What tifffile is given to read from, and what it says in its log."""

from __future__ import annotations

import io
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.movies.files import RandomAccessFile

_READ_AHEAD = 4096


class Stream(io.RawIOBase):
    """A stream over positional reads, for tifffile: it has a position of its own and shares none."""

    def __init__(self, file: RandomAccessFile) -> None:
        super().__init__()
        self._file = file
        self._at = 0
        self._ahead = b""
        self._ahead_at = 0
        self.name = file.path

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It has a position."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position; not before the beginning."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        if start + offset < 0:
            raise OSError("a position before the file's beginning")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read on from the position, up to the end of the file.

        Lists of images lie close together, and tifffile asks for a few bytes at a time: they are read ahead.
        """
        view = memoryview(buffer).cast("B")
        wanted = len(view)
        start = self._at - self._ahead_at
        if start >= 0 and start + wanted <= len(self._ahead):
            view[:wanted] = self._ahead[start : start + wanted]
            self._at += wanted
            return wanted
        count = max(0, min(wanted, self._file.size - self._at))
        if wanted < _READ_AHEAD and count:
            self._ahead = self._file.read(self._at, min(_READ_AHEAD, self._file.size - self._at))
            self._ahead_at = self._at
            view[:count] = self._ahead[:count]
        elif count:
            self._file.read_into(self._at, view[:count])
        self._at += count
        return count


class Complaints(logging.Handler):
    """Collects what tifffile logs in this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and record.levelno >= logging.ERROR:
            # tifffile begins with the name of its own object.
            self.texts.append(re.sub(r"<tifffile\.[^>]*> *", "", record.getMessage()))


@contextmanager
def listening() -> Iterator[Complaints]:
    """Collect tifffile's complaints: it tells of a broken file only in its log."""
    handler = Complaints()
    logger = logging.getLogger("tifffile")
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
