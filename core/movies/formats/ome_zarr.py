"""Zarr folders: OME-Zarr (NGFF 0.1 to 0.5), HyperSpy's .zspy, and plain arrays.

Every array of numbers is listed; with more axes than time, y and x, a movie each for the others.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import lzma
import math
import stat
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.movies.calibration import recall
from core.movies.errors import Malformed, Truncated, Unreadable
from core.movies.format import Entry, FolderFormat, Opened
from core.movies.formats import refusals
from core.movies.formats.zarr_nodes import Node, Tree, chunk_path, is_root, present, read_tree
from core.movies.result_record import ATTRIBUTE, movie_json
from core.movies.sources import Frame
from core.movies.units import pixel, seconds
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

_MOST_FRAMES = 100_000_000
_MOST_MOVIES = 64
_LARGEST_FRAME = 2 << 30
# Frames that are stored together are kept together once decoded, up to this.
_KEPT_BYTES = 128 << 20
_SIZED = 256
# A frame decodes to at most this many times what is stored: beyond, its shape lies.
_LARGEST_RATIO, _SMALL_FRAME = 20_000, 1 << 24
_FINGERPRINT_BYTES = 16 * 1024


@dataclass(frozen=True)
class Axis:
    """What is known of an axis; `step` is NaN where unknown."""

    name: str = ""
    unit: str = ""
    step: float = math.nan
    kind: str = ""


@dataclass(frozen=True)
class Plane:
    """One movie in an array: which axis is time (None: one image), and where the others stand."""

    node: Node
    axes: tuple[Axis, ...]
    frame_axis: int | None
    fixed: tuple[tuple[int, int], ...]

    @property
    def frames(self) -> int:
        """Frames that the array promises."""
        return 1 if self.frame_axis is None else self.node.shape[self.frame_axis]

    @property
    def key(self) -> str:
        """What `open_movie` takes."""
        place = "&".join(f"{self.axes[axis].name or f'axis{axis}'}={index}" for axis, index in self.fixed)
        return (self.node.path or ".") + (f"?{place}" if place else "")

    def selection(self, frames: int | slice, rows: slice, columns: slice) -> tuple[int | slice, ...]:
        """How numpy would say it."""
        fixed = dict(self.fixed)
        out: list[int | slice] = [fixed.get(axis, 0) for axis in range(len(self.node.shape) - 2)]
        if self.frame_axis is not None:
            out[self.frame_axis] = frames
        return (*out, rows, columns)


class ZarrSource:
    """Frames out of a Zarr; of frames that are stored together, the last ones are kept."""

    def __init__(self, plane: Plane) -> None:
        import zarr

        from core.movies.formats import zarr_blosc, zarr_bounds

        self._plane = plane
        self._check_blosc = zarr_blosc.check_header
        self._expect = zarr_bounds.expect
        self._array = zarr.open_array(plane.node.folder, mode="r")
        if tuple(self._array.shape) != plane.node.shape:
            raise Malformed.about(plane.node.folder, "The Zarr changed while it was being opened.")
        assert plane.node.dtype is not None
        self._dtype = plane.node.dtype.newbyteorder("=")
        _, height, width = (0, *plane.node.shape[-2:])
        together = 1 if plane.frame_axis is None else plane.node.chunks[plane.frame_axis]
        frame_bytes = height * width * self._dtype.itemsize
        self._together = together if 1 < together <= max(1, _KEPT_BYTES // max(1, frame_bytes)) else 1
        self._lock = threading.Lock()
        self._kept: tuple[int, Frame] | None = None
        self._closed = False

    def read(self, index: int, rows: slice, columns: slice) -> Frame:
        """As of `FrameSource`."""
        if self._closed:
            raise Unreadable.about(self._plane.node.folder, "The movie has been closed.", "Open it again.")
        if self._together == 1:
            return self._decode(index, rows, columns)
        first = index - index % self._together
        with self._lock:
            if self._kept is None or self._kept[0] != first:
                stop = min(first + self._together, self._plane.frames)
                self._kept = first, self._decode(slice(first, stop), slice(None), slice(None))
            return np.array(self._kept[1][index - first, rows, columns], order="C")

    def _decode(self, frames: int | slice, rows: slice, columns: slice) -> Frame:
        self._check_files(frames, rows, columns)
        self._expect(self._plane.node)
        try:
            found = self._array[self._plane.selection(frames, rows, columns)]
        except (SystemError, zlib.error, lzma.LZMAError) as error:
            # Blosc takes sizes from damaged bytes; the others have kinds of their own.
            raise Malformed.about(self._plane.node.folder, f"A part of the Zarr is damaged: {error}.") from error
        return np.array(found, dtype=self._dtype, order="C")

    def _check_files(self, frames: int | slice, rows: slice, columns: slice) -> None:
        """Look at all chunks that a read touches: only ordinary files, and those of blosc have a sensible header."""
        node = self._plane.node
        places = []
        for part, size, chunk in zip(
            self._plane.selection(frames, rows, columns), node.shape, node.chunks, strict=True
        ):
            start, stop, _ = (part, part + 1, 1) if isinstance(part, int) else part.indices(size)
            places.append(range(start // chunk, -(-stop // chunk)))
        for place in itertools.product(*places):
            path = chunk_path(node, place)
            try:
                _ordinary(path)
                if not node.blosc_file:
                    continue
                with path.open("rb") as file:
                    head = file.read(16)
                    size = file.seek(0, 2)
            except (FileNotFoundError, NotADirectoryError):
                continue
            self._check_blosc(head, size)

    def close(self) -> None:
        """Let go of what is kept; no file is held open between two reads."""
        self._closed = True
        self._kept = None


def _entries(folder: Path) -> list[Entry]:
    tree = read_tree(folder)
    if not tree.arrays:
        raise Malformed.about(folder, "The Zarr holds no array.")
    levels = _levels(tree)
    # The full resolution first, then other arrays, then the smaller copies of an image.
    order = sorted(tree.arrays, key=lambda node: levels.get(node.path, (1, 0))[:2])
    return [entry for node in order for entry in _of_array(folder, tree, node, levels.get(node.path))]


def _levels(tree: Tree) -> dict[str, tuple[int, int]]:
    """Of each array in an OME-Zarr: 0 for full resolution, 2 for a smaller copy; and which copy."""
    found = {}
    for group, attributes in tree.attributes.items():
        for image in _images(attributes):
            for level, dataset in enumerate(_list(image.get("datasets"))):
                path = f"{group}/{_mapping(dataset).get('path', '')}".strip("/")
                found[path] = (0 if level == 0 else 2, level)
    return found


def _images(attributes: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    ome = _mapping(attributes.get("ome")) or attributes
    return (_mapping(image) for image in _list(ome.get("multiscales")))


def _of_array(folder: Path, tree: Tree, node: Node, level: tuple[int, int] | None) -> list[Entry]:
    shape, dtype = node.shape, node.dtype
    refusal = node.refusal
    if dtype is None:
        refusal = "This array holds no plain numbers."
    elif len(shape) < 2:
        refusal = refusals.SPECTRUM
    elif refusal is None:
        refusal = refusals.of_pixels(dtype)
    if refusal is None and (
        min(shape) < 1 or math.prod(shape[-2:]) * (dtype.itemsize if dtype else 1) > _LARGEST_FRAME
    ):
        refusal = "The size of the array makes no sense for a movie."
    axes = _axes(tree, node)
    planes = _planes(node, axes) if refusal is None else None
    if planes is None:
        refusal = refusal or refusals.FOUR_D
        title, key, name = node.path, node.path or ".", "unknown" if dtype is None else dtype.name
        return [_entry(folder, tree, DatasetInfo(key=key, title=title, shape=shape, dtype=name, refusal=refusal), None)]
    out = []
    for plane in planes:
        title = folder.name if level is not None and level[1] == 0 else node.path or folder.name
        if level is not None and level[1] > 0:
            title += f" (smaller copy {level[1]})"
        if plane.fixed:
            title += " " + ", ".join(f"{axes[axis].name or f'axis {axis}'} {index}" for axis, index in plane.fixed)
        assert dtype is not None
        size = (plane.frames, *shape[-2:])
        out.append(_entry(folder, tree, DatasetInfo(key=plane.key, title=title, shape=size, dtype=dtype.name), plane))
    return out


def _entry(folder: Path, tree: Tree, info: DatasetInfo, plane: Plane | None) -> Entry:
    def opened() -> Opened:
        assert plane is not None
        return _open(folder, tree, info, plane)

    return Entry(info, opened)


def _planes(node: Node, axes: Sequence[Axis]) -> list[Plane] | None:
    """The movies in an array; None if it is not known which axis is time, or if there are far too many."""
    before = range(len(node.shape) - 2)
    long = [axis for axis in before if node.shape[axis] > 1]
    timed = [axis for axis in before if axes[axis].kind == "time" or axes[axis].name.lower() in {"t", "time"}]
    frame_axis: int | None
    if timed and (node.shape[timed[0]] > 1 or not long):
        frame_axis = timed[0]
    elif len(long) == 1:
        frame_axis = long[0]
    elif long:
        # Neither is time: the slices of a volume come one after another, colours or detectors each by themselves.
        slices = [axis for axis in long if axes[axis].name.lower() == "z"]
        if not slices:
            return None
        frame_axis = slices[0]
    else:
        frame_axis = before[0] if before else None
    others = [axis for axis in long if axis != frame_axis]
    if math.prod(node.shape[axis] for axis in others) > _MOST_MOVIES:
        return None
    if others and not all(axes[axis].name for axis in others):
        return None
    choices = itertools.product(*(range(node.shape[axis]) for axis in others))
    return [Plane(node, tuple(axes), frame_axis, tuple(zip(others, choice, strict=True))) for choice in choices]


def _axes(tree: Tree, node: Node) -> list[Axis]:
    """What OME's attributes, or HyperSpy's, say of an array's axes."""
    plain = [Axis(name or "") for name in node.names]
    for group, attributes in tree.attributes.items():
        for image in _images(attributes):
            for dataset in map(_mapping, _list(image.get("datasets"))):
                if f"{group}/{dataset.get('path', '')}".strip("/") == node.path:
                    return _ome_axes(image, dataset, plain)
    parent = node.path.rpartition("/")[0]
    return [replace(axis, **_hyperspy(tree, f"{parent}/axis-{place}".lstrip("/"))) for place, axis in enumerate(plain)]


def _ome_axes(image: Mapping[str, Any], dataset: Mapping[str, Any], plain: list[Axis]) -> list[Axis]:
    named = _list(image.get("axes"))
    if len(named) != len(plain):
        # The first versions knew five axes and named none.
        named = list("tczyx") if len(plain) == 5 else []
    steps = [1.0] * len(plain)
    scaled = False
    for transformation in [
        *_list(dataset.get("coordinateTransformations")),
        *_list(image.get("coordinateTransformations")),
    ]:
        factors = _list(_mapping(transformation).get("scale"))
        if len(factors) == len(plain):
            steps = [step * _number(factor) for step, factor in zip(steps, factors, strict=True)]
            scaled = True
    out = []
    for place, axis in enumerate(plain):
        found = named[place] if named else axis.name
        if isinstance(found, dict):
            name, unit, kind = (str(found.get(word) or "") for word in ("name", "unit", "type"))
        else:
            name, unit, kind = str(found), "", ""
        out.append(Axis(name, unit, steps[place] if scaled else math.nan, kind))
    return out


def _hyperspy(tree: Tree, path: str) -> dict[str, Any]:
    tags = tree.attributes.get(path)
    if not tags:
        return {}
    name, unit = (str(tags.get(word) or "") for word in ("name", "units"))
    plain = {"<undefined>": ""}
    return {
        "name": plain.get(name.lower(), name),
        "unit": plain.get(unit.lower(), unit),
        "step": _number(tags.get("scale")),
    }


def _open(folder: Path, tree: Tree, info: DatasetInfo, plane: Plane) -> Opened:
    node, declared = plane.node, plane.frames
    if declared > _MOST_FRAMES:
        raise Malformed.about(folder, f"The Zarr's metadata claim {declared} frames.")
    record = next((found for path in (_group(node.path), node.path) if (found := _record(tree, path))), {})
    frames, issues = _there(folder, plane, bool(record))
    size, unit, interval = None, None, None
    if plane.axes:
        y, x = plane.axes[-2:]
        size, unit = pixel((y.step, y.unit), (x.step, x.unit))
        if plane.frame_axis is not None and declared > 1:
            interval = seconds(plane.axes[plane.frame_axis].step, plane.axes[plane.frame_axis].unit)
    count, total = _files(node)
    if math.prod(node.shape[-2:]) * (node.dtype.itemsize if node.dtype else 1) > total * _LARGEST_RATIO + _SMALL_FRAME:
        raise Malformed.about(folder, f"The Zarr claims {info.shape} pixels, far more than {total} bytes can hold.")
    assert node.dtype is not None
    meta = MovieMeta(
        path=str(folder),
        format="OME-Zarr" if _levels(tree) else "Zarr",
        dataset=info.key,
        title=info.title,
        frames=frames,
        height=node.shape[-2],
        width=node.shape[-1],
        dtype=node.dtype.newbyteorder("=").name,
        pixel_size=size,
        pixel_unit=unit,
        frame_interval_s=interval,
        declared_frames=declared,
        file_count=count,
        file_bytes=total,
        fingerprint=_fingerprint(plane, frames),
        issues=tuple(issues),
    )
    tags = {path or ".": dict(found) for path, found in tree.attributes.items()}
    return Opened(recall(meta, movie_json(record)), ZarrSource(plane), lambda: tags)


def _group(path: str) -> str:
    return path.rpartition("/")[0]


def _record(tree: Tree, path: str) -> Mapping[str, Any]:
    return _mapping(tree.attributes.get(path, {}).get(ATTRIBUTE))


def _there(folder: Path, plane: Plane, ours: bool) -> tuple[int, list[Issue]]:
    """Frames that can be read, and what is missing. A chunk that was never written reads as its fill value."""
    declared = plane.frames
    stored = None if plane.frame_axis is None else present(plane.node, plane.frame_axis)
    if stored is None:
        return declared, []
    together = plane.node.chunks[plane.frame_axis or 0]
    wanted = -(-declared // together)
    stored = {number for number in stored if number < wanted}
    if not stored:
        raise Truncated.about(folder, f"The Zarr promises {declared} frames, but holds none of them.")
    frames = declared
    if ours:
        # We write every frame, empty ones too: what is not there was lost.
        frames = min(declared, (max(stored) + 1) * together)
    lost = -(-frames // together) - len(stored)
    issues = []
    if frames < declared:
        issues.append(Issue(level="warning", code="truncated", text=f"truncated: {frames} of {declared} frames"))
    if lost:
        text = f"the files of about {lost * together} of {frames} frames are missing; these frames are empty"
        issues.append(Issue(level="warning", code="missing-frames", text=text))
    return frames, issues


def _files(node: Node) -> tuple[int, int]:
    """How many files the array has, and their size; of many, the sizes of some speak for all."""
    grid = [-(-size // chunk) for size, chunk in zip(node.shape, node.chunks, strict=True)]
    count = math.prod(grid)
    places = range(count) if count <= _SIZED else [count * part // _SIZED for part in range(_SIZED)]
    sizes = []
    for place in places:
        try:
            sizes.append(chunk_path(node, [int(number) for number in np.unravel_index(place, grid)]).stat().st_size)
        except OSError:
            continue
    return count, sum(sizes) * count // len(places) if count > _SIZED else sum(sizes)


def _fingerprint(plane: Plane, frames: int) -> str:
    """A sampled hash: shape, and the beginning and size of the first, middle and last frame's file."""
    node = plane.node
    digest = hashlib.sha256(json.dumps([plane.key, node.shape, str(node.dtype)]).encode())
    for frame in sorted({0, frames // 2, frames - 1}):
        place = [index // chunk for index, chunk in zip(_numbers(plane, frame), node.chunks, strict=True)]
        path = chunk_path(node, place)
        try:
            digest.update(str(_ordinary(path)).encode())
            with path.open("rb") as file:
                digest.update(file.read(_FINGERPRINT_BYTES))
        except FileNotFoundError:
            digest.update(b"missing")
    return digest.hexdigest()[:32]


def _ordinary(path: Path) -> int:
    """The size of a part's file; a pipe would block for ever."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise Malformed.about(path, "A part of the Zarr is no ordinary file.")
    return status.st_size


def _numbers(plane: Plane, frame: int) -> list[int]:
    """The place of a frame's first pixel."""
    return [index if isinstance(index, int) else 0 for index in plane.selection(frame, slice(None), slice(None))]


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _number(found: Any) -> float:
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else math.nan


FORMAT = FolderFormat("Zarr", is_root, _entries)
