"""Folders of numbered images, a file a frame, as one movie: TIFF, PNG and DM.

The names alone say what belongs together; then only the first and the last image are looked at, and each other one when
its frame is read. Numbers that are missing part the movie into segments.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.movies.errors import Malformed, MovieError, Unreadable
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, FolderFormat, Format, Opened
from core.movies.formats import dm, png, tiff
from core.movies.movie import typed_errors
from core.movies.numbered import Run, runs
from core.movies.sources import Frame
from core.movies.timing import segments_of
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

_FORMATS: dict[str, Format] = {
    ".tif": tiff.FORMAT,
    ".tiff": tiff.FORMAT,
    ".png": png.FORMAT,
    ".dm3": dm.FORMAT,
    ".dm4": dm.FORMAT,
}
_KINDS = {".tif": "TIFF", ".tiff": "TIFF", ".png": "PNG", ".dm3": "DM3", ".dm4": "DM4"}
# Images kept open: enough for threads that read neighbours, few enough for every system.
_MOST_OPEN = 16
# The size of so many files, evenly chosen, tells that of all.
_MOST_SIZED = 256


def image_runs(names: Sequence[str]) -> list[Run]:
    """The runs among files of the kinds that can be images of a movie."""
    return runs(name for name in names if _suffix(name) in _FORMATS and not name.startswith("."))


def kind_of(run: Run) -> str:
    """``TIFF``, ``PNG`` ... of a run."""
    return _KINDS[_suffix(run.names[0])]


def is_one_movie(folder: Path, run: Run) -> bool:
    """Whether the first and the last file hold one image each, of one shape and type."""
    try:
        first, last = (_peek(folder / name) for name in (run.names[0], run.names[-1]))
    except MovieError:
        return False
    return first.shape == last.shape and first.dtype == last.dtype and _is_image(first)


def bytes_of(folder: Path, names: Sequence[str]) -> int:
    """The size of files in bytes; of very many, from a part of them that is evenly chosen."""
    chosen = names if len(names) <= _MOST_SIZED else [names[i * len(names) // _MOST_SIZED] for i in range(_MOST_SIZED)]
    total, sized = 0, 0
    for name in chosen:
        try:
            total += (folder / name).stat().st_size
            sized += 1
        except (OSError, ValueError):
            # Gone, or no name of a file at all.
            continue
    return total * len(names) // sized if sized else 0


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path for each of 36,000 names takes long


def _is_image(info: DatasetInfo) -> bool:
    return len(info.shape) in (2, 3) and (len(info.shape) == 2 or info.shape[0] == 1)


def _peek(path: Path) -> DatasetInfo:
    with RandomAccessFile(path) as file:
        return _entry(file).info


def _entry(file: RandomAccessFile) -> Entry:
    """The only movie in a file; raises if there is none."""
    expected = _FORMATS[_suffix(file.path)]
    with typed_errors(file.path, f"reading it as {expected.name}"):
        head = file.read(0, min(1024, file.size))
        if not expected.sniff(head, _suffix(file.path)):
            raise Malformed.about(file.path, f"The image is no {expected.name} file, as its name says.")
        found = [entry for entry in expected.entries(file) if entry.info.refusal is None]
    if not found:
        raise Malformed.about(file.path, "The file holds no image that could be a frame.")
    return found[0]


class NumberedSource:
    """Frames that are files; a few are kept open."""

    def __init__(self, folder: Path, names: Sequence[str], height: int, width: int) -> None:
        self._folder = folder
        self._names = names
        self._size = (height, width)
        self._lock = threading.Lock()
        self._open: OrderedDict[int, Opened] = OrderedDict()
        self._closed = False

    def read(self, index: int, rows: slice, columns: slice) -> Frame:
        """A part of the image; raises if it is none, or is of another shape."""
        opened = self._take(index)
        try:
            frames, *size = opened.meta.shape
            if frames != 1:
                raise Malformed.about(opened.meta.path, f"The file holds {frames} images, not one.")
            if tuple(size) != self._size:
                what = (
                    f"This image is {size[0]} x {size[1]} px, where the first one is {self._size[0]} x {self._size[1]}."
                )
                raise Malformed.about(opened.meta.path, what)
            return opened.source.read(0, rows, columns)
        finally:
            self._give_back(index, opened)

    def _take(self, index: int) -> Opened:
        with self._lock:
            if self._closed:
                raise Unreadable.about(str(self._folder), "The movie has been closed.", "Open it again.")
            held = self._open.pop(index, None)
        return held or open_image(self._folder / self._names[index])

    def _give_back(self, index: int, opened: Opened) -> None:
        with self._lock:
            # Another thread may have opened the same image meanwhile.
            surplus = [opened] if self._closed or index in self._open else []
            if not surplus:
                self._open[index] = opened
            while len(self._open) > _MOST_OPEN:
                surplus.append(self._open.popitem(last=False)[1])
        for image in surplus:
            image.source.close()

    def close(self) -> None:
        """Close the files; one that is being read right after its read."""
        with self._lock:
            self._closed = True
            held = list(self._open.values())
            self._open.clear()
        for image in held:
            image.source.close()


def open_image(path: Path) -> Opened:
    """The image in a file, opened; the file is closed together with its source."""
    file = RandomAccessFile(path)
    try:
        with typed_errors(file.path, "opening it"):
            return _entry(file).open()
    except BaseException:
        file.close()
        raise


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as listing:
        return [item.name for item in listing if _suffix(item.name) in _FORMATS and item.is_file()]


def _recognise(folder: Path) -> bool:
    return bool(image_runs(_names(folder)))


def _entries(folder: Path) -> list[Entry]:
    found = sorted(image_runs(_names(folder)), key=lambda run: -len(run))
    return [entry for run in found if (entry := _run_entry(folder, run)) is not None]


def _run_entry(folder: Path, run: Run) -> Entry | None:
    try:
        first = _peek(folder / run.names[0])
    except MovieError:
        return None
    if not _is_image(first):
        return None
    height, width = first.shape[-2:]
    info = DatasetInfo(
        key=run.pattern, title=f"{len(run)} images {run.pattern}", shape=(len(run), height, width), dtype=first.dtype
    )
    return Entry(info, lambda: _open(folder, run))


def _open(folder: Path, run: Run) -> Opened:
    image = open_image(folder / run.names[0])
    try:
        meta = _meta(folder, run, image.meta)
    finally:
        image.source.close()
    source = NumberedSource(folder, run.names, meta.height, meta.width)
    return Opened(meta, source, lambda: _tags(folder / run.names[0]))


def _tags(path: Path) -> dict[str, Any]:
    image = open_image(path)
    try:
        return image.tags() if image.tags is not None else {}
    finally:
        image.source.close()


def _meta(folder: Path, run: Run, first: MovieMeta) -> MovieMeta:
    issues = [issue for issue in first.issues if issue.code != "truncated"]
    gaps = run.gaps() if run.counted else {}
    if gaps:
        some = sorted(number for numbers in gaps.values() for number in numbers)[:8]
        more = " ..." if run.missing() > len(some) else ""
        text = f"{run.missing()} numbers are missing between the images: {', '.join(map(str, some))}{more}"
        issues.append(Issue(level="warning", code="missing-images", text=text))
    breaks = {place: f"before it, image {numbers[0]} is missing" for place, numbers in gaps.items()}
    changed: dict[str, Any] = {
        "path": str(folder),
        "format": f"{kind_of(run)} images",
        "dataset": run.pattern,
        "title": f"{len(run)} images {run.pattern}",
        "frames": len(run),
        "declared_frames": len(run),
        "frame_interval_s": None,
        "segments": segments_of(len(run), breaks=breaks),
        "file_count": len(run),
        "file_bytes": bytes_of(folder, run.names),
        "fingerprint": _fingerprint(folder, run),
        "issues": tuple(issues),
    }
    return first.model_copy(update=changed)


def _fingerprint(folder: Path, run: Run) -> str:
    """From the names, and the content of the first, middle and last image."""
    digest = hashlib.sha256("\n".join(run.names).encode("utf-8", "surrogatepass"))
    for place in sorted({0, len(run) // 2, len(run) - 1}):
        with RandomAccessFile(folder / run.names[place]) as file:
            digest.update(file.fingerprint().encode())
    return digest.hexdigest()[:32]


FORMAT = FolderFormat("images", _recognise, _entries)
