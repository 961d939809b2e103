"""What a movie's file says, as pairs of a name and a text. No widgets here."""

from __future__ import annotations

import re
from pathlib import PurePath

from PySide6.QtCore import QCoreApplication

from app.project_browser.entries import MovieEntry
from app.words import bytes_text, count_text, frames_text, number_text, per_frame_dose_text, seconds_text, shape_text
from core.protocol.dose import dose_of
from core.protocol.movie import MovieMeta

MOST_SEGMENTS = 4
_ISO = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)")


def _tr(text: str) -> str:
    return QCoreApplication.translate("facts", text)


def file_facts(entry: MovieEntry) -> list[tuple[str, str]]:
    """What is not typed: format, size, segments and the like."""
    meta = entry.meta
    if meta is None:
        return []
    facts = [
        (_tr("Format"), meta.format),
        (_tr("Dataset"), entry.dataset_title or meta.title),
        (_tr("Movie"), shape_text(meta)),
        (_tr("Length"), _length(meta)),
        (_tr("Segments"), _segments(meta)),
        (_tr("Size"), _size(meta)),
        (_tr("Date"), _ISO.sub(r"\1 \2", meta.date or "")),
        (_tr("Intensity"), _intensity(meta)),
        (_tr("Beam"), _beam(meta)),
        (_tr("Folder"), str(PurePath(entry.path).parent)),
    ]
    if meta.truncated:
        told = _tr("{0}, {1} of them are there").format(frames_text(meta.declared_frames), count_text(meta.frames))
        facts.insert(3, (_tr("Promised"), told))
    if entry.growing:
        facts.insert(3, (_tr("Now"), _tr("still being written: {0} so far").format(frames_text(meta.frames))))
    return [(label, value) for label, value in facts if value]


def dose_facts(meta: MovieMeta, mean_value: float | None) -> tuple[list[tuple[str, str]], str]:
    """The dose in all its units, and a sentence about where it comes from."""
    dose = dose_of(meta, mean_value)
    per_frame = per_frame_dose_text(dose.per_frame_px, dose.per_frame_a2)
    rate = "" if dose.rate_a2_s is None else _tr("{0} e⁻/Å²/s").format(number_text(dose.rate_a2_s, 3))
    total = (
        ""
        if dose.cumulative_a2 is None
        else _tr("{0} e⁻/Å² in {1}").format(number_text(dose.cumulative_a2, 3), frames_text(meta.frames))
    )
    rows = [(_tr("Each frame"), per_frame), (_tr("Rate"), rate), (_tr("Altogether"), total)]
    said = {
        "tag": _tr("As the file says."),
        "typed": _tr("From the dose rate that you typed."),
        "counts": _tr("From the mean count and the gain: as it fell on the detector, with the specimen in the beam."),
        None: _unknown_dose(meta),
    }[dose.source]
    return [row for row in rows if row[1]], said


def _unknown_dose(meta: MovieMeta) -> str:
    if meta.scanned:
        return _tr("Unknown. The counts of a scanning detector are no dose; type the dose rate if you know it.")
    if meta.counts_per_electron is None:
        return _tr("Unknown. Type the dose rate, or the counts per electron of the camera.")
    return _tr("Unknown. Type the dose rate if you know it.")


def _length(meta: MovieMeta) -> str:
    if meta.times is not None and len(meta.times) > 1:
        return seconds_text(meta.times[-1] - meta.times[0])
    if meta.frame_interval_s is not None and meta.frames > 1:
        return seconds_text(meta.frame_interval_s * meta.frames)
    return ""


def _segments(meta: MovieMeta) -> str:
    if len(meta.segments) < 2:
        return ""
    lines = [_tr("{0}, no average crosses a border").format(len(meta.segments))]
    for segment in meta.segments[:MOST_SEGMENTS]:
        reason = f" ({segment.reason})" if segment.reason else ""
        lines.append(_tr("frames {0} to {1}{2}").format(segment.start + 1, segment.stop, reason))
    if len(meta.segments) > MOST_SEGMENTS:
        lines.append("…")
    return "\n".join(lines)


def _size(meta: MovieMeta) -> str:
    size = bytes_text(meta.file_bytes) if meta.file_bytes else ""
    if meta.file_count > 1:
        return _tr("{0} in {1} files").format(size, count_text(meta.file_count)).strip()
    return size


def _intensity(meta: MovieMeta) -> str:
    if meta.intensity_scale is None and meta.intensity_unit is None:
        return ""
    origin, scale = meta.intensity_origin or 0.0, 1.0 if meta.intensity_scale is None else meta.intensity_scale
    told = _tr("(stored − {0}) × {1}").format(number_text(origin), number_text(scale))
    return f"{told} {meta.intensity_unit or ''}".strip()


def _beam(meta: MovieMeta) -> str:
    if meta.scanned is None:
        return ""
    return _tr("scanned (STEM)") if meta.scanned else _tr("camera (TEM)")
