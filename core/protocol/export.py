"""Writing a movie, or a part of it, into another format: what is asked, and what was made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.protocol.base import Record
from core.protocol.denoise_parts import FrameRange, Notice, Region
from core.protocol.entered import Entered


class Overlay(Record):
    """What is drawn into a picture or film. `holder_log` is a CSV file, `holder_columns` the columns shown (all)."""

    scale_bar: bool = True
    time_stamp: bool = True
    dose: bool = False
    frame_number: bool = False
    holder_log: str | None = None
    holder_columns: tuple[str, ...] = ()
    holder_offset_s: float = 0.0
    label: str = ""


class ExportRequest(Record):
    """Write a movie, or a range or region of it, into a file; the name's end says which format.

    Attributes
    ----------
    output : str
        ``.tif`` (ImageJ, BigTIFF above 4 GB), ``.ome.tif``, ``.mrc``, ``.ome.zarr``, ``.mp4``, ``.gif``; ``.png`` and
        ``.svg`` (one frame), ``.csv`` (the mean of each frame with its time, dose and holder log).
    dtype : str
        ``same``: as stored, where the format can hold it; ``uint16``: linear, with its scale in the file.
    every : int
        Take each so-many-th frame.
    levels : tuple of float or None
        Values shown black and white in 8-bit formats; None: percentiles 0.35 and 99.65 of the frames.
    beside : str or None
        A second movie, shown to the right of the first (its result), in films and pictures.
    fps : float
        Frames a second of a film.
    """

    kind: Literal["export"] = "export"
    source: str
    dataset: str | None = None
    output: str
    frames: FrameRange = FrameRange()
    every: int = Field(default=1, ge=1)
    region: Region | None = None
    dtype: Literal["same", "float32", "uint16"] = "same"
    levels: tuple[float, float] | None = None
    beside: str | None = None
    beside_dataset: str | None = None
    beside_levels: tuple[float, float] | None = None
    labels: tuple[str, str] = ("", "")
    fps: float = Field(default=15.0, gt=0, le=240)
    overlay: Overlay = Overlay()
    entered: Entered | None = None
    overwrite: bool = False


class ExportResult(Record):
    """What was written. `clipped`: pixels that did not fit the written range, told as a notice too."""

    kind: Literal["export"] = "export"
    output: str
    format: str
    frames: int
    height: int
    width: int
    file_bytes: int
    seconds: float
    clipped: int = 0
    notices: tuple[Notice, ...] = ()
