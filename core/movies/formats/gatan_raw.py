"""Gatan in-situ recordings: a director file (DM4, DM5) with the settings, and raw files with the frames.

Beside ``NAME.dm4`` lie ``NAME.raw``, ``NAME.raw_1``, ``NAME.raw_2`` ...: one run of bytes without a header, cut
wherever a file was full, so that a frame may begin in one and end in the next. A director of several images (a scan
with several detectors) has ``NAME_IMAGE.raw`` for each. The director itself holds one frame, for a preview.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.movies.errors import MovieError, Truncated, unreadable
from core.movies.file_set import FileSet, JoinedFiles
from core.movies.sources import StridedSource
from core.protocol.movie import Issue

# Beyond a missing part, so many are looked for, to tell a lost file from the end.
_LOOK_AHEAD = 8
_MOST_PARTS = 100_000


@dataclass(frozen=True)
class Director:
    """What a director says of its raw files.

    Attributes
    ----------
    path : str
        The director.
    image : str
        Name of its image.
    dtype : numpy.dtype
        Of the director's own frame.
    height, width : int
        Of a frame in px.
    recorded : int
        How many frames were recorded, by ``In-situ.Recorded.# Frames``.
    item_bytes : int or None
        Of a pixel in the raw files, by ``In-situ.Raw File Format Info.Data Size (bytes)``.
    """

    path: str
    image: str
    dtype: np.dtype[Any]
    height: int
    width: int
    recorded: int
    item_bytes: int | None = None


@dataclass(frozen=True)
class Recording:
    """The frames of a director's raw files, ready to be read; `fields` belong into its `MovieMeta`."""

    source: StridedSource
    fields: dict[str, Any]
    issues: tuple[Issue, ...]


def sidecars(path: str, image: str) -> list[Path]:
    """The raw files of a director's image, in order; empty if there are none."""
    director = Path(path)
    stems = [director.stem]
    # A name is no path: it must not lead elsewhere.
    if image and Path(image).name == image and not set(image) & set('/\\:*?"<>|'):
        stems += [f"{director.stem}_{image}", image]
    for stem in dict.fromkeys(stems):
        for extension in (".raw", ".RAW"):
            found = _parts(director.with_name(stem + extension))
            if found:
                return found
    return []


def _parts(first: Path) -> list[Path]:
    parts: list[Path] = []
    for number in range(_MOST_PARTS):
        part = first if not number else first.with_name(f"{first.name}_{number}")
        try:
            if not part.is_file():
                break
        except (OSError, ValueError):
            break
        parts.append(part)
    return parts


def _lost_part(parts: Sequence[Path]) -> Path | None:
    """The first part that is missing although a later one is there."""
    following = [parts[0].with_name(f"{parts[0].name}_{len(parts) + ahead}") for ahead in range(_LOOK_AHEAD)]
    return following[0] if any(part.is_file() for part in following) else None


def open_recording(director: Director, parts: Sequence[Path]) -> Recording:
    """Join the raw files of a recording.

    Raises
    ------
    Truncated
        They hold not even one frame.
    Unreadable
        One of them can't be read.
    """
    try:
        sizes = [part.stat().st_size for part in parts]
        lost = _lost_part(parts)
    except OSError as error:
        raise unreadable(parts[0], error) from error
    held = [(part, size) for part, size in zip(parts, sizes, strict=True) if size]
    dtype = _stored_type(director)
    frame_bytes = director.height * director.width * dtype.itemsize
    total = sum(sizes)
    stride = _stride(director.recorded, frame_bytes, total)
    frames = max(0, total - frame_bytes + stride) // stride
    if frames < 1:
        raise Truncated.about(
            parts[0],
            f"The raw file holds {total} bytes, less than one frame of {director.height} x {director.width} px.",
            "Copy the file again, or check that it belongs to the director beside it.",
        )
    files = FileSet([part for part, _ in held])
    joined = JoinedFiles(files, [(0, size) for _, size in held])
    source = StridedSource(joined, dtype, director.height, director.width, range(0, frames * stride, stride))
    file_bytes = total + _size(director.path)
    try:
        fingerprint = files.fingerprint(file_bytes)
    except MovieError:
        files.close()
        raise
    fields: dict[str, Any] = {
        "frames": frames,
        "declared_frames": max(frames, director.recorded),
        "dtype": dtype.newbyteorder("=").name,
        "file_count": 1 + len(parts),
        "file_bytes": file_bytes,
        "fingerprint": fingerprint,
    }
    return Recording(source, fields, tuple(_issues(director, frames, dtype, stride - frame_bytes, lost)))


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def _stored_type(director: Director) -> np.dtype[Any]:
    """The director's own type, unless it gives another size for the raw files."""
    if director.item_bytes in (None, director.dtype.itemsize):
        return director.dtype
    kind = (
        "f" if director.item_bytes == 4 and director.dtype.kind == "f" else "i" if director.dtype.kind == "i" else "u"
    )
    try:
        return np.dtype(f"{director.dtype.byteorder}{kind}{director.item_bytes}")
    except TypeError:
        return director.dtype


def _stride(recorded: int, frame_bytes: int, total: int) -> int:
    """Bytes from one frame to the next: more than its pixels only where the files divide evenly into no other steps."""
    padded = recorded > 0 and total % recorded == 0 and total % frame_bytes != 0
    if padded and frame_bytes < total // recorded < 2 * frame_bytes:
        return total // recorded
    return frame_bytes


def _issues(director: Director, frames: int, dtype: np.dtype[Any], gap: int, lost: Path | None) -> list[Issue]:
    issues = []
    if frames < director.recorded:
        text = f"truncated: {frames} of {director.recorded} frames"
        if lost is not None:
            text += f"; {lost.name} is missing"
        issues.append(Issue(level="warning", code="truncated", text=text))
    elif lost is not None:
        text = f"{lost.name} is missing; the frames behind it are not shown"
        issues.append(Issue(level="warning", code="missing-part", text=text))
    if 0 < director.recorded < frames:
        text = f"the director tells of {director.recorded} frames, the raw files hold {frames}; all of them are shown"
        issues.append(Issue(level="info", code="more-frames", text=text))
    if dtype.itemsize != director.dtype.itemsize:
        text = f"the raw files hold other pixels than the director ({director.dtype.name}); read as {dtype.name}"
        issues.append(Issue(level="warning", code="raw-type", text=text))
    if gap:
        text = (
            f"each frame takes {gap} bytes more than its pixels; they are taken for padding behind the frame:"
            " check that the frames look right"
        )
        issues.append(Issue(level="warning", code="raw-stride", text=text))
    return issues
