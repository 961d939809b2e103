"""TIFF, BigTIFF, ImageJ and OME-TIFF, by tifffile's series.

Uncompressed frames are read positionally at their own places in the file; compressed ones are decoded one by one.
tifffile tells of a broken chain of images only in its log, so the log is listened to.
"""

from __future__ import annotations

import io
import logging
import math
import re
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tifffile

from core.movies.calibration import recall
from core.movies.errors import Malformed, Truncated, Unsupported
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format, Opened
from core.movies.formats import refusals
from core.movies.formats.tiff_calibration import Calibration, calibration
from core.movies.result_record import movie_text
from core.movies.sources import CallbackSource, Frame, FrameSource, StridedSource
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

_MAGIC = (b"II\x2a\x00", b"MM\x00\x2a", b"II\x2b\x00", b"MM\x00\x2b")
_MOST_CHANNELS = 4
_COLOUR = {2, 5, 6, 8}
_PALETTE = 3
_EER = {65000, 65001, 65002}
# A frame decodes to at most this, and to at most this many times the file: beyond, its header lies.
_LARGEST_FRAME = 2 << 30
_LARGEST_RATIO = 20_000
# A description that claims more images than this, and than there are pages, lies.
_MOST_CLAIMED = 1_000_000
_LONGEST_DESCRIPTION = 1 << 24


class Page(Protocol):
    """What is used of a page: the same for a tifffile page and its lighter frame."""

    dataoffsets: Sequence[int]
    databytecounts: Sequence[int]

    def asarray(self) -> Any:
        """The decoded image."""


@dataclass(frozen=True)
class Stack:
    """One movie within a series: the planes that belong to it, and how they are stored.

    ``offsets`` is None for frames that must be decoded; then `pages` holds their pages.
    """

    info: DatasetInfo
    series: Any
    planes: range
    height: int
    width: int
    dtype: np.dtype[Any]


class Stream(io.RawIOBase):
    """A stream over positional reads, for tifffile: it has a position of its own and shares none."""

    def __init__(self, file: RandomAccessFile) -> None:
        super().__init__()
        self._file = file
        self._at = 0
        self.name = file.path

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It has a position."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position; not before the beginning."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        if start + offset < 0:
            raise OSError("a position before the file's beginning")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read on from the position, up to the end of the file."""
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._file.size - self._at))
        if count:
            self._file.read_into(self._at, view[:count])
        self._at += count
        return count


class _Complaints(logging.Handler):
    """Collects what tifffile logs in this thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and record.levelno >= logging.ERROR:
            # tifffile begins with the name of its own object.
            self.texts.append(re.sub(r"<tifffile\.[^>]*> *", "", record.getMessage()))


@contextmanager
def _listening() -> Iterator[_Complaints]:
    handler = _Complaints()
    logger = logging.getLogger("tifffile")
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)


def _sniff(head: bytes, extension: str) -> bool:
    return head[:4] in _MAGIC


def _entries(file: RandomAccessFile) -> list[Entry]:
    with _listening() as complaints:
        tiff = tifffile.TiffFile(Stream(file))  # type: ignore[arg-type]
        if not tiff.pages:
            raise Truncated.about(file.path, "The TIFF file's list of images could not be found.")
        if int(tiff.pages.first.compression) in _EER:
            raise Unsupported.about(file.path, "Falcon EER: this kind of file can't be read yet.")
        stacks = [stack for place, one in enumerate(_series(tiff)) for stack in _stacks(file, tiff, place, one)]
    return [_entry(file, tiff, stack, complaints.texts) for stack in stacks]


def _entry(file: RandomAccessFile, tiff: tifffile.TiffFile, stack: Stack, complaints: list[str]) -> Entry:
    return Entry(stack.info, lambda: _open(file, tiff, stack, complaints))


def _series(tiff: tifffile.TiffFile) -> list[Any]:
    """The series; of a file whose list of images is broken, the readable images that are like the first."""
    try:
        _check_claims(tiff)
        return list(tiff.series)
    except (tifffile.TiffFileError, struct.error, ValueError, IndexError) as error:
        logging.getLogger("tifffile").error("%s", error)
    pages: list[Any] = []
    try:
        tiff.pages.useframes = False
        for index in range(len(tiff.pages)):
            page = tiff.pages[index]
            if pages and (page.shape, page.dtype) != (pages[0].shape, pages[0].dtype):
                break
            pages.append(page)
    except (tifffile.TiffFileError, struct.error, ValueError, IndexError):
        if not pages:
            raise
    first = pages[0]
    shape = (len(pages), *first.shape)
    return [tifffile.TiffPageSeries(pages, shape, first.dtype, "I" + first.axes, kind="generic")]


def _check_claims(tiff: tifffile.TiffFile) -> None:
    """Refuse a description that claims more images than there can be: tifffile makes a list of that length."""
    most = max(_MOST_CLAIMED, len(tiff.pages))
    text = tiff.pages.first.description[:_LONGEST_DESCRIPTION]
    for pixels in re.findall(r"<(?:\w+:)?Pixels\b[^>]*>", text):
        sizes = [int(size) for size in re.findall(r'\bSize[ZCT]="(\d{1,18})"', pixels)]
        if math.prod(sizes) > most:
            raise ValueError(f"the description claims {math.prod(sizes)} images")
    for shape in re.findall(r'"shape":\s*\[([\d,\s]+)\]', text):
        sizes = [int(size) for size in shape.split(",") if size.strip()]
        if math.prod(sizes) > most * max(1, tiff.pages.first.size):
            raise ValueError(f"the description claims an array of {shape}")


def _stacks(file: RandomAccessFile, tiff: tifffile.TiffFile, place: int, series: Any) -> list[Stack]:
    """The movies in a series: one, or one a channel."""
    page = series.keyframe
    height, width, samples = int(page.imagelength), int(page.imagewidth), int(page.samplesperpixel)
    dtype = series.dtype
    if dtype is None or height < 1 or width < 1:
        what = f"Pixels of {page.bitspersample} bits in sample format {page.sampleformat} can't be read."
        refused = DatasetInfo(key=str(place), title=series.name, shape=(height, width), dtype="unknown", refusal=what)
        return [Stack(refused, series, range(0), height, width, np.dtype(np.uint8))]
    count = max(1, _declared(tiff, series, height * width * samples))
    refusal = refusals.of_pixels(dtype) or (refusals.COLOUR if _is_colour(page, samples) else None)
    channels = _channels(series, count)
    stacks = []
    for channel in range(channels):
        key = str(place) if channels == 1 else f"{place}.{channel}"
        planes = range(channel, count, channels) if _channel_is_last(series) else _block(count, channels, channel)
        title = series.name if channels == 1 else f"{series.name} channel {channel + 1}".strip()
        shape = (len(planes), height, width) if refusal is None else tuple(series.shape)
        info = DatasetInfo(key=key, title=title, shape=shape, dtype=dtype.name, refusal=refusal)
        stacks.append(Stack(info, series, planes, height, width, dtype))
        if refusal is not None:
            break
    return stacks


def _declared(tiff: tifffile.TiffFile, series: Any, plane: int) -> int:
    """Planes in a series. An ImageJ file cut short is not seen as a stack any more, so its own count is asked too."""
    planes = int(math.prod(series.get_shape(squeeze=False))) // plane
    ours = tiff.imagej_metadata if planes == 1 and len(tiff.pages) == 1 else None
    if ours and series.keyframe.is_contiguous:
        claimed = ours.get("images", 1)
        return claimed if isinstance(claimed, int) and claimed > 0 else 1
    return planes


def _is_colour(page: Any, samples: int) -> bool:
    return samples > 1 or int(page.photometric) in _COLOUR


def _channels(series: Any, count: int) -> int:
    axes, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
    found = int(shape[axes.index("C")]) if "C" in axes else 1
    # Programs that don't name their axes have ImageJ call the frames of a stack channels: no detector has so many.
    if found == count and found > _MOST_CHANNELS:
        return 1
    return found if found > 0 and count % found == 0 else 1


def _channel_is_last(series: Any) -> bool:
    """Whether the channel changes fastest of the axes before Y."""
    axes, shape = series.get_axes(squeeze=False), series.get_shape(squeeze=False)
    if "C" not in axes:
        return True
    after = [int(size) for axis, size in zip(axes, shape, strict=True) if axes.index(axis) > axes.index("C")]
    return math.prod(after[:-2] if axes[-1] != "S" else after[:-3]) == 1


def _block(count: int, channels: int, channel: int) -> range:
    """The planes of a channel that is the slowest axis."""
    size = count // channels
    return range(channel * size, (channel + 1) * size)


def _open(file: RandomAccessFile, tiff: tifffile.TiffFile, stack: Stack, complaints: list[str]) -> Opened:
    with _listening() as more:
        source, frames = _source(file, stack)
        known = calibration(tiff, stack.series.keyframe, int(stack.info.key.split(".", maxsplit=1)[0]))
    if frames < 1:
        raise Truncated.about(
            file.path,
            f"The TIFF file promises {len(stack.planes)} frames of {stack.height} x {stack.width} px,"
            " but ends before the first is complete.",
        )
    meta = _meta(file, tiff, stack, frames, known, [*complaints, *more.texts])
    return Opened(meta, source, lambda: _tags(file))


def _source(file: RandomAccessFile, stack: Stack) -> tuple[FrameSource, int]:
    """The source, and how many of its leading frames are complete."""
    series, page = stack.series, stack.series.keyframe
    stored = stack.dtype.newbyteorder(series.parent.byteorder) if series.parent else stack.dtype
    frame_bytes = stack.height * stack.width * stored.itemsize
    one_block = series.dataoffset is not None or (len(series.pages) == 1 and len(stack.planes) > 1)
    if page.is_contiguous and one_block:
        # All planes follow the first one; also in an ImageJ file above 4 GB, which lists one page only.
        first = int(page.dataoffsets[0])
        held = max(0, file.size - first) // frame_bytes if first > 0 else 0
        there = range(stack.planes.start, min(stack.planes.stop, held), stack.planes.step)
        places = range(first + there.start * frame_bytes, first + there.stop * frame_bytes, there.step * frame_bytes)
        return StridedSource(file, stored, stack.height, stack.width, places), len(there)
    pages = [series.pages[plane] for plane in stack.planes]
    if page.is_contiguous and all(item is not None and _in_one_piece(item, frame_bytes) for item in pages):
        offsets = [int(item.dataoffsets[0]) for item in pages]
        frames = sum(1 for _ in _complete(file, offsets, frame_bytes))
        return StridedSource(file, stored, stack.height, stack.width, offsets[:frames]), frames
    if frame_bytes > min(_LARGEST_FRAME, file.size * _LARGEST_RATIO):
        raise Malformed.about(
            file.path,
            f"The TIFF header claims {stack.height} x {stack.width} px, far more than {file.size} bytes can hold.",
        )
    frames = 0
    for item in pages:
        if item is None or not _all_there(file, item, frame_bytes if int(page.compression) == 1 else 0):
            break
        frames += 1
    return CallbackSource(lambda index: _decode(file, stack, pages[index]), file.close), frames


def _complete(file: RandomAccessFile, offsets: Sequence[int], frame_bytes: int) -> Iterator[int]:
    """The leading offsets whose frame lies within the file."""
    for offset in offsets:
        if offset <= 0 or offset + frame_bytes > file.size:
            return
        yield offset


def _in_one_piece(page: Page, frame_bytes: int) -> bool:
    """Whether a page's own strips follow one another; a lighter frame repeats what its first page says."""
    offsets, counts = page.dataoffsets, page.databytecounts
    if not offsets:
        return False
    if len(offsets) == 1:
        return True
    ends = (offset + count for offset, count in zip(offsets, counts, strict=True))
    return sum(counts) == frame_bytes and all(end == start for end, start in zip(ends, offsets[1:], strict=False))


def _all_there(file: RandomAccessFile, page: Page, needed: int) -> bool:
    """Whether all strips or tiles of a page lie in the file, and uncompressed ones carry enough bytes.

    tifffile fills what is missing with zeros, in silence.
    """
    offsets, counts = page.dataoffsets, page.databytecounts
    if not offsets or len(offsets) != len(counts):
        return False
    inside = all(
        offset > 0 and count > 0 and offset + count <= file.size for offset, count in zip(offsets, counts, strict=True)
    )
    # Bits are packed where a pixel is no whole byte; then fewer bytes do.
    return inside and sum(counts) * 8 >= needed


def _decode(file: RandomAccessFile, stack: Stack, page: Page) -> Frame:
    with _listening() as complaints:
        frame = np.asarray(page.asarray())
    if complaints.texts:
        raise Malformed.about(file.path, f"An image in the TIFF file is damaged: {complaints.texts[0]}.")
    return frame.reshape(stack.height, stack.width)


def _meta(
    file: RandomAccessFile,
    tiff: tifffile.TiffFile,
    stack: Stack,
    frames: int,
    known: Calibration,
    complaints: list[str],
) -> MovieMeta:
    declared = len(stack.planes)
    issues = []
    if frames < declared:
        issues.append(Issue(level="warning", code="truncated", text=f"truncated: {frames} of {declared} frames"))
    elif complaints:
        text = f"the TIFF file's list of images is broken ({complaints[0][:200]}); {frames} frames were found"
        issues.append(Issue(level="warning", code="broken-chain", text=text))
    if int(stack.series.keyframe.photometric) == _PALETTE:
        text = "the file has a colour table; it is left out, the stored numbers are used"
        issues.append(Issue(level="info", code="palette", text=text))
    meta = MovieMeta(
        path=file.path,
        format="BigTIFF" if tiff.is_bigtiff else "TIFF",
        dataset=stack.info.key,
        title=stack.info.title,
        frames=frames,
        height=stack.height,
        width=stack.width,
        dtype=stack.dtype.newbyteorder("=").name,
        pixel_size=known.pixel_size,
        pixel_unit=known.pixel_unit,
        frame_interval_s=known.frame_interval_s if declared > 1 else None,
        voltage_kv=known.voltage_kv,
        magnification=known.magnification,
        detector=known.detector,
        date=known.date,
        intensity_origin=known.intensity_origin,
        intensity_scale=known.intensity_scale,
        intensity_unit=known.intensity_unit,
        declared_frames=declared,
        issues=tuple(issues),
    )
    return recall(meta, movie_text(tiff.pages.first.description))


def _tags(file: RandomAccessFile) -> dict[str, Any]:
    with _listening(), tifffile.TiffFile(Stream(file)) as tiff:  # type: ignore[arg-type]
        return {tag.name: tag.value for tag in tiff.pages.first.tags.values()}


FORMAT = Format("TIFF", (".tif", ".tiff", ".btf", ".tf8"), _sniff, _entries)
