"""``--set NAME=VALUE``: calibration typed on the command line, in place of what a file says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import ValidationError

from core.jobs.errors import job_error
from core.movies.clock import read_date_and_time
from core.protocol.entered import Entered

# Short names for people; the names of `Entered` work too.
_SHORT = {
    "pixel": "pixel_size",
    "interval": "frame_interval_s",
    "exposure": "exposure_s",
    "gain": "counts_per_electron",
    "black": "black_level",
    "voltage": "voltage_kv",
    "dose_rate": "dose_rate_e_per_a2_s",
    "start": "start_unix_s",
}
_PIXEL = re.compile(r"^([0-9.eE+-]+?)(?:,([0-9.eE+-]+?))?\s*(1/nm|nm|pm|um|µm|A|Å|1/A|1/Å)$")
_FACTORS = {"nm": (1.0, "nm"), "pm": (1e-3, "nm"), "um": (1e3, "nm"), "µm": (1e3, "nm"), "A": (0.1, "nm")}
_FACTORS |= {"Å": (0.1, "nm"), "1/nm": (1.0, "1/nm"), "1/A": (10.0, "1/nm"), "1/Å": (10.0, "1/nm")}


def entered_from(settings: Sequence[str] | None) -> Entered | None:
    """What was typed; None if nothing was.

    Raises
    ------
    JobError
        A setting that is not ``NAME=VALUE``, an unknown name, or a senseless value.
    """
    typed: dict[str, object] = {}
    for setting in settings or ():
        name, mark, value = setting.partition("=")
        field = _SHORT.get(name.strip(), name.strip())
        if not mark or field not in Entered.model_fields or field == "pixel_unit":
            known = ", ".join([*_SHORT, "magnification", "detector"])
            raise job_error("bad-request", f"--set {setting} is not understood.", None, f"It takes {known}.")
        if field == "pixel_size":
            typed |= _pixel(setting, value.strip())
        elif field == "start_unix_s" and read_date_and_time(value) is not None:
            typed[field] = read_date_and_time(value)
        else:
            typed[field] = value.strip()
    if not typed:
        return None
    try:
        return Entered.model_validate(typed)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        name = next((short for short, long in _SHORT.items() if long == field), field)
        advice = "Give a date such as 2026-11-21T14:30:00Z." if name == "start" else "Give a number above zero."
        raise job_error(
            "bad-request", f"--set {name}={typed.get(field, '')} is not understood.", None, advice
        ) from error


def _pixel(setting: str, value: str) -> dict[str, object]:
    found = _PIXEL.match(value)
    try:
        sizes = [float(part) for part in (found[1], found[2] or found[1])] if found else []
    except ValueError:
        sizes = []
    if found is None or not sizes:
        raise job_error(
            "bad-request",
            f"--set {setting} is no pixel size.",
            None,
            "Write it like pixel=0.02nm, or pixel=0.02,0.03nm for rows and columns.",
        )
    factor, unit = _FACTORS[found[3]]
    return {"pixel_size": tuple(size * factor for size in sizes), "pixel_unit": unit}
