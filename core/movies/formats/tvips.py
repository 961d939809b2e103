"""TVIPS streams: a header of 256 bytes in part ``_000``, then frames, each behind a small header of its own.

A stream is cut into parts of some gigabytes, ``NAME_000.tvips``, ``NAME_001.tvips`` ..., each of whole frames. The
frames' headers carry the time, the mode, the magnification and, since version 2, stage, beam current and the heating
and biasing holder (DENSsolutions).
"""

from __future__ import annotations

import itertools
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.movies.errors import Malformed, Truncated, Unreadable, Unsupported
from core.movies.file_set import FileSet, JoinedFiles
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format, Opened
from core.movies.sources import StridedSource
from core.movies.stamps import MOST_READ, iso, read_stamps, stamp_issues
from core.movies.units import pixel
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

HEADER_BYTES = 256
_SHORT_FRAME_HEADER = 12
_LARGEST_SIDE = 1 << 16
_PART = re.compile(r"^(.*_)(\d{3,})$")
_DIFFRACTION = 2
# A camera's own pixels are larger than this (in nm); smaller values are sizes at the specimen.
_SMALLEST_SENSOR_PIXEL = 1000
_FIELDS = (
    ("counter", "I"),
    ("time", "I"),
    ("milliseconds", "I"),
    ("lut", "I"),
    ("faraday", "f"),
    ("magnification", "I"),
    ("mode", "I"),
    ("stage_x_nm", "f"),
    ("stage_y_nm", "f"),
    ("stage_z_nm", "f"),
    ("stage_alpha_deg", "f"),
    ("stage_beta_deg", "f"),
    ("rotator", "I"),
    ("holder_temperature", "f"),
    ("holder_temperature_set", "f"),
    ("holder_power", "f"),
    ("objective_current", "f"),
    ("scan_x", "f"),
    ("scan_y", "f"),
    ("bias_voltage_set", "f"),
    ("bias_voltage", "f"),
    ("bias_current_set", "f"),
    ("bias_current", "f"),
    ("bias_field_set", "f"),
    ("bias_resistance", "f"),
    ("bias_voltage_limit", "f"),
    ("bias_current_limit", "f"),
)


@dataclass(frozen=True)
class Header:
    """The header of a stream. `sensor_nm` is the size of a pixel as it stands there."""

    version: int
    width: int
    height: int
    bits: int
    offset: tuple[int, int]
    binning: tuple[int, int]
    sensor_nm: int
    voltage_kv: int
    magnification: int
    frame_header: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type as stored."""
        return np.dtype("u1" if self.bits == 8 else "<u2")

    @property
    def stride(self) -> int:
        """Bytes of a frame with its header."""
        return self.frame_header + self.width * self.height * self.bits // 8


@dataclass(frozen=True)
class Stream:
    """The parts of a stream, how many frames each holds, and what is wrong with them."""

    header: Header
    paths: tuple[Path, ...]
    frames: tuple[int, ...]
    issues: tuple[Issue, ...]

    def first_byte(self, part: int) -> int:
        """Where the frames of a part begin."""
        return HEADER_BYTES if part == 0 else 0


def _sniff(head: bytes, extension: str) -> bool:
    if extension == ".tvips":
        return True
    if len(head) < HEADER_BYTES or b"TVIPS" not in head[52:HEADER_BYTES]:
        return False
    size, version = struct.unpack_from("<2i", head)
    return size == HEADER_BYTES and version in (1, 2)


def _read_header(file: RandomAccessFile) -> Header:
    if file.size < HEADER_BYTES:
        raise Truncated.about(file.path, f"The file has {file.size} bytes, less than a TVIPS header of 256 bytes.")
    values = struct.unpack_from("<13i", file.read(0, HEADER_BYTES))
    size, version, width, height, bits, left, top, bin_x, bin_y, sensor, voltage, magnification, frame_header = values
    if size != HEADER_BYTES:
        raise Malformed.about(file.path, f"The TVIPS header claims to be {size} bytes long, not 256.")
    if version not in (1, 2):
        raise Unsupported.about(file.path, f"This TVIPS file is of version {version}; versions 1 and 2 can be read.")
    if bits not in (8, 16):
        raise Unsupported.about(file.path, f"This TVIPS file has {bits} bits a pixel; 8 and 16 can be read.")
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE):
        raise Malformed.about(file.path, f"The TVIPS header promises frames of {height} x {width} px, which can't be.")
    if version == 1:
        frame_header = _SHORT_FRAME_HEADER
    elif not _SHORT_FRAME_HEADER <= frame_header <= 1 << 20:
        raise Malformed.about(file.path, f"The TVIPS header claims headers of {frame_header} bytes before each frame.")
    return Header(
        version=version,
        width=width,
        height=height,
        bits=bits,
        offset=(top, left),
        binning=(bin_y, bin_x),
        sensor_nm=sensor,
        voltage_kv=voltage,
        magnification=magnification,
        frame_header=frame_header,
    )


def _parts(path: Path) -> tuple[tuple[Path, ...], int | None]:
    """The parts of the stream that `path` belongs to, without a hole, and the number of the first missing one."""
    found = _PART.match(path.stem)
    if not found:
        return (path,), None
    stem = found.group(1)
    numbered: dict[int, Path] = {}
    try:
        for other in path.parent.iterdir():
            match = _PART.match(other.stem)
            if match and match.group(1) == stem and other.suffix.lower() == path.suffix.lower():
                numbered[int(match.group(2))] = other
    except OSError:
        # A folder that may not be listed: the one file is all that can be seen.
        numbered[int(found.group(2))] = path
    if 0 not in numbered:
        raise Unreadable.about(
            path,
            f"This is a later part of a TVIPS stream, and its first part, {stem}000{path.suffix}, is not beside it.",
            "Copy all parts of the stream into the same folder.",
            "not-found",
        )
    count = next(number for number in range(len(numbered) + 1) if number not in numbered)
    return tuple(numbered[number] for number in range(count)), count if count < len(numbered) else None


def _stream(file: RandomAccessFile) -> Stream:
    paths, missing = _parts(Path(file.path))
    issues = []
    if missing is not None:
        text = f"part {missing:03d} is missing; the parts behind it are left out"
        issues.append(Issue(level="warning", code="missing-part", text=text))
    # The header is checked before any other part is opened.
    if Path(file.path) == paths[0]:
        header = _read_header(file)
        sizes = [file.size]
    else:
        with RandomAccessFile(paths[0]) as first:
            header = _read_header(first)
            sizes = [first.size]
    for path in paths[1:]:
        try:
            sizes.append(path.stat().st_size)
        except OSError as error:
            raise Unreadable.about(path, f"This part of the stream could not be read: {error.strerror}.") from error
    frames = []
    for place, size in enumerate(sizes):
        held = size - (HEADER_BYTES if place == 0 else 0)
        frames.append(held // header.stride)
        if held % header.stride:
            whole = f"{paths[place].name} ends within frame {sum(frames)}, which is left out"
            issues.append(Issue(level="warning", code="truncated", text=f"truncated: {whole}"))
    # A part ends when it is full. Cut between two frames it shows no other trace than a longer part behind it.
    short = next((place for place, count in enumerate(frames) if count < max(frames[place:])), None)
    if short is not None:
        text = f"truncated: {paths[short].name} holds {frames[short]} frames, fewer than a part behind it"
        issues.append(Issue(level="warning", code="truncated", text=text))
    return Stream(header, paths, tuple(frames), tuple(issues))


def _entries(file: RandomAccessFile) -> list[Entry]:
    stream = _stream(file)
    header = stream.header
    info = DatasetInfo(
        key="0",
        title=stream.paths[0].stem,
        shape=(sum(stream.frames), header.height, header.width),
        dtype=header.dtype.newbyteorder("=").name,
    )
    return [Entry(info, lambda: _open(file, stream, info))]


def _open(file: RandomAccessFile, stream: Stream, info: DatasetInfo) -> Opened:
    header, frames = stream.header, sum(stream.frames)
    if frames < 1:
        raise Truncated.about(
            file.path,
            f"The TVIPS header promises frames of {header.height} x {header.width} px, but no complete one follows.",
        )
    files = FileSet(stream.paths)
    try:
        parts = [(stream.first_byte(k), count * header.stride) for k, count in enumerate(stream.frames)]
        joined = JoinedFiles(files, parts)
        meta = _meta(stream, info, joined).model_copy(
            update={
                "file_bytes": sum(first + count for first, count in parts),
                "fingerprint": files.fingerprint(joined.size),
            }
        )
        offsets = range(header.frame_header, joined.size, header.stride)
        source = StridedSource(joined, header.dtype, header.height, header.width, offsets)
    except BaseException:
        files.close()
        raise
    file.close()
    return Opened(meta, source, lambda: _tags(header, joined, frames))


class _FrameHeaders:
    """What stands before each frame, each read once."""

    def __init__(self, header: Header, joined: JoinedFiles) -> None:
        self._joined = joined
        self._stride = header.stride
        self._fields = _FIELDS[: header.frame_header // 4]
        self._packed = struct.Struct("<" + "".join(kind for _, kind in self._fields))
        self._seen: dict[int, dict[str, float]] = {}

    def of(self, frame: int) -> dict[str, float]:
        """The fields by name; those that this version does not have are missing."""
        if frame not in self._seen:
            raw = bytearray(self._packed.size)
            self._joined.read_into(frame * self._stride, memoryview(raw))
            values = self._packed.unpack(raw)
            self._seen[frame] = {name: value for (name, _), value in zip(self._fields, values, strict=True)}
        return self._seen[frame]

    def time(self, frame: int) -> float | None:
        """In s since 1970; None if it was not written."""
        fields = self.of(frame)
        return fields["time"] + fields["milliseconds"] / 1000 if fields["time"] else None

    def changes(self) -> dict[int, str]:
        """Frames at which the mode or the magnification becomes another, among the frames that were looked at."""
        breaks: dict[int, str] = {}
        for before, after in itertools.pairwise(sorted(self._seen)):
            if self._setting(before) == self._setting(after):
                continue
            low, high = before, after
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if self._setting(middle) == self._setting(before) else (low, middle)
            same_mode = self._setting(low)[0] == self._setting(high)[0]
            breaks[high] = "the magnification changed" if same_mode else "the mode changed"
        return breaks

    def scanned(self) -> bool:
        """Whether the beam was at different places in the frames that were looked at."""
        return len({(fields.get("scan_x"), fields.get("scan_y")) for fields in self._seen.values()}) > 1

    def _setting(self, frame: int) -> tuple[float | None, float | None]:
        fields = self.of(frame)
        return fields.get("mode"), fields.get("magnification")


def _meta(stream: Stream, info: DatasetInfo, joined: JoinedFiles) -> MovieMeta:
    header, frames = stream.header, sum(stream.frames)
    headers = _FrameHeaders(header, joined)
    stamped = read_stamps(headers.time, frames, 1e-3)
    breaks = headers.changes()
    if breaks:
        stamped = read_stamps(headers.time, frames, 1e-3, breaks)
    first = headers.of(0)
    size, unit, issues = _pixel(header, first)
    if headers.scanned():
        text = "the frames belong to the positions of a scan (4D-STEM), not to moments in time"
        issues = (*issues, Issue(level="warning", code="scan", text=text))
    truncated = sum(issue.code == "truncated" for issue in stream.issues)
    return MovieMeta(
        path=str(stream.paths[0]),
        format="TVIPS",
        dataset=info.key,
        title=info.title,
        frames=frames,
        height=header.height,
        width=header.width,
        dtype=info.dtype,
        pixel_size=size,
        pixel_unit=unit,
        times=stamped.times,
        frame_interval_s=stamped.interval,
        segments=stamped.segments,
        voltage_kv=_voltage(header.voltage_kv),
        magnification=header.magnification if header.magnification > 0 and unit != "1/nm" else None,
        detector="TVIPS camera",
        date=iso(stamped.start),
        scanned=False,
        start_unix_s=stamped.start,
        declared_frames=frames + truncated,
        file_count=len(stream.paths),
        issues=(*stream.issues, *issues, *stamp_issues(stamped, frames)),
    )


def _voltage(value: int) -> float | None:
    """The high tension in kV; recorders write it in kV, and some in V."""
    if 10 <= value <= 3000:
        return float(value)
    return value / 1000 if 10_000 <= value <= 3_000_000 else None


def _pixel(header: Header, first: dict[str, float]) -> tuple[tuple[float, float] | None, str | None, tuple[Issue, ...]]:
    """The size of a pixel at the specimen, where the header tells it.

    It holds the size of the camera's own pixels in nm, as whole number; through the magnification that is the size at
    the specimen. Programs that export to this format write the size at the specimen there.
    """
    diffraction = first.get("mode") == _DIFFRACTION
    if 0 < header.sensor_nm < _SMALLEST_SENSOR_PIXEL:
        unit = "1/nm" if diffraction else "nm"
        return (*pixel((header.sensor_nm, unit), (header.sensor_nm, unit)), ())
    if header.sensor_nm <= 0:
        return None, None, ()
    known = not diffraction and header.magnification >= 10 and header.binning == (1, 1)
    if known:
        size = header.sensor_nm / header.magnification
        return (*pixel((size, "nm"), (size, "nm")), ())
    why = "in diffraction" if diffraction else "of a binned camera" if header.magnification >= 10 else "here"
    text = f"the file tells the size of the camera's own pixels only, which {why} is not that at the specimen"
    return None, None, (Issue(level="info", code="pixel-size", text=text),)


def _tags(header: Header, joined: JoinedFiles, frames: int) -> dict[str, Any]:
    """The header, and each field of the frames' headers as a column; of a long movie, of evenly spread frames."""
    looked_at = np.unique(np.linspace(0, frames - 1, min(frames, MOST_READ)).round().astype(int))
    headers = _FrameHeaders(header, joined)
    rows = [headers.of(int(frame)) for frame in looked_at]
    columns: dict[str, Any] = {"frame": looked_at}
    for name in rows[0]:
        column = np.array([row[name] for row in rows])
        columns[name] = column[0] if np.all(column == column[0]) else column
    return {
        "header": {
            "version": header.version,
            "bits": header.bits,
            "camera_offset": header.offset,
            "binning": header.binning,
            "pixel_nm": header.sensor_nm,
            "high_tension": header.voltage_kv,
            "magnification": header.magnification,
            "frame_header_bytes": header.frame_header,
        },
        "frames": columns,
    }


FORMAT = Format("TVIPS", (".tvips",), _sniff, _entries)
