"""SER series of TIA (FEI, Thermo Fisher), and the EMI file beside them.

A header, a table of offsets, then the elements one by one: two calibrations, type and size (50 bytes), then the pixels
from the bottom row up. Of `total` planned elements only the first `valid` were recorded. The EMI file carries the
microscope's settings; it is optional, and a broken or missing one never blocks the pixels.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.movies.errors import Malformed, MovieError, Truncated, Unreadable
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format, Opened
from core.movies.formats import emi, refusals, ser_times, witness
from core.movies.sources import StridedSource
from core.movies.timing import segments_of
from core.movies.units import pixel
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

_MAGIC = b"\x49\x49\x97\x01"
_TYPES = {1: "u1", 2: "<u2", 3: "<u4", 4: "i1", 5: "<i2", 6: "<i4", 7: "<f4", 8: "<f8", 9: "<c8", 10: "<c16"}
_SPECTRA, _IMAGES = 0x4120, 0x4122
_ELEMENT = struct.Struct("<ddiddih2i")
_SPECTRUM_ELEMENT = struct.Struct("<ddihi")
# Each element's header is looked at up to this many; of longer series, some, unless these tell of a change.
_MOST_CHECKED = 4096


@dataclass(frozen=True)
class Series:
    """What the header says. `offsets` and `tags` are of the valid elements.

    `bounded` tells whether counts and descriptions lie within the file, so that a reader who believes them may read.
    """

    kind: int
    total: int
    valid: int
    offsets: tuple[int, ...]
    tags: tuple[int, ...]
    bounded: bool


@dataclass(frozen=True)
class Element:
    """What stands before an element's pixels."""

    step_x: float
    step_y: float
    type_code: int
    width: int
    height: int


# The description of an element that was lost: a hole in the file, or zeros written over it.
_BLANK = Element(0.0, 0.0, 0, 0, 0)


@dataclass(frozen=True)
class Complete:
    """How many leading elements can be read, whether one of another size ended them, and how many are blank."""

    frames: int
    other_size: bool = False
    blank: int = 0


def _sniff(head: bytes, extension: str) -> bool:
    return head[:4] == _MAGIC


def read_series(file: RandomAccessFile) -> Series:
    """Read the header and the table of offsets, within bounds.

    Raises
    ------
    Malformed
        Unknown version or kind, counts that the file can't hold.
    Truncated
        The file ends before the table.
    """
    if file.size < 30:
        raise Truncated.about(file.path, f"The SER file has {file.size} bytes, less than its header.")
    head = file.read(0, 30)
    version, kind, _, total, valid = struct.unpack_from("<H4i", head, 4)
    if version not in (0x0210, 0x0220):
        raise Malformed.about(file.path, f"The SER file is of the unknown version {version:#06x}.")
    if kind not in (_SPECTRA, _IMAGES):
        raise Malformed.about(file.path, f"The SER file holds data of the unknown kind {kind:#06x}.")
    if total < 0 or valid < 0:
        raise Malformed.about(file.path, f"The SER file claims {valid} of {total} elements.")
    code, size = ("q", 8) if version == 0x0220 else ("i", 4)
    (table,) = struct.unpack_from("<" + code, head, 22)
    claimed, valid = valid, min(valid, total)
    if table < 0 or table > file.size:
        raise Truncated.about(file.path, "The SER file ends before its table of offsets.")
    # A claimed 2^31 elements must not allocate anything: what fits into the file decides.
    held = min(valid, (file.size - table) // size)
    offsets = struct.unpack(f"<{held}{code}", file.read(table, held * size))
    tags_at = table + total * size
    tagged = max(0, min(held, (file.size - tags_at) // size)) if tags_at < file.size else 0
    tags = struct.unpack(f"<{tagged}{code}", file.read(tags_at, tagged * size)) if tagged else ()
    bounded = claimed <= total and held == valid and _described(file, 22 + size, table)
    return Series(kind, total, valid, offsets, tags, bounded)


def _described(file: RandomAccessFile, at: int, end: int) -> bool:
    """Walk the descriptions of the dimensions, which nothing here needs, but which another reader believes."""
    (count,) = struct.unpack("<i", file.read(at, 4))
    at += 4
    if not 0 <= count <= 16:
        return False
    for _ in range(count):
        at += 24
        for _text in range(2):
            if at + 4 > min(end, file.size):
                return False
            (length,) = struct.unpack("<i", file.read(at, 4))
            at += 4 + length
            if length < 0 or at > end:
                return False
    return True


def _element(file: RandomAccessFile, offset: int) -> Element | None:
    """The element at `offset`; None if it, or its pixels, reach beyond the file."""
    if offset <= 0 or offset + _ELEMENT.size > file.size:
        return None
    _, step_x, _, _, step_y, _, code, width, height = _ELEMENT.unpack(file.read(offset, _ELEMENT.size))
    element = Element(step_x, step_y, code, width, height)
    if code not in _TYPES or width < 1 or height < 1:
        return element
    pixels = width * height * np.dtype(_TYPES[code]).itemsize
    return element if offset + _ELEMENT.size + pixels <= file.size else None


def _entries(file: RandomAccessFile) -> list[Entry]:
    return [_entry(file, "0")]


def _entry(file: RandomAccessFile, key: str) -> Entry:
    series = read_series(file)
    if series.kind == _SPECTRA:
        info = DatasetInfo(
            key=key,
            title="",
            shape=(series.valid, *_spectrum_length(file, series)),
            dtype="unknown",
            refusal=refusals.SPECTRUM,
        )
        return Entry(info, lambda: _open(file, series, None, key))
    first = _element(file, series.offsets[0]) if series.offsets else None
    if series.valid == 0:
        raise Truncated.about(
            file.path,
            f"The SER file holds none of its {series.total} planned images.",
            "The recording was probably stopped before the first image; record it again.",
        )
    if first is None:
        raise Truncated.about(
            file.path, f"The SER file promises {series.valid} images, but ends before the first is complete."
        )
    if first.type_code not in _TYPES or first.width < 1 or first.height < 1:
        raise Malformed.about(
            file.path, f"The SER file claims images of {first.height} x {first.width} px of type {first.type_code}."
        )
    dtype = np.dtype(_TYPES[first.type_code])
    info = DatasetInfo(
        key=key,
        title="",
        shape=(series.valid, first.height, first.width),
        dtype=dtype.name,
        refusal=refusals.of_pixels(dtype),
    )
    return Entry(info, lambda: _open(file, series, first, key))


def _spectrum_length(file: RandomAccessFile, series: Series) -> tuple[int, ...]:
    if not series.offsets or not 0 < series.offsets[0] <= file.size - _SPECTRUM_ELEMENT.size:
        return ()
    length = int(_SPECTRUM_ELEMENT.unpack(file.read(series.offsets[0], _SPECTRUM_ELEMENT.size))[4])
    return (length,) if 0 < length <= file.size else ()


def _complete(file: RandomAccessFile, series: Series, first: Element) -> Complete:
    """How many leading elements are complete and like the first."""
    count = len(series.offsets)
    if count > _MOST_CHECKED and all(
        _element(file, series.offsets[index]) == first for index in (*range(0, count, count // 64), count - 1)
    ):
        return Complete(count)
    wanted = (first.type_code, first.width, first.height)
    pixels = first.width * first.height * np.dtype(_TYPES[first.type_code]).itemsize
    blank = 0
    for index, offset in enumerate(series.offsets):
        element = _element(file, offset)
        if element is None or (element == _BLANK and offset + _ELEMENT.size + pixels > file.size):
            return Complete(index, blank=blank)
        if element == _BLANK and _evenly_placed(series.offsets, index):
            blank += 1
        elif (element.type_code, element.width, element.height) != wanted:
            return Complete(index, other_size=True, blank=blank)
    return Complete(count, blank=blank)


def _evenly_placed(offsets: Sequence[int], index: int) -> bool:
    """Whether an element lies as far behind the one before as the second behind the first."""
    return index > 0 and offsets[index] - offsets[index - 1] == offsets[1] - offsets[0]


def _open(file: RandomAccessFile, series: Series, first: Element | None, key: str) -> Opened:
    assert first is not None
    dtype = np.dtype(_TYPES[first.type_code])
    complete = _complete(file, series, first)
    frames = complete.frames
    offsets = [offset + _ELEMENT.size for offset in series.offsets[:frames]]
    source = StridedSource(file, dtype, first.height, first.width, offsets, bottom_up=True)
    size, unit = _pixel(first)
    settings = emi.beside(file.path)
    seconds = ser_times.read_seconds(file, series.tags, frames)
    ends = ser_times.ends_of(file, series.tags, frames)
    if seconds is None:
        timing = ser_times.Timing(ser_times.interval_of(frames, ends, settings.frame_time_s))
    else:
        timing = ser_times.timing_of(frames, seconds, settings.frame_time_s)
    meta = MovieMeta(
        path=file.path,
        format="SER",
        dataset=key,
        frames=frames,
        height=first.height,
        width=first.width,
        dtype=dtype.newbyteorder("=").name,
        pixel_size=size,
        pixel_unit=unit,
        frame_interval_s=timing.interval_s,
        times=timing.times,
        segments=segments_of(frames, None, timing.breaks),
        exposure_s=settings.exposure_s,
        voltage_kv=settings.voltage_kv,
        magnification=settings.magnification,
        detector=settings.detector,
        date=ser_times.date_of(settings.date, ends),
        scanned=settings.scanned,
        start_unix_s=float(ends[0]) if ends else None,
        declared_frames=series.valid,
        issues=tuple(_issues(file, series, complete, settings)),
    )
    return Opened(meta, source, lambda: dict(settings.tags))


def _pixel(element: Element) -> tuple[tuple[float, float] | None, str | None]:
    """Calibrations are in m for images and in 1/m for diffraction, and the file does not say which.

    No image has pixels of a metre, and no diffraction pattern steps below 1 per metre, so the size decides.
    """
    steps = abs(element.step_y), abs(element.step_x)
    unit = "1/m" if min(steps) > 1 else "m"
    if not all(math.isfinite(step) and step > 0 for step in steps):
        return None, None
    return pixel((steps[0], unit), (steps[1], unit))


def _issues(file: RandomAccessFile, series: Series, complete: Complete, settings: emi.Settings) -> list[Issue]:
    issues = []
    frames = complete.frames
    if complete.blank:
        text = f"{complete.blank} of {frames} images have lost their description; they are read like the first one"
        issues.append(Issue(level="warning", code="blank-headers", text=text))
    if complete.other_size:
        text = f"image {frames} is of another size or type; only the {frames} images before it are shown"
        issues.append(Issue(level="warning", code="mixed-sizes", text=text))
    elif frames < series.valid:
        issues.append(Issue(level="warning", code="truncated", text=f"truncated: {frames} of {series.valid} frames"))
    if series.valid < series.total:
        text = f"{series.valid} of {series.total} planned frames were recorded"
        issues.append(Issue(level="info", code="stopped-early", text=text))
    if settings.problem is not None:
        issues.append(Issue(level="info", code="emi", text=settings.problem))
    if series.bounded and frames == series.valid <= _MOST_CHECKED:
        found = witness.ser_offsets(file.path)
        if found is not None and found != list(series.offsets):
            issues.append(witness.disagreement("the images"))
    return issues


def _emi_sniff(head: bytes, extension: str) -> bool:
    # Nothing in the file but its settings is needed, and copies exist whose beginning was wiped.
    return extension == ".emi" and (head[:2] in (b"JK", b"JL") or not any(head[:16]))


def _emi_entries(file: RandomAccessFile) -> list[Entry]:
    """An EMI file opens its ``NAME_1.ser``, ``NAME_2.ser`` ... as datasets 1, 2 ..."""
    paths = emi.series_of(file.path)
    if not paths:
        stem = Path(file.path).stem
        raise Unreadable.about(
            file.path,
            f"The EMI file holds the settings only; its images, {stem}_1.ser, are not beside it.",
            "Copy the .ser files into the same folder.",
            "not-found",
        )
    return [_emi_entry(file, number, path) for number, path in paths]


def _emi_entry(file: RandomAccessFile, number: int, path: Path) -> Entry:
    key = str(number)
    try:
        with RandomAccessFile(path) as series_file:
            info = _entry(series_file, key).info
    except MovieError as error:
        # One broken series must not hide the others.
        what = f"{path.name}: {error.info.what}"
        info = DatasetInfo(key=key, title=path.name, shape=(), dtype="unknown", refusal=what)
    titled = info.model_copy(update={"title": path.name})
    return Entry(titled, lambda: _emi_open(file, path, key))


def _emi_open(file: RandomAccessFile, path: Path, key: str) -> Opened:
    series_file = RandomAccessFile(path)
    try:
        if series_file.read(0, min(4, series_file.size)) != _MAGIC:
            raise Malformed.about(path, "This is no SER file, although it is named like one.")
        opened = _entry(series_file, key).open()
        update: dict[str, Any] = {
            "path": file.path,
            "title": path.name,
            "file_bytes": series_file.size,
            "fingerprint": series_file.fingerprint(),
        }
    except BaseException:
        series_file.close()
        raise
    file.close()
    return Opened(opened.meta.model_copy(update=update), opened.source, opened.tags)


FORMAT = Format("SER", (".ser",), _sniff, _entries)
EMI_FORMAT = Format("EMI", (".emi",), _emi_sniff, _emi_entries)
