"""From a dataset found in an HDF5 file to an open movie: which axis is time, what is complete, how it is calibrated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.movies.errors import Malformed, Truncated, Unsupported
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Opened
from core.movies.formats import hdf5_file, refusals
from core.movies.formats.hdf5_file import Container, Stream
from core.movies.formats.hdf5_layout import ChunkIndex, Layout, index_of, layout_of
from core.movies.formats.hdf5_source import Axes, LibrarySource, chunked_source, contiguous_source, frames_together
from core.movies.sources import FrameSource
from core.movies.timing import even_interval, segments_of
from core.movies.units import is_energy, pixel, seconds
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

# A frame decodes to at most this, and to at most this many times the file: beyond, its shape lies.
_LARGEST_FRAME = 2 << 30
_LARGEST_RATIO = 20_000
# Chunks of a frame: each takes its time, even where it was never written.
_MOST_PARTS = 100_000
# A movie may have holes, but is not made of them.
_MOST_HOLES = 10
_MOST_TIMES = 1_000_000
# Where more than this must be read for one frame, the user is told.
_SLOW_BYTES = 512 << 20

# Programs for 4D-STEM call the axes of real space r_x and those of diffraction q_x.
_COLUMN_NAMES = {"x", "r_x", "rx", "q_x", "qx", "k_x", "kx", "width", "column", "columns", "col", "cols"}
_ROW_NAMES = {"y", "r_y", "ry", "q_y", "qy", "k_y", "ky", "height", "row", "rows"}
_FRAME_NAMES = {"t", "time", "frame", "frames", "image number", "stack", "slice", "slices", "sequence", "series", "z"}


@dataclass(frozen=True)
class Axis:
    """An axis as the file describes it; `values` in its unit where they are told one by one."""

    name: str = ""
    unit: str = ""
    step: float | None = None
    values: tuple[float, ...] = ()


@dataclass(frozen=True)
class Found:
    """A dataset that may be a movie.

    Attributes
    ----------
    layout : Layout
        How it is stored.
    format : str
        As shown to the user.
    title : str
        As shown to the user.
    axes : tuple of Axis
        One for each axis of the dataset, or empty.
    roles : Axes or None
        Which axis is which where the format knows it; None: found from names and order.
    refusal : str or None
        Why the format says that it is no movie.
    known : callable or None
        Takes the open file and the number of frames, gives fields of `MovieMeta` and ``extra_issues``.
    tags : callable or None
        Takes the open file, gives the tags; None: all attributes and small values.
    """

    layout: Layout
    format: str
    title: str
    axes: tuple[Axis, ...] = ()
    roles: Axes | None = None
    refusal: str | None = None
    known: Callable[[Container, int], dict[str, Any]] | None = None
    tags: Callable[[Container], dict[str, Any]] | None = None


def kept_axes(shape: tuple[int, ...]) -> list[int]:
    """The axes of a movie or image, where axes of one element beyond three are left out."""
    kept = list(range(len(shape)))
    while len(kept) > 3:
        single = [axis for axis in kept[:-2] if shape[axis] == 1] or [axis for axis in kept if shape[axis] == 1]
        if not single:
            break
        kept.remove(single[0])
    return kept


def choose_roles(found: Found) -> Axes | str:
    """Which axis is which, or why it is no movie."""
    layout = found.layout
    kept = kept_axes(layout.shape)
    if len(kept) < 2 or sum(size > 1 for size in layout.shape) < 1:
        return refusals.SPECTRUM
    if any(is_energy(axis.unit) for axis in found.axes):
        return refusals.ENERGY
    if found.roles is not None:
        return found.roles
    if len(kept) > 3:
        return refusals.FOUR_D
    if len(kept) == 3 and layout.shape[kept[2]] in (3, 4) and layout.dtype == np.uint8:
        return refusals.COLOUR
    return roles_of(found, kept)


def roles_of(found: Found, kept: list[int], frames: int | None = None) -> Axes:
    """Rows, columns and frames by the names of the axes, else by the chunks, else in C order."""
    names = [found.axes[axis].name.strip().lower() if found.axes else "" for axis in kept]
    rows = [axis for axis, name in zip(kept, names, strict=True) if name in _ROW_NAMES]
    columns = [axis for axis, name in zip(kept, names, strict=True) if name in _COLUMN_NAMES]
    named = len(rows) == len(columns) == 1
    if len(kept) == 2:
        return Axes(rows[0], columns[0]) if named else Axes(kept[0], kept[1])
    if frames is None:
        frames = _frames_axis(found, kept, names, {rows[0], columns[0]} if named else set())
    left = [axis for axis in kept if axis != frames]
    if named and frames not in (rows[0], columns[0]):
        left = [rows[0], columns[0]]
    return Axes(left[0], left[1], frames)


def _frames_axis(found: Found, kept: list[int], names: list[str], others: set[int]) -> int:
    if others:
        return next(axis for axis in kept if axis not in others)
    told = [
        axis
        for axis, name in zip(kept, names, strict=True)
        if name in _FRAME_NAMES or (found.axes and seconds(1.0, found.axes[axis].unit) is not None)
    ]
    if len(told) == 1:
        return told[0]
    chunks = found.layout.chunks
    if chunks:
        single = [axis for axis in kept if chunks[axis] == 1 and found.layout.shape[axis] > 1]
        if len(single) == 1:
            return single[0]
    height, width, last = (found.layout.shape[axis] for axis in kept)
    # Detectors are square more often than their width is the number of frames.
    return kept[2] if height == width != last else kept[0]


def entry_of(file: RandomAccessFile, found: Found, key: str | None = None) -> Entry:
    """The entry for a dataset, refused where it is no movie."""
    layout = found.layout
    roles = layout.refusal or found.refusal or choose_roles(found)
    info = DatasetInfo(
        key=layout.path if key is None else key,
        title=found.title,
        shape=layout.shape,
        dtype=layout.dtype.newbyteorder("=").name if layout.dtype.names is None else "compound",
        refusal=roles if isinstance(roles, str) else None,
    )
    if isinstance(roles, str):
        return Entry(info, lambda: _refused(file, info))
    return Entry(info, lambda: _open(file, replace(found, roles=roles), info))


def _refused(file: RandomAccessFile, info: DatasetInfo) -> Opened:
    raise Unsupported.about(file.path, info.refusal or "")


def _open(file: RandomAccessFile, found: Found, info: DatasetInfo) -> Opened:
    roles = found.roles
    assert roles is not None
    with ExitStack() as stack:
        container = stack.enter_context(hdf5_file.opened(file))
        stream = container.stream
        dataset = container.dataset(found.layout.path)
        # The file may have grown since it was listed.
        layout = layout_of(dataset, found.layout.path)
        if layout.refusal is not None or len(layout.shape) != len(found.layout.shape):
            raise Unsupported.about(file.path, layout.refusal or "The file has changed while it was opened.")
        declared, height, width = roles.sizes(layout.shape)
        _check_frame(file, layout, roles)
        index = index_of(dataset, layout, file) if layout.kind == "chunked" else None
        frames, issues = _complete(file, layout, index, roles)
        if index is not None and index.numbers.size == 0:
            raise Truncated.about(file.path, f"No pixels were ever written into {layout.path}: the recording is empty.")
        if frames < 1:
            raise Truncated.about(
                file.path,
                f"The file promises {declared} frames of {height} x {width} px, but ends before the first is complete.",
            )
        known = calibration(found.axes, roles, frames)
        if found.known is not None:
            known.update(found.known(container, frames))
        source: FrameSource
        if index is not None:
            source = chunked_source(file, layout, index, roles, frames)
        elif layout.kind == "contiguous":
            source = contiguous_source(file, layout, roles, frames)
        else:
            kept = stack.pop_all()
            source = LibrarySource(dataset, roles, lambda: hdf5_file.translated(file, stream), file, kept.close)
        issues += [*_of_the_file(stream, frames == declared), *_of_the_layout(layout, roles, frames)]
    extra = known.pop("extra_issues", ())
    meta = MovieMeta(
        path=file.path,
        format=found.format,
        dataset=info.key,
        title=info.title,
        frames=frames,
        height=height,
        width=width,
        dtype=layout.dtype.newbyteorder("=").name,
        declared_frames=declared,
        issues=(*issues, *extra),
        **{name: value for name, value in known.items() if value is not None},
    )
    return Opened(meta, source, _tags_of(file, found))


def _check_frame(file: RandomAccessFile, layout: Layout, roles: Axes) -> None:
    _, height, width = roles.sizes(layout.shape)
    frame_bytes = height * width * layout.dtype.itemsize
    if frame_bytes > min(_LARGEST_FRAME, file.size * _LARGEST_RATIO):
        raise Malformed.about(
            file.path, f"The header claims {height} x {width} px, far more than {file.size} bytes can hold."
        )
    if layout.chunks and layout.grid[roles.rows] * layout.grid[roles.columns] > _MOST_PARTS:
        raise Malformed.about(file.path, "The header cuts each frame into far too many parts.")


def _complete(file: RandomAccessFile, layout: Layout, index: ChunkIndex | None, roles: Axes) -> tuple[int, list[Issue]]:
    """How many leading frames can be read, and what is to be said of the others."""
    declared = roles.sizes(layout.shape)[0]
    frames = declared
    issues: list[Issue] = []
    if layout.kind == "contiguous":
        frames = _contiguous_frames(file, layout, roles)
    elif index is not None:
        frames, holes = _chunked_frames(file, layout, index, roles)
        if holes:
            text = f"{holes} frames have parts that were never written; they read as the file's fill value"
            issues.append(Issue(level="warning", code="missing-chunks", text=text))
    if frames < declared:
        issues.insert(0, Issue(level="warning", code="truncated", text=f"truncated: {frames} of {declared} frames"))
    return frames, issues


def _contiguous_frames(file: RandomAccessFile, layout: Layout, roles: Axes) -> int:
    declared, height, width = roles.sizes(layout.shape)
    available = file.size - layout.offset
    frame_bytes = height * width * layout.dtype.itemsize
    if available >= declared * frame_bytes:
        return declared
    in_order = roles.frames is not None and roles.frames < min(roles.rows, roles.columns)
    # Where frames are interleaved, a cut takes a part of each.
    return max(0, available // frame_bytes) if in_order else 0


def _chunked_frames(file: RandomAccessFile, layout: Layout, index: ChunkIndex, roles: Axes) -> tuple[int, int]:
    """Complete frames, and how many of these have holes."""
    declared = roles.sizes(layout.shape)[0]
    if index.numbers.size == 0:
        return 0, 0
    grid = layout.grid
    if roles.frames is None:
        places = np.zeros(index.numbers.size, np.int64)
        step = 1
    else:
        places = index.numbers // math.prod(grid[roles.frames + 1 :]) % grid[roles.frames]
        step = layout.chunks[roles.frames]
    there = index.offsets + index.sizes <= file.size
    last = int(places[there].max()) + 1 if there.any() else 0
    if not there.all():
        last = min(last, int(places[~there].min()))
    a_slab = math.prod(grid) // (grid[roles.frames] if roles.frames is not None else 1)
    found, counts = np.unique(places[there & (places < last)], return_counts=True)
    if last > _MOST_HOLES * found.size + 1000:
        last = int(np.argmax(np.diff(found, prepend=-1, append=1 << 62) != 1))
        counts = counts[:last]
        found = found[:last]
    holes = last - found.size + int(np.count_nonzero(counts < a_slab))
    frames = min(declared, last * step)
    return frames, min(frames, holes * step)


def calibration(axes: tuple[Axis, ...], roles: Axes, frames: int) -> dict[str, Any]:
    """Pixel size and times from the descriptions of the axes."""
    if not axes:
        return {}
    rows, columns = axes[roles.rows], axes[roles.columns]
    size, unit = pixel((_step(rows), rows.unit), (_step(columns), columns.unit))
    known: dict[str, Any] = {"pixel_size": size, "pixel_unit": unit}
    if roles.frames is not None and frames > 1:
        known.update(timing(axes[roles.frames], frames))
    return known


def timing(axis: Axis, frames: int) -> dict[str, Any]:
    """The interval, or times one by one where they are uneven, of an axis in a unit of time."""
    factor = seconds(1.0, axis.unit)
    if factor is None:
        return {}
    if frames <= len(axis.values) <= _MOST_TIMES:
        times = tuple((value - axis.values[0]) * factor for value in axis.values[:frames])
        interval = even_interval(times)
        if interval is not None:
            return {"frame_interval_s": interval}
        if all(math.isfinite(time) for time in times) and times[-1] > times[0]:
            return {"times": times, "segments": segments_of(frames, times)}
        return {}
    step = _step(axis)
    return {"frame_interval_s": seconds(step, axis.unit)}


def _step(axis: Axis) -> float:
    """The step of an axis; NaN if it is unknown or uneven. A scale that runs backwards has the same step."""
    if axis.step is not None:
        return abs(axis.step)
    if len(axis.values) < 2:
        return math.nan
    mean = (axis.values[-1] - axis.values[0]) / (len(axis.values) - 1)
    even = all(
        abs(later - earlier - mean) <= 1e-3 * abs(mean)
        for earlier, later in itertools.islice(itertools.pairwise(axis.values), 10_000)
    )
    return abs(mean) if even else math.nan


def _of_the_file(stream: Stream, whole: bool) -> list[Issue]:
    if stream.being_written:
        text = "another program has the file open for writing, or did not close it: it may still grow"
        return [Issue(level="info", code="being-written", text=text)]
    if stream.cut and whole:
        text = "the end of the file is missing; all frames are there, but calibrations may be lost"
        return [Issue(level="warning", code="tags-damaged", text=text)]
    return []


def _of_the_layout(layout: Layout, roles: Axes, frames: int) -> list[Issue]:
    frame_bytes = layout.shape[roles.rows] * layout.shape[roles.columns] * layout.dtype.itemsize
    if frames == 1 or frames_together(layout, roles) * frame_bytes <= _SLOW_BYTES:
        return []
    text = "the file stores the frames interleaved, so that reading is slow; convert it once to TIFF or MRC"
    return [Issue(level="info", code="slow-layout", text=text)]


def _tags_of(file: RandomAccessFile, found: Found) -> Callable[[], dict[str, Any]]:
    def read() -> dict[str, Any]:
        with hdf5_file.opened(file) as container:
            return container.tags() if found.tags is None else found.tags(container)

    return read
