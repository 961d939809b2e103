"""What a TIFF file tells of pixel size, time and microscope, in the dialects that microscopes and programs write.

The resolution tags alone tell nothing: 72 dpi is for printing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import tifffile

from core.movies.formats import tiff_ome
from core.movies.units import pixel, seconds

_SIS_TAG = 33560
# What a unit of resolution is in cm, by TIFF's numbers for inch and centimetre.
_CENTIMETRES = {2: 2.54, 3: 1.0}
# 25,400 dots an inch; the finest scanners have 9,600.
_FINEST_PRINT_NM = 1000.0
_DM_UNITS = (65003, 65004, 65005)
_DM_SCALES = (65009, 65010, 65011)


@dataclass(frozen=True)
class Calibration:
    """What could be found; None is unknown."""

    pixel_size: tuple[float, float] | None = None
    pixel_unit: str | None = None
    frame_interval_s: float | None = None
    voltage_kv: float | None = None
    magnification: float | None = None
    detector: str | None = None
    date: str | None = None
    times: tuple[float, ...] | None = None
    exposure_s: float | None = None
    scanned: bool | None = None
    intensity_origin: float | None = None
    intensity_scale: float | None = None
    intensity_unit: str | None = None


def calibration(tiff: tifffile.TiffFile, page: Any, place: int, planes: range) -> Calibration:
    """The calibration of a series by the first dialect that is there.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        The file.
    page : tifffile.TiffPage
        The series's first page.
    place : int
        The number of the series in the file.
    planes : range
        Which planes of the series the movie is made of.
    """
    if tiff.imagej_metadata:
        return _imagej(tiff.imagej_metadata, page)
    if tiff.ome_metadata:
        return _ome(tiff.ome_metadata, place, planes)
    fei = tiff.fei_metadata
    if fei:
        return _fei(fei)
    if tiff.tvips_metadata:
        return _tvips(tiff.tvips_metadata)
    if tiff.sem_metadata:
        return _zeiss(tiff.sem_metadata, int(page.imagewidth))
    if _SIS_TAG in page.tags:
        return _sis(page.tags[_SIS_TAG].value)
    if _DM_SCALES[0] in page.tags:
        return _digital_micrograph(page)
    if _value(page, "Make").startswith("JEOL"):
        return _jeol(page)
    return _fine_resolution(page)


def _fine_resolution(page: Any) -> Calibration:
    """Pixels a cm or an inch, where there are more than any printer or scanner has; fewer are for printing."""
    tag = page.tags.get("ResolutionUnit")
    if tag is None or int(tag.value) not in _CENTIMETRES:
        return Calibration()
    inch = _CENTIMETRES[int(tag.value)]
    size, name = pixel((_pitch(page, "YResolution") * inch, "cm"), (_pitch(page, "XResolution") * inch, "cm"))
    return Calibration(size, name) if size is not None and max(size) < _FINEST_PRINT_NM else Calibration()


def _value(page: Any, name: str) -> str:
    tag = page.tags.get(name)
    return tag.value if tag is not None and isinstance(tag.value, str) else ""


def _float(value: Any) -> float:
    """A number, or NaN."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _positive(value: Any, factor: float = 1.0) -> float | None:
    number = _float(value) * factor
    return number if math.isfinite(number) and number > 0 else None


def _pitch(page: Any, name: str) -> float:
    """Units a pixel, from a resolution tag in pixels a unit."""
    tag = page.tags.get(name)
    try:
        above, below = tag.value
        return float(below) / float(above)
    except (AttributeError, TypeError, ValueError, ZeroDivisionError):
        return math.nan


def _imagej(tags: Mapping[str, Any], page: Any) -> Calibration:
    unit = str(tags.get("unit", ""))
    # ImageJ keeps a unit of its own for y where it differs.
    unit_y = str(tags.get("yunit", unit))
    size, name = pixel((_pitch(page, "YResolution"), unit_y), (_pitch(page, "XResolution"), unit))
    interval = _float(tags.get("finterval"))
    if math.isnan(interval):
        rate = _float(tags.get("fps"))
        interval = 1 / rate if rate > 0 else math.nan
    origin, slope, value_unit = _imagej_line(tags)
    return Calibration(
        size,
        name,
        seconds(interval, str(tags.get("tunit", "s"))),
        intensity_origin=origin,
        intensity_scale=slope,
        intensity_unit=value_unit,
    )


def _imagej_line(tags: Mapping[str, Any]) -> tuple[float | None, float | None, str | None]:
    """Origin, scale and unit of ImageJ's straight line: value = c0 + c1 * stored."""
    offset, slope = _float(tags.get("c0")), _float(tags.get("c1"))
    if _float(tags.get("cf")) != 0 or not math.isfinite(offset) or not math.isfinite(slope) or slope == 0:
        return None, None, None
    unit = str(tags.get("vunit", "")).strip()
    # "Gray Value" is ImageJ's word for none.
    return -offset / slope, slope, None if unit.lower() in {"", "gray value"} else unit


def _ome(text: str, place: int, planes: range) -> Calibration:
    found = tiff_ome.pixels(text, place, planes)
    return Calibration(
        found.pixel_size,
        found.pixel_unit,
        found.interval_s,
        magnification=found.magnification,
        detector=found.detector,
        date=found.date,
        times=found.times,
        exposure_s=found.exposure_s,
    )


def _fei(tags: Mapping[str, Any]) -> Calibration:
    """FEI's scanning microscopes (tags 34680 and 34682); lengths in m."""
    empty: Mapping[str, Any] = {}
    scan = tags.get("Scan") or tags.get("EScan") or empty
    beam = tags.get("Beam") or tags.get("EBeam") or empty
    user = tags.get("User") or empty
    detectors = tags.get("Detectors") or empty
    size, unit = pixel((_float(scan.get("PixelHeight")), "m"), (_float(scan.get("PixelWidth")), "m"))
    date = _iso(" ".join(str(user[name]) for name in ("Date", "Time") if user.get(name)), "%m/%d/%Y %I:%M:%S %p")
    return Calibration(
        size,
        unit,
        _positive(scan.get("FrameTime")),
        voltage_kv=_positive(beam.get("HV"), 1e-3),
        detector=str(detectors.get("Name") or "") or None,
        date=date,
        scanned=True,
    )


def _tvips(tags: Mapping[str, Any]) -> Calibration:
    """TVIPS's EM-Menu, version 2; lengths in nm, times in ms, tension in V."""
    magnification = _positive(tags.get("TemMagnification"))
    size = (_float(tags.get("PixelSizeY")), _float(tags.get("PixelSizeX")))
    # In diffraction the same tags hold another quantity: the camera's pixel over the magnification must be near it.
    pitch = _float(tags.get("PhysicalPixelSizeX")) * _float(tags.get("BinningX")) / (magnification or math.nan)
    near = pitch > 0 and size[1] > 0 and 0.3 < size[1] / pitch < 3
    pixel_size, unit = pixel((size[0], "nm"), (size[1], "nm")) if near else (None, None)
    day, second = tags.get("Date"), tags.get("Time")
    date = None
    if isinstance(day, int) and isinstance(second, int) and 0 <= second < 86400:
        text = f"{day >> 16}-{day >> 8 & 255}-{day & 255} {second // 3600}:{second // 60 % 60}:{second % 60}"
        date = _iso(text, "%Y-%m-%d %H:%M:%S") if "T" in (_iso(text, "%Y-%m-%d %H:%M:%S") or "") else None
    return Calibration(
        pixel_size,
        unit,
        exposure_s=_positive(tags.get("ExposureTime"), 1e-3),
        voltage_kv=_positive(tags.get("TemHighTension"), 1e-3),
        magnification=magnification,
        detector=str(tags.get("CameraType") or "") or None,
        date=date,
        scanned=False,
    )


def _zeiss(tags: Mapping[str, Any], width: int) -> Calibration:
    """Zeiss's scanning microscopes: (title, value, unit) by name."""

    def value(name: str) -> tuple[Any, str]:
        found = tags.get(name)
        parts = found if isinstance(found, tuple) else ()
        return (parts[1] if len(parts) > 1 else None), (str(parts[2]) if len(parts) > 2 else "")

    step = value("ap_image_pixel_size")
    pitch = _float(step[0])
    if not pitch > 0:
        # Older files tell the size on their screen of 1024 pixels only.
        step = value("ap_pixel_size")
        pitch = _float(step[0]) * 1024 / width
    size, unit = pixel((pitch, step[1]), (pitch, step[1]))
    kv = value("ap_actualkv")
    times, multiple = value("ap_mag")
    date = _iso(f"{value('ap_date')[0]} {value('ap_time')[0]}", "%d %b %Y %H:%M:%S")
    return Calibration(
        size,
        unit,
        voltage_kv=_positive(kv[0], {"kV": 1.0, "V": 1e-3}.get(kv[1], math.nan)),
        magnification=_positive(times, {"X": 1.0, "K X": 1000.0}.get(multiple, math.nan)),
        detector=str(value("dp_detector_type")[0] or "") or None,
        date=date if date and "T" in date else None,
        scanned=True,
    )


def _iso(text: str, form: str) -> str | None:
    """A date as ISO 8601 tells it; as it stands if it is of another form, None if there is none."""
    text = text.strip()
    try:
        return datetime.strptime(text, form).isoformat()
    except ValueError:
        return text or None


def _sis(tags: Any) -> Calibration:
    """Olympus (Soft Imaging Solutions); lengths in m."""
    if not isinstance(tags, Mapping):
        return Calibration()
    size, unit = pixel((_float(tags.get("pixelsizey")), "m"), (_float(tags.get("pixelsizex")), "m"))
    date: Any = tags.get("datetime")
    return Calibration(
        size,
        unit,
        magnification=_positive(tags.get("magnification")),
        detector=str(tags.get("cameraname") or "") or None,
        date=date.isoformat() if hasattr(date, "isoformat") else None,
    )


def _digital_micrograph(page: Any) -> Calibration:
    """DigitalMicrograph's own tags: unit and scale of x, y and the third axis."""
    units = [str(page.tags[code].value) if code in page.tags else "" for code in _DM_UNITS]
    scales = [_float(page.tags[code].value) if code in page.tags else math.nan for code in _DM_SCALES]
    size, unit = pixel((scales[1], units[1]), (scales[0], units[0]))
    return Calibration(size, unit, seconds(scales[2], units[2]))


def _jeol(page: Any) -> Calibration:
    """JEOL's cameras: the resolution is that of the camera, per inch, and the magnification stands in the XML."""
    text = _value(page, "ImageDescription")
    found = re.search(r"<ImageFormingSystem>(?:(?!</ImageFormingSystem>).)*?<SelectorValue>([^<]+)<", text, re.DOTALL)
    voltage = re.search(r"<AccelerationVoltage>([^<]+)<", text)
    kv = _positive(voltage.group(1), 1e-3) if voltage else None
    magnification = _positive(found.group(1)) if found else None
    date = _iso(_value(page, "DateTime"), "%Y/%m/%d %H:%M")
    unit_tag = page.tags.get("ResolutionUnit")
    if magnification is None or unit_tag is None or int(unit_tag.value) != 2:
        return Calibration(voltage_kv=kv, magnification=magnification, date=date)
    inch = 25.4 / magnification
    size, unit = pixel((_pitch(page, "YResolution") * inch, "mm"), (_pitch(page, "XResolution") * inch, "mm"))
    return Calibration(size, unit, voltage_kv=kv, magnification=magnification, date=date)
