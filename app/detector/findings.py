"""What was found of a detector, in words."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.words import count_text, frames_text, number_text
from core.protocol.clean_up import DetectorResult

# The first line says it already.
UNTOLD = frozenset({"sampled"})


def _tr(text: str) -> str:
    return QCoreApplication.translate("findings", text)


def _found(result: DetectorResult) -> str:
    """What was counted, and what could not be told: that is no 0."""
    counted = [(_tr("dead"), result.dead), (_tr("hot"), result.hot), (_tr("unstable"), result.unstable)]
    pixels = ", ".join(f"{count_text(count)} {what}" for what, count in counted if count is not None)
    untold = [_tr("{0} pixels").format(what) for what, count in counted if count is None]
    told = [_tr("{0} pixels").format(pixels)] if pixels else []
    if result.hits is not None and result.hits_per_frame is not None:
        hits = _tr("{0} X-ray hits, {1} a frame")
        told.append(hits.format(count_text(result.hits), number_text(result.hits_per_frame, 2)))
    else:
        untold.append(_tr("X-ray hits"))
    text = _tr("In {0}: {1}.").format(frames_text(result.frames), "; ".join(told) or _tr("nothing could be told"))
    return f"{text} {_tr('Not told: {0}.').format(', '.join(untold))}" if told and untold else text


def findings_text(result: DetectorResult) -> tuple[str, str]:
    """(sentences, level of the worst notice)."""
    lines = [_found(result)]
    told_already = any(notice.code.startswith("pattern") for notice in result.notices)
    if result.pattern_rms is None and not told_already:
        lines.append(_tr("Whether the camera adds a fixed pattern cannot be told from this movie."))
    elif result.pattern_rms is not None and result.pattern_share is None:
        lines.append(_tr("Fixed pattern: {0} stored units.").format(number_text(result.pattern_rms, 3)))
    elif result.pattern_rms is not None and result.pattern_share is not None:
        told = _tr("Fixed pattern: {0} stored units, {1} % of a frame's noise.")
        lines.append(told.format(number_text(result.pattern_rms, 3), number_text(100 * result.pattern_share, 2)))
    worst = ""
    for notice in result.notices:
        if notice.code not in UNTOLD:
            lines.append(notice.text)
        if notice.level != "info":
            worst = notice.level
    return "\n".join(lines), worst
