"""DM3 and DM4, written by Gatan DigitalMicrograph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core.movies.errors import Malformed, Truncated
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format, Opened
from core.movies.formats import dm_image, gatan_raw, gatan_tree, witness
from core.movies.formats.dm_image import Image
from core.movies.formats.dm_settings import frame_time, known
from core.movies.formats.dm_tags import TagTree, as_dict, read_tags
from core.movies.sources import StridedSource
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

_MOST_RECORDED = 1 << 31


def _sniff(head: bytes, extension: str) -> bool:
    if len(head) < 16:
        return False
    version = int.from_bytes(head[:4], "big")
    little = int.from_bytes(head[8:12] if version == 3 else head[12:16], "big")
    return version in (3, 4) and little in (0, 1)


def _entries(file: RandomAccessFile) -> list[Entry]:
    tree = read_tags(file)
    entries = [_entry(file, tree, image) for image in dm_image.images_of(tree)]
    # In a file that is cut, what is left may be no more than the thumbnail.
    if not any(entry.info.refusal is None for entry in entries) and (tree.damage is not None or not entries):
        raise _nothing(file, tree)
    return entries


def recordings(file: RandomAccessFile) -> list[tuple[Entry, list[Path]]]:
    """The images of a file that are directors of raw files beside it, with these."""
    tree = read_tags(file)
    directors = [image for image in dm_image.images_of(tree) if _is_director(tree, image)]
    found = [(_entry(file, tree, image), gatan_raw.sidecars(file.path, image.title)) for image in directors]
    return [(entry, parts) for entry, parts in found if parts]


def _nothing(file: RandomAccessFile, tree: TagTree) -> Malformed | Truncated:
    if tree.damage is None:
        return Malformed.about(file.path, "The DM file holds tags but no image.")
    known_pixels = {image.data for image in dm_image.images_of(tree)}
    lost = [at for path, at in tree.arrays.items() if path.endswith(".ImageData.Data") and at not in known_pixels]
    if lost:
        at = lost[-1]
        name = dm_image.item_name(at.item_type)
        kind = f", most likely as {name}" if name else ""
        return Truncated.about(
            file.path,
            "The file is cut inside the pixels, and DigitalMicrograph writes their width, height and type after them,"
            " so these are lost.",
            f"Copy it again; or type width and height: the pixels begin at byte {at.offset}{kind}.",
        )
    return Truncated.about(file.path, f"The DM file is damaged: {tree.damage}.")


def _recorded(tree: TagTree, image: Image) -> int:
    """How many frames an in-situ recording has, by its director; 0 where the file is none."""
    number = tree.number(f"{image.path}.ImageTags.In-situ.Recorded.# Frames")
    return int(number) if number is not None and 1 <= number < _MOST_RECORDED else 0


def _is_director(tree: TagTree, image: Image) -> bool:
    """Whether an image is one frame that stands for a recording beside it."""
    function = tree.text(f"{image.path}.ImageTags.Meta Data.Function").lower()
    return image.one_frame and (_recorded(tree, image) > 1 or function == "insitu director")


def _entry(file: RandomAccessFile, tree: TagTree, image: Image) -> Entry:
    refusal = dm_image.refusal(tree, image)
    shape = image.sizes
    if refusal is None and _is_director(tree, image) and _beside(file.path, image):
        shape = (max(1, _recorded(tree, image)), *image.shape[-2:])
    info = DatasetInfo(key=str(image.index), title=image.title, shape=shape, dtype=image.type_name, refusal=refusal)
    return Entry(info, lambda: _open(file, tree, image))


def _beside(path: str, image: Image) -> bool:
    """Whether the recording of a director lies beside it."""
    return bool(gatan_raw.sidecars(path, image.title)) or gatan_tree.is_director(path)


def _open(file: RandomAccessFile, tree: TagTree, image: Image) -> Opened:
    assert image.dtype is not None
    declared, height, width = image.shape if len(image.shape) == 3 else (1, *image.shape)
    if min(declared, height, width) < 1:
        raise Malformed.about(file.path, f"The DM file claims {declared} frames of {height} x {width} px.")
    if _is_director(tree, image):
        recording = _recording(file, tree, image)
        if recording is not None:
            return recording
    frame_bytes = height * width * image.dtype.itemsize
    # Pixels end where the array or the file ends, whichever comes first.
    available = min(image.data.claimed_bytes, file.size - image.data.offset)
    frames = min(declared, available // frame_bytes)
    if frames < 1:
        raise Truncated.about(
            file.path,
            f"The DM file promises {declared} frames of {height} x {width} px, but ends before the first is complete.",
        )
    offsets = range(image.data.offset, image.data.offset + frames * frame_bytes, frame_bytes)
    source = StridedSource(file, image.dtype, height, width, offsets)
    meta = _meta(file, tree, image, {"frames": frames, "declared_frames": declared}, ())
    return Opened(meta, source, _tags_of(file))


def _recording(file: RandomAccessFile, tree: TagTree, image: Image) -> Opened | None:
    """The frames that a director stands for, if they lie beside it; the director itself is then closed."""
    assert image.dtype is not None
    recorded = _recorded(tree, image)
    parts = gatan_raw.sidecars(file.path, image.title)
    if not any(part.stat().st_size for part in parts):
        series = gatan_tree.beside(file.path)
        if series is None:
            return None
        opened = gatan_tree.open_first(file.path, series)
        if opened is not None:
            file.close()
        return opened
    size = tree.integer(f"{image.path}.ImageTags.In-situ.Raw File Format Info.Data Size (bytes)")
    height, width = image.shape[-2:]
    director = gatan_raw.Director(file.path, image.title, image.dtype, height, width, recorded, size)
    recording = gatan_raw.open_recording(director, parts)
    fields = recording.fields | {"title": image.title}
    opened = Opened(_meta(file, tree, image, fields, recording.issues), recording.source, _tags_later(file.path))
    file.close()
    return opened


def _tags_of(file: RandomAccessFile) -> Callable[[], dict[str, Any]]:
    # The tree is walked anew when asked for, so that an open movie does not keep it.
    return lambda: as_dict(read_tags(file))


def _tags_later(path: str) -> Callable[[], dict[str, Any]]:
    """The same for a director, which is closed while its raw files are read."""

    def tags() -> dict[str, Any]:
        with RandomAccessFile(path) as file:
            return as_dict(read_tags(file))

    return tags


def _meta(
    file: RandomAccessFile, tree: TagTree, image: Image, fields: dict[str, Any], issues: tuple[Issue, ...]
) -> MovieMeta:
    """The description of a movie of `fields` ``frames`` and ``declared_frames``, and more for a director's."""
    assert image.dtype is not None
    frames, declared = fields["frames"], fields["declared_frames"]
    told = known(tree, image.path, image.axes, frames, declared)
    if image.one_frame and declared > 1:
        # The director's clock is that of the frame that it holds, which may be any.
        told |= {"start_unix_s": None}
        if told["frame_interval_s"] is None:
            told["frame_interval_s"] = frame_time(tree, image.path)
    values = {
        "path": file.path,
        "format": f"DM{tree.version}",
        "dataset": str(image.index),
        "title": image.title,
        "height": image.shape[-2],
        "width": image.shape[-1],
        "dtype": np.dtype(image.dtype).newbyteorder("=").name,
        "issues": (*issues, *_issues(file, tree, image, frames, declared)),
    }
    return MovieMeta(**(told | values | fields))


def _issues(file: RandomAccessFile, tree: TagTree, image: Image, frames: int, declared: int) -> list[Issue]:
    issues = []
    alone = not image.one_frame or declared == 1
    if alone and frames < declared:
        issues.append(Issue(level="warning", code="truncated", text=f"truncated: {frames} of {declared} frames"))
    elif tree.damage is not None:
        text = f"the tags are damaged ({tree.damage}); calibrations may be missing"
        issues.append(Issue(level="warning", code="tags-damaged", text=text))
    elif tree.order == "<" and not tree.unusual and len(tree.values) <= witness.MOST_TAGS:
        found = witness.dm_pixels(file.path)
        if found is not None and (image.data.offset, image.data.claimed_bytes) not in found:
            issues.append(witness.disagreement("the pixels"))
    recorded = _recorded(tree, image)
    if alone and image.one_frame and recorded > 1:
        text = (
            f"only the director frame of {recorded}: the other frames lie in {Path(file.path).stem}.raw or in folders"
            " Hour_00 ... that are not beside it"
        )
        issues.append(Issue(level="warning", code="in-situ-director", text=text))
    if dm_image.time_is_elsewhere(tree, image):
        text = "by its calibration, time runs along the rows or columns of these images, not from frame to frame"
        issues.append(Issue(level="warning", code="time-axis", text=text))
    if tree.text(f"{image.path}.ImageTags.Meta Data.Format").lower() == "spectrum image":
        text = "the file calls itself a spectrum image, but no axis is an energy; it is shown as images"
        issues.append(Issue(level="warning", code="spectrum-image", text=text))
    return issues


FORMAT = Format("DM3/DM4", (".dm3", ".dm4"), _sniff, _entries)
