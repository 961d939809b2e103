"""The ``_info.txt`` file that Direct Electron's server writes beside ``DATE_NUMBER_movie.mrc``: lines of name = value.

Where a value is unknown to the server, it writes -1.
"""

from __future__ import annotations

import re
from pathlib import Path

from core.movies.formats.facts import Facts, positive, read_text
from core.movies.stamps import iso
from core.protocol.movie import Issue

_ACQUISITION = re.compile(r"^(\d{8}_\d+)(_.*)?$")


def parse(text: str) -> dict[str, str]:
    """The values by name; what is no such line is passed over."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, value in pairs if key.strip()}


def _info_of(movie: Path) -> Path | None:
    """The info file of a movie: its name up to one of the underscores, then ``_info.txt``."""
    words = movie.stem.split("_")
    for count in range(len(words) - 1, 0, -1):
        place = movie.with_name("_".join(words[:count]) + "_info.txt")
        if place.is_file():
            return place
    acquisition = _ACQUISITION.match(movie.stem)
    if acquisition is None:
        return None
    try:
        beside = [
            other
            for other in movie.parent.iterdir()
            if other.name.startswith(acquisition.group(1) + "_") and other.name.endswith("_info.txt")
        ]
    except OSError:
        return None
    return beside[0] if len(beside) == 1 else None


def of_movie(path: str, frames: int, height: int, width: int) -> Facts:
    """What the info file beside a movie says of it; nothing if there is none, or if it is of another movie.

    Parameters
    ----------
    path : str
        The movie.
    frames, height, width : int
        As its header promises.
    """
    place = _info_of(Path(path))
    text = None if place is None else read_text(place)
    if place is None or text is None:
        return Facts()
    values = parse(text)
    if "Image Size X (pixels)" not in values and "Frames Per Second" not in values:
        # Some other program's text.
        return Facts()
    size = (values.get("Image Size Y (pixels)"), values.get("Image Size X (pixels)"))
    if size not in ((str(height), str(width)), (str(width), str(height)), (None, None)):
        said = f"{place.name} tells of frames of {size[0]} x {size[1]} px and was not used"
        return Facts(issues=(Issue(level="info", code="sidecar", text=said),))
    return _facts(values, frames, place.name)


def _facts(values: dict[str, str], frames: int, name: str) -> Facts:
    added = int(positive(values.get("Autosave Movie Sum Count")) or 1)
    interval = _nanoseconds(values, "Frame Time (nanoseconds)")
    if interval is None:
        rate = positive(values.get("Frames Per Second"))
        interval = None if rate is None else 1 / rate
    exposure = _nanoseconds(values, "Frame Exposure Time (nanoseconds)") or interval
    voltage = positive(values.get("Instrument Accelerating Voltage (V)"))
    scan = _scan(values, frames)
    pixels = (
        positive(values.get("Specimen Pixel Size Y (nanometers)")),
        positive(values.get("Specimen Pixel Size X (nanometers)")),
    )
    stamp = positive(values.get("Timestamp (seconds since Epoch)"))
    issues: tuple[Issue, ...] = ()
    if scan is not None:
        text = f"the frames belong to the {scan} positions of a scan (4D-STEM), not to moments in time"
        issues = (Issue(level="warning", code="scan", text=text),)
    return Facts(
        # Of a scan, the size is the step between its positions.
        pixel_size=None if scan is not None or None in pixels else _both(pixels),
        frame_interval_s=None if interval is None else interval * added,
        exposure_s=None if exposure is None else exposure * added,
        voltage_kv=None if voltage is None else voltage / 1000,
        magnification=None if scan is not None else positive(values.get("Instrument Project Magnification")),
        detector=_camera(values),
        date=iso(stamp),
        scanned=False,
        diffraction=True if scan is not None else None,
        issues=issues,
        tags={name: dict(values)},
    )


def _both(pixels: tuple[float | None, float | None]) -> tuple[float, float]:
    return (pixels[0] or 0.0, pixels[1] or 0.0)


def _nanoseconds(values: dict[str, str], key: str) -> float | None:
    value = positive(values.get(key))
    return None if value is None else value * 1e-9


def _camera(values: dict[str, str]) -> str | None:
    model, name = values.get("Camera Model", ""), values.get("Camera Name", "")
    words = [model] if model == name or not name else [model, name]
    return " ".join(word for word in words if word) or None


def _scan(values: dict[str, str], frames: int) -> str | None:
    """How many positions a scan had, if the frames belong to them."""
    points = positive(values.get("Scan - Points"))
    if values.get("Scan - Enable") != "Enable" or points is None or points < 2 or frames < points:
        return None
    window = "ROI Size" if values.get("Scan - ROI Enable") == "Enable" else "Size"
    rows, columns = (int(positive(values.get(f"Scan - {window} {axis}")) or 0) for axis in "YX")
    return f"{rows} x {columns}" if rows * columns == points else str(int(points))
