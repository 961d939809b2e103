"""HDF5 movies in the dialects of microscopes, written by h5py as their own programs lay them out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from tests.movie_files.pixels import ramp

_JSON_BYTES = 6000


def velox_json(
    *,
    detector: str = "BM-Ceta",
    kind: str = "ImagingDetector",
    pixel_m: float = 8.2e-12,
    unit: str = "m",
    stamp_us: int | None = 1_575_540_226_238_991,
    **custom: str,
) -> dict[str, Any]:
    """The metadata of one frame, with the names and texts that Velox writes."""
    values = {f"Detectors[{detector}].{name}": {"type": "string", "value": text} for name, text in custom.items()}
    if stamp_us is not None:
        values[f"Detectors[{detector}].TimeStamp"] = {"type": "int64", "value": str(stamp_us)}
    return {
        "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "1575540224"}},
        "Optics": {"AccelerationVoltage": "300000", "NominalMagnification": "1271519.155"},
        "Scan": {"DwellTime": "1e-06", "FrameTime": "0.25"},
        "Detectors": {
            "Detector-0": {"DetectorName": "Other", "DetectorType": "ScanningDetector"},
            "Detector-1": {"DetectorName": detector, "DetectorType": kind, "ExposureTime": "0.8"},
        },
        "BinaryResult": {
            "Detector": detector,
            "PixelSize": {"width": repr(pixel_m), "height": repr(pixel_m)},
            "PixelUnitX": unit,
            "PixelUnitY": unit,
        },
        "CustomProperties": values,
    }


def write_velox(
    path: Path,
    pixels: NDArray[Any],
    told: Sequence[dict[str, Any]] | None = None,
    *,
    chunks: tuple[int, int, int] | None = None,
    written: int | None = None,
    **options: Any,
) -> Path:
    """Write a Velox EMD of one image.

    Parameters
    ----------
    path : Path
        The file.
    pixels : ndarray (T, H, W)
        Stored with the frames last.
    told : sequence of dict
        JSON of each frame; a camera's by default, a frame each 40 ms.
    chunks : (H, W, T)
        One frame a chunk by default.
    written : int
        Only so many frames are stored, as of a recording that broke off.
    options : Any
        For h5py's ``create_dataset``: compression and the like.
    """
    frames, height, width = pixels.shape
    if told is None:
        told = [velox_json(stamp_us=1_575_540_226_238_991 + 40_000 * frame) for frame in range(frames)]
    with h5py.File(path, "w") as file:
        add_velox(file, "0a" * 16, pixels, told, chunks or (height, width, 1), written, options)
        file["Version"] = [json.dumps({"version": "8", "format": "Velox"})]
    return path


def add_velox(
    file: h5py.File,
    name: str,
    pixels: NDArray[Any],
    told: Sequence[dict[str, Any]],
    chunks: tuple[int, int, int],
    written: int | None = None,
    options: dict[str, Any] | None = None,
) -> None:
    """Add an image, or the images of a detector, to a Velox file."""
    frames, height, width = pixels.shape
    group = file.create_group(f"Data/Image/{name}")
    kind = pixels.dtype
    data = group.create_dataset("Data", (height, width, frames), kind, chunks=chunks, **(options or {}))
    stop = frames if written is None else written
    data[:, :, :stop] = np.moveaxis(pixels[:stop], 0, 2)
    texts = group.create_dataset("Metadata", (_JSON_BYTES, frames), np.uint8, chunks=(_JSON_BYTES, 1))
    for frame, item in enumerate(told):
        raw = json.dumps(item, indent=4).encode()
        texts[: len(raw), frame] = np.frombuffer(raw, np.uint8)


def write_berkeley(
    path: Path,
    pixels: NDArray[Any],
    axes: Sequence[tuple[str, str, Sequence[float]]],
    *,
    first: int = 1,
    group: str = "data/movie",
) -> Path:
    """Write a Berkeley EMD: `axes` are (name, unit, coordinates), in the order of the array's axes."""
    with h5py.File(path, "w") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        place = file.create_group(group)
        place.attrs["emd_group_type"] = 1
        place["data"] = pixels
        for number, (name, unit, values) in enumerate(axes):
            place[f"dim{number + first}"] = np.asarray(values, np.float64)
            place[f"dim{number + first}"].attrs.update({"name": name, "units": unit})
        file.create_group("microscope").attrs["voltage"] = 300_000.0
    return path


def write_hspy(
    path: Path, pixels: NDArray[Any], axes: Sequence[dict[str, Any]], *, signal: str = "", **options: Any
) -> Path:
    """Write a HyperSpy file of one signal: `axes` as HyperSpy keeps them, in the order of the array's axes."""
    with h5py.File(path, "w") as file:
        file.attrs["file_format"], file.attrs["file_format_version"] = "HyperSpy", "3.3"
        group = file.create_group("Experiments/a movie")
        group.create_dataset("data", data=pixels, **options)
        for number, axis in enumerate(axes):
            group.create_group(f"axis-{number}").attrs.update({"size": pixels.shape[number], "offset": 0.0, **axis})
        general = group.create_group("metadata/General")
        general.attrs.update({"title": "a movie", "date": "2024-05-06", "time": "07:08:09"})
        group.create_group("metadata/Signal").attrs["signal_type"] = signal
        tem = group.create_group("metadata/Acquisition_instrument/TEM")
        tem.attrs.update({"beam_energy": 200.0, "magnification": 50_000.0, "acquisition_mode": "TEM"})
        tem.create_group("Detector/Camera").attrs["exposure"] = 0.5
    return path


def movie_axes(interval: float = 0.1, pixel_nm: float = 0.02) -> list[dict[str, Any]]:
    """The axes of a HyperSpy movie."""
    return [
        {"name": "time", "units": "s", "scale": interval, "navigate": True},
        {"name": "y", "units": "nm", "scale": pixel_nm, "navigate": False},
        {"name": "x", "units": "nm", "scale": pixel_nm, "navigate": False},
    ]


def write_dm5(
    path: Path, pixels: NDArray[Any], *, pixel_nm: float = 0.02, interval_s: float = 0.1, **tags: Any
) -> Path:
    """Write a DM5: `tags` are attributes of ``ImageTags``."""
    with h5py.File(path, "w") as file:
        image = file.create_group("ImageList/[0]")
        image.attrs["Name"] = np.bytes_(b"a movie")
        data = image.create_group("ImageData")
        data["Data"] = pixels
        data.attrs["DataType"] = 10
        calibrations = data.create_group("Calibrations/Dimension")
        steps = [(pixel_nm, b"nm")] * 2 + [(interval_s, b"s")] * (pixels.ndim - 2)
        sizes = data.create_group("Dimensions")
        for axis, (step, unit) in enumerate(steps):
            place = calibrations.create_group(f"[{axis}]")
            place.attrs.update({"Origin": 0.0, "Scale": step, "Units": np.bytes_(unit)})
            sizes.attrs[f"[{axis}]"] = np.uint32(pixels.shape[-1 - axis])
        kept = image.create_group("ImageTags/Microscope Info")
        kept.attrs["Voltage"] = 300_000.0
        for name, value in tags.items():
            parent, _, own = name.rpartition("/")
            image.require_group(f"ImageTags/{parent}").attrs[own] = value
    return path


def write_plain(path: Path, datasets: dict[str, NDArray[Any]], **options: Any) -> Path:
    """Write datasets by path."""
    with h5py.File(path, "w") as file:
        for name, pixels in datasets.items():
            file.create_dataset(name, data=pixels, **options)
    return path


def _latest(folder: Path) -> Path:
    """With the structures that HDF5 has had since 1.10: other headers, lists of chunks and checksums."""
    path = folder / "seed.nxs"
    with h5py.File(path, "w", libver="latest") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "frames", "axes": ["time", "y", "x"]})
        pixels = ramp(_RAMP, "uint16")
        group.create_dataset("frames", data=pixels, chunks=(1, 6, 7), maxshape=(None, 6, 7), compression="gzip")
        for name, size, unit in (("time", 3, "s"), ("y", 6, "nm"), ("x", 7, "nm")):
            group[name] = np.arange(size) * 0.5
            group[name].attrs["units"] = unit
    return path


_RAMP = (3, 6, 7)

HDF5_SEEDS: dict[str, Callable[[Path], Path]] = {
    "emd-velox": lambda folder: write_velox(folder / "seed.emd", ramp(_RAMP, "uint16"), chunks=(6, 4, 2)),
    "emd-berkeley": lambda folder: write_berkeley(
        folder / "seed.emd",
        ramp(_RAMP, "float32"),
        [("time", "[s]", [0.0, 0.5, 1.0]), ("y", "[n_m]", np.arange(6.0)), ("x", "[n_m]", np.arange(7.0))],
    ),
    "hspy": lambda folder: write_hspy(
        folder / "seed.hspy", ramp(_RAMP, "uint16"), movie_axes(), chunks=(1, 6, 7), compression="gzip", shuffle=True
    ),
    "dm5": lambda folder: write_dm5(folder / "seed.dm5", ramp(_RAMP, "uint16")),
    "hdf5": lambda folder: write_plain(
        folder / "seed.h5", {"a/movie": ramp(_RAMP, "uint16")}, chunks=(2, 4, 4), compression="lzf", fletcher32=True
    ),
    "hdf5-latest": _latest,
}
