"""Headerless files, read as the user says that they lie: a dataset key ``raw:HEIGHTxWIDTH:TYPE:offset=N:gap=N``.

Any file can be read so: one without a header, one whose header is damaged, one that was cut behind its pixels.
"""

from __future__ import annotations

import numpy as np
from pydantic import ValidationError

from core.movies.errors import NoSuchDataset, Truncated
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Opened
from core.movies.sources import StridedSource
from core.protocol.movie import DatasetInfo, Issue, MovieMeta
from core.protocol.raw_layout import PREFIX, RawLayout


def is_key(dataset: str | None) -> bool:
    """Whether a dataset key is that of a typed layout."""
    return dataset is not None and dataset.startswith(PREFIX)


def entry(file: RandomAccessFile, key: str) -> Entry:
    """The dataset that a typed layout makes of a file of any kind.

    Raises
    ------
    NoSuchDataset
        The key can't be read.
    """
    try:
        layout = RawLayout.of(key)
    except ValidationError as error:
        what = f"The layout {key!r} makes no sense: {error.errors()[0]['msg'].lower()}."
        raise NoSuchDataset.about(file.path, what, "Give sizes above zero.") from error
    except ValueError as error:
        raise NoSuchDataset.about(file.path, f"The layout is not understood: {error}.") from error
    dtype = np.dtype(layout.dtype)
    frames = layout.frames or max(1, _held(file, layout, dtype.itemsize))
    info = DatasetInfo(key=key, title="typed layout", shape=(frames, layout.height, layout.width), dtype=dtype.name)
    return Entry(info, lambda: _open(file, layout))


def _held(file: RandomAccessFile, layout: RawLayout, item_bytes: int) -> int:
    """How many frames the file holds completely; behind the last one there need be no gap."""
    frame_bytes = layout.height * layout.width * item_bytes
    return max(0, file.size - layout.offset + layout.gap) // (frame_bytes + layout.gap)


def _open(file: RandomAccessFile, layout: RawLayout) -> Opened:
    native = np.dtype(layout.dtype)
    dtype = native.newbyteorder(">" if layout.big_endian else "<")
    held = _held(file, layout, dtype.itemsize)
    frames = held if layout.frames is None else min(held, layout.frames)
    if frames < 1:
        raise Truncated.about(
            file.path,
            f"The file of {file.size} bytes does not hold one frame of {layout.height} x {layout.width} px"
            f" ({native.name}) from byte {layout.offset} on.",
            "Type a smaller size, another type, or another offset.",
        )
    stride = layout.height * layout.width * dtype.itemsize + layout.gap
    offsets = range(layout.offset, layout.offset + frames * stride, stride)
    source = StridedSource(file, dtype, layout.height, layout.width, offsets)
    declared = layout.frames or frames
    meta = MovieMeta(
        path=file.path,
        format="raw",
        dataset=layout.key,
        title="typed layout",
        frames=frames,
        height=layout.height,
        width=layout.width,
        dtype=native.name,
        declared_frames=declared,
        issues=tuple(_issues(file, layout, frames, stride)),
    )
    return Opened(meta, source)


def _issues(file: RandomAccessFile, layout: RawLayout, frames: int, stride: int) -> list[Issue]:
    issues = []
    if layout.frames is not None and frames < layout.frames:
        text = f"truncated: {frames} of {layout.frames} frames"
        issues.append(Issue(level="warning", code="truncated", text=text))
    left = file.size - layout.offset - frames * stride + layout.gap
    if layout.frames is None and left > layout.gap:
        text = f"{left} bytes are left behind the last frame; if the picture looks sheared, the layout is not right"
        issues.append(Issue(level="info", code="bytes-left", text=text))
    return issues
