"""Gatan in-situ recordings as a tree of folders: ``Hour_00/Minute_00/Second_00/NAME_Hour_00_..._Frame_0000.dm4``.

One file a frame, 36,000 and more of them. Only names are listed when such a movie is opened, and only its first file
is read; each other one is looked at when its frame is asked for. Frame numbers begin anew in each second, so that a
missing number is a frame that was dropped.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from core.movies.errors import Malformed, MovieError, Truncated, unreadable
from core.movies.file_set import FileSet
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, FolderFormat, Opened
from core.movies.formats.dm_image import Image, images_of, refusal
from core.movies.formats.dm_settings import frame_time, known
from core.movies.formats.dm_tags import TagTree, as_dict, read_tags
from core.movies.sources import Frame, StridedSource
from core.movies.timing import segments_of
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

NAME = "Gatan in-situ (folders)"
_LEVELS = ("hour", "minute", "second")
_FOLDER = re.compile(r"(hour|minute|second)_(\d+)", re.IGNORECASE)
_FRAME = re.compile(r"(.*?)_?Hour_(\d+)_Minute_(\d+)_Second_(\d+)_Frame_(\d+)\.dm[34]", re.IGNORECASE)
# Names of others' making within such folders: what counts is the number at the end.
_OTHER = re.compile(r"(.*?)[_ -]*(?:frame)?[_ -]*(\d+)\.dm[34]", re.IGNORECASE)
_MOST_FILES = 5_000_000
# What is compared before and behind the pixels of a frame, to know that it lies as in the first file: the tags of the
# data's length before, those of type and sizes behind.
_BEFORE, _BEHIND = 64, 176
# In a second with fewer frames than usual, so many more may be missing at its end without being called dropped.
_JITTER = 0.02
# So many files at the end are looked at whether they are complete.
_MOST_UNFINISHED = 8
# Whole seconds at both ends tell the rate within a few percent from so many on.
_LONG_S = 30


@dataclass(frozen=True)
class Stamp:
    """When a frame was taken, as its name tells: whole seconds, and its number within the second."""

    second: int
    number: int


@dataclass(frozen=True)
class Series:
    """The frames of one recording, in order."""

    name: str
    stamps: tuple[Stamp, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Timing:
    """What the names tell of time; `times` only where they are not even."""

    interval_s: float | None
    times: tuple[float, ...] | None
    breaks: dict[int, str]


def _level(folder: Path) -> int:
    """0 for the folder that holds hours, 1 for an hour, 2 for a minute, 3 for a second."""
    found = _FOLDER.fullmatch(folder.name)
    return _LEVELS.index(found[1].lower()) + 1 if found else 0


def _subfolders(folder: str | Path, level: int) -> list[str]:
    """The folders of a level (0: hours) in order."""
    with os.scandir(folder) as items:
        found = [
            item.path
            for item in items
            if (match := _FOLDER.fullmatch(item.name)) and match[1].lower() == _LEVELS[level] and item.is_dir()
        ]
    return sorted(found, key=lambda path: int(path.rsplit("_", 1)[1]))


def recognise(folder: Path) -> bool:
    """Whether a folder is such a recording, or an hour, minute or second of one, by its listing alone."""
    level = _level(folder)
    if level == 3:
        return next(_frames_in(str(folder), 0), None) is not None
    below = _subfolders(folder, level)
    if level == 2:
        return bool(below)
    return bool(below) and bool(_subfolders(below[0], level + 1))


def _frames_in(folder: str, second: int) -> Iterator[tuple[str, str, Stamp]]:
    """Name of the recording, path and stamp of the frames in a folder, which are of `second` if they don't say."""
    with os.scandir(folder) as items:
        for item in items:
            # macOS leaves files of its own whose names begin so.
            if item.name.startswith("._"):
                continue
            if match := _FRAME.fullmatch(item.name):
                hours, minutes, seconds, number = (int(part) for part in match.groups()[1:])
                yield match[1], item.path, Stamp((hours * 60 + minutes) * 60 + seconds, number)
            elif match := _OTHER.fullmatch(item.name):
                yield match[1], item.path, Stamp(second, int(match[2]))


def _seconds_of(folder: str, level: int) -> Iterator[str]:
    """The folders of seconds."""
    if level == 3:
        yield folder
        return
    for below in _subfolders(folder, level):
        yield from _seconds_of(below, level + 1)


def _second_of(folder: str) -> int:
    """The second since the recording began that a folder's name, and those above it, tell."""
    total, path = 0, Path(folder)
    for factor in (1, 60, 3600):
        found = _FOLDER.fullmatch(path.name)
        total += int(found[2]) * factor if found else 0
        path = path.parent
    return total


def list_series(folder: Path) -> list[Series]:
    """The recordings below a folder; all frames of one have the same name before the hour."""
    found: dict[str, list[tuple[Stamp, str]]] = {}
    count = 0
    for inner in _seconds_of(str(folder), _level(folder)):
        for name, path, stamp in _frames_in(inner, _second_of(inner)):
            found.setdefault(name, []).append((stamp, path))
            count += 1
        if count > _MOST_FILES:
            raise Malformed.about(folder, f"The folder holds more than {_MOST_FILES} frames.")
    series = []
    for name, frames in sorted(found.items()):
        frames.sort(key=lambda frame: (frame[0].second, frame[0].number, frame[1]))
        series.append(Series(name, tuple(stamp for stamp, _ in frames), tuple(path for _, path in frames)))
    return series


def entries(folder: Path) -> list[Entry]:
    """The recordings of a folder as datasets, by name."""
    try:
        found = list_series(folder)
    except OSError as error:
        raise unreadable(folder, error) from error
    return [_entry(str(folder), series) for series in found]


def _first(series: Series) -> tuple[TagTree, Image]:
    with RandomAccessFile(series.paths[0]) as file:
        tree = read_tags(file)
        images = images_of(tree)
        if not images:
            raise Truncated.about(file.path, "The first frame of the recording is damaged: it holds no image.")
        chosen = next((image for image in images if refusal(tree, image) is None), images[0])
        if refusal(tree, chosen) is None and chosen.data.offset + _bytes(chosen) > file.size:
            raise Truncated.about(file.path, "The first frame of the recording is cut.")
    return tree, chosen


def _bytes(image: Image) -> int:
    size = image.dtype.itemsize if image.dtype is not None else 0
    for length in image.shape:
        size *= length
    return size


def _entry(path: str, series: Series) -> Entry:
    tree, image = _first(series)
    reason = refusal(tree, image)
    if reason is None and not image.one_frame:
        reason = "Each file of the recording holds a stack or a cube, not one frame."
    info = DatasetInfo(
        key=series.name or "frames",
        title=series.name,
        shape=(len(series.paths), *(image.shape[-2:] if image.one_frame else image.shape)),
        dtype=image.type_name,
        refusal=reason,
    )
    return Entry(info, lambda: open_series(path, series, tree, image))


def is_director(path: str) -> bool:
    """Whether a file stands beside the hours of a recording, and is none of its frames."""
    file = Path(path)
    try:
        return not _level(file.parent) and not _FRAME.fullmatch(file.name) and recognise(file.parent)
    except OSError:
        return False


def beside(path: str) -> Series | None:
    """The recording whose director is this file: hours lie beside it, and it is none of their frames."""
    director = Path(path)
    try:
        found = list_series(director.parent) if is_director(path) else []
    except OSError:
        return None
    named = [series for series in found if series.name == director.stem]
    return named[0] if named else found[0] if len(found) == 1 else None


class TreeSource:
    """Frames of which each is a DM file; a handful of them is open at a time.

    Parameters
    ----------
    files : FileSet
        In the order of the movie; closed together with this.
    image : Image
        Of the first file.
    """

    def __init__(self, files: FileSet, image: Image) -> None:
        assert image.dtype is not None
        self._files = files
        self._image = image
        self._dtype = image.dtype
        self._height, self._width = image.shape[-2:]
        with files.file(0) as file:
            self._size = file.size
            self._around = self._look(file)

    def _look(self, file: RandomAccessFile) -> tuple[bytes, bytes]:
        """The tags just before and just behind the pixels."""
        start = self._image.data.offset
        end = start + self._image.data.claimed_bytes
        before = min(_BEFORE, start)
        return file.read(start - before, before), file.read(end, max(0, min(_BEHIND, file.size - end)))

    def _offset(self, file: RandomAccessFile) -> int:
        if file.size == self._size and self._look(file) == self._around:
            return self._image.data.offset
        tree = read_tags(file)
        image = next((image for image in images_of(tree) if refusal(tree, image) is None), None)
        if image is None:
            what = tree.damage or "it holds no image"
            raise Truncated.about(file.path, f"This frame's file is damaged: {what}.")
        if (image.shape[-2:], image.dtype) != (self._image.shape[-2:], self._dtype) or not image.one_frame:
            raise Malformed.about(
                file.path,
                f"This frame is {image.shape} {image.type_name}, the first one is"
                f" {self._image.shape} {self._image.type_name}.",
            )
        return image.data.offset

    def read(self, index: int, rows: slice, columns: slice) -> Frame:
        """A part of frame `index`."""
        with self._files.file(index) as file:
            source = StridedSource(file, self._dtype, self._height, self._width, (self._offset(file),))
            return source.read(0, rows, columns)

    def close(self) -> None:
        """Close all files."""
        self._files.close()


def open_first(path: str, series: Series) -> Opened | None:
    """Open a recording for its director; None if its files hold no frames after all."""
    tree, image = _first(series)
    return None if refusal(tree, image) is not None or not image.one_frame else open_series(path, series, tree, image)


def open_series(path: str, series: Series, tree: TagTree, image: Image) -> Opened:
    """Open a recording of which the first file was read.

    Parameters
    ----------
    path : str
        The folder, or the director file beside its hours.
    tree, image : TagTree and Image
        Of its first file.
    """
    listed = len(series.paths)
    series = _without_unfinished(series)
    frames = len(series.paths)
    files = FileSet(series.paths)
    try:
        source = TreeSource(files, image)
        with files.file(0) as file:
            # The files of a recording are of one size; asking for 36,000 sizes is slow on a network drive.
            file_bytes = file.size * frames
        fingerprint = files.fingerprint(file_bytes)
    except BaseException:
        files.close()
        raise
    timing = timing_of(series.stamps, frame_time(tree, image.path))
    recorded = int(tree.number(f"{image.path}.ImageTags.In-situ.Recorded.# Frames") or 0)
    declared = max(frames, recorded) if 0 < recorded < 1 << 31 else frames
    fields: dict[str, Any] = known(tree, image.path, image.axes, 1, 1) | {
        "frame_interval_s": timing.interval_s,
        "times": timing.times,
        "segments": segments_of(frames, None, timing.breaks),
    }
    meta = MovieMeta(
        path=path,
        format=NAME,
        dataset=series.name or "frames",
        title=series.name,
        frames=frames,
        height=image.shape[-2],
        width=image.shape[-1],
        dtype=np.dtype(image.dtype).newbyteorder("=").name,
        declared_frames=declared,
        file_count=frames,
        file_bytes=file_bytes,
        fingerprint=fingerprint,
        issues=tuple(_issues(frames, declared, listed - frames, timing)),
        **fields,
    )
    return Opened(meta, source, _tags_of(series.paths[0]))


def _tags_of(path: str) -> Callable[[], dict[str, Any]]:
    def tags() -> dict[str, Any]:
        with RandomAccessFile(path) as file:
            return as_dict(read_tags(file))

    return tags


def _without_unfinished(series: Series) -> Series:
    """The recording without the last files that are not complete: the camera may still be writing them."""
    last = len(series.paths)
    while last > 1 and not _complete(series.paths[last - 1]):
        last -= 1
        if len(series.paths) - last == _MOST_UNFINISHED:
            break
    return Series(series.name, series.stamps[:last], series.paths[:last])


def _complete(path: str) -> bool:
    try:
        with RandomAccessFile(path) as file:
            return any(image.data.offset + _bytes(image) <= file.size for image in images_of(read_tags(file)))
    except MovieError:
        return False


def _issues(frames: int, declared: int, unfinished: int, timing: Timing) -> list[Issue]:
    issues = []
    if unfinished:
        text = f"the last {unfinished} of {frames + unfinished} files are not complete (yet), and are left out"
        issues.append(Issue(level="info", code="unfinished", text=text))
    if frames < declared:
        issues.append(Issue(level="warning", code="truncated", text=f"truncated: {frames} of {declared} frames"))
    if timing.breaks:
        places = len(timing.breaks)
        text = f"frames are missing in {places} place{'s' if places > 1 else ''}, by their numbers and seconds"
        issues.append(Issue(level="info", code="dropped-frames", text=text))
    return issues


def timing_of(stamps: Sequence[Stamp], nominal_s: float | None = None) -> Timing:
    """Times and gaps from the names of frames.

    Parameters
    ----------
    stamps : sequence of Stamp
        In order.
    nominal_s : float, optional
        From one frame to the next as the camera says; taken where a single second tells no rate.
    """
    seconds = [list(group) for _, group in itertools.groupby(stamps, key=lambda stamp: stamp.second)]
    if len(stamps) < 2:
        return Timing(None, None, {})
    running = len(seconds) > 1 and all(
        later[0].number > earlier[-1].number for earlier, later in itertools.pairwise(seconds)
    )
    if running:
        return _running(stamps, nominal_s)
    if len(seconds) == 1:
        breaks = _jumps(stamps)
        times = None if nominal_s is None or not breaks else tuple(stamp.number * nominal_s for stamp in stamps)
        return Timing(nominal_s if not breaks else None, _from_zero(times), breaks)
    # The last second is seldom full, and the first of a part of a recording may not be either.
    rate = round(median(second[-1].number + 1 for second in seconds[:-1]))
    return _slow(stamps) if rate < 2 else _restarting(seconds, rate, nominal_s)


def _from_zero(times: tuple[float, ...] | None) -> tuple[float, ...] | None:
    return None if times is None else tuple(time - times[0] for time in times)


def _missing(count: int) -> str:
    return f"{count} frame{'s are' if count > 1 else ' is'} missing"


def _jumps(stamps: Sequence[Stamp]) -> dict[int, str]:
    """Frames whose number does not follow the one before."""
    return {
        place: _missing(later.number - earlier.number - 1)
        for place, (earlier, later) in enumerate(itertools.pairwise(stamps), 1)
        if later.number - earlier.number > 1
    }


def _running(stamps: Sequence[Stamp], nominal_s: float | None) -> Timing:
    """Numbers that run through the whole recording; seconds tell their rate only in a long one."""
    span = stamps[-1].second - stamps[0].second
    count = stamps[-1].number - stamps[0].number
    breaks = _jumps(stamps)
    interval = nominal_s if nominal_s is not None and abs(nominal_s * count - span) <= 1 + _JITTER * span else None
    if interval is None and span >= _LONG_S:
        interval = span / count
    if interval is None or not breaks:
        return Timing(interval, None, breaks)
    return Timing(None, tuple((stamp.number - stamps[0].number) * interval for stamp in stamps), breaks)


def _slow(stamps: Sequence[Stamp]) -> Timing:
    """One frame a second, or fewer: only whole seconds are known."""
    steps = [later.second - earlier.second for earlier, later in itertools.pairwise(stamps)]
    usual = median(steps)
    breaks = {
        place: f"a gap of {step} s, where {usual:.3g} s are usual"
        for place, step in enumerate(steps, 1)
        if step > 1.5 * usual + 1
    }
    span = stamps[-1].second - stamps[0].second
    if breaks or span == 0:
        return Timing(None, tuple(float(stamp.second - stamps[0].second) for stamp in stamps), breaks)
    return Timing(span / (len(stamps) - 1), None, {})


def _restarting(seconds: Sequence[Sequence[Stamp]], rate: int, nominal_s: float | None) -> Timing:
    """Numbers that begin anew in each second."""
    slack = max(1, round(_JITTER * rate))
    breaks: dict[int, str] = {}
    place = 0
    for number, second in enumerate(seconds):
        if number:
            before = seconds[number - 1][-1]
            lost = max(0, rate - slack - before.number - 1) and rate - before.number - 1
            lost += second[0].number + rate * (second[0].second - before.second - 1)
            if lost:
                breaks[place] = _missing(lost)
        breaks |= {place + at: reason for at, reason in _jumps(second).items()}
        place += len(second)
    if not breaks:
        whole = len(seconds) - 1
        full = sum(len(second) for second in seconds[:-1]) + seconds[0][0].number
        # The camera's own figure is exact where it agrees with what was counted.
        agrees = nominal_s is not None and abs(nominal_s * full - whole) <= max(nominal_s, _JITTER * whole)
        return Timing(nominal_s if agrees else whole / full, None, {})
    stamps = [stamp for second in seconds for stamp in second]
    times = tuple(stamp.second + stamp.number / rate for stamp in stamps)
    return Timing(None, _from_zero(times), breaks)


FORMAT = FolderFormat(NAME, recognise, entries)
