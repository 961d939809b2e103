"""Judging a result against its raw movie: what is asked for, and what is answered."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.protocol.base import Record
from core.protocol.denoise_parts import FrameRange, Notice, Region


class Measure(Record):
    """One figure, with what must be known to read it.

    Attributes
    ----------
    value : float or None
        None where the data don't allow it; the caveat then says why.
    low, high : float or None
        A 95 % interval, where there is one.
    unit : str
        Such as ``dB``; empty for a plain number.
    caveat : str
        Never empty: no measure without its caveat.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    caveat: str = Field(min_length=1)


class Flag(Record):
    """Something that is wrong with a result.

    `code` is a stable word: ``identity``, ``over-fitted``, ``over-smoothed``, ``exaggerated``, ``temporally-smeared``,
    ``intensity``, ``units``, ``clipped``, ``structure-added``, ``mismatch``, ``repeated-frames``, ``not-finite``;
    `value` was measured and `limit` is where good results end.
    """

    code: str
    text: str
    value: float
    limit: float


class ScoreRequest(Record):
    """Judge `result`, made by any program, against the movie `raw` that it was made from.

    `truth` is a clean movie (simulated twins), `reference` an independent noisy look at the same scene that the result
    was not made from (the other part of a thinned movie), `reference_fraction` its share of the electrons relative to
    the raw movie. Frames and region count in the result.
    """

    kind: Literal["score"] = "score"
    raw: str
    result: str
    raw_dataset: str | None = None
    result_dataset: str | None = None
    truth: str | None = None
    reference: str | None = None
    reference_fraction: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    frames: FrameRange = FrameRange()
    region: Region | None = None
    counts_per_electron: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    black_level: float | None = Field(default=None, allow_inf_nan=False)


class ScoreResult(Record):
    """`measures` by name; `flags` is empty for a good result."""

    kind: Literal["score"] = "score"
    raw: str
    result: str
    frames_used: int
    measures: dict[str, Measure]
    flags: tuple[Flag, ...] = ()
    notices: tuple[Notice, ...] = ()
