"""What stands written in a frame: time, dose, number and the holder's log."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low

from core.movies.holder_log import join_log
from core.protocol.denoise_parts import Notice
from core.protocol.dose import dose_of
from core.protocol.export import Overlay
from core.protocol.movie import MovieMeta
from core.protocol.reader import LogColumn

_MOST_DECIMALS = 6
_LONG_S = 600.0


class Captions:
    """The lines of each frame. `notices` tells what was asked for and is not known.

    Parameters
    ----------
    meta : MovieMeta
        Of the movie, with what the user typed applied.
    overlay : Overlay
        What is wanted.
    frames : sequence of int
        The frames that are shown: they decide how many decimals are written.
    """

    def __init__(self, meta: MovieMeta, overlay: Overlay, frames: Sequence[int]) -> None:
        self._overlay = overlay
        self.notices: list[Notice] = []
        self._times = frame_times(meta) if overlay.time_stamp else None
        if overlay.time_stamp and self._times is None and meta.frames > 1:
            self._missing("time", "when the frames were taken, so no time is shown")
        self._dose = dose_of(meta) if overlay.dose else None
        if self._dose is not None and self._dose.per_frame_a2 is None:
            self._missing("dose", "the dose, so none is shown")
            self._dose = None
        if self._dose is not None and self._dose.between > 1:
            text = (
                "The dose counts the exposures alone; if the beam stayed on between them,"
                f" the specimen has had {self._dose.between:.3g} times as much."
            )
            self.notices.append(Notice(level="warning", code="dose-between", text=text))
        self._log: tuple[LogColumn, ...] = ()
        if overlay.holder_log is not None:
            columns, _, said = join_log(overlay.holder_log, meta, overlay.holder_offset_s)
            wanted = set(overlay.holder_columns)
            self._log = tuple(column for column in columns if not wanted or column.name in wanted)
            self.notices.append(Notice(level="info", code="holder-log", text=said))
        shown = [self._times[frame] for frame in frames] if self._times is not None else [0.0]
        # A single frame is told as exactly as its neighbours would be.
        steps = shown if len(shown) > 1 else (self._times or shown)
        self._time_decimals = _decimals([later - earlier for earlier, later in pairwise(steps)], shown[-1])
        self._long = shown[-1] >= _LONG_S

    def _missing(self, code: str, what: str) -> None:
        text = f"The file does not say {what}. Enter it to have it shown."
        self.notices.append(Notice(level="warning", code=f"no-{code}", text=text))

    def lines(self, frame: int) -> list[str]:
        """What stands in frame number `frame` of the movie."""
        out = []
        if self._times is not None:
            out.append(time_text(self._times[frame], self._time_decimals, self._long))
        if self._dose is not None and self._dose.per_frame_a2 is not None:
            per_frame, so_far = self._dose.per_frame_a2, self._dose.at(frame) or 0.0
            out.append(f"{so_far:.{_dose_decimals(per_frame, so_far)}f} e/Å²")
        if self._overlay.frame_number:
            out.append(f"frame {frame}")
        for column in self._log:
            value = column.values[frame] if frame < len(column.values) else None
            known = [abs(one) for one in column.values if one is not None]
            number = "–" if value is None else f"{value:.{_significant(max(known, default=0.0))}f}"
            out.append(f"{column.name} {number} {column.unit}".strip())
        return out


def frame_times(meta: MovieMeta) -> list[float] | None:
    """When each frame was taken, in s since the first; None if unknown."""
    if meta.times is not None and len(meta.times) >= meta.frames:
        return [time - meta.times[0] for time in meta.times[: meta.frames]]
    if meta.frame_interval_s is not None:
        return [frame * meta.frame_interval_s for frame in range(meta.frames)]
    return None


def time_text(seconds: float, decimals: int, long: bool) -> str:
    """``12.5 s``; of a long movie ``1:02:03.5``, hours left out below one."""
    if not long:
        return f"{seconds:.{decimals}f} s"
    # Rounded first, so that 59.99 s never becomes 60.
    whole = round(seconds, decimals)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(int(minutes), 60)
    width = 2 if decimals == 0 else 3 + decimals
    tail = f"{minutes:02d}:{rest:0{width}.{decimals}f}"
    return f"{hours}:{tail}" if hours else tail


def _decimals(steps: Sequence[float], last: float) -> int:
    """As many as tell two frames apart, to 2 % of the step."""
    usable = [step for step in steps if step > 0]
    step = median_low(usable) if usable else (abs(last) or 1.0)
    for decimals in range(_MOST_DECIMALS):
        if abs(round(step, decimals) - step) <= 0.02 * step:
            return decimals
    return _MOST_DECIMALS


def _dose_decimals(per_frame: float, so_far: float) -> int:
    """As many as tell frames apart, but no more than four digits in all."""
    return min(_decimals([per_frame], per_frame), _significant(so_far))


def _significant(number: float) -> int:
    """Decimals that show four digits of a number of this size."""
    if number <= 0 or not math.isfinite(number):
        return 0
    return max(0, min(_MOST_DECIMALS, 3 - math.floor(math.log10(number))))
