"""The EMI file beside a SER series: the microscope's settings as XML in the middle of a binary file. Optional."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree

# The file holds copies of the images as well, between which the settings stand: it is looked through in blocks.
_LARGEST = 512 << 20
_BLOCK = 1 << 20
_LARGEST_OBJECT = 1 << 20
_MOST_OBJECTS = 256
_OPEN, _CLOSE = b"<ObjectInfo>", b"</ObjectInfo>"
# Sections of an object that tell something; many hold no more than a number.
_TELLING = re.compile(rb"<(?:MicroscopeConditions|ExperimentalDescription|AcquireInfo|AcceleratingVoltage)\b")


@dataclass(frozen=True)
class Settings:
    """What an EMI file tells; all None without one. `problem` says why it could not be read."""

    voltage_kv: float | None = None
    magnification: float | None = None
    exposure_s: float | None = None
    frame_time_s: float | None = None
    detector: str | None = None
    date: str | None = None
    scanned: bool | None = None
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
    match = re.fullmatch(r"(.+)_(\d{1,9})", series.stem)
    if match is None:
        return Settings()
    for extension in (".emi", ".EMI"):
        candidate = series.with_name(match.group(1) + extension)
        try:
            if candidate.is_file():
                return _read(candidate, int(match.group(2)))
        except (OSError, ValueError, ElementTree.ParseError):
            return Settings(problem=f"{candidate.name} could not be read, so the microscope's settings are unknown")
    return Settings()


def _objects(stream: BinaryIO) -> Iterator[bytes]:
    """The sections of settings, in order."""
    held = b""
    while block := stream.read(_BLOCK):
        held += block
        while (start := held.find(_OPEN)) >= 0:
            end = held.find(_CLOSE, start)
            if end >= 0:
                yield held[start : end + len(_CLOSE)]
                held = held[end + len(_CLOSE) :]
            elif len(held) - start > _LARGEST_OBJECT:
                # Whatever this is, it is none; looking for a next one within it could take for ever.
                held = held[-len(_OPEN) :]
            else:
                held = held[start:]
                break
        else:
            held = held[-len(_OPEN) :]


def _object(path: Path, number: int) -> bytes:
    """The settings of series `number`: each has its own, in order, among some that tell nothing."""
    with path.open("rb") as stream:
        found = list(islice(_objects(stream), _MOST_OBJECTS))
    telling = [text for text in found if _TELLING.search(text)] or found
    if not telling:
        raise ValueError("no settings inside")
    return telling[number - 1] if 1 <= number <= len(telling) else telling[0]


def _read(path: Path, number: int) -> Settings:
    if path.stat().st_size > _LARGEST:
        raise ValueError("far too large for settings")
    text = _object(path, number)
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
        scanned=_scanned(tags),
        tags=tags,
    )


def _scanned(tags: Mapping[str, str]) -> bool | None:
    """A camera is named; a scan has the time of a frame."""
    if tags.get("CameraNamePath"):
        return False
    return True if "FrameTime" in tags or (tags.get("Mode") or "").strip().startswith("STEM") else None


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
