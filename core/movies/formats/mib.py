"""Merlin MIB of Quantum Detectors: frames of one or four Medipix chips, a text header before each; HDR beside it.

The header is a line of fields, ``MQ1,000001,00384,01,0256,0256,U08,1x1,01,TIME,SHUTTER,...``, which tells its own
length. Processed pixels (U08, U16, U32) are big-endian; raw ones (R64) are packed. Rows lie from the bottom up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.movies.clock import read_date_and_time
from core.movies.errors import Malformed, MovieError, Truncated, Unreadable, Unsupported
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format, Opened
from core.movies.formats import mib_raw
from core.movies.sources import CallbackSource, Frame, FrameSource, StridedSource
from core.movies.stamps import iso, read_stamps, stamp_issues
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

_MAGIC = b"MQ1,"
_HDR_MAGIC = b"HDR,"
_LONGEST_HEADER = 1 << 16
_LARGEST_SIDE = 1 << 14
# The field that names the kind of chip, behind eight thresholds.
_CHIP = 22
_PROCESSED = {"U08": "u1", "U16": ">u2", "U32": ">u4"}


@dataclass(frozen=True)
class Header:
    """The header of a frame. `height` and `width` are those of the frame as it is to be seen."""

    header_bytes: int
    chips: int
    height: int
    width: int
    kind: str
    layout: str
    depth: int | None
    number: int
    time_s: float | None
    exposure_s: float | None
    fields: tuple[str, ...]

    @property
    def raw(self) -> bool:
        """Packed as the chips send it."""
        return self.kind == "R64"

    @property
    def quad(self) -> bool:
        """Four chips, two by two."""
        return self.chips == 4

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of pixels as stored; of packed ones, as unpacked."""
        if self.raw:
            return mib_raw.DTYPES[self.depth or 0]
        return np.dtype(_PROCESSED[self.kind])

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a frame without its header."""
        pixels = self.height * self.width
        return pixels // 64 * mib_raw.BYTES_OF_64[self.depth or 0] if self.raw else pixels * self.dtype.itemsize


def _fields(file: RandomAccessFile, offset: int) -> tuple[str, ...]:
    """The fields of the header at `offset`, without the blanks that fill it up."""
    start = file.read(offset, min(64, file.size - offset))
    parts = start.split(b",")
    if not start.startswith(_MAGIC) or len(parts) < 4 or not parts[2].strip().isdigit():
        raise Malformed.about(file.path, f"At byte {offset}, where a frame should begin, stands no Merlin header.")
    length = int(parts[2])
    if not 64 <= length <= _LONGEST_HEADER:
        raise Malformed.about(file.path, f"The Merlin header claims to be {length} bytes long.")
    if offset + length > file.size:
        raise Truncated.about(file.path, "The file ends within the header of its first frame.")
    text = file.read(offset, length).split(b"\x00")[0].decode("latin-1").rstrip()
    return tuple(field.strip() for field in text.rstrip(",").split(","))


def _header(file: RandomAccessFile, offset: int = 0) -> Header:
    fields = _fields(file, offset)
    if len(fields) < 11:
        raise Malformed.about(file.path, f"The Merlin header has {len(fields)} fields only.")
    try:
        number, length, chips, width, height = (int(fields[k]) for k in (1, 2, 3, 4, 5))
    except ValueError as error:
        raise Malformed.about(file.path, "The Merlin header's sizes are no numbers.") from error
    kind, layout = fields[6], fields[7]
    # Newer headers repeat time and exposure behind the settings of the chips, to the nanosecond, then the depth.
    extension = fields[fields.index("MQ1A") :] if "MQ1A" in fields else ()
    time_s = read_date_and_time(extension[1] if len(extension) > 1 else fields[9])
    depth = _whole(extension[3]) if len(extension) > 3 else _whole(fields[-1])
    header = Header(
        header_bytes=length,
        chips=chips,
        height=height,
        width=width,
        kind=kind,
        layout=layout,
        depth=depth,
        number=number,
        time_s=time_s,
        exposure_s=_exposure(extension[2] if len(extension) > 2 else fields[10]),
        fields=fields,
    )
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE):
        raise Malformed.about(file.path, f"The Merlin header promises frames of {height} x {width} px, which can't be.")
    return _seen(file, header) if header.raw else _processed(file, header)


def _processed(file: RandomAccessFile, header: Header) -> Header:
    if header.kind not in _PROCESSED:
        raise Unsupported.about(
            file.path,
            f"Pixels of Merlin's type {header.kind[:8]!r} can't be read here.",
            "Save as U08, U16, U32 or R64.",
        )
    return header


def _seen(file: RandomAccessFile, header: Header) -> Header:
    """The header of a raw frame with the size of the frame as it is to be seen."""
    depth, chips, height, width = header.depth, header.chips, header.height, header.width
    if depth not in mib_raw.BYTES_OF_64:
        raise Malformed.about(file.path, f"The Merlin header tells of counters of {depth} bits.")
    quad = chips == 4 and header.layout.startswith("2x2")
    if (chips > 1 and not quad) or (quad and depth == 24):
        what = f"{chips} chips ({header.layout})" + (", 24 bits" if depth == 24 else "")
        raise Unsupported.about(
            file.path,
            f"Merlin's raw mode (R64) with {what} can't be read here.",
            "Convert the file to U16 or U32 with Merlin's own program.",
        )
    if depth == 24:
        # Its two halves of 12 bits are counted as if they lay side by side.
        width //= 2
    if quad:
        height, width = height * 2, width // 2
    if width % 128 if quad else width % 64:
        raise Malformed.about(file.path, f"A raw Merlin frame can't be {width} px wide.")
    fields = {**header.__dict__, "height": height, "width": width}
    return Header(**fields)


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _exposure(text: str) -> float | None:
    """Seconds of ``1000000ns`` or ``0.001000``."""
    scale = 1e-9 if text.endswith("ns") else 1.0
    try:
        value = float(text.removesuffix("ns")) * scale
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _entries(file: RandomAccessFile) -> list[Entry]:
    header = _header(file)
    held = file.size // (header.header_bytes + header.pixel_bytes)
    info = DatasetInfo(
        key="0",
        title=Path(file.path).stem,
        shape=(held, header.height, header.width),
        dtype=header.dtype.newbyteorder("=").name,
    )
    return [Entry(info, lambda: _open(file, header, info))]


def _open(file: RandomAccessFile, header: Header, info: DatasetInfo) -> Opened:
    stride = header.header_bytes + header.pixel_bytes
    frames = file.size // stride
    if frames < 1:
        raise Truncated.about(
            file.path,
            f"The Merlin header promises {header.height} x {header.width} px,"
            " but the file ends before the first frame is complete.",
        )
    settings = _settings(file.path)
    declared = max(frames + (1 if file.size % stride else 0), _declared(settings))
    offsets = range(header.header_bytes, frames * stride, stride)
    source: FrameSource
    if header.raw:
        source = CallbackSource(lambda frame: _unpack(file, header, offsets[frame]), file.close, one_at_a_time=False)
    else:
        source = StridedSource(file, header.dtype, header.height, header.width, offsets, bottom_up=True)
    meta = _meta(file, header, info, declared, settings)
    return Opened(meta, source, lambda: {"first frame": _named(header), "hdr": settings})


def _unpack(file: RandomAccessFile, header: Header, offset: int) -> Frame:
    stored = np.empty(header.pixel_bytes, np.uint8)
    file.check(offset, header.pixel_bytes)
    file.read_into(offset, stored.data)
    return mib_raw.decode(stored, header.depth or 0, header.height, header.width, header.quad)[::-1]


def _meta(
    file: RandomAccessFile, header: Header, info: DatasetInfo, declared: int, settings: dict[str, str]
) -> MovieMeta:
    stride = header.header_bytes + header.pixel_bytes
    frames = file.size // stride
    exposures: list[float | None] = []

    def stamp(frame: int) -> float | None:
        one = _header(file, frame * stride)
        exposures.append(one.exposure_s)
        return one.time_s

    issues = []
    if frames < declared:
        issues.append(Issue(level="warning", code="truncated", text=f"truncated: {frames} of {declared} frames"))
    scan = _scan(settings)
    if scan is not None:
        text = f"the frames belong to the {scan[0]} x {scan[1]} positions of a scan (4D-STEM), not to moments in time"
        issues.append(Issue(level="warning", code="scan", text=text))
    try:
        stamped = read_stamps(stamp, frames, 1e-6)
    except MovieError as error:
        # Another kind of frame, or another file's rest, begins in the middle: pixels are still where they should be.
        issues.append(Issue(level="warning", code="frame-header", text=error.info.what))
        stamped = read_stamps(lambda frame: None, frames, 1e-6)
    exposure = exposures[0] if exposures and all(one == exposures[0] for one in exposures) else None
    return MovieMeta(
        path=file.path,
        format="Merlin MIB",
        dataset=info.key,
        title=info.title,
        frames=frames,
        height=header.height,
        width=header.width,
        dtype=info.dtype,
        times=stamped.times,
        frame_interval_s=stamped.interval,
        segments=stamped.segments,
        exposure_s=exposure,
        black_level=0.0,
        detector=_detector(header, settings),
        date=iso(header.time_s),
        scanned=False,
        start_unix_s=header.time_s,
        declared_frames=declared,
        issues=(*issues, *stamp_issues(stamped, frames)),
    )


def _detector(header: Header, settings: dict[str, str]) -> str:
    chip = settings.get("Chip Type (Medipix 3.0, Medipix 3.1, Medipix 3RX)", "Medipix")
    if chip == "Medipix" and len(header.fields) > _CHIP and header.fields[_CHIP] in ("3.0", "3.1", "3RX"):
        chip = f"Medipix {header.fields[_CHIP]}"
    return f"Merlin, {header.chips} x {chip}" if header.chips > 1 else f"Merlin, {chip}"


def _named(header: Header) -> dict[str, Any]:
    """The first frame's header with names for the fields whose meaning is known."""
    names = ("magic", "number", "bytes", "chips", "width", "height", "type", "layout", "chip select", "time", "shutter")
    named: dict[str, Any] = dict(zip(names, header.fields, strict=False))
    named["settings"] = ",".join(header.fields[len(names) :])
    return named


def _settings(path: str) -> dict[str, str]:
    """The lines of the HDR file beside the MIB; empty if there is none that can be read."""
    for suffix in (".hdr", ".HDR"):
        try:
            with RandomAccessFile(Path(path).with_suffix(suffix)) as file:
                return _lines(file)
        except MovieError:
            # It only adds to what the MIB itself says.
            continue
    return {}


def _lines(file: RandomAccessFile) -> dict[str, str]:
    text = file.read(0, min(file.size, 1 << 20)).split(b"\x00")[0].decode("latin-1")
    pairs = (line.split("\t", 1) for line in text.splitlines()[1:] if "\t" in line)
    return {key.strip().rstrip(":"): value.strip() for key, value in pairs if value.strip()}


def _declared(settings: dict[str, str]) -> int:
    return _whole(settings.get("Frames in Acquisition (Number)", "")) or 0


def _scan(settings: dict[str, str]) -> tuple[int, int] | None:
    rows, columns = _whole(settings.get("ScanY", "")), _whole(settings.get("ScanX", ""))
    return (rows, columns) if rows and columns and rows * columns > 1 else None


def _hdr_entries(file: RandomAccessFile) -> list[Entry]:
    """An HDR file opens the MIB beside it."""
    for path in _mib_of(file.path):
        return [_hdr_entry(file, path)]
    raise Unreadable.about(
        file.path,
        f"The HDR file holds the settings only; its frames, {Path(file.path).stem}.mib, are not beside it.",
        "Copy the .mib file into the same folder, and open that.",
        "not-found",
    )


def _mib_of(path: str) -> list[Path]:
    """The MIB of the same name, or the first of those whose names go on with a number."""
    place = Path(path)
    for suffix in (".mib", ".MIB"):
        if place.with_suffix(suffix).is_file():
            return [place.with_suffix(suffix)]
    try:
        beside = [other for other in place.parent.iterdir() if other.suffix.lower() == ".mib"]
    except OSError:
        return []
    numbered = [(other.stem[len(place.stem) :], other) for other in beside if other.stem.startswith(place.stem)]
    return [other for rest, other in sorted((int(r.strip("_")), o) for r, o in numbered if r.strip("_").isdecimal())]


def _hdr_entry(file: RandomAccessFile, path: Path) -> Entry:
    with RandomAccessFile(path) as frames_file:
        info = _entries(frames_file)[0].info
    return Entry(info, _opener(file, path))


def _opener(file: RandomAccessFile, path: Path) -> Callable[[], Opened]:
    def opened() -> Opened:
        frames_file = RandomAccessFile(path)
        try:
            inner = _entries(frames_file)[0].open()
            found = {"fingerprint": frames_file.fingerprint(), "file_bytes": frames_file.size}
        except BaseException:
            frames_file.close()
            raise
        file.close()
        return Opened(inner.meta.model_copy(update=found), inner.source, inner.tags)

    return opened


FORMAT = Format("Merlin MIB", (".mib",), lambda head, extension: head.startswith(_MAGIC), _entries)
HDR_FORMAT = Format("Merlin HDR", (".hdr",), lambda head, extension: head.startswith(_HDR_MAGIC), _hdr_entries)
