"""What of a movie can be typed: how each field is shown, and how what a person types is understood. No widgets here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import QCoreApplication

from app.words import number_text, seconds_text
from core.protocol.entered import Entered
from core.protocol.movie import MovieMeta

_NUMBER = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?"
_ONE = re.compile(rf"^\s*[×x]?\s*({_NUMBER})\s*(.*?)\s*$")
_TWO = re.compile(rf"^\s*({_NUMBER})\s*(\D*?)\s*[×x]\s*({_NUMBER})\s*(.*?)\s*$")
_LENGTHS = {"": 1.0, "nm": 1.0, "pm": 1e-3, "å": 0.1, "a": 0.1, "ang": 0.1, "angstrom": 0.1, "µm": 1e3, "um": 1e3}
_INVERSE = {"1/nm": 1.0, "nm⁻¹": 1.0, "nm-1": 1.0, "1/å": 10.0, "1/a": 10.0, "å⁻¹": 10.0, "1/µm": 1e-3, "1/um": 1e-3}
_TIMES = {"": 1.0, "s": 1.0, "sec": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "min": 60.0}
_RATES = {"fps", "hz", "frames/s", "1/s", "/s"}
_VOLTS = {"kv": 1.0, "v": 1e-3, "mv": 1e3}
_TIMES_LARGER = {"": 1.0, "x": 1.0, "k": 1e3, "kx": 1e3, "m": 1e6, "mx": 1e6}
_DOSE_RATES = {"": 1.0, "e/å²/s": 1.0, "e/a2/s": 1.0, "e/a^2/s": 1.0, "e/nm²/s": 0.01, "e/nm2/s": 0.01}
HIGHEST_KV = 2000.0


def _tr(text: str) -> str:
    return QCoreApplication.translate("fields", text)


class NotUnderstoodError(ValueError):
    """What was typed is no value of this field; the text says what to type."""


@dataclass(frozen=True)
class Field:
    """A field that can be typed.

    Attributes
    ----------
    names : tuple of str
        The fields of `Entered` that it sets.
    show : callable
        The text of a movie's value; empty if unknown.
    read : callable
        From what was typed to values by name; raises `NotUnderstoodError`.
    """

    names: tuple[str, ...]
    label: str
    example: str
    show: Callable[[MovieMeta], str]
    read: Callable[[str], dict[str, Any]]

    def is_typed(self, meta: MovieMeta) -> bool:
        """Whether the value is the user's."""
        return any(name in meta.entered for name in self.names)

    def taken(self, entered: Entered, text: str) -> Entered:
        """What is typed altogether once this text is; nothing typed goes back to what the file says."""
        values = {name: value for name, value in entered.fields().items() if name not in self.names}
        if text.strip():
            values.update(self.read(text))
        try:
            return Entered(**values)
        except ValidationError as error:
            raise NotUnderstoodError(self.hint()) from error

    def hint(self) -> str:
        """What to type."""
        return _tr("Type a value such as {0}.").format(self.example)


def _number(text: str) -> float:
    value = float(text.replace(",", "."))
    if not math.isfinite(value):
        raise NotUnderstoodError(_tr("This number is too large."))
    return value


def _split(text: str, example: str) -> tuple[float, str]:
    found = _ONE.match(text)
    if found is None:
        raise NotUnderstoodError(_tr("Type a value such as {0}.").format(example))
    return _number(found[1]), found[2].lower().replace("⁻", "").replace(" ", "")


def _scaled(text: str, units: dict[str, float], example: str) -> float:
    value, unit = _split(text, example)
    if unit not in units:
        raise NotUnderstoodError(
            _tr("The unit “{0}” is not known here. Type a value such as {1}.").format(unit, example)
        )
    return value * units[unit]


def _above_zero(value: float, example: str) -> float:
    if value <= 0:
        raise NotUnderstoodError(_tr("The value must be above zero, such as {0}.").format(example))
    return value


def _read_pixel_size(text: str) -> dict[str, Any]:
    example = "0.02 nm"
    two = _TWO.match(text)
    y, unit = (_number(two[1]), two[4] or two[2]) if two else (0.0, "")
    x = _number(two[3]) if two else 0.0
    if not two:
        found = _ONE.match(text)
        if found is None:
            raise NotUnderstoodError(_tr("Type a value such as {0}.").format(example))
        y = x = _number(found[1])
        unit = found[2]
    unit = unit.lower().replace(" ", "").removesuffix("/px").removesuffix("perpx")
    inverse = unit in _INVERSE
    known = _INVERSE if inverse else _LENGTHS
    if unit not in known:
        raise NotUnderstoodError(
            _tr("The unit “{0}” is not known here. Type a value such as {1}.").format(unit, example)
        )
    size = (_above_zero(y * known[unit], example), _above_zero(x * known[unit], example))
    return {"pixel_size": size, "pixel_unit": "1/nm" if inverse else "nm"}


def _read_interval(text: str) -> dict[str, Any]:
    example = "0.05 s"
    value, unit = _split(text, example)
    if unit in _RATES:
        return {"frame_interval_s": 1.0 / _above_zero(value, example)}
    return {"frame_interval_s": _above_zero(_scaled(text, _TIMES, example), example)}


def _read_voltage(text: str) -> dict[str, Any]:
    example = "300 kV"
    value, unit = _split(text, example)
    if not unit:
        unit = "v" if value > HIGHEST_KV else "kv"
    if unit not in _VOLTS:
        raise NotUnderstoodError(
            _tr("The unit “{0}” is not known here. Type a value such as {1}.").format(unit, example)
        )
    return {"voltage_kv": _above_zero(value * _VOLTS[unit], example)}


def _read_start(text: str) -> dict[str, Any]:
    try:
        start = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise NotUnderstoodError(_tr("Type date and time such as 2024-05-17 14:03:22 (UTC).")) from error
    if start.tzinfo is None:
        start = start.replace(tzinfo=UTC)
    return {"start_unix_s": start.timestamp()}


def _reader(name: str, units: dict[str, float], example: str) -> Callable[[str], dict[str, Any]]:
    return lambda text: {name: _above_zero(_scaled(text, units, example), example)}


def _start_text(meta: MovieMeta) -> str:
    if meta.start_unix_s is None:
        return ""
    try:
        start = datetime.fromtimestamp(meta.start_unix_s, UTC)
    except (OverflowError, ValueError, OSError):
        return ""
    return start.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def _pixel_text(meta: MovieMeta) -> str:
    """With more digits than a row of the list has room for."""
    if meta.pixel_size is None:
        return ""
    y, x = (number_text(size, 5) for size in meta.pixel_size)
    unit = meta.pixel_unit or ""
    return f"{x} {unit}" if x == y else f"{y} × {x} {unit}"


def _interval_text(meta: MovieMeta) -> str:
    if meta.frame_interval_s is not None:
        return seconds_text(meta.frame_interval_s)
    if meta.times is not None and len(meta.times) > 1:
        steps = [b - a for a, b in zip(meta.times[:-1], meta.times[1:], strict=True)]
        return _tr("uneven, {0} to {1}").format(seconds_text(min(steps)), seconds_text(max(steps)))
    return ""


def _with_unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{number_text(value)} {unit}".strip()


def fields() -> tuple[Field, ...]:
    """All fields that can be typed, in the order in which they are shown."""
    counts = {"": 1.0, "counts": 1.0, "counts/e": 1.0, "counts/e-": 1.0, "adu/e": 1.0}
    return (
        Field(
            ("pixel_size", "pixel_unit"),
            _tr("Pixel size"),
            "0.02 nm",
            _pixel_text,
            _read_pixel_size,
        ),
        Field(("frame_interval_s",), _tr("Frame interval"), "0.05 s", _interval_text, _read_interval),
        Field(
            ("exposure_s",),
            _tr("Exposure"),
            "0.04 s",
            lambda m: "" if m.exposure_s is None else seconds_text(m.exposure_s),
            _reader("exposure_s", _TIMES, "0.04 s"),
        ),
        Field(
            ("counts_per_electron",),
            _tr("Counts per e⁻"),
            "20",
            lambda m: _with_unit(m.counts_per_electron, ""),
            _reader("counts_per_electron", counts, "20"),
        ),
        Field(
            ("black_level",),
            _tr("Black level"),
            "100",
            lambda m: _with_unit(m.black_level, ""),
            lambda text: {"black_level": _scaled(text, {"": 1.0, "counts": 1.0}, "100")},
        ),
        Field(
            ("dose_rate_e_per_a2_s",),
            _tr("Dose rate"),
            "100 e/Å²/s",
            lambda m: _with_unit(m.dose_rate_e_per_a2_s, "e/Å²/s"),
            _reader("dose_rate_e_per_a2_s", _DOSE_RATES, "100 e/Å²/s"),
        ),
        Field(("voltage_kv",), _tr("Voltage"), "300 kV", lambda m: _with_unit(m.voltage_kv, "kV"), _read_voltage),
        Field(
            ("magnification",),
            _tr("Magnification"),
            "500k",
            lambda m: "" if m.magnification is None else f"× {number_text(m.magnification, digits=6)}",
            _reader("magnification", _TIMES_LARGER, "500k"),
        ),
        Field(
            ("detector",), _tr("Detector"), "K3", lambda m: m.detector or "", lambda text: {"detector": text.strip()}
        ),
        Field(("start_unix_s",), _tr("Start (UTC)"), "2024-05-17 14:03:22", _start_text, _read_start),
    )
