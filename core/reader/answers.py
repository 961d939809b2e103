"""What the reader answers: descriptions, pixels, traces, tags, what is in a folder, holder logs.

Bounded in memory, and without processes or pipes.
"""

from __future__ import annotations

import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.movies import Movie, MovieError, list_datasets, open_movie
from core.movies.holder_log import join_log
from core.movies.survey import survey
from core.movies.tags import find
from core.protocol.denoise import Region, Scratch
from core.protocol.reader import (
    Describe,
    Described,
    HolderLogJoined,
    HolderLogRequest,
    Pixels,
    Survey,
    Surveyed,
    Tags,
    TagsRequest,
    Thumbnail,
    Trace,
    TraceRequest,
    View,
)
from core.views import area_mean, display_range, fill_nonfinite, fit_step, write_slot

Question = Describe | Thumbnail | View | TraceRequest | Survey | TagsRequest | HolderLogRequest
Answer = Described | Pixels | Trace | Surveyed | Tags | HolderLogJoined

_MOST_OPEN = 4
_MOST_DESCRIBED = 32
_MOST_PARTS = 1000
_DEEPEST = 4
_MOST_LISTED = 512
_GONE = (0, 0, 0)
# A file that grows is not opened again sooner than this.
_FRESH_S = 1.0
# A trace that takes longer is answered with the frames that were read: a late answer looks like a hanging disk.
TRACE_S = 8.0
_LARGEST = float(np.finfo(np.float32).max)


Stamp = tuple[tuple[int, int, int], ...]


@dataclass
class _Held:
    """A movie that is open, what its files were like when it was opened, and when it was used last."""

    movie: Movie
    stamp: Stamp
    opened: float
    fresh_s: float
    used: float


class OpenMovies:
    """The few movies used last, kept open; one that changed on the disk is opened anew.

    A file that only grows may be shown for a moment as it was when it was opened: opening a long chain of images again
    for every view would stop the view.

    Parameters
    ----------
    clock : callable
        Gives the time in s.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: OrderedDict[tuple[str, str | None], _Held] = OrderedDict()

    def get(self, path: str, dataset: str | None, least_frames: int = 0) -> Movie:
        """The movie, opened if need be, with at least so many frames if it has grown to them; raises `MovieError`."""
        key = (path, dataset)
        held = self._open.pop(key, None)
        stamp = stamp_of(path)
        now = self._clock()
        if held is not None and held.stamp != stamp:
            fresh = now - held.opened < held.fresh_s and held.movie.meta.frames >= least_frames
            if not (fresh and _only_grew(held.stamp, stamp)):
                held.movie.close()
                held = None
        if held is None:
            movie = open_movie(path, dataset)
            opened = self._clock()
            held = _Held(movie, stamp, opened, max(_FRESH_S, 10 * (opened - now)), opened)
        held.used = self._clock()
        self._open[key] = held
        while len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)[1].movie.close()
        return held.movie

    def is_open(self, path: str, dataset: str | None) -> bool:
        """Whether the movie is open as it is on the disk now."""
        held = self._open.get((path, dataset))
        return held is not None and held.stamp == stamp_of(path)

    def close_idle(self, seconds: float) -> None:
        """Close what nobody asked for in so long, so that its disk can be ejected."""
        now = self._clock()
        for key in [key for key, held in self._open.items() if now - held.used >= seconds]:
            self._open.pop(key).movie.close()

    def forget(self, path: str | None) -> None:
        """Close a file's movies, or all."""
        for key in [key for key in self._open if path is None or key[0] == path]:
            self._open.pop(key).movie.close()


def stamp_of(path: str) -> Stamp:
    """Which file it is, its size and its time, and those of the files that carry its pixels; to see a change."""
    stamps = [_stamp(path)]
    stem, suffix = os.path.splitext(path)  # noqa: PTH122 - a name with a null must not raise
    if suffix.lower() in (".dm4", ".dm5"):
        for number in range(_MOST_PARTS):
            part = _stamp(f"{stem}.raw_{number}" if number else f"{stem}.raw")
            if part == _GONE:
                break
            stamps.append(part)
    if suffix.lower() == ".tvips" and (digits := re.search(r"\d+$", stem)):
        # A stream goes on in the next part.
        for number in range(int(digits[0]) + 1, _MOST_PARTS):
            part = _stamp(f"{stem[: digits.start()]}{number:0{len(digits[0])}}{suffix}")
            if part == _GONE:
                break
            stamps.append(part)
    return tuple(stamps) + _stamps_below(path)


def _stamps_below(folder: str) -> Stamp:
    """Of a folder: the stamps of its last folder, and of the last one in there: where a recording goes on."""
    stamps = []
    for _ in range(_DEEPEST):
        try:
            with os.scandir(folder) as listing:
                inner = [item.path for item in islice(listing, _MOST_LISTED) if item.is_dir(follow_symlinks=False)]
        except (OSError, ValueError):
            break
        if not inner:
            break
        folder = max(inner)
        stamps.append(_stamp(folder))
    return tuple(stamps)


def _stamp(path: str) -> tuple[int, int, int]:
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return _GONE
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def _only_grew(before: Stamp, now: Stamp) -> bool:
    """Whether the same files are there, none of them shorter."""
    same = zip(before, now, strict=False)
    return len(before) <= len(now) and all(old[0] == new[0] and old[1] <= new[1] for old, new in same)


class Answers:
    """Answers requests, one at a time.

    Raises
    ------
    MovieError
        What went wrong with the file or the request.
    """

    def __init__(self) -> None:
        self._movies = OpenMovies()
        self._described: OrderedDict[tuple[str, str | None], tuple[Stamp, Described]] = OrderedDict()

    def to(self, request: Question) -> Answer:
        """The answer to a request."""
        match request:
            case Describe():
                return self._describe(request)
            case Thumbnail():
                return self._thumbnail(request)
            case View():
                return self._view(request)
            case TraceRequest():
                return self._trace(request)
            case Survey():
                return _survey(request)
            case TagsRequest():
                return self._tags(request)
            case HolderLogRequest():
                return self._holder_log(request)

    def forget(self, path: str) -> None:
        """Close a file."""
        self._movies.forget(path)

    def close_idle(self, seconds: float) -> None:
        """Close the files that nobody asked for in so long."""
        self._movies.close_idle(seconds)

    def close_all(self) -> None:
        """Close every file."""
        self._movies.forget(None)

    def _describe(self, request: Describe) -> Described:
        """A file that did not change is described from memory: asking whether it grows must not keep it open."""
        key = (request.path, request.dataset)
        stamp = stamp_of(request.path)
        known = self._described.pop(key, None)
        if known is None or known[0] != stamp:
            if not self._movies.is_open(*key):
                self._movies.forget(request.path)
            movie = self._movies.get(*key)
            datasets = list_datasets(request.path, request.dataset)
            known = (stamp, Described(id=request.id, meta=movie.meta, datasets=datasets))
        self._described[key] = known
        while len(self._described) > _MOST_DESCRIBED:
            self._described.popitem(last=False)
        return known[1].model_copy(update={"id": request.id})

    def _thumbnail(self, request: Thumbnail) -> Pixels:
        movie = self._movies.get(request.path, request.dataset)
        meta = movie.meta
        step = fit_step(meta.height, meta.width, request.size)
        whole = Region(y0=0, y1=meta.height, x0=0, x1=meta.width)
        image, bad = _mean(movie, range(meta.frames // 2, meta.frames // 2 + 1), whole, step)
        return _hand_over(request.id, image, bad, whole, step, meta.frames // 2, request.scratch, request.slot)

    def _view(self, request: View) -> Pixels:
        movie = self._movies.get(request.path, request.dataset, request.frame + 1)
        if request.frame >= movie.meta.frames:
            what = f"There is no frame {request.frame}: the movie has {movie.meta.frames}."
            raise MovieError.about(request.path, what, "", "bad-request")
        region = _clipped(movie, request.region)
        frames = range(request.frame, min(request.frame + request.mean_frames, movie.meta.frames))
        image, bad = _mean(movie, frames, region, request.step)
        return _hand_over(request.id, image, bad, region, request.step, request.frame, request.scratch, request.slot)

    def _trace(self, request: TraceRequest) -> Trace:
        movie = self._movies.get(request.path, request.dataset)
        region = _clipped(movie, request.region)
        frames = np.unique(np.linspace(0, movie.meta.frames - 1, min(request.points, movie.meta.frames)).round())
        end = time.monotonic() + TRACE_S
        means: dict[int, float] = {}
        for place in coarse_to_fine(len(frames)):
            index = int(frames[place])
            means[index] = _region_mean(movie, index, region)
            if time.monotonic() > end:
                break
        done = sorted(means)
        return Trace(id=request.id, frames=tuple(done), means=tuple(means[index] for index in done))

    def _tags(self, request: TagsRequest) -> Tags:
        movie = self._movies.get(request.path, request.dataset)
        rows, total = find(movie.tags(), request.search, request.most)
        return Tags(id=request.id, rows=rows, total=total)

    def _holder_log(self, request: HolderLogRequest) -> HolderLogJoined:
        meta = self._movies.get(request.path, request.dataset).meta
        if request.entered is not None:
            meta = request.entered.applied_to(meta)
        columns, covered, said = join_log(request.log, meta, request.offset_s)
        return HolderLogJoined(id=request.id, columns=tuple(columns), frames_covered=covered, said=said)


def _survey(request: Survey) -> Surveyed:
    found = survey(request.paths)
    return Surveyed(
        id=request.id,
        finds=found.finds,
        folders=found.folders,
        skipped=found.skipped,
        more=found.more,
        said=found.said,
    )


def coarse_to_fine(count: int) -> Iterator[int]:
    """Each of 0 ... count - 1 once, such that what came so far is always spread evenly."""
    step = 1
    while step < count:
        step *= 2
    seen = -1
    while step >= 1:
        for place in range(0, count, step):
            if seen < 0 or place % seen:
                yield place
        seen, step = step, step // 2


def _clipped(movie: Movie, region: Region | None) -> Region:
    """The region within the frame; the whole frame if None."""
    height, width = movie.meta.height, movie.meta.width
    if region is None:
        return Region(y0=0, y1=height, x0=0, x1=width)
    if region.y0 >= height or region.x0 >= width:
        what = f"The region lies outside the frame of {height} x {width} px."
        raise MovieError.about(movie.meta.path, what, "Choose a region inside the frame.", "bad-request")
    return Region(y0=region.y0, y1=min(region.y1, height), x0=region.x0, x1=min(region.x1, width))


def _mean(movie: Movie, frames: range, region: Region, step: int) -> tuple[NDArray[np.float32], int]:
    """The mean of frames, as area means, and how many pixels of them were not finite."""
    total: NDArray[np.float64] | None = None
    nonfinite = 0
    for index in frames:
        part = movie.region(slice(index, index + 1), slice(region.y0, region.y1), slice(region.x0, region.x1))[0]
        filled, bad = fill_nonfinite(part)
        nonfinite += bad
        # What float32 can't hold is shown as its largest number, not as infinite.
        image = np.nan_to_num(area_mean(filled, step), copy=False, posinf=_LARGEST, neginf=-_LARGEST)
        if len(frames) == 1:
            return image, nonfinite
        total = image.astype(np.float64) if total is None else total + image
    assert total is not None
    return (total / len(frames)).astype(np.float32), nonfinite


def _region_mean(movie: Movie, index: int, region: Region) -> float:
    """The mean of the finite pixels; NaN if there are none."""
    part = movie.region(slice(index, index + 1), slice(region.y0, region.y1), slice(region.x0, region.x1))[0]
    if part.dtype.kind == "f":
        finite = np.isfinite(part)
        if not finite.all():
            part = part[finite]
    with np.errstate(over="ignore"):
        return float(part.mean(dtype=np.float64)) if part.size else float("nan")


def _hand_over(
    number: int,
    image: NDArray[np.float32],
    nonfinite: int,
    region: Region,
    step: int,
    frame: int,
    scratch: Scratch,
    slot: int,
) -> Pixels:
    if not 0 <= slot < scratch.slots:
        what = f"There is no slot {slot} in a scratch file of {scratch.slots}."
        raise MovieError.about(scratch.path, what, "", "bad-request")
    try:
        write_slot(scratch.path, scratch.slot_bytes, slot, image)
    except ValueError as error:
        raise MovieError.about(scratch.path, f"{error}.", "Ask for a coarser view.", "bad-request") from error
    except OSError as error:
        what = f"The scratch file could not be written: {error.strerror}."
        raise MovieError.about(scratch.path, what, "Free some space on the local disk.", "disk-full") from error
    low, high = display_range(image)
    return Pixels(
        id=number,
        slot=slot,
        height=image.shape[0],
        width=image.shape[1],
        region=region,
        step=step,
        frame=frame,
        low=low,
        high=high,
        nonfinite=nonfinite,
    )
