"""The ``.mdoc`` file that SerialEM writes beside a stack: values of the whole file, then a section for each image.

``[ZValue = 0]`` begins the section of an image in the stack, ``[FrameSet = 0]`` that of a movie whose frames the stack
holds, ``[T = ...]`` a line of text. Lengths are in angstroms, doses in electrons a square angstrom.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from core.movies.formats.facts import Facts, positive, read_text
from core.movies.stamps import iso
from core.protocol.movie import Issue

_SECTION = re.compile(r"^\[\s*(\w+)\s*=\s*(.*?)\s*\]$")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_FIRST = re.compile(r"^(\d{1,2})-(\w{3})-(\d{2}|\d{4})\s+(\d{1,2}):(\d\d):(\d\d)$")
_YEAR_FIRST = re.compile(r"^(\d{4})-(\w{3})-(\d{1,2})\s+(\d{1,2}):(\d\d):(\d\d)$")
# Times of whole seconds say nothing of faster movies.
_SLOWEST_S = 5.0
# A tilt that changes by more than this (in degrees) between images was meant.
_TILTED = 0.5


@dataclass
class Document:
    """The values of the whole file, the lines of text, and the sections with their kind and name."""

    values: dict[str, str] = field(default_factory=dict)
    titles: list[str] = field(default_factory=list)
    sections: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)


def parse(text: str) -> Document:
    """Read the lines of an mdoc; what is no line of one is passed over."""
    document = Document()
    values = document.values
    for raw in text.splitlines():
        line = raw.strip()
        section = _SECTION.match(line)
        if section is not None and section.group(1) == "T":
            document.titles.append(section.group(2))
        elif section is not None:
            values = {}
            document.sections.append((section.group(1), section.group(2), values))
        elif "=" in line:
            key, value = line.split("=", 1)
            values[key.strip()] = value.strip()
    return document


def of_movie(path: str, frames: int) -> Facts:
    """What the mdoc beside a movie says of it; nothing if there is none.

    Parameters
    ----------
    path : str
        The movie; its mdoc is ``NAME.mrc.mdoc`` or ``NAME.mdoc``.
    frames : int
        Of the movie as its header promises.
    """
    movie = Path(path)
    for place in (movie.with_name(movie.name + ".mdoc"), movie.with_suffix(".mdoc")):
        text = read_text(place)
        if text is not None:
            return _facts(parse(text), frames, place.name)
    return Facts()


def _facts(document: Document, frames: int, name: str) -> Facts:
    values = document.values
    frame_sets = [section for kind, _, section in document.sections if kind == "FrameSet"]
    images = _images(document, frames)
    first = frame_sets[0] if frame_sets else images[0] if images else {}
    both = {**values, **first}
    issues = list(_tilts(images))
    if values.get("Montage") == "1":
        text = "the images are pieces of a montage, not moments in time"
        issues.append(Issue(level="warning", code="montage", text=text))
    tags = {"whole file": values, "text": document.titles}
    tags |= {f"{kind} {number}": section for kind, number, section in document.sections}
    start = read_date(both.get("DateTime", ""))
    spacing = positive(both.get("PixelSpacing"))
    facts = Facts(
        pixel_size=None if spacing is None else (spacing / 10, spacing / 10),
        voltage_kv=positive(both.get("Voltage")),
        magnification=positive(both.get("Magnification")),
        date=iso(start),
        diffraction=True if positive(both.get("CameraLength")) is not None else None,
        start_unix_s=start,
        issues=tuple(issues),
        tags={name: tags},
    )
    timing = _of_frame_set(first, frames) if frame_sets else _of_images(images, frames)
    return Facts(**{**facts.__dict__, **timing})


def _is_count(text: str) -> bool:
    """Whether it is a number without a sign, and no endless one."""
    return text.isdecimal() and len(text) < 19


def _images(document: Document, frames: int) -> list[dict[str, str]]:
    """The sections of the stack's images in their order; empty if they are not those of this stack."""
    numbered = {int(name): section for kind, name, section in document.sections if kind == "ZValue" and _is_count(name)}
    if not all(frame in numbered for frame in range(frames)):
        return []
    return [numbered[frame] for frame in range(frames)]


def _of_frame_set(section: dict[str, str], frames: int) -> dict[str, object]:
    """Exposure and dose of one of the frames whose sum the section describes."""
    found: dict[str, object] = {}
    count = positive(section.get("NumSubFrames"))
    exposure = positive(section.get("ExposureTime"))
    if exposure is not None and count == frames:
        found["exposure_s"] = found["frame_interval_s"] = exposure / frames
    doses = _doses(section.get("FrameDosesAndNumber", ""))
    total = positive(section.get("ExposureDose"))
    if len(doses) == frames and max(doses) <= 1.01 * min(doses):
        found["dose_e_per_a2"] = sum(doses) / frames
    elif not doses and total is not None and count == frames:
        found["dose_e_per_a2"] = total / frames
    return found


def _doses(text: str) -> list[float]:
    """Dose of each frame from ``0.5 3 0.8 20``: three frames of 0.5, then twenty of 0.8."""
    words = text.split()
    doses: list[float] = []
    for dose, count in zip(words[::2], words[1::2], strict=False):
        value = positive(dose)
        if value is None or not _is_count(count) or len(doses) + int(count) > 1_000_000:
            return []
        doses += [value] * int(count)
    return doses


def _of_images(images: list[dict[str, str]], frames: int) -> dict[str, object]:
    """Exposure, dose, gain and times of images that have a section each."""
    if not images:
        return {}
    found: dict[str, object] = {
        "exposure_s": _same(images, "ExposureTime"),
        "dose_e_per_a2": _same(images, "ExposureDose"),
    }
    gain, halved = _same(images, "CountsPerElectron"), {image.get("DividedBy2", "0") for image in images}
    if gain is not None and len(halved) == 1:
        found["counts_per_electron"] = gain / (2 if halved == {"1"} else 1)
    stamps = [read_date(image.get("DateTime", "")) for image in images]
    known = [stamp for stamp in stamps if stamp is not None]
    if len(known) == frames > 1 and (known[-1] - known[0]) / (frames - 1) >= _SLOWEST_S:
        found["times"] = tuple(stamp - known[0] for stamp in known)
    return found


def _same(images: list[dict[str, str]], key: str) -> float | None:
    """The value that all images share; None if one has another or none."""
    values = {positive(image.get(key)) for image in images}
    return values.pop() if len(values) == 1 else None


def _tilts(images: list[dict[str, str]]) -> list[Issue]:
    """Say that images were taken at different tilts."""
    try:
        tilts = [float(image["TiltAngle"]) for image in images]
    except (KeyError, ValueError):
        return []
    return tilt_issue(tilts)


def tilt_issue(tilts: list[float]) -> list[Issue]:
    """A warning if tilts (in degrees) differ: the images are no movie of one view."""
    if len(tilts) < 2 or not max(tilts) - min(tilts) > _TILTED:
        return []
    text = f"the images are a tilt series ({min(tilts):.0f} to {max(tilts):.0f} degrees), not one view in time"
    return [Issue(level="warning", code="tilt-series", text=text)]


def read_date(text: str) -> float | None:
    """Seconds since 1970 of ``23-Dec-17  13:20:32`` or ``2017-Dec-23 13:20:32``, the clock taken as it is written."""
    found = _DAY_FIRST.match(text.strip())
    if found is not None:
        day, month, year = int(found[1]), found[2], int(found[3])
        year += 2000 if year < 100 else 0
    else:
        found = _YEAR_FIRST.match(text.strip())
        if found is None:
            return None
        year, month, day = int(found[1]), found[2], int(found[3])
    if month.lower() not in _MONTHS:
        return None
    number = _MONTHS.index(month.lower()) + 1
    try:
        return datetime(year, number, day, int(found[4]), int(found[5]), int(found[6]), tzinfo=UTC).timestamp()
    except ValueError:
        return None
