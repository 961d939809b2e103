"""The dose of a movie in all its units, with where it comes from; unknown stays unknown.

A dose is never made of a scanning detector's counts: these have a black level and excess noise.
"""

from __future__ import annotations

from typing import Literal

from core.protocol.base import Record
from core.protocol.movie import MovieMeta

DoseSource = Literal["tag", "typed", "counts"]


class Dose(Record):
    """None is unknown.

    Attributes
    ----------
    per_frame_px : float or None
        Electrons a pixel and frame.
    per_frame_a2 : float or None
        Electrons a square angstrom and frame.
    rate_a2_s : float or None
        Electrons a square angstrom and second.
    cumulative_a2 : float or None
        Electrons a square angstrom over the exposures of all frames.
    between : float
        How many times as much it is if the beam stayed on between the exposures; 1 where they follow without a pause,
        or where this isn't known.
    source : str or None
        ``tag``: the file says it; ``typed``: the user did; ``counts``: mean value over the gain, as it fell on the
        detector, specimen in the beam. None with all of them.
    """

    per_frame_px: float | None = None
    per_frame_a2: float | None = None
    rate_a2_s: float | None = None
    cumulative_a2: float | None = None
    between: float = 1.0
    source: DoseSource | None = None

    def at(self, frame: int) -> float | None:
        """Electrons a square angstrom from the first frame up to the end of this one."""
        return None if self.per_frame_a2 is None else self.per_frame_a2 * (frame + 1)


def dose_of(meta: MovieMeta, mean_value: float | None = None) -> Dose:
    """The dose of a movie by what is known of it.

    Parameters
    ----------
    meta : MovieMeta
        With what the user typed applied.
    mean_value : float, optional
        Mean stored value of a frame (of a vacuum region, where there is one); with a known gain it tells the dose where
        neither the file nor the user does.
    """
    exposure = meta.exposure_s if meta.exposure_s is not None else meta.frame_interval_s
    area = _pixel_area_a2(meta)
    source: DoseSource
    if "dose_rate_e_per_a2_s" in meta.entered:
        source = "typed"
        rate = meta.dose_rate_e_per_a2_s
        per_frame = None if rate is None or exposure is None else rate * exposure
    elif meta.dose_e_per_a2 is not None or meta.dose_rate_e_per_a2_s is not None:
        source = "tag"
        rate, per_frame = meta.dose_rate_e_per_a2_s, meta.dose_e_per_a2
        if per_frame is None and rate is not None and exposure is not None:
            per_frame = rate * exposure
    else:
        return _of_counts(meta, mean_value, area, exposure)
    if rate is None and per_frame is not None and exposure:
        rate = per_frame / exposure
    return Dose(
        per_frame_px=None if per_frame is None or area is None else per_frame * area,
        per_frame_a2=per_frame,
        rate_a2_s=rate,
        cumulative_a2=None if per_frame is None else per_frame * meta.frames,
        between=_between(meta),
        source=source,
    )


def _of_counts(meta: MovieMeta, mean_value: float | None, area: float | None, exposure: float | None) -> Dose:
    if mean_value is None or meta.counts_per_electron is None or meta.scanned:
        return Dose()
    per_px = (mean_value - (meta.black_level or 0.0)) / meta.counts_per_electron
    if not 0 < per_px < float("inf"):
        return Dose()
    per_a2 = None if area is None else per_px / area
    return Dose(
        per_frame_px=per_px,
        per_frame_a2=per_a2,
        rate_a2_s=None if per_a2 is None or not exposure else per_a2 / exposure,
        cumulative_a2=None if per_a2 is None else per_a2 * meta.frames,
        between=_between(meta),
        source="counts",
    )


def _between(meta: MovieMeta) -> float:
    """Time from frame to frame over the exposure; 1 if there is no pause of a hundredth and more."""
    interval, exposure = meta.frame_interval_s, meta.exposure_s
    if interval is None and meta.times is not None and len(meta.times) > 1:
        interval = (meta.times[-1] - meta.times[0]) / (len(meta.times) - 1)
    if interval is None or not exposure or interval < 1.01 * exposure:
        return 1.0
    return interval / exposure


def _pixel_area_a2(meta: MovieMeta) -> float | None:
    """Area of a pixel at the specimen in square angstroms; None in diffraction, where there is none."""
    if meta.pixel_size is None or meta.pixel_unit != "nm":
        return None
    return meta.pixel_size[0] * meta.pixel_size[1] * 100.0
