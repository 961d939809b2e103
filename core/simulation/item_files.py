"""Items on disk: what the detector stored and the clean frames as TIFF movies, and the truth as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.movies.calibration import Scale
from core.movies.writers import create_writer
from core.simulation.item import Item
from core.simulation.item_units import units_of

# Says of a folder which recipe and version made what is in it.
NOTE = "set.json"
_SCANNED = {"HAADF", "ABF", "SEM"}
_STORED = {"uint8", "uint16", "float32"}


def truth_path(folder: Path, name: str) -> Path:
    """Where the truth of an item lies; it is written last, so an item that has one is whole."""
    return folder / f"{name}.json"


def recording_bytes(side: int, frames: int) -> int:
    """How much room an item takes, about: two bytes a px as stored, four as clean frames, and the truth."""
    return frames * side * side * 6 + 300_000


def write_item(folder: Path, item: Item) -> int:
    """Write ``NAME.tif``, ``NAME_clean.tif`` and ``NAME.json`` into a folder that exists; returns their bytes.

    Raises
    ------
    WriteFailed
        The disk is full or can't be written to.
    """
    scale = _scale(item)
    noisy = item.noisy if item.noisy.dtype.name in _STORED else item.noisy.astype(np.float32)
    paths = [
        _write(folder / f"{item.name}.tif", noisy, scale),
        _write(folder / f"{item.name}_clean.tif", item.clean, _of_electrons(scale)),
    ]
    paths.append(write_json(truth_path(folder, item.name), truth_of(item)))
    return sum(path.stat().st_size for path in paths)


def write_json(path: Path, document: dict[str, Any]) -> Path:
    """Write a document whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    # One key a line: long lists stay compact, and a person can still read it.
    lines = [f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in document.items()]
    try:
        partial.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def truth_of(item: Item) -> dict[str, Any]:
    """The truth as plain values: everything of an item but its pixels."""
    return {
        "name": item.name,
        "seed": item.seed,
        "modality": item.modality,
        "kind": item.kind,
        "periodic": item.periodic,
        "frames": len(item.clean),
        "height": item.clean.shape[1],
        "width": item.clean.shape[2],
        "pixel_nm": item.pixel_nm,
        "interval_s": item.interval_s,
        "times_s": list(item.times_s),
        "dose_e_px": item.dose,
        "gain": item.gain,
        "offset": item.offset,
        "counts": item.counts,
        "shifts_px": np.round(item.shifts, 4).tolist(),
        "columns": [columns_of(one) for one in item.frame_columns],
        "settings": item.settings,
        "units": units_of(item),
    }


def columns_of(columns: Any) -> dict[str, Any]:
    """The columns of a frame: y and x in px from the middle of the first px, strength, atoms, elements."""
    return {
        "y": np.round(columns.positions[:, 0], 4).tolist(),
        "x": np.round(columns.positions[:, 1], 4).tolist(),
        "height": [float(f"{value:.5g}") for value in columns.heights],
        "atoms": columns.atoms.tolist(),
        "elements": list(columns.elements),
    }


def _scale(item: Item) -> Scale:
    kilovolt = item.settings.get("kilovolt")
    return Scale(
        pixel_size=(item.pixel_nm, item.pixel_nm),
        pixel_unit="nm",
        frame_interval_s=item.interval_s if len(item.noisy) > 1 else None,
        times=item.times_s or None,
        exposure_s=item.interval_s * item.settings.get("exposure", 1.0),
        counts_per_electron=item.gain,
        black_level=item.offset,
        voltage_kv=float(kilovolt) if kilovolt is not None else None,
        detector=f"simulated: {item.settings.get('detector', 'detector')}",
        scanned=item.modality in _SCANNED,
    )


def _of_electrons(scale: Scale) -> Scale:
    return replace(scale, counts_per_electron=1.0, black_level=0.0)


def _write(path: Path, frames: NDArray[Any], scale: Scale) -> Path:
    shape = (int(frames.shape[0]), int(frames.shape[1]), int(frames.shape[2]))
    with create_writer(path, shape, frames.dtype, scale=scale, resume=False, overwrite=True) as writer:
        for index, frame in enumerate(frames):
            writer.write(index, frame)
        return writer.finish()
