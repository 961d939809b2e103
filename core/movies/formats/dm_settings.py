"""What the tags of a DM image say of the recording, in canonical form: for DM3, DM4 and DM5 alike."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import Any

from core.movies.formats.dm_dates import date_and_start
from core.movies.formats.dm_tags import TagTree
from core.movies.timing import even_interval, segments_of
from core.movies.units import length, pixel, plain, seconds

_ELECTRONS = {"e-", "e", "electron", "electrons"}
# Ticks are milliseconds since the system started, in 32 bits: they begin anew after 50 days.
_TICKS = 1 << 32
# Windows counts them in steps of 10 to 16 ms.
_TICK_S = 0.017
_LONGEST_FRAME_S = 86_400.0
_DOSE = re.compile(r"(?:electron\s*)?(?:dose|fluence|flux)(\s*rate)?\s*\(([^()]+)\)", re.IGNORECASE)


def known(tree: TagTree, image: str, axes: Sequence[int], frames: int, declared: int) -> dict[str, Any]:
    """The fields of `MovieMeta` that the tags tell.

    Parameters
    ----------
    tree : TagTree
        All tags of the file.
    image : str
        Path of the image, such as ``ImageList.1``.
    axes : sequence of int
        DigitalMicrograph's numbers (the fastest is 0) of the axes of frames, rows and columns; of rows and columns
        alone for an image.
    frames, declared : int
        That the movie has, and that it promises.

    Returns
    -------
    dict
        Names of fields to values; None is unknown.
    """
    tags = prefixes(image)
    calibrations = f"{image}.ImageData.Calibrations"
    steps = [_axis(tree, f"{calibrations}.Dimension.{axis}") for axis in axes]
    size, unit = pixel(steps[-2], steps[-1])
    origin, scale, intensity_unit = _intensity(tree, f"{calibrations}.Brightness")
    electrons = intensity_unit is not None and intensity_unit.lower() in _ELECTRONS
    scanned = _scanned(tree, tags)
    exposure = _exposure(tree, tags)
    dose, rate = _dose(tree, image, size if unit == "nm" else None)
    date, start = date_and_start(tree, tags, declared)
    interval = (seconds(*steps[-3]) or frame_time(tree, image)) if len(steps) > 2 and declared > 1 else None
    times = None if interval is not None else _plane_times(tree, image, declared)
    even = _even(times) if times is not None else None
    return {
        "pixel_size": size,
        "pixel_unit": unit,
        "frame_interval_s": interval if interval is not None else even,
        "times": None if times is None or even is not None else times[:frames],
        "segments": () if times is None else segments_of(frames, times[:frames]),
        "exposure_s": _of_one_frame(exposure, interval, declared),
        # A scanning detector has a black level and excess noise: its "electrons" are not counted ones.
        "counts_per_electron": 1 / scale if electrons and scale is not None and scale > 0 and not scanned else None,
        # No electron fell where the calibration gives none; a scan's origin of zero is but the one it was made with.
        "black_level": origin if electrons and (origin or not scanned) else _bias(tree, tags),
        "intensity_origin": origin,
        "intensity_scale": scale,
        "intensity_unit": intensity_unit,
        "voltage_kv": _voltage(tree, tags),
        "magnification": _magnification(tree, tags),
        "detector": _detector(tree, tags),
        "date": date,
        "scanned": scanned,
        "dose_e_per_a2": dose,
        "dose_rate_e_per_a2_s": rate,
        "start_unix_s": start,
    }


def prefixes(image: str) -> tuple[str, ...]:
    """Where settings are looked for: the image's own tags, and those of the images that a stack was built from."""
    return f"{image}.ImageTags", f"{image}.ImageTags.source.Tags at creation"


def frame_time(tree: TagTree, image: str) -> float | None:
    """From one frame to the next in s, as the camera gives it; None where it does not, or gives nonsense."""
    for prefix in prefixes(image):
        sequence = f"{prefix}.Acquisition.Frame.Sequence"
        time = _positive(tree.number(f"{sequence}.Frame Time (ns)"))
        exposure = _positive(tree.number(f"{sequence}.Exposure Time (ns)")) or 0.0
        # It is often left unset, which reads as some number far below zero, or above all bounds.
        if time is not None and 0.999 * exposure <= time < _LONGEST_FRAME_S * 1e9:
            return time * 1e-9
    return None


def _positive(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value > 0 else None


def _first_text(tree: TagTree, tags: Sequence[str], *names: str) -> str | None:
    return next((text for prefix in tags for name in names if (text := tree.text(f"{prefix}.{name}"))), None)


def _detector(tree: TagTree, tags: Sequence[str]) -> str | None:
    """The camera, or the scan's device with its signal, such as ``DigiScan ADF``."""
    camera = _first_text(tree, tags, "Acquisition.Device.Name", "Acquisition.Device.Source")
    if camera is not None:
        return camera
    parts = _first_text(tree, tags, "DataBar.Device Name"), _first_text(tree, tags, "DataBar.Signal Name")
    return " ".join(part for part in parts if part) or None


def _axis(tree: TagTree, path: str) -> tuple[float, str]:
    scale = tree.number(f"{path}.Scale")
    return (math.nan if scale is None else scale), tree.text(f"{path}.Units")


def _intensity(tree: TagTree, path: str) -> tuple[float | None, float | None, str | None]:
    """Origin, scale and unit of the intensity; all None where the file's own is the trivial one."""
    origin, scale = tree.number(f"{path}.Origin"), tree.number(f"{path}.Scale")
    unit = tree.text(f"{path}.Units") or None
    if scale is None or not math.isfinite(scale) or scale == 0 or (unit is None and scale == 1 and not origin):
        return None, None, None
    return (origin if origin is not None and math.isfinite(origin) else 0.0), scale, unit


def _scanned(tree: TagTree, tags: Sequence[str]) -> bool | None:
    """True for DigiScan, False for a camera, None where the tags name neither."""
    for prefix in tags:
        scan, camera = f"{prefix}.DigiScan.", (f"{prefix}.Acquisition.Device.", f"{prefix}.Acquisition.Frame.CCD.")
        if any(name.startswith(scan) for name in tree.values):
            return True
        if any(name.startswith(camera) for name in tree.values):
            return False
    return None


def _bias(tree: TagTree, tags: Sequence[str]) -> float | None:
    """The camera's bias, where it was not subtracted."""
    for prefix in tags:
        if tree.text(f"{prefix}.Acquisition.Parameters.High Level.Processing").lower() == "unprocessed":
            bias = tree.number(f"{prefix}.Acquisition.Frame.Intensity.Range.Bias (counts)")
            return bias if bias is not None and math.isfinite(bias) else None
    return None


def _voltage(tree: TagTree, tags: Sequence[str]) -> float | None:
    for prefix in tags:
        volts = _positive(tree.number(f"{prefix}.Microscope Info.Voltage"))
        if volts is not None:
            return volts / 1000
    return None


def _magnification(tree: TagTree, tags: Sequence[str]) -> float | None:
    for prefix in tags:
        value = _positive(tree.number(f"{prefix}.Microscope Info.Indicated Magnification"))
        if value is not None:
            modes = (tree.text(f"{prefix}.Microscope Info.{name} Mode") for name in ("Imaging", "Operation"))
            # In diffraction this tag holds the camera length in mm.
            return None if any(mode.upper() == "DIFFRACTION" for mode in modes) else value
    return None


def _exposure(tree: TagTree, tags: Sequence[str]) -> float | None:
    for prefix in tags:
        for name in (
            # Of one frame, where a camera divides its exposure into many.
            "Acquisition.Frame.Sequence.Frame Exposure (s)",
            "Acquisition.Parameters.High Level.Frame Exposure",
            "Acquisition.Parameters.High Level.Exposure (s)",
            "Acquisition.Parameters.Detector.exposure (s)",
            "DataBar.Exposure Time (s)",
        ):
            value = _positive(tree.number(f"{prefix}.{name}"))
            if value is not None:
                return value
        value = _positive(tree.number(f"{prefix}.Acquisition.Frame.Sequence.Exposure Time (ns)"))
        if value is not None and value < _LONGEST_FRAME_S * 1e9:
            return value * 1e-9
    return None


def _of_one_frame(exposure: float | None, interval: float | None, frames: int) -> float | None:
    """The exposure of a frame, where the camera may have noted that of the whole movie.

    No frame is exposed for longer than until the next one: an exposure that lasts as long as all frames together was
    divided among them; any other longer one is not understood.
    """
    if exposure is None or interval is None or exposure <= 1.01 * interval:
        return exposure
    return interval if math.isclose(exposure, frames * interval, rel_tol=0.1) else None


def _plane_times(tree: TagTree, image: str, declared: int) -> tuple[float, ...] | None:
    """When each plane came to a stack that a script built from live images, in s since the first."""
    planes = f"{image}.ImageTags.plane info"
    # The file may claim any number of frames: what is there is counted, not what is claimed.
    ticks = (tree.number(f"{planes}.{plane}.added @ tick") for plane in range(declared))
    given = [tick for tick in itertools.takewhile(lambda tick: tick is not None, ticks) if tick is not None]
    if len(given) < 2 or len(given) < declared:
        return None
    times = [0.0]
    for earlier, later in itertools.pairwise(given):
        step = (later - earlier) % _TICKS
        # Half of the range or more is a step back, and no time at all.
        if not 0 < step < _TICKS / 2:
            return None
        times.append(times[-1] + step / 1000)
    return tuple(times)


def _even(times: tuple[float, ...]) -> float | None:
    """The interval of times that are even as far as the system's clock can tell."""
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    mean = times[-1] / len(steps)
    # Steps of a tick or two are too short for that.
    exact = mean < 4 * _TICK_S or any(abs(step - mean) > _TICK_S for step in steps)
    return even_interval(times) if exact else mean


def _dose(tree: TagTree, image: str, pixel_nm: tuple[float, float] | None) -> tuple[float | None, float | None]:
    """Dose of a frame and dose rate, in electrons a square angstrom, from tags that carry their unit in their name.

    Two tags that differ are as good as none.
    """
    start = f"{image}.ImageTags."
    doses: set[float] = set()
    rates: set[float] = set()
    for path, stored in tree.values.items():
        if not path.startswith(start) or not isinstance(stored, int | float):
            continue
        found = _DOSE.fullmatch(path[len(start) :].rsplit(".", 1)[-1].strip())
        value = _positive(float(stored))
        if found is None or value is None:
            continue
        factor, a_second = _dose_unit(found[2], pixel_nm)
        if factor is not None:
            (rates if a_second else doses).add(value * factor)
    return _only(doses), _only(rates)


def _only(values: set[float]) -> float | None:
    return values.pop() if len(values) == 1 else None


def _dose_unit(unit: str, pixel_nm: tuple[float, float] | None) -> tuple[float | None, bool]:
    """Factor to electrons a square angstrom, None if the unit is not one of dose; and whether it is a second's."""
    text = plain(unit).replace("²", "2").replace("^", "").replace("-", "").replace("·", "/").replace("*", "/")
    found = re.fullmatch(r"e(?:lectrons?)?/(?:(\w+?)2|px|pix|pixel)(/s|/sec)?", text)
    if found is None:
        return None, False
    if found[1] is not None:
        size = length(1.0, found[1])
        area_a2 = (size[0] * 10) ** 2 if size is not None and size[1] == "nm" else None
    else:
        area_a2 = None if pixel_nm is None else pixel_nm[0] * pixel_nm[1] * 100
    return (None if area_a2 is None else 1 / area_a2), found[2] is not None
