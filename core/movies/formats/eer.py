"""Falcon EER: lists of electron events, hundreds of raw frames a second, added up to frames as chosen.

The dataset ``group=N`` adds N raw frames up to one. By default N is so large that a pixel sees about 0.7 electrons,
but no larger than 40.
"""

from __future__ import annotations

import math
import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.movies.clock import read_date_and_time
from core.movies.errors import Malformed, MovieError
from core.movies.files import RandomAccessFile
from core.movies.format import Entry, Format, Opened
from core.movies.formats import mdoc
from core.movies.formats.eer_pages import Coding, EventFile, read_pages
from core.movies.sources import CallbackSource, Frame, StridedSource
from core.movies.stamps import iso
from core.movies.units import pixel
from core.protocol.movie import DatasetInfo, Issue, MovieMeta

_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_KEY = re.compile(r"^group=([1-9]\d{0,5})$")
_PICTURE = "sum"
_WANTED_DOSE = 0.7
_USUAL_GROUP = 40
# Threads that add up one frame, and how many raw frames are worth a thread.
_MOST_THREADS, _LEAST_SHARE = 4, 4
_CHOICES = (1, 5, 10, 20, 40, 80, 160, 320)
# A camera's own pixels are larger than this (in m); smaller values are sizes at the specimen.
_SMALLEST_SENSOR_PIXEL = 1e-7


def _sniff(head: bytes, extension: str) -> bool:
    return extension == ".eer" and head[:4] in _TIFF


def _entries(file: RandomAccessFile) -> list[Entry]:
    events = read_pages(file)
    raw = len(events.streams)
    default = _default(file, events)
    groups = [default, *(group for group in _CHOICES if group != default and group <= max(1, raw // 2))]
    entries = [_entry(file, events, group, group == default) for group in groups]
    picture = events.picture
    if picture is not None:
        info = DatasetInfo(
            key=_PICTURE,
            title="the sum of all frames, as the camera made it",
            shape=(1, picture.height, picture.width),
            dtype=np.dtype(picture.dtype).newbyteorder("=").name,
        )
        entries.append(Entry(info, lambda: _open_picture(file, events, info)))
    return entries


def _asked(file: RandomAccessFile, key: str) -> Entry | None:
    """A grouping that is not among those offered."""
    found = _KEY.match(key)
    if found is None:
        return None
    events = read_pages(file)
    group = int(found.group(1))
    return _entry(file, events, group, group == _default(file, events)) if group <= len(events.streams) else None


def _entry(file: RandomAccessFile, events: EventFile, group: int, default: bool) -> Entry:
    info = DatasetInfo(
        key=f"group={group}",
        title=", ".join([f"{group} raw frames added up", *_each(events, group)]) if group > 1 else "each raw frame",
        shape=(len(events.streams) // group, events.height, events.width),
        dtype="uint8" if group <= 255 else "uint16",
    )
    return Entry(info, lambda: _open(file, events, group, info, default))


def _number(events: EventFile, name: str, units: tuple[str, ...]) -> float | None:
    """A positive metadatum, if it is in one of these units."""
    if events.units.get(name, "") not in units:
        return None
    try:
        value = float(events.items.get(name, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _declared(events: EventFile) -> int:
    """Raw frames that the camera says it took; those in the file if it does not say."""
    text = events.items.get("numberOfFrames", "")
    return max(int(text), len(events.streams)) if text.isdecimal() and len(text) < 10 else len(events.streams)


def _raw_exposure(events: EventFile) -> float | None:
    total = _number(events, "exposureTime", ("s",))
    return None if total is None else total / _declared(events)


def _raw_dose(events: EventFile) -> float | None:
    """Electrons a pixel and raw frame as the camera says."""
    total = _number(events, "totalDose", ("e/pixel", "e/px"))
    return None if total is None else total / _declared(events)


def _each(events: EventFile, group: int) -> list[str]:
    """Dose and time of a frame, as far as the file tells them."""
    dose, exposure = _raw_dose(events), _raw_exposure(events)
    told = [f"{dose * group:.3g} e/px"] if dose is not None else []
    return [*told, f"{exposure * group:.3g} s"] if exposure is not None else told


def _default(file: RandomAccessFile, events: EventFile) -> int:
    """How many raw frames to add up: for about 0.7 electrons a pixel, but no more than 40, nor than there are."""
    dose = _raw_dose(events)
    if dose is None:
        dose = _counted_dose(file, events)
    wanted = round(_WANTED_DOSE / dose) if dose > 0 else _USUAL_GROUP
    return max(1, min(wanted, _USUAL_GROUP, len(events.streams)))


def _counted_dose(file: RandomAccessFile, events: EventFile) -> float:
    """Electrons a pixel of the middle raw frame; 0 if it can't be decoded."""
    try:
        counted = _add(file, events, events.streams[len(events.streams) // 2 :][:1], np.dtype(np.uint8))
    except MovieError:
        # The movie opens all the same; whoever reads that frame is told.
        return 0.0
    return float(counted.mean(dtype=np.float64))


def _open(file: RandomAccessFile, events: EventFile, group: int, info: DatasetInfo, default: bool) -> Opened:
    raw, declared = len(events.streams), _declared(events)
    frames = raw // group
    issues = []
    if default and group > 1:
        each = ", ".join(_each(events, group))
        text = f"{group} raw frames are added up to one{f' ({each})' if each else ''}; the dataset group=N takes N"
        issues.append(Issue(level="info", code="grouping", text=text))
    if raw % group:
        text = f"the last {raw % group} of {raw} raw frames make no whole group and are left out"
        issues.append(Issue(level="info", code="grouping-rest", text=text))
    if events.broken or raw < declared:
        text = f"truncated: {raw} of {max(declared, raw + events.broken)} raw frames"
        issues.append(Issue(level="warning", code="truncated", text=text))
    promised = max(frames, max(declared, raw + events.broken) // group)
    meta = _meta(file, events, info, group)
    meta = meta.model_copy(update={"frames": frames, "declared_frames": promised, "issues": (*issues, *meta.issues)})
    dtype = np.dtype(info.dtype)

    def decode(frame: int) -> Frame:
        return _add(file, events, events.streams[frame * group : (frame + 1) * group], dtype)

    return Opened(meta, CallbackSource(decode, file.close, one_at_a_time=False), lambda: _tags(file, events))


def _open_picture(file: RandomAccessFile, events: EventFile, info: DatasetInfo) -> Opened:
    picture = events.picture
    if picture is None:
        raise Malformed.about(file.path, "The EER file holds no sum of its frames.")
    dtype = np.dtype(picture.dtype)
    source = StridedSource(file, dtype, picture.height, picture.width, (picture.offset,))
    meta = _meta(file, events, info, len(events.streams))
    return Opened(meta.model_copy(update={"counts_per_electron": None}), source, lambda: _tags(file, events))


def _meta(file: RandomAccessFile, events: EventFile, info: DatasetInfo, group: int) -> MovieMeta:
    exposure, dose = _raw_exposure(events), _raw_dose(events)
    facts = mdoc.of_movie(file.path, len(events.streams))
    size, unit = _pixel(events)
    if size is None and facts.pixel_size is not None:
        size, unit = facts.pixel_size, "nm"
    start = read_date_and_time(events.items.get("timestamp", "")) or facts.start_unix_s
    dose_a2 = facts.dose_e_per_a2
    if dose is not None and size is not None:
        dose_a2 = dose / (size[0] * size[1] * 100)
    exposure = exposure or facts.exposure_s
    return MovieMeta(
        path=file.path,
        format="Falcon EER",
        dataset=info.key,
        title=info.title if info.key == _PICTURE else Path(file.path).stem,
        frames=info.shape[0],
        height=info.shape[1],
        width=info.shape[2],
        dtype=info.dtype,
        pixel_size=size,
        pixel_unit=unit,
        frame_interval_s=None if exposure is None else exposure * group,
        exposure_s=None if exposure is None else exposure * group,
        counts_per_electron=1.0,
        black_level=0.0,
        detector=events.items.get("commercialName") or events.items.get("cameraName") or "Falcon",
        date=iso(start),
        scanned=False,
        dose_e_per_a2=None if dose_a2 is None else dose_a2 * group,
        voltage_kv=facts.voltage_kv,
        magnification=facts.magnification,
        start_unix_s=start,
        declared_frames=info.shape[0],
        issues=facts.issues,
    )


def _pixel(events: EventFile) -> tuple[tuple[float, float] | None, str | None]:
    """The size of a pixel at the specimen; some files tell that of the camera's own pixels, which is of no use."""
    height, width = (_number(events, f"sensorPixelSize.{side}", ("m",)) for side in ("height", "width"))
    if height is None or width is None or max(height, width) > _SMALLEST_SENSOR_PIXEL:
        return None, None
    return pixel((height, "m"), (width, "m"))


def _tags(file: RandomAccessFile, events: EventFile) -> dict[str, Any]:
    named = {f"{name} [{events.units[name]}]" if name in events.units else name: v for name, v in events.items.items()}
    coding = events.coding
    return {
        "acquisition": named,
        "first frame": events.frame_items,
        "bits of an event": {"skip": coding.skip, "horizontal": coding.horizontal, "vertical": coding.vertical},
        "raw frames": len(events.streams),
        **mdoc.of_movie(file.path, len(events.streams)).tags,
    }


def _add(
    file: RandomAccessFile, events: EventFile, streams: tuple[tuple[int, int], ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Raw frames added up; of many, some by each of a few threads, for the decoder lets go of Python meanwhile."""
    shares = min(_MOST_THREADS, os.cpu_count() or 1, len(streams) // _LEAST_SHARE)
    if shares < 2:
        return _add_in_turn(file, events, streams, dtype)
    with ThreadPoolExecutor(shares, "eer") as pool:
        parts = pool.map(lambda k: _add_in_turn(file, events, streams[k::shares], dtype), range(shares))
        total = next(parts)
        for part in parts:
            total += part
    return total


def _add_in_turn(
    file: RandomAccessFile, events: EventFile, streams: tuple[tuple[int, int], ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    import imagecodecs

    shape, coding = (events.height, events.width), events.coding
    adds = _adds(coding, dtype)
    total: NDArray[Any] = np.zeros(shape, dtype)
    single = None if adds else np.empty(shape, np.bool_)
    for offset, count in streams:
        data = file.read(offset, count)
        # The decoder takes whole words of two bytes.
        data = data if count % 2 == 0 else data + b"\x00"
        if not data:
            continue
        try:
            if single is None:
                imagecodecs.eer_decode(data, shape, coding.skip, coding.horizontal, coding.vertical, out=total)
            else:
                single[:] = False
                imagecodecs.eer_decode(data, shape, coding.skip, coding.horizontal, coding.vertical, out=single)
                np.add(total, single, out=total, casting="unsafe")
        except imagecodecs.EerError as error:
            raise Malformed.about(file.path, f"The events at byte {offset} are damaged.") from error
    return total


@lru_cache
def _adds(coding: Coding, dtype: np.dtype[Any]) -> bool:
    """Whether this version of the decoder adds events to what stands in an array of this type."""
    import imagecodecs

    total = np.ones((1, 8), dtype)
    # The first pixel, then seven without an event.
    stream = int(7 << (coding.skip + coding.horizontal + coding.vertical)).to_bytes(8, "little")
    try:
        imagecodecs.eer_decode(stream, (1, 8), coding.skip, coding.horizontal, coding.vertical, out=total)
    except (ValueError, TypeError, imagecodecs.EerError):
        return False
    return bool(np.array_equal(total, [[2, 1, 1, 1, 1, 1, 1, 1]]))


FORMAT = Format("Falcon EER", (".eer",), _sniff, _entries, _asked)
