"""Numbers as people read them: durations, sizes, frame counts and pixel sizes."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale

from core.protocol.movie import MovieMeta

_UNITS = ("B", "kB", "MB", "GB", "TB")


def _tr(text: str) -> str:
    return QCoreApplication.translate("words", text)


def bytes_text(count: float) -> str:
    """A size in decimal units with three digits, such as ``251 MB``."""
    size = float(count)
    power = 0
    while size >= 999.5 and power < len(_UNITS) - 1:
        size /= 1000.0
        power += 1
    unit = _UNITS[power]
    if power == 0 or size >= 99.95:
        return f"{size:.0f} {unit}"
    return f"{size:.1f} {unit}"


def duration_text(seconds: float) -> str:
    """A duration such as ``45 s``, ``3 min`` or ``2 h 10 min``."""
    if seconds < 1:
        return _tr("under 1 s")
    if seconds < 90:
        return _tr("{0} s").format(round(seconds))
    minutes = round(seconds / 60)
    if minutes < 90:
        return _tr("{0} min").format(minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _tr("{0} h {1} min").format(hours, minutes) if minutes else _tr("{0} h").format(hours)
    return _tr("{0} days").format(round(hours / 24))


def count_text(count: int) -> str:
    """A whole number with the locale's thousands separator."""
    return QLocale().toString(int(count))


def frames_text(count: int) -> str:
    """``1 frame`` or ``240 frames``."""
    return _tr("1 frame") if count == 1 else _tr("{0} frames").format(count_text(count))


def rate_text(rate: float, unit: str = "frames") -> str:
    """A speed such as ``3.4 frames/s``."""
    digits = 0 if rate >= 99.5 else 1 if rate >= 9.95 else 2
    return f"{rate:.{digits}f} {unit}/s"


def length_text(value: float, unit: str) -> str:
    """A length with three significant digits in a fitting unit (pm, nm, µm)."""
    if unit == "1/nm":
        unit = "nm⁻¹"
    if unit == "nm":
        if abs(value) >= 1000:
            value, unit = value / 1000, "µm"
        elif 0 < abs(value) < 0.001:
            value, unit = value * 1000, "pm"
    return f"{value:.3g} {unit}"


def pixel_size_text(meta: MovieMeta) -> str:
    """The size of a pixel, or that it is unknown."""
    if meta.pixel_size is None or meta.pixel_unit is None:
        return _tr("pixel size unknown")
    y, x = meta.pixel_size
    if abs(y - x) > 1e-3 * max(abs(y), abs(x)):
        return f"{length_text(y, meta.pixel_unit)} × {length_text(x, meta.pixel_unit)}/px"
    return f"{length_text(x, meta.pixel_unit)}/px"


def shape_text(meta: MovieMeta) -> str:
    """Frames x height x width and the type of a pixel."""
    return f"{count_text(meta.frames)} × {meta.height} × {meta.width} · {meta.dtype}"


def frame_time_s(meta: MovieMeta, frame: int) -> float | None:
    """When a frame began, in s, or None where the file does not tell."""
    if meta.times is not None and 0 <= frame < len(meta.times):
        return meta.times[frame]
    if meta.frame_interval_s is not None:
        return frame * meta.frame_interval_s
    return None


def number_text(value: float, digits: int = 4) -> str:
    """A number with so many significant digits and without needless ones, such as ``0.0212`` or ``500000``."""
    if value != 0 and not 1e-4 <= abs(value) < 10 ** (digits + 2):
        return f"{value:.{digits}g}"
    rounded = float(f"{value:.{digits}g}")
    text = f"{rounded:.10f}".rstrip("0").rstrip(".")
    return text if text not in ("-0", "") else "0"


def seconds_text(seconds: float) -> str:
    """A time such as ``40 ms``, ``2.5 s`` or ``12 µs``."""
    size = abs(seconds)
    if 0 < size < 1e-3:
        return f"{number_text(seconds * 1e6)} µs"
    if 0 < size < 0.1:
        return f"{number_text(seconds * 1e3)} ms"
    return f"{number_text(seconds)} s"


def per_frame_dose_text(per_px: float | None, per_a2: float | None) -> str:
    """A dose a frame in the units that are known."""
    parts = []
    if per_px is not None:
        parts.append(_tr("{0} e⁻/px").format(number_text(per_px, 3)))
    if per_a2 is not None:
        parts.append(_tr("{0} e⁻/Å²").format(number_text(per_a2, 3)))
    return " · ".join(parts)
