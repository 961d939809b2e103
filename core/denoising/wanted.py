"""Which part of a movie is asked for; what isn't there is refused before anything is computed."""

from __future__ import annotations

from core.denoising.errors import denoise_error
from core.protocol.denoise_parts import FrameRange, Region
from core.protocol.movie import MovieMeta


def wanted_frames(frames: FrameRange, meta: MovieMeta, what: str = "movie") -> range:
    """Return the wanted frames.

    Parameters
    ----------
    what
        What the file is to the user: ``movie``, or ``result``.

    Raises
    ------
    DenoiseError
        The movie has fewer.
    """
    stop = meta.frames if frames.stop is None else frames.stop
    if frames.start >= meta.frames or stop > meta.frames:
        raise denoise_error(
            "bad-request",
            f"Frames {frames.start} to {stop - 1} were asked for; the {what} has frames 0 to {meta.frames - 1}.",
            meta.path,
            "Choose frames that exist; they count from 0.",
        )
    return range(frames.start, stop)


def wanted_region(region: Region | None, meta: MovieMeta) -> Region:
    """Return the wanted part of each frame.

    Raises
    ------
    DenoiseError
        It lies outside the frame.
    """
    if region is None:
        return Region(y0=0, y1=meta.height, x0=0, x1=meta.width)
    if region.y1 > meta.height or region.x1 > meta.width:
        raise denoise_error(
            "bad-request",
            f"The region {region.y0}:{region.y1},{region.x0}:{region.x1} reaches beyond the frame of "
            f"{meta.height} x {meta.width} px.",
            meta.path,
            "Choose a region inside the frame.",
        )
    return region
