"""HyperSpy's .hspy: groups below ``Experiments``, each with its data and one group an axis."""

from __future__ import annotations

import math
from typing import Any

from core.movies.formats import refusals
from core.movies.formats.hdf5_file import Container, number, text
from core.movies.formats.hdf5_layout import layout_of
from core.movies.formats.hdf5_movie import Axis, Found, kept_axes
from core.movies.formats.hdf5_source import Axes

NAME = "HyperSpy"
_NOTHING = {"_None_", "<undefined>", "None", "Undefined", "t.Undefined"}


def found_in(container: Container) -> list[Found] | None:
    """The signals of a HyperSpy file; None if it is none."""
    told = container.attributes("")
    groups = [path for path in container.tree.groups if path.startswith("Experiments/") and path.count("/") == 1]
    if text(told.get("file_format")).lower() != "hyperspy" and not groups:
        return None
    found = [_found(container, group) for group in groups if f"{group}/data" in container.tree.datasets]
    return found or None


def _found(container: Container, group: str) -> Found:
    layout = layout_of(container.dataset(f"{group}/data"), f"{group}/data")
    read = [_axis(container, group, place) for place in range(len(layout.shape))]
    axes = tuple(axis for axis, _ in read)
    signal = [place for place, (_, navigates) in enumerate(read) if navigates is False]
    general = container.attributes(f"{group}/metadata/General")
    kind = text(container.attributes(f"{group}/metadata/Signal").get("signal_type"))
    refusal = None
    if len(signal) == 1 and len(layout.shape) > 1:
        refusal = refusals.SPECTRUM
    elif kind.upper().startswith(("EDS", "EELS")):
        refusal = refusals.ENERGY
    return Found(
        layout,
        NAME,
        text(general.get("title")) or group.rsplit("/", 1)[-1],
        axes,
        _roles(layout.shape, signal),
        refusal,
        lambda opened, _frames: _known(opened, group),
    )


def _axis(container: Container, group: str, place: int) -> tuple[Axis, bool | None]:
    told = container.attributes(f"{group}/axis-{place}")
    unit = text(told.get("units"))
    name = text(told.get("name"))
    navigates = told.get("navigate")
    values = told.get("axis")
    axis = Axis(
        "" if name in _NOTHING else name,
        "" if unit in _NOTHING else unit,
        number(told.get("scale")),
        tuple(found for item in values if (found := number(item)) is not None) if isinstance(values, tuple) else (),
    )
    return axis, bool(navigates) if isinstance(navigates, bool | int) else None


def _roles(shape: tuple[int, ...], signal: list[int]) -> Axes | None:
    """HyperSpy itself tells which axes are the image's and which one is stepped through."""
    kept = kept_axes(shape)
    if len(signal) != 2 or len(kept) > 3:
        return None
    others = [axis for axis in kept if axis not in signal]
    if len(others) > 1 or any(axis not in kept for axis in signal):
        return None
    return Axes(signal[0], signal[1], others[0] if others else None)


def _known(container: Container, group: str) -> dict[str, Any]:
    general = container.attributes(f"{group}/metadata/General")
    instrument = container.attributes(f"{group}/metadata/Acquisition_instrument/TEM")
    camera = container.attributes(f"{group}/metadata/Acquisition_instrument/TEM/Detector/Camera")
    date = " ".join(part for part in (text(general.get("date")), text(general.get("time"))) if part not in _NOTHING)
    scanned = {"STEM": True, "TEM": False}.get(text(instrument.get("acquisition_mode")).upper())
    return {
        "voltage_kv": _positive(instrument.get("beam_energy")),
        "magnification": _positive(instrument.get("magnification")),
        "detector": text(camera.get("name")) or None,
        "exposure_s": None if scanned else _positive(camera.get("exposure")),
        "date": date.strip().replace(" ", "T", 1) or None,
        "scanned": scanned,
    }


def _positive(item: Any) -> float | None:
    found = number(item)
    return found if found is not None and math.isfinite(found) and found > 0 else None
