"""Velox EMD, written by Thermo Fisher's Velox: a group for each detector, frames last, JSON for each frame."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from core.movies.files import RandomAccessFile
from core.movies.formats.hdf5_file import (
    Container,
    inner,
    number,
    read_json,
    text,
)
from core.movies.formats.hdf5_layout import ChunkIndex, Layout, index_of, layout_of
from core.movies.formats.hdf5_movie import Found
from core.movies.formats.hdf5_source import Axes, ChunkReader
from core.movies.timing import even_interval, segments_of
from core.movies.units import pixel
from core.protocol.movie import Issue

NAME = "Velox EMD"
_IMAGE = re.compile(r"Data/Image/[^/]+/Data")
_SPECTRA = re.compile(r"Data/(Spectrum|SpectrumImage|SpectrumStream)/[^/]+/Data")
_EDS = "These are X-ray spectra (EDS), not images, so they can't be denoised here."
# JSON of a frame: larger is refused; beyond so many frames only the first and last are asked for their time.
_LARGEST_JSON = 1 << 20
_MOST_FRAMES_READ = 20_000
_SPARE = 2048

_TIME_STAMP = re.compile(rb'Detectors\[[^\]"]*\]\.TimeStamp"\s*:\s*\{[^}]*"value"\s*:\s*"(\d{1,18})"')
_PIXEL_SIZE = re.compile(rb'"PixelSize"\s*:\s*\{[^}]*"width"\s*:\s*"([^"]{1,40})"')


def found_in(file: RandomAccessFile, container: Container) -> list[Found] | None:
    """The images and spectra of a Velox file; None if it is none."""
    images = [path for path in container.tree.datasets if _IMAGE.fullmatch(path)]
    spectra = [path for path in container.tree.datasets if _SPECTRA.fullmatch(path)]
    version = read_json(text(container.value("Version")))
    if not images and not (spectra and version.get("format") == "Velox"):
        return None
    names, recorded = _names(container)
    found = []
    for path in images:
        layout = layout_of(container.dataset(path), path)
        frames = Frames(file, path.removesuffix("/Data"))
        title = names.get(f"/{frames.group}") or frames.detector(container) or frames.group.rsplit("/", 1)[-1]
        roles = Axes(0, 1, 2) if len(layout.shape) == 3 else None
        found.append(Found(layout, NAME, title, (), roles, None, frames.known, frames.tags))
    # What was recorded comes before what Velox computed from it, movies before images.
    found.sort(
        key=lambda item: (f"/{item.layout.path.removesuffix('/Data')}" not in recorded, -sum(item.layout.shape[2:]))
    )
    for path in spectra:
        kind = path.split("/")[1]
        found.append(Found(layout_of(container.dataset(path), path), NAME, kind, refusal=_EDS))
    return found


def _names(container: Container) -> tuple[dict[str, str], set[str]]:
    """What the operations and displays call the data that they show, by path; and which come from a detector."""
    names: dict[str, str] = {}
    recorded: set[str] = set()
    # What is computed (DPC, sums) is named by its operation or by its display, detectors by both.
    for place, keys in (
        ("Operations/", ("detector", "cameraName", "mathematicsMode")),
        ("Presentation/Displays/", ("label",)),
    ):
        for path in container.tree.datasets:
            if not path.startswith(place):
                continue
            told = read_json(text(container.value(path)))
            labels = [inner(told.get("display"), key) or told.get(key) for key in keys]
            label = next((label for label in labels if isinstance(label, str) and label), None)
            data = told.get("dataPath")
            if isinstance(data, str) and label is not None:
                names.setdefault(data, unquote(label))
                recorded |= {data} if told.get("detector") or told.get("cameraName") else set()
    return names, recorded


@dataclass
class Frames:
    """The JSON beside the frames of one image.

    Attributes
    ----------
    file : RandomAccessFile
        The Velox file.
    group : str
        Path of the image's group.
    first : dict
        The JSON of the first frame, once it is read.
    """

    file: RandomAccessFile
    group: str
    first: dict[str, Any] = field(default_factory=dict)

    def detector(self, container: Container) -> str:
        """The name of the detector; empty if unknown."""
        reader = _JsonReader.of(self.file, container, self.group)
        self.first = read_json(reader.whole(0)) if reader is not None else {}
        return text(inner(self.first, "BinaryResult", "Detector"))

    def tags(self, container: Container) -> dict[str, Any]:
        """The JSON of the first frame as a tree."""
        reader = _JsonReader.of(self.file, container, self.group)
        found = read_json(reader.whole(0)) if reader is not None else {}
        return found or container.tags()

    def known(self, container: Container, frames: int) -> dict[str, Any]:
        """Fields of `MovieMeta`."""
        reader = _JsonReader.of(self.file, container, self.group)
        if reader is None:
            text_ = "the file holds no metadata for this image"
            return {"extra_issues": (Issue(level="info", code="no-metadata", text=text_),)}
        raw = reader.whole(0)
        told = read_json(raw)
        if not told:
            text_ = "the metadata of the first frame are damaged; calibrations are missing"
            return {"extra_issues": (Issue(level="warning", code="tags-damaged", text=text_),)}
        known = _fields(told)
        if frames > 1:
            known.update(_series(reader, raw, told, frames))
        return known


def _fields(told: dict[str, Any]) -> dict[str, Any]:
    result = inner(told, "BinaryResult") or {}
    name = text(inner(result, "Detector"))
    detector = _detector(told, name, text(inner(result, "DetectorIndex")))
    kind = text(inner(detector, "DetectorType"))
    scanned = {"ScanningDetector": True, "ImagingDetector": False}.get(kind)
    size, unit = pixel(
        (_number(inner(result, "PixelSize", "height")), text(inner(result, "PixelUnitY"))),
        (_number(inner(result, "PixelSize", "width")), text(inner(result, "PixelUnitX"))),
    )
    voltage = _positive(inner(told, "Optics", "AccelerationVoltage"))
    started = _started(told, name)
    return {
        "pixel_size": size,
        "pixel_unit": unit,
        "voltage_kv": voltage / 1000 if voltage else None,
        "magnification": _magnification(told),
        "detector": name or text(inner(detector, "DetectorName")) or None,
        "exposure_s": None if scanned else _positive(inner(detector, "ExposureTime")),
        "scanned": scanned,
        "counts_per_electron": None if scanned is not False else _gain(told, name),
        "date": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds") if started else None,
        "start_unix_s": started,
    }


def _number(item: Any) -> float:
    found = number(item)
    return math.nan if found is None else found


def _positive(item: Any) -> float | None:
    found = number(item)
    return found if found is not None and found > 0 else None


def _detector(told: dict[str, Any], name: str, index: str) -> dict[str, Any]:
    detectors = inner(told, "Detectors")
    if not isinstance(detectors, dict):
        return {}
    for item in detectors.values():
        if name and inner(item, "DetectorName") == name and isinstance(item, dict):
            return item
    item = detectors.get(f"Detector-{index}")
    return item if not name and isinstance(item, dict) else {}


def _custom(told: dict[str, Any], name: str) -> Any:
    return inner(told, "CustomProperties", name, "value")


def _magnification(told: dict[str, Any]) -> float | None:
    # The same name is a flag in some versions.
    kind = text(inner(told, "CustomProperties", "StemMagnification", "type"))
    stem = _positive(_custom(told, "StemMagnification")) if kind in ("double", "float") else None
    return stem or _positive(inner(told, "Optics", "NominalMagnification"))


def _gain(told: dict[str, Any], name: str) -> float | None:
    """Counts an electron, where a stored count is a count of the camera: else it is not clear to which it applies."""
    per_value = number(_custom(told, f"Detectors[{name}].PixelValueToCameraCounts"))
    electrons = _positive(_custom(told, f"Detectors[{name}].CountsToElectrons"))
    if electrons is None or per_value not in (None, 1.0):
        return None
    return 1 / electrons


def _started(told: dict[str, Any], name: str) -> float | None:
    stamp = _positive(_custom(told, f"Detectors[{name}].TimeStamp"))
    started = stamp / 1e6 if stamp else _positive(inner(told, "Acquisition", "AcquisitionStartDatetime", "DateTime"))
    # From 1990 on, and before the year 2100: else it is no date.
    return started if started and 631152000 < started < 4102444800 else None


def _series(reader: _JsonReader, first: bytes, told: dict[str, Any], frames: int) -> dict[str, Any]:
    """Times and changes of magnification, from each frame's own JSON."""
    interval = _positive(inner(told, "Scan", "FrameTime")) if _is_scanned(told) else None
    if frames > _MOST_FRAMES_READ:
        start, end = _stamp(first), _stamp(reader.whole(frames - 1))
        if start is not None and end is not None and end > start:
            interval = (end - start) / (frames - 1) / 1e6
        return {"frame_interval_s": interval}
    stamps_of, sizes = [_stamp(first)], [_size(first)]
    for frame in range(1, frames):
        raw = reader.start(frame, len(first) + _SPARE)
        stamps_of.append(_stamp(raw))
        sizes.append(_size(raw))
    breaks = {
        frame: "the magnification changed"
        for frame in range(1, frames)
        if sizes[frame] != sizes[frame - 1] and sizes[frame] and sizes[frame - 1]
    }
    known: dict[str, Any] = {"frame_interval_s": interval, "segments": segments_of(frames, None, breaks)}
    stamps = [stamp for stamp in stamps_of if stamp is not None]
    if len(stamps) == frames and stamps[-1] > stamps[0]:
        times = tuple((stamp - stamps[0]) / 1e6 for stamp in stamps)
        known["segments"] = segments_of(frames, times, breaks)
        even = even_interval(times)
        known["frame_interval_s"] = even
        if even is None:
            known["times"] = times
    return known


def _is_scanned(told: dict[str, Any]) -> bool:
    name = text(inner(told, "BinaryResult", "Detector"))
    return text(inner(_detector(told, name, ""), "DetectorType")) == "ScanningDetector"


def _stamp(raw: bytes) -> int | None:
    """When a frame was taken, in microseconds since 1970, as the camera tells it."""
    found = _TIME_STAMP.search(raw)
    return int(found.group(1)) if found else None


def _size(raw: bytes) -> bytes:
    found = _PIXEL_SIZE.search(raw)
    return found.group(1) if found else b""


class _JsonReader:
    """Reads the columns of a ``Metadata`` dataset (bytes, frames): the JSON of each frame, filled up with zeros."""

    def __init__(self, file: RandomAccessFile, layout: Layout, index: ChunkIndex) -> None:
        self._file = file
        self._layout = layout
        self._index = index
        self._reader = ChunkReader(file, layout, index, Axes(0, 1))
        # One chunk a frame, as Velox writes it, can be read in part.
        self._plain = not layout.filters and layout.chunks == (layout.shape[0], 1)

    @classmethod
    def of(cls, file: RandomAccessFile, container: Container, group: str) -> _JsonReader | None:
        """The reader for an image's group; None if there are no metadata of the known kind."""
        path = f"{group}/Metadata"
        if path not in container.tree.datasets:
            return None
        dataset = container.dataset(path)
        layout = layout_of(dataset, path)
        usable = layout.kind == "chunked" and layout.refusal is None and len(layout.shape) == 2
        if not usable or layout.dtype.itemsize != 1 or max(layout.shape[0], layout.chunks[0]) > _LARGEST_JSON:
            return None
        return cls(file, layout, index_of(dataset, layout, file))

    def whole(self, frame: int) -> bytes:
        """All of a frame's JSON; empty if there is none."""
        if frame >= self._layout.shape[1]:
            return b""
        part = self._reader.part(0, 1, slice(0, self._layout.shape[0]), slice(frame, frame + 1))
        return part.tobytes().split(b"\x00", 1)[0]

    def start(self, frame: int, count: int) -> bytes:
        """A frame's JSON, read no further than `count` bytes where that is enough."""
        found = self._index.find(frame) if self._plain and frame < self._layout.shape[1] else None
        if found is None or count >= found[1]:
            return self.whole(frame)
        raw = self._file.read(found[0], count)
        return raw.split(b"\x00", 1)[0] if b"\x00" in raw else self.whole(frame)
