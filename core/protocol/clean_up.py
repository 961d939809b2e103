"""Clean-up of a detector's defects: what is asked, and what was found. Nothing of it is ever applied in silence."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.protocol.base import Record
from core.protocol.denoise_parts import FrameRange, Notice
from core.protocol.entered import Entered


class CleanUp(Record):
    """What is taken out of each frame before it is denoised, in this order; the result's provenance keeps it.

    Attributes
    ----------
    dark, gain : str or None
        Reference images, one frame or a movie of many (its mean), of the movie's size in px: the dark image is
        subtracted, then the frame is divided by the gain image over its mean.
    defects : str or None
        A mask: a TIFF or PNG of the movie's size; pixels above 0 are bad and get a stand-in of their neighbours.
    pattern : str or None
        A fixed pattern of the camera, as `DetectorRequest` measures it, in stored units; subtracted.
    xrays : bool
        Hits of single frames and pixels that are stuck get a stand-in (they are counted, and shown in the mask).
    lines : bool
        Offsets that whole rows or columns of a frame share are subtracted where they rise above the noise (never from
        electron counts).
    """

    dark: str | None = None
    gain: str | None = None
    defects: str | None = None
    pattern: str | None = None
    xrays: bool = True
    lines: bool = True


class DetectorRequest(Record):
    """Look for dead, hot and unstable pixels, hits and a fixed pattern of the camera in a movie.

    `output` is a folder; None: only count. `frames_used` at most are read, evenly spread.
    `entered` is calibration typed by hand: in diffraction (1/nm) less is looked for.
    """

    kind: Literal["detector"] = "detector"
    source: str
    dataset: str | None = None
    output: str | None = None
    frames: FrameRange = FrameRange()
    frames_used: int = Field(default=200, ge=3)
    dark: str | None = None
    gain: str | None = None
    entered: Entered | None = None
    overwrite: bool = False


class DetectorResult(Record):
    """What was found. Paths are None where nothing was written.

    Attributes
    ----------
    dead, hot, unstable : int or None
        Pixels that never answer, that always lie above their neighbours, that flicker; None: can't be told.
    hits : int or None
        X-ray and cosmic hits in the frames that were read; `hits_per_frame` on average. None: can't be told.
    pattern_rms : float or None
        Strength of the fixed pattern in stored units, above what noise explains; None: can't be told.
    pattern_share : float or None
        The same relative to the noise of one frame.
    mask, pattern, table : str or None
        The defects as a TIFF (1 dead, 2 hot, 4 unstable), the pattern as a TIFF, and the list of pixels as CSV.
    """

    kind: Literal["detector"] = "detector"
    frames: int
    dead: int | None
    hot: int | None
    unstable: int | None
    hits: int | None
    hits_per_frame: float | None
    pattern_rms: float | None = None
    pattern_share: float | None = None
    mask: str | None = None
    pattern: str | None = None
    table: str | None = None
    notices: tuple[Notice, ...] = ()
