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
    place, values = _values(path)
    if place is None:
        return Facts()
    if not _fits(values, height, width):
        size = " x ".join(values[f"Image Size {axis} (pixels)"] for axis in "YX")
        said = f"{place.name} tells of frames of {size} px and was not used"
        return Facts(issues=(Issue(level="info", code="sidecar", text=said),))
    return _facts(values, frames, place.name)


def unsigned_bytes(path: str, height: int, width: int) -> bool:
    """Whether bytes of a movie count from 0 to 255, which an MRC header can't say."""
    place, values = _values(path)
    counted = values.get("Image Processing - Mode", "").startswith("Counting")
    kind = values.get(f"Autosave {'Counted' if counted else 'Integrated'} Movie Pixel Format")
    return place is not None and kind == "uint8" and _fits(values, height, width)


def _values(path: str) -> tuple[Path | None, dict[str, str]]:
    """The info file of a movie and what it says; None if there is none, or if it is some other program's text."""
    place = _info_of(Path(path))
    text = None if place is None else read_text(place)
    values = parse(text or "")
    if "Image Size X (pixels)" not in values and "Frames Per Second" not in values:
        return None, {}
    return place, values


def _fits(values: dict[str, str], height: int, width: int) -> bool:
    """Whether the file tells of frames of this size, either way round: they may have been turned."""
    size = tuple(values.get(f"Image Size {axis} (pixels)") for axis in "YX")
    return None in size or size in ((str(height), str(width)), (str(width), str(height)))


def _facts(values: dict[str, str], frames: int, name: str) -> Facts:
    added = int(positive(values.get("Autosave Movie Sum Count")) or 1)
    interval = _nanoseconds(values, "Frame Time (nanoseconds)")
    if interval is None:
        rate = positive(values.get("Frames Per Second"))
        interval = None if rate is None else 1 / rate
    exposure = _nanoseconds(values, "Frame Exposure Time (nanoseconds)") or interval
    voltage = positive(values.get("Instrument Accelerating Voltage (V)"))
    scan = _scan(values, frames)
    # The microscope tells a camera length in diffraction only.
    length = positive(values.get("Instrument Project Camera Length (centimeters)"))
    diffraction = scan is not None or length is not None
    stamp = positive(values.get("Timestamp (seconds since Epoch)"))
    issues: tuple[Issue, ...] = ()
    if scan is not None:
        text = f"the frames belong to the {scan} positions of a scan (4D-STEM), not to moments in time"
        issues = (Issue(level="warning", code="scan", text=text),)
    return Facts(
        # Of a scan, the size is the step between its positions.
        pixel_size=None if diffraction else _pair(values, "Specimen Pixel Size {} (nanometers)"),
        frame_interval_s=None if interval is None else interval * added,
        exposure_s=None if exposure is None else exposure * added,
        counts_per_electron=_gain(values),
        voltage_kv=None if voltage is None else voltage / 1000,
        magnification=None if diffraction else positive(values.get("Instrument Project Magnification")),
        detector=_camera(values),
        date=iso(stamp),
        scanned=False,
        diffraction=True if diffraction else None,
        pixel_inverse=None if scan is not None else _pair(values, "Diffraction Pixel Size {}"),
        issues=issues,
        tags={name: dict(values)},
    )


def _pair(values: dict[str, str], key: str) -> tuple[float, float] | None:
    along_y, along_x = (positive(values.get(key.format(axis))) for axis in "YX")
    return None if along_y is None or along_x is None else (along_y, along_x)


def _gain(values: dict[str, str]) -> float | None:
    """Counts an electron makes; it is told for pixels of the sensor itself, and for frames that were not counted."""
    binned = any(values.get(f"{kind}Binning {axis}", "1") != "1" for kind in ("", "Hardware ") for axis in "XY")
    if binned or values.get("Image Processing - Mode") != "Integrating":
        return None
    return positive(values.get("ADUs Per Electron") or values.get("ADUs Per Electron Bin1x"))


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
