"""Berkeley EMD (also of py4DSTEM's emdfile): groups marked ``emd_group_type``, one vector of coordinates an axis.

Axes are taken as they lie in the file, the slowest first, unless their names say otherwise.
"""

from __future__ import annotations

from typing import Any

from core.movies.formats.hdf5_file import Container, number, text
from core.movies.formats.hdf5_layout import Layout, layout_of
from core.movies.formats.hdf5_movie import Axis, Found
from core.movies.formats.hdf5_source import Axes

NAME = "Berkeley EMD"
_DATA = ("data", "datacube", "realslice", "diffractionslice", "counted_datacube")


def found_in(container: Container) -> list[Found] | None:
    """The arrays of a Berkeley EMD file; None if it is none."""
    groups = [path for path in container.tree.groups if path and "emd_group_type" in container.attributes(path)]
    found = []
    for group in groups:
        for name in _DATA:
            if f"{group}/{name}" in container.tree.datasets:
                found.append(_found(container, group, f"{group}/{name}"))
                break
    return found or None


def _found(container: Container, group: str, path: str) -> Found:
    layout = layout_of(container.dataset(path), path)
    first = 0 if f"{group}/dim0" in container.tree.datasets else 1
    axes = []
    labels = None
    for place in range(len(layout.shape)):
        name = f"{group}/dim{place + first}"
        if name not in container.tree.datasets:
            axes.append(Axis())
        elif container.dataset(name).dtype.kind in "OS":
            # Pictures by name: this axis steps through them.
            labels = place
            axes.append(Axis())
        else:
            axes.append(_axis(container, name, layout.shape[place]))
    title = text(container.attributes(group).get("name")) or group.rsplit("/", 1)[-1]
    return Found(layout, NAME, title, tuple(axes), _by_labels(layout, labels), None, lambda opened, _: _known(opened))


def _by_labels(layout: Layout, labels: int | None) -> Axes | None:
    if labels is None or len(layout.shape) != 3:
        return None
    left = [axis for axis in range(3) if axis != labels]
    return Axes(left[0], left[1], labels)


def _axis(container: Container, path: str, size: int) -> Axis:
    told = container.attributes(path)
    values = container.value(path)
    numbers = (
        tuple(item for entry in values if (item := number(entry)) is not None) if isinstance(values, tuple) else ()
    )
    # EMD writes a unit in brackets, with an underscore behind its prefix: [n_m]
    unit = text(told.get("units")).strip("[]").replace("_", "")
    name = text(told.get("name"))
    if len(numbers) == 2 and size != 2:
        # The first two stand for all.
        return Axis(name, unit, numbers[1] - numbers[0])
    return Axis(name, unit, None, numbers if len(numbers) == size else ())


def _known(container: Container) -> dict[str, Any]:
    microscope = container.attributes("microscope")
    voltage = number(microscope.get("voltage")) or number(microscope.get("accelerating_voltage"))
    magnification = number(microscope.get("magnification"))
    return {
        # Some write 300, some 300000.
        "voltage_kv": None if not voltage or voltage < 0 else voltage / 1000 if voltage > 5000 else voltage,
        "magnification": magnification if magnification and magnification > 0 else None,
    }
