"""A table with a line a frame: mean, spread and range of the region, time, dose, and the holder's log."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.denoising.context import RunContext
from core.exporting.captions import frame_times
from core.exporting.chosen import Chosen
from core.movies.holder_log import join_log
from core.protocol.denoise_parts import Notice
from core.protocol.dose import dose_of
from core.protocol.export import Overlay
from core.protocol.reader import LogColumn


def write_traces(
    path: Path, chosen: Chosen, overlay: Overlay, context: RunContext, told: Callable[[int], None]
) -> list[Notice]:
    """Write the table (UTF-8 with a mark, which spreadsheets want; commas; a point in numbers).

    Returns
    -------
    list of Notice
        How the holder's log was joined.
    """
    columns: tuple[LogColumn, ...] = ()
    notices = []
    if overlay.holder_log is not None:
        columns, _, said = join_log(overlay.holder_log, chosen.meta, overlay.holder_offset_s)
        wanted = set(overlay.holder_columns)
        columns = tuple(column for column in columns if not wanted or column.name in wanted)
        notices.append(Notice(level="info", code="holder-log", text=said))
    times, dose = frame_times(chosen.meta), dose_of(chosen.meta)
    names = ["frame (from 0)", "time (s)", "mean", "standard deviation", "minimum", "maximum", "not finite (px)"]
    line = chosen.scale.line
    if line is not None:
        # The columns before hold stored numbers.
        names.append(f"mean calibrated ({chosen.meta.intensity_unit or 'value'})")
    if dose.per_frame_a2 is not None:
        names.append("dose so far (e/Å²)")
    names += [f"{column.name} ({column.unit})" if column.unit else column.name for column in columns]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(names)
        for place, frame in enumerate(chosen.ahead(context)):
            number = chosen.frames[place]
            row: list[Any] = [number, "" if times is None else _short(times[number]), *_summary(frame)]
            if line is not None:
                row.append("" if row[2] == "" else _short((float(row[2]) - line[0]) * line[1]))
            if dose.per_frame_a2 is not None:
                row.append(_short(dose.at(number) or 0.0))
            for column in columns:
                value = column.values[number] if number < len(column.values) else None
                row.append("" if value is None else _short(value))
            table.writerow(row)
            told(place + 1)
    return notices


def _summary(frame: NDArray[Any]) -> list[Any]:
    finite = frame[np.isfinite(frame)] if frame.dtype.kind == "f" else frame
    lost = frame.size - finite.size
    if not finite.size:
        return ["", "", "", "", lost]
    values = finite.astype(np.float64)
    return [_short(float(values.mean())), _short(float(values.std())), finite.min(), finite.max(), lost]


def _short(number: float) -> str:
    return f"{number:.9g}"
