"""What a file beside a movie, or a header inside it, adds to what the movie's own header says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core.movies.errors import MovieError
from core.movies.files import RandomAccessFile
from core.protocol.movie import Issue

# No file of settings is longer by right; a damaged one must not fill the memory.
_LONGEST = 4 << 20


@dataclass(frozen=True)
class Facts:
    """Canonical values; None where nothing is said. Names are those of `MovieMeta`.

    Attributes
    ----------
    pixel_size : tuple of float or None
        In nm along y and x.
    diffraction : bool or None
        The frames are diffraction patterns: a pixel size in nm is not theirs.
    pixel_inverse : tuple of float or None
        Their own, in 1/nm along y and x.
    issues, tags
        What the user should know, and everything that was found, under the name of where it was found.
    """

    pixel_size: tuple[float, float] | None = None
    times: tuple[float, ...] | None = None
    frame_interval_s: float | None = None
    exposure_s: float | None = None
    counts_per_electron: float | None = None
    voltage_kv: float | None = None
    magnification: float | None = None
    detector: str | None = None
    date: str | None = None
    scanned: bool | None = None
    dose_e_per_a2: float | None = None
    start_unix_s: float | None = None
    diffraction: bool | None = None
    pixel_inverse: tuple[float, float] | None = None
    issues: tuple[Issue, ...] = ()
    tags: Mapping[str, Any] = field(default_factory=dict)


def joined(*sources: Facts) -> Facts:
    """The first source that knows a value tells it; issues and tags are those of all."""
    values: dict[str, Any] = {}
    for one in fields(Facts):
        said = [getattr(source, one.name) for source in sources]
        values[one.name] = next((value for value in said if value is not None), None)
    values["issues"] = tuple(issue for source in sources for issue in source.issues)
    values["tags"] = {name: value for source in sources for name, value in source.tags.items()}
    return Facts(**values)


def read_text(path: Path) -> str | None:
    """The text of a small file; None if it is not there or can't be read."""
    try:
        if not path.is_file():
            return None
        with RandomAccessFile(path) as file:
            return file.read(0, min(file.size, _LONGEST)).decode("utf-8", "replace")
    except (OSError, ValueError, MovieError):
        # What lies beside a movie never blocks it.
        return None


def positive(text: Any) -> float | None:
    """A number above zero; None if it is none, as where a program writes 0 or -1 for "unknown"."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) and value > 0 else None
