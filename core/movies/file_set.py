"""Movies that lie in many files: opened when they are read, a few at a time, and read as one."""

from __future__ import annotations

import hashlib
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path

from core.movies.errors import Malformed, Unreadable
from core.movies.files import RandomAccessFile

# Far below any system's limit, and enough for eight threads that read neighbouring files.
MOST_OPEN = 16


class FileSet:
    """Files of one movie, opened when they are first read; safe to use from many threads.

    Parameters
    ----------
    paths : sequence of path
        In the order of the movie.
    """

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self.paths = tuple(str(path) for path in paths)
        self._lock = threading.Lock()
        self._open: OrderedDict[int, RandomAccessFile] = OrderedDict()
        self._leases: dict[int, int] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self.paths)

    @contextmanager
    def file(self, place: int) -> Iterator[RandomAccessFile]:
        """File number `place`, open for as long as it is used.

        Raises
        ------
        MovieError
            It can't be opened, or the set was closed.
        """
        with self._lock:
            if self._closed:
                raise Unreadable.about(self.paths[place], "The movie has been closed.", "Open it again.")
            held = self._open.pop(place, None) or RandomAccessFile(self.paths[place])
            self._open[place] = held
            self._leases[place] = self._leases.get(place, 0) + 1
            self._drop_oldest()
        try:
            yield held
        finally:
            with self._lock:
                self._leases[place] -= 1
                if not self._leases[place]:
                    del self._leases[place]
                self._drop_oldest()

    def _drop_oldest(self) -> None:
        limit = 0 if self._closed else MOST_OPEN
        for place in [place for place in self._open if place not in self._leases]:
            if len(self._open) <= limit:
                return
            self._open.pop(place).close()

    def close(self) -> None:
        """Close all files, each once its last read has ended."""
        with self._lock:
            self._closed = True
            self._drop_oldest()

    def fingerprint(self, file_bytes: int) -> str:
        """A sampled hash: the number of files, their size, and the content of the first, middle and last one."""
        digest = hashlib.sha256(f"{len(self)} {file_bytes}".encode())
        for place in sorted({0, len(self) // 2, len(self) - 1}):
            with self.file(place) as file:
                digest.update(file.fingerprint().encode())
        return digest.hexdigest()[:32]


class JoinedFiles:
    """Parts of several files as one run of bytes: a frame may begin in one and end in the next.

    Parameters
    ----------
    files : FileSet
        Closed together with this.
    parts : sequence of (first byte, count)
        Which bytes of each file belong to the run.
    """

    def __init__(self, files: FileSet, parts: Sequence[tuple[int, int]]) -> None:
        self._files = files
        self._first = [first for first, _ in parts]
        self._ends = list(accumulate(count for _, count in parts))
        self.size = self._ends[-1] if self._ends else 0
        self.path = files.paths[0] if files.paths else ""

    def check(self, offset: int, count: int) -> None:
        """Refuse a range outside before anything is allocated for it."""
        if offset < 0 or count < 0 or offset + count > self.size:
            raise Malformed.about(self.path, f"The header points to bytes {offset} to {offset + count} of {self.size}.")

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fill `buffer` from `offset` on; errors as of `RandomAccessFile.read_into`."""
        view = buffer.cast("B")
        done = 0
        while done < len(view):
            place = bisect_right(self._ends, offset + done)
            start = self._ends[place - 1] if place else 0
            count = min(self._ends[place] - offset - done, len(view) - done)
            with self._files.file(place) as file:
                file.read_into(self._first[place] + offset + done - start, view[done : done + count])
            done += count

    def close(self) -> None:
        """Close the files."""
        self._files.close()
