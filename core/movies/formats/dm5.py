"""DM5, Gatan's HDF5: the tag tree of a DM4 as groups and attributes; also as director of an in-situ recording."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from core.movies.errors import Unsupported
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Opened
from core.movies.formats import gatan_raw, hdf5_file
from core.movies.formats.dm_settings import known
from core.movies.formats.dm_tags import TagTree, Value
from core.movies.formats.hdf5_file import Container
from core.movies.formats.hdf5_layout import Layout, layout_of
from core.movies.formats.hdf5_movie import Axis, Found, entry_of, kept_axes
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

NAME = "DM5"
_MOST_RECORDED = 1 << 31


def entries(file: RandomAccessFile, container: Container) -> list[Entry] | None:
    """The images of a DM5 file; None if it is none."""
    images = [
        path
        for path in container.tree.datasets
        if path.startswith("ImageList/") and path.endswith("/ImageData/Data") and path.count("/") == 3
    ]
    if not images:
        return None
    tags = tags_of(container)
    thumbnails = {tags.integer(f"Thumbnails.{place}.ImageIndex") for place in tags.indices("Thumbnails")}
    shown = [path for path in images if _index(path) not in thumbnails] or images
    return [_entry(file, container, tags, path) for path in shown]


def _index(path: str) -> int | None:
    name = _plain(path.split("/")[1])
    return int(name) if name.isdecimal() else None


def _plain(name: str) -> str:
    """``[3]`` stands for the fourth entry without a name."""
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name


def tags_of(container: Container) -> TagTree:
    """All attributes as the tags that a DM4 would hold."""
    found = TagTree(version=5, order="<")
    for group in container.tree.groups:
        path = ".".join(_plain(part) for part in group.split("/") if part)
        for name, item in container.attributes(group).items():
            value = _value(item)
            if value is not None:
                found.values[f"{path}.{_plain(name)}" if path else _plain(name)] = value
    return found


def _value(item: Any) -> Value | None:
    if isinstance(item, bool):
        return int(item)
    if isinstance(item, int | float | str):
        return item
    if isinstance(item, tuple) and all(isinstance(entry, int | float) for entry in item):
        return item
    return None


def _entry(file: RandomAccessFile, container: Container, tags: TagTree, path: str) -> Entry:
    layout = layout_of(container.dataset(path), path)
    image = ".".join(_plain(part) for part in path.split("/")[:2])
    title = tags.text(f"{image}.Name").strip("/")
    units = [tags.text(f"{image}.ImageData.Calibrations.Dimension.{axis}.Units") for axis in _axes(layout)]
    kept = kept_axes(layout.shape)
    numbers = tuple(len(layout.shape) - 1 - axis for axis in kept)

    def fields(_container: Container, frames: int) -> dict[str, Any]:
        told = known(tags, image, numbers, frames, layout.shape[kept[0]] if len(kept) == 3 else 1)
        return told | {"extra_issues": tuple(_issues(tags, image, layout))}

    axes = tuple(Axis("", unit) for unit in units)
    found = Found(layout, NAME, title, axes, None, None, fields, lambda opened: _tags(opened))
    entry = entry_of(file, found)
    recorded = _recorded(tags, image)
    if entry.info.refusal is None and len(layout.shape) == 2 and recorded > 1 and gatan_raw.sidecars(file.path, title):
        info = entry.info.model_copy(update={"shape": (recorded, *layout.shape)})
        return Entry(info, lambda: _recording(file, tags, image, layout, info))
    return entry


def _axes(layout: Layout) -> Iterator[int]:
    """DigitalMicrograph counts the fastest axis as 0."""
    return reversed(range(len(layout.shape)))


def _tags(container: Container) -> dict[str, Any]:
    return dict(tags_of(container).values)


def _recorded(tags: TagTree, image: str) -> int:
    number = tags.number(f"{image}.ImageTags.In-situ.Recorded.# Frames")
    return int(number) if number is not None and 1 <= number < _MOST_RECORDED else 0


def _issues(tags: TagTree, image: str, layout: Layout) -> Iterator[Issue]:
    recorded = _recorded(tags, image)
    if len(layout.shape) == 2 and recorded > 1:
        text = f"only the director frame of {recorded}: the .raw files with the others are not beside it"
        yield Issue(level="warning", code="in-situ-director", text=text)


def _recording(file: RandomAccessFile, tags: TagTree, image: str, layout: Layout, info: DatasetInfo) -> Opened:
    """The frames that a director stands for; the director itself is then closed."""
    parts = gatan_raw.sidecars(file.path, info.title)
    if not parts:
        raise Unsupported.about(
            file.path, "The .raw files of this recording have gone.", "Look for them, and try again."
        )
    height, width = layout.shape
    size = tags.integer(f"{image}.ImageTags.In-situ.Raw File Format Info.Data Size (bytes)")
    director = gatan_raw.Director(file.path, info.title, layout.dtype, height, width, _recorded(tags, image), size)
    recording = gatan_raw.open_recording(director, parts)
    frames, declared = recording.fields["frames"], recording.fields["declared_frames"]
    told = known(tags, image, (1, 0), frames, declared) | {"start_unix_s": None}
    values = {
        "path": file.path,
        "format": NAME,
        "dataset": info.key,
        "title": info.title,
        "height": height,
        "width": width,
        "dtype": np.dtype(layout.dtype).newbyteorder("=").name,
        "issues": recording.issues,
    }
    path = file.path
    file.close()
    return Opened(MovieMeta(**(told | values | recording.fields)), recording.source, lambda: _tags_later(path))


def _tags_later(path: str) -> dict[str, Any]:
    with RandomAccessFile(path) as file, hdf5_file.opened(file) as container:
        return _tags(container)
