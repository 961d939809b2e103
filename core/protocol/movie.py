"""What is known of a movie before a pixel of it is read."""

from __future__ import annotations

from typing import Literal

from core.protocol.base import Record

IssueLevel = Literal["info", "warning", "error"]


class Issue(Record):
    """Something about a file that the user should know, such as ``truncated: 25 of 50 frames``."""

    level: IssueLevel
    code: str
    text: str


class Segment(Record):
    """Frames ``start`` (inclusive) to ``stop`` (exclusive) that belong together.

    Gaps, dropped frames, blanking and changed settings part a movie; no average or pair crosses a border.
    """

    start: int
    stop: int
    reason: str = ""


class DatasetInfo(Record):
    """One thing that a file holds: an image, a series, a detector, or something that is not a movie.

    ``key`` is what `open_movie` takes. ``refusal`` says why a dataset is no movie (a spectrum, RGB); None if it is one.
    """

    key: str
    title: str
    shape: tuple[int, ...]
    dtype: str
    refusal: str | None = None


class MovieMeta(Record):
    """What a movie file says of itself. Unknown stays None; nothing is invented.

    Attributes
    ----------
    path : str
        The file, or the folder of a movie that is many files.
    frames, height, width : int
        Frames that can really be read, and their size in px.
    dtype : str
        numpy's name of the stored type, such as ``uint16``.
    pixel_size : tuple of float or None
        Size of a pixel along rows (y) and columns (x), in `pixel_unit`; None is unknown.
    pixel_unit : str or None
        ``nm`` for images, ``1/nm`` for diffraction.
    times : tuple of float or None
        Start of each frame in s, or None. `frame_interval_s` serves when they are evenly spaced.
    segments : tuple of Segment
        Stretches of frames that belong together; empty: all of them do.
    exposure_s : float or None
        Exposure of one frame in s.
    counts_per_electron : float or None
        Gain of the detector where the file tells it.
    black_level : float or None
        Stored value where no electron fell.
    intensity_origin, intensity_scale, intensity_unit
        The file's own calibration of intensity: value = (stored - origin) * scale, in `intensity_unit`.
    scanned : bool or None
        True for a scanning detector (STEM), whose counts are no dose; False for a camera.
    dose_e_per_a2 : float or None
        Dose of one frame as the file tells it, electrons a square angstrom at the specimen.
    dose_rate_e_per_a2_s : float or None
        The same a second.
    start_unix_s : float or None
        When the first frame began, in seconds since 1970 (UTC), where the file says so; joins holder logs.
    declared_frames : int
        Frames that the header promises; larger than `frames` in a truncated file.
    file_count, file_bytes : int
        How many files the movie lies in, and the size of all of them.
    entered : tuple of str
        Names of the fields that the user typed (`Entered`), not the file.
    fingerprint : str
        A sampled hash of the content, to find a moved file again.
    """

    path: str
    format: str
    dataset: str = ""
    title: str = ""
    frames: int
    height: int
    width: int
    dtype: str
    pixel_size: tuple[float, float] | None = None
    pixel_unit: str | None = None
    times: tuple[float, ...] | None = None
    frame_interval_s: float | None = None
    segments: tuple[Segment, ...] = ()
    exposure_s: float | None = None
    counts_per_electron: float | None = None
    black_level: float | None = None
    intensity_origin: float | None = None
    intensity_scale: float | None = None
    intensity_unit: str | None = None
    voltage_kv: float | None = None
    magnification: float | None = None
    detector: str | None = None
    date: str | None = None
    scanned: bool | None = None
    dose_e_per_a2: float | None = None
    dose_rate_e_per_a2_s: float | None = None
    start_unix_s: float | None = None
    declared_frames: int
    file_count: int = 1
    file_bytes: int = 0
    entered: tuple[str, ...] = ()
    fingerprint: str = ""
    issues: tuple[Issue, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(frames, height, width)."""
        return (self.frames, self.height, self.width)

    @property
    def truncated(self) -> bool:
        """Whether the header promised more frames than the file holds."""
        return self.frames < self.declared_frames
