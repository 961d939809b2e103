"""Plain HDF5: every image or movie in it, with what NeXus, Nion Swift, MATLAB or dimension scales tell of it."""

from __future__ import annotations

import math
from typing import Any

from core.movies.formats import refusals
from core.movies.formats.hdf5_file import Container, inner, number, read_json, text
from core.movies.formats.hdf5_layout import Layout, layout_of
from core.movies.formats.hdf5_movie import Axis, Found, kept_axes
from core.movies.formats.hdf5_source import Axes
from core.movies.units import plain

# Smaller ones are vectors, tables and masks of metadata.
_SMALLEST_SIDE = 2
_MOST_LISTED = 500
_LARGEST_SCALE = 1 << 17
_COLOUR_CLASSES = {"IMAGE_TRUECOLOR", "IMAGE_INDEXED"}


def found_in(container: Container) -> list[Found]:
    """All datasets of two and more axes, those that a NeXus file marks as its signal first."""
    matlab = _is_matlab(container)
    signals = _signals(container)
    found = []
    for path in container.tree.datasets:
        shape = container.dataset(path).shape
        if shape is None or len(shape) < 2 or sum(size >= _SMALLEST_SIDE for size in shape) < 2:
            continue
        found.append(_found(container, path, matlab, signals.get(path, path)))
        if len(found) >= _MOST_LISTED:
            break
    # Movies before images, both before what is refused; of several, the largest is what the file is about.
    return sorted(found, key=lambda item: (item.layout.path not in signals, _rank(item), -math.prod(item.layout.shape)))


def found_at(container: Container, path: str) -> Found:
    """One dataset."""
    return _found(container, path, _is_matlab(container), _signals(container).get(path, path))


def _rank(found: Found) -> int:
    if found.layout.refusal is not None or found.refusal is not None:
        return 3
    return {3: 0, 2: 1}.get(len(kept_axes(found.layout.shape)), 2)


def _is_matlab(container: Container) -> bool:
    """MATLAB writes a user block of 512 bytes, says what each array was, and turns all axes round."""
    return container.stream.start == 512 and any(
        "MATLAB_class" in container.attributes(path) for path in [*container.tree.datasets][:20]
    )


def _signals(container: Container) -> dict[str, str]:
    """The datasets that NeXus groups name as their signal, and by which path they do."""
    found: dict[str, str] = {}
    for path in container.tree.groups:
        told = container.attributes(path) if path else {}
        if "NX_class" in told and text(told.get("signal")):
            named = f"{path}/{text(told.get('signal'))}"
            listed = container.tree.dataset(named)
            if listed is not None:
                found.setdefault(listed, named)
    for path in container.tree.datasets:
        # An older way: the dataset itself says so.
        if path not in found and "signal" in container.attributes(path):
            found[path] = path
    return found


def _found(container: Container, path: str, matlab: bool, named: str) -> Found:
    """`named` is the path by which a NeXus group calls the dataset: its axes lie beside that."""
    layout = layout_of(container.dataset(path), path)
    told = container.attributes(path)
    properties = read_json(text(told.get("properties")))
    refusal = refusals.COLOUR if text(told.get("IMAGE_SUBCLASS")) in _COLOUR_CLASSES else None
    if layout.refusal is not None:
        return Found(layout, "HDF5", path, refusal=refusal)
    if "dimensional_calibrations" in properties:
        return _nion(layout, path, properties)
    kind = "MATLAB" if matlab else "NeXus" if _group_class(container, named) else "HDF5"
    if matlab:
        return Found(layout, kind, path, (), _matlab_roles(layout), refusal)
    axes = _nexus_axes(container, named, layout) or _scale_axes(container, path, layout) or _imagej_axes(told, layout)
    return Found(layout, kind, text(told.get("title")) or path, axes, None, refusal)


def _group_class(container: Container, path: str) -> str:
    parent = path.rpartition("/")[0]
    return text(container.attributes(parent).get("NX_class")) if parent else ""


def _matlab_roles(layout: Layout) -> Axes | None:
    """An array (y, x, t) of MATLAB is stored as (t, x, y)."""
    kept = kept_axes(layout.shape)
    if len(kept) not in (2, 3):
        return None
    return Axes(kept[-1], kept[-2], kept[0] if len(kept) == 3 else None)


def _nion(layout: Layout, path: str, properties: dict[str, Any]) -> Found:
    """Nion Swift keeps its calibrations as JSON."""
    told = properties["dimensional_calibrations"]
    axes = tuple(
        Axis("", text(inner(item, "units")), number(inner(item, "scale")))
        for item in (told if isinstance(told, list) else [])
    )
    if len(axes) != len(layout.shape):
        axes = ()
    datum = number(properties.get("datum_dimension_count"))
    collection = number(properties.get("collection_dimension_count")) or 0
    sequence = bool(properties.get("is_sequence"))
    refusal = None
    roles = None
    if datum == 1:
        refusal = refusals.SPECTRUM
    elif datum == 2 and len(layout.shape) == 3 and (sequence or collection == 1):
        roles = Axes(1, 2, 0)
    title = text(properties.get("title")) or path
    return Found(layout, "Nion Swift HDF5", title, axes, roles, refusal, lambda *_: _nion_fields(properties))


def _nion_fields(properties: dict[str, Any]) -> dict[str, Any]:
    metadata = properties.get("metadata")
    intensity = properties.get("intensity_calibration")
    scale, origin = number(inner(intensity, "scale")), number(inner(intensity, "offset"))
    unit = text(inner(intensity, "units"))
    voltage = number(inner(metadata, "instrument", "high_tension")) or number(
        inner(metadata, "autostem", "high_tension")
    )
    exposure = number(inner(metadata, "hardware_source", "exposure"))
    created = text(properties.get("created")) or text(properties.get("timestamp"))
    fields: dict[str, Any] = {
        "voltage_kv": voltage / 1000 if voltage and voltage > 0 else None,
        "exposure_s": exposure if exposure and exposure > 0 else None,
        "detector": text(inner(metadata, "hardware_source", "hardware_source_name")) or None,
        "date": created or None,
    }
    if scale and (unit or scale != 1 or origin):
        # Nion: value = scale * stored + offset; ours: (stored - origin) * scale.
        fields |= {
            "intensity_scale": scale,
            "intensity_origin": -(origin or 0.0) / scale,
            "intensity_unit": unit or None,
        }
    return fields


def _nexus_axes(container: Container, path: str, layout: Layout) -> tuple[Axis, ...]:
    parent, _, own = path.rpartition("/")
    told = container.attributes(parent)
    names = told.get("axes")
    if names is None or text(told.get("signal")) not in ("", own):
        names = container.attributes(container.tree.dataset(path) or "").get("axes")
    if isinstance(names, str):
        names = tuple(names.replace(",", ":").strip("[]").split(":")) if (":" in names or "," in names) else (names,)
    if not isinstance(names, tuple) or len(names) != len(layout.shape):
        return ()
    axes = []
    for name, size in zip(names, layout.shape, strict=True):
        place = f"{parent}/{text(name)}" if parent else text(name)
        listed = container.tree.dataset(place)
        axes.append(_vector(container, listed, text(name), size) if listed else Axis(text(name).strip(".")))
    return tuple(axes)


def _vector(container: Container, path: str, name: str, size: int) -> Axis:
    """An axis from the dataset of its coordinates."""
    unit = text(container.attributes(path).get("units"))
    dataset = container.dataset(path)
    numbers: tuple[float, ...] = ()
    if dataset.shape == (size,) and dataset.dtype.kind in "iuf" and size <= _LARGEST_SCALE:
        found = container.value(path)
        numbers = tuple(item for entry in found if (item := number(entry)) is not None) if found else ()
    if "since" in plain(unit):
        # "seconds since 2024-01-01": the unit is the first word.
        unit = unit.split()[0]
    return Axis(name, unit, None, numbers if len(numbers) == size else ())


def _scale_axes(container: Container, path: str, layout: Layout) -> tuple[Axis, ...]:
    """Dimension scales and labels, as of netCDF and pyNSID."""
    told = container.attributes(path)
    scales, labels = told.get("DIMENSION_LIST"), told.get("DIMENSION_LABELS")
    if not isinstance(scales, tuple) and not isinstance(labels, tuple):
        return ()
    paths = {address: name for name, address in container.tree.datasets.items()}
    axes = []
    for place, size in enumerate(layout.shape):
        label = text(labels[place]) if isinstance(labels, tuple) and place < len(labels) else ""
        listed = scales[place] if isinstance(scales, tuple) and place < len(scales) else ()
        scale = paths.get(listed[0]) if isinstance(listed, tuple) and listed else None
        if scale is None:
            axes.append(Axis(label))
        else:
            own = text(container.attributes(scale).get("name")) or scale.rsplit("/", 1)[-1]
            axes.append(_vector(container, scale, label or own, size))
    return tuple(axes)


def _imagej_axes(told: dict[str, Any], layout: Layout) -> tuple[Axis, ...]:
    """ImageJ's plugins for HDF5 write the size of an element, slowest axis first."""
    sizes = told.get("element_size_um")
    if not isinstance(sizes, tuple) or len(layout.shape) not in (2, 3) or len(sizes) < len(layout.shape):
        return ()
    steps = [number(size) for size in sizes[-len(layout.shape) :]]
    return tuple(Axis("", "um" if place >= len(steps) - 2 else "", step) for place, step in enumerate(steps))
