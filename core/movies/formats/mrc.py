"""MRC and MRCS: a header of 1,024 bytes, an extended header, then the frames (MRC2014 and its older kin)."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.movies import result_record
from core.movies.calibration import recall
from core.movies.errors import Malformed, Truncated, Unsupported
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format, Opened
from core.movies.formats import de_info, mdoc, refusals
from core.movies.formats.facts import Facts, joined
from core.movies.formats.mrc_extended import read_extended
from core.movies.sources import CallbackSource, Frame, FrameSource, StridedSource
from core.movies.timing import even_interval, segments_of
from core.movies.units import pixel
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

HEADER_BYTES = 1024
_EXTENSIONS = (".mrc", ".mrcs", ".map", ".st", ".ali", ".rec", ".ccp4")
_TYPES = {0: "i1", 1: "i2", 2: "f4", 3: "c4", 4: "c8", 6: "u2", 12: "f2", 101: "4 bit"}
_IMOD_STAMP = 1146047817
_HALF_BYTES = 16
_FOUR_BITS = "4 bits packed"
_LARGEST_SIDE = 1 << 20
_UNSIGNED = "0?unsigned"
_GLANCE = 1 << 16


@dataclass(frozen=True)
class Header:
    """The fields that matter, and the byte order in which they make sense."""

    order: str
    width: int
    height: int
    frames: int
    mode: int
    data_offset: int
    extended_kind: bytes
    pixel_y: float
    pixel_x: float
    signed_bytes: bool
    labels: tuple[str, ...]
    stamp_wrong: bool

    @property
    def row_bytes(self) -> int:
        """Bytes of a row as stored."""
        if self.mode == 101:
            return (self.width + 1) // 2
        return self.width * {0: 1, 1: 2, 2: 4, 3: 4, 4: 8, 6: 2, 12: 2}[self.mode]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type as stored; 4-bit pixels are unpacked to uint8."""
        if self.mode == 101 or (self.mode == 0 and not self.signed_bytes):
            return np.dtype(np.uint8)
        if self.mode == 3:
            return np.dtype(np.complex64)
        return np.dtype(self.order + _TYPES[self.mode])


def _plausible(head: bytes, order: str) -> bool:
    """Whether sizes and mode make sense in this byte order; the stamp of the header is often wrong."""
    nx, ny, nz, mode = struct.unpack_from(order + "4i", head)
    return 0 < nx <= _LARGEST_SIDE and 0 < ny <= _LARGEST_SIDE and nz > 0 and mode in _TYPES


def _sniff(head: bytes, extension: str) -> bool:
    # An old MRC file has no magic word, so its extension must speak for it.
    return extension in _EXTENSIONS or (len(head) >= 212 and head[208:212] in (b"MAP ", b"MAP\x00"))


def _header(file: RandomAccessFile) -> Header:
    if file.size < HEADER_BYTES:
        raise Truncated.about(file.path, f"The file has {file.size} bytes, less than an MRC header of 1,024 bytes.")
    head = file.read(0, HEADER_BYTES)
    stamped = ">" if head[212] == 0x11 else "<"
    orders = [order for order in (stamped, "<" if stamped == ">" else ">") if _plausible(head, order)]
    if not orders:
        nx, ny, nz, mode = struct.unpack_from(stamped + "4i", head)
        if 0 < nx <= _LARGEST_SIDE and 0 < ny <= _LARGEST_SIDE and nz > 0:
            raise Unsupported.about(file.path, f"MRC mode {mode} is not one that can be read here.")
        raise Malformed.about(file.path, f"The MRC header promises {nz} frames of {ny} x {nx} px, which can't be.")
    order = orders[0]
    nx, ny, nz, mode = struct.unpack_from(order + "4i", head)
    mx, my = struct.unpack_from(order + "2i", head, 28)
    cell_x, cell_y = struct.unpack_from(order + "2f", head, 40)
    (extended,) = struct.unpack_from(order + "i", head, 92)
    imod, flags = struct.unpack_from(order + "2i", head, 152)
    (count,) = struct.unpack_from(order + "i", head, 220)
    if extended < 0 or HEADER_BYTES + extended > file.size:
        raise Malformed.about(file.path, f"The MRC header claims an extended header of {extended} bytes.")
    fields = [head[224 + 80 * k : 304 + 80 * k] for k in range(min(max(count, 0), 10))]
    labels = tuple(field.split(b"\x00")[0].decode("latin-1").strip() for field in fields)
    # A file that was worked on has more labels, and its pixels may be unpacked by then.
    packed = len(labels) == 1 and _FOUR_BITS in labels[0]
    if mode == 0 and (packed or (imod == _IMOD_STAMP and flags & _HALF_BYTES)):
        # SerialEM's way before mode 101 was agreed on: two pixels a byte, and half as many bytes as pixels in a row.
        mode, nx = 101, nx * 2
    return Header(
        order=order,
        width=nx,
        height=ny,
        frames=nz,
        mode=mode,
        data_offset=HEADER_BYTES + extended,
        extended_kind=head[104:108],
        pixel_y=cell_y / my if my > 0 else math.nan,
        pixel_x=cell_x / mx if mx > 0 else math.nan,
        signed_bytes=imod != _IMOD_STAMP or bool(flags & 1),
        labels=labels,
        stamp_wrong=order != stamped,
    )


def _entries(file: RandomAccessFile) -> list[Entry]:
    header = _header(file)
    if header.mode == 0 and header.signed_bytes and de_info.unsigned_bytes(file.path, header.height, header.width):
        header = replace(header, signed_bytes=False)
    return [_entry(file, header, "0")]


def _unsigned(file: RandomAccessFile, key: str) -> Entry | None:
    """The same bytes as numbers from 0 to 255: many programs wrote them so, against the standard and without a mark."""
    header = _header(file)
    if key != _UNSIGNED or header.mode != 0:
        return None
    return _entry(file, replace(header, signed_bytes=False), key)


def _entry(file: RandomAccessFile, header: Header, key: str) -> Entry:
    info = DatasetInfo(
        key=key,
        title=next((label for label in header.labels if label), ""),
        shape=(header.frames, header.height, header.width),
        dtype=header.dtype.name,
        refusal=refusals.of_pixels(header.dtype),
    )
    return Entry(info, lambda: _open(file, header, info))


def _open(file: RandomAccessFile, header: Header, info: DatasetInfo) -> Opened:
    frame_bytes = header.row_bytes * header.height
    frames = min(header.frames, (file.size - header.data_offset) // frame_bytes)
    if frames < 1:
        raise Truncated.about(
            file.path,
            f"The MRC header promises {header.frames} frames of {header.height} x {header.width} px,"
            " but the file ends before the first is complete.",
        )
    issues = []
    if frames < header.frames:
        issues.append(Issue(level="warning", code="truncated", text=f"truncated: {frames} of {header.frames} frames"))
    if header.stamp_wrong:
        issues.append(
            Issue(level="info", code="byte-order", text="the header's byte order stamp is wrong and was ignored")
        )
    if header.mode == 0 and header.signed_bytes and _any_negative(file, header):
        text = (
            "bytes are taken for signed numbers, as the standard has it; if bright parts look black,"
            f" open it as dataset {_UNSIGNED}"
        )
        issues.append(Issue(level="info", code="signed-bytes", text=text))
    facts = _facts(file, header)
    meta = _meta(file, header, info, frames, facts)
    record = result_record.sidecar(file.path, header.labels)
    if not record and result_record.is_bound(header.labels):
        text = (
            f"the file {result_record.sidecar_path(file.path).name} that belongs to this result is missing or was"
            " changed: times, settings, and how it was made, are lost without it"
        )
        issues.append(Issue(level="warning", code="record-missing", text=text))
    meta = meta.model_copy(update={"issues": (*issues, *meta.issues)})
    meta = recall(meta, result_record.movie_json(record))
    end = header.data_offset + frames * frame_bytes
    offsets = range(header.data_offset, end, frame_bytes)
    source: FrameSource
    if header.mode == 101:
        source = CallbackSource(lambda index: _unpack(file, header, offsets[index]), file.close, one_at_a_time=False)
    else:
        source = StridedSource(file, header.dtype, header.height, header.width, offsets)
    tags = {"labels": header.labels, "mode": header.mode, **facts.tags}
    return Opened(meta, source, lambda: tags)


def _any_negative(file: RandomAccessFile, header: Header) -> bool:
    """Whether the beginning of the first frame holds numbers below 0."""
    count = min(header.row_bytes * header.height, _GLANCE)
    return bool((np.frombuffer(file.read(header.data_offset, count), np.int8) < 0).any())


def _facts(file: RandomAccessFile, header: Header) -> Facts:
    """What the extended header and the files beside the stack add."""
    size = header.data_offset - HEADER_BYTES
    return joined(
        read_extended(file, header.extended_kind, header.order, HEADER_BYTES, size, header.frames),
        mdoc.of_movie(file.path, header.frames),
        de_info.of_movie(file.path, header.frames, header.height, header.width),
    )


def _meta(file: RandomAccessFile, header: Header, info: DatasetInfo, frames: int, facts: Facts) -> MovieMeta:
    size, unit, issues = _pixel(header, facts)
    times = None if facts.times is None else facts.times[:frames]
    interval = facts.frame_interval_s if times is None else even_interval(times)
    return MovieMeta(
        path=file.path,
        format="MRC",
        dataset=info.key,
        title=info.title,
        frames=frames,
        height=header.height,
        width=header.width,
        dtype=header.dtype.newbyteorder("=").name,
        pixel_size=size,
        pixel_unit=unit,
        times=times,
        frame_interval_s=interval if frames > 1 else None,
        segments=() if times is None else segments_of(frames, times),
        exposure_s=facts.exposure_s,
        counts_per_electron=facts.counts_per_electron,
        voltage_kv=facts.voltage_kv,
        magnification=facts.magnification,
        detector=facts.detector,
        date=facts.date,
        scanned=facts.scanned,
        dose_e_per_a2=facts.dose_e_per_a2,
        start_unix_s=facts.start_unix_s,
        declared_frames=header.frames,
        issues=(*issues, *facts.issues),
    )


def _pixel(header: Header, facts: Facts) -> tuple[tuple[float, float] | None, str | None, tuple[Issue, ...]]:
    """The size of a pixel: the header's, unless it is 1 angstrom, which also stands for "unknown"."""
    size, unit = pixel((header.pixel_y, "A"), (header.pixel_x, "A"))
    other = facts.pixel_size
    if facts.diffraction and facts.pixel_inverse is not None:
        return facts.pixel_inverse, "1/nm", ()
    if facts.diffraction:
        text = "the frames are diffraction patterns, whose pixels have no size in nm"
        return None, None, (Issue(level="info", code="diffraction", text=text),)
    if other is None or size is None or unit != "nm":
        return (size, unit, ()) if other is None else (other, "nm", ())
    if all(math.isclose(mine, its, rel_tol=0.02) for mine, its in zip(size, other, strict=True)):
        return size, unit, ()
    unset = all(math.isclose(mine, 0.1, rel_tol=1e-4) for mine in size)
    used, left = (other, size) if unset else (size, other)
    text = f"two pixel sizes are told, {used[1]:.4g} nm, which is used, and {left[1]:.4g} nm"
    return used, "nm", (Issue(level="info", code="pixel-size", text=text),)


def _unpack(file: RandomAccessFile, header: Header, offset: int) -> Frame:
    """A frame of 4-bit pixels, two a byte, the first one in the lower half."""
    packed = np.frombuffer(file.read(offset, header.row_bytes * header.height), np.uint8)
    rows = packed.reshape(header.height, header.row_bytes)
    out = np.empty((header.height, header.row_bytes * 2), np.uint8)
    out[:, 0::2] = rows & 15
    out[:, 1::2] = rows >> 4
    return out[:, : header.width]


FORMAT = Format("MRC", _EXTENSIONS, _sniff, _entries, _unsigned)
