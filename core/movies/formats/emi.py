"""The EMI file beside a SER series: the microscope's settings as XML in the middle of a binary file. Optional."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

_LARGEST = 64 << 20


@dataclass(frozen=True)
class Settings:
    """What an EMI file tells; all None without one. `problem` says why it could not be read."""

    voltage_kv: float | None = None
    magnification: float | None = None
    exposure_s: float | None = None
    frame_time_s: float | None = None
    detector: str | None = None
    date: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


def series_of(path: str) -> list[tuple[int, Path]]:
    """The series that belong to an EMI file, by number: ``NAME_1.ser`` is 1."""
    emi = Path(path)
    pattern = re.compile(re.escape(emi.stem) + r"_(\d+)\.ser", re.IGNORECASE)
    found = []
    for candidate in emi.parent.iterdir():
        match = pattern.fullmatch(candidate.name)
        if match and candidate.is_file():
            found.append((int(match.group(1)), candidate))
    return sorted(found)


def beside(path: str) -> Settings:
    """The settings that belong to a series ``NAME_1.ser``, from ``NAME.emi`` in the same folder."""
    series = Path(path)
    match = re.fullmatch(r"(.+)_\d+", series.stem)
    if match is None:
        return Settings()
    for extension in (".emi", ".EMI"):
        candidate = series.with_name(match.group(1) + extension)
        try:
            if candidate.is_file():
                return _read(candidate)
        except (OSError, ValueError, ElementTree.ParseError):
            return Settings(problem=f"{candidate.name} could not be read, so the microscope's settings are unknown")
    return Settings()


def _read(path: Path) -> Settings:
    if path.stat().st_size > _LARGEST:
        raise ValueError("far too large for settings")
    data = path.read_bytes()
    start, end = data.find(b"<ObjectInfo>"), data.find(b"</ObjectInfo>")
    if not 0 <= start < end:
        raise ValueError("no settings inside")
    text = data[start : end + len(b"</ObjectInfo>")]
    if b"<!" in text:
        # Entities could grow without end; TIA writes none.
        raise ValueError("declarations are not expected here")
    root = ElementTree.fromstring(text)  # noqa: S314 - declarations and so entities are refused above
    tags = _tags(root)
    voltage = _number(tags.get("AcceleratingVoltage"))
    scanned = "FrameTime" in tags
    dwell = _number(tags.get("DwellTimePath"))
    return Settings(
        voltage_kv=voltage / 1000 if voltage else None,
        magnification=_magnification(tags),
        # For a camera the dwell time is the exposure; for a scan it is that of a pixel.
        exposure_s=None if scanned else dwell,
        frame_time_s=_number(tags.get("FrameTime")),
        detector=tags.get("CameraNamePath") or None,
        date=tags.get("AcquireDate") or None,
        tags=tags,
    )


def _tags(root: ElementTree.Element) -> dict[str, str]:
    tags = {element.tag: (element.text or "").strip() for element in root.iter() if len(element) == 0}
    for entry in root.iter("Data"):
        label, value, unit = (entry.findtext(name) or "" for name in ("Label", "Value", "Unit"))
        if label:
            tags[f"{label} [{unit}]" if unit else label] = value.strip()
    for name in ("Label", "Value", "Unit"):
        tags.pop(name, None)
    return tags


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _magnification(tags: Mapping[str, str]) -> float | None:
    value = _number(tags.get("Magnification [x]"))
    if value is None:
        value = _number((tags.get("Magnification") or "").removesuffix("X").strip())
    # In diffraction mode TIA writes 1.
    return value if value is not None and value > 1 else None
