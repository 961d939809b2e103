"""Ranges and regions as they are typed."""

from __future__ import annotations

import re

from core.jobs.errors import job_error
from core.protocol.denoise import FrameRange, Region
from core.protocol.raw_layout import PREFIX, RawLayout

_RANGE = re.compile(r"\s*(\d*)\s*:\s*(\d*)\s*")
_BOUNDS = re.compile(r"\s*(\d+)\s*:\s*(\d+)\s*")


def parse_frames(text: str, option: str = "--frames", what_of: str = "frame") -> FrameRange:
    """``A:B``, ``A:``, ``:B`` or one frame ``A``, counted from 0, B exclusive; raises JobError (``bad-request``).

    Of something else than frames, `option` and `what_of` say what.
    """
    if text.strip().isdigit():
        frame = int(text)
        return FrameRange(start=frame, stop=frame + 1)
    found = _RANGE.fullmatch(text)
    if found is None:
        what = f"{text!r} is no range of {what_of}s."
        raise job_error("bad-request", what, None, f"Write {option} A:B, such as 0:50; {what_of}s count from 0.")
    start = int(found[1]) if found[1] else 0
    stop = int(found[2]) if found[2] else None
    if stop is not None and stop <= start:
        what = f"The range {text} holds no {what_of}."
        raise job_error("bad-request", what, None, f"Its end must lie beyond its start: {option} A:B is A to B - 1.")
    return FrameRange(start=start, stop=stop)


def parse_raw(text: str) -> str:
    """``HEIGHTxWIDTH:TYPE[:offset=N][:gap=N][:frames=N]`` as a dataset's key; raises JobError (``bad-request``)."""
    key = text if text.startswith(PREFIX) else PREFIX + text
    try:
        return RawLayout.of(key).key
    except ValueError as error:
        what = f"{text!r} is no layout of a file."
        advice = "Write --raw HEIGHTxWIDTH:TYPE, such as 512x1024:uint16:offset=4096:gap=0:frames=100."
        raise job_error("bad-request", what, None, advice) from error


def parse_region(text: str) -> Region:
    """``Y0:Y1,X0:X1`` in px, ends exclusive; raises JobError (``bad-request``)."""
    parts = text.split(",")
    bounds = [_BOUNDS.fullmatch(part) for part in parts]
    rows, columns = bounds if len(bounds) == 2 else (None, None)
    if rows is None or columns is None:
        what = f"{text!r} is no region."
        raise job_error("bad-request", what, None, "Write --region Y0:Y1,X0:X1 in px, such as 0:512,100:612.")
    y0, y1, x0, x1 = int(rows[1]), int(rows[2]), int(columns[1]), int(columns[2])
    if y1 <= y0 or x1 <= x0:
        what = f"The region {text} is empty."
        raise job_error("bad-request", what, None, "The end of rows and of columns must lie beyond their start.")
    return Region(y0=y0, y1=y1, x0=x0, x1=x1)
