"""TIFF files in the dialects that programs write, by tifffile as an independent writer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from tests.movie_files.pixels import ramp


def write_pages(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    """A page a frame, each with its own entry: not one block."""
    bigtiff = bool(options.pop("bigtiff", False))
    with tifffile.TiffWriter(path, bigtiff=bigtiff) as tiff:
        for frame in pixels:
            tiff.write(frame, photometric="minisblack", metadata=None, contiguous=False, **options)
    return path


def write_imagej(path: Path, pixels: NDArray[Any]) -> Path:
    """A stack as ImageJ stores it, with pixel size and interval."""
    metadata = {"axes": "TYX", "unit": "nm", "finterval": 0.5}
    tifffile.imwrite(path, pixels, imagej=True, resolution=(20.0, 25.0), metadata=metadata)
    return path


def write_ome(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    """An OME-TIFF with pixel size and interval."""
    sizes = {"PhysicalSizeX": 0.05, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.04, "PhysicalSizeYUnit": "nm"}
    metadata = {"axes": "TYX", "TimeIncrement": 0.5, "TimeIncrementUnit": "s", **sizes}
    tifffile.imwrite(path, pixels, ome=True, photometric="minisblack", metadata=metadata, **options)
    return path


def write_ome_files(folder: Path, pixels: NDArray[Any], planes: str = "") -> list[Path]:
    """A file a frame, each with the whole movie's OME-XML in it; ``planes`` adds elements to the XML."""
    frames, height, width = pixels.shape
    data = "".join(
        f'<TiffData FirstT="{number}" IFD="0" PlaneCount="1"><UUID FileName="m_{number}.ome.tif">urn:uuid:{number}'
        "</UUID></TiffData>"
        for number in range(frames)
    )
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<AcquisitionDate>2024-05-06T07:08:09</AcquisitionDate><Pixels DimensionOrder="XYCZT" ID="Pixels:0" SizeC="1"'
        f' SizeT="{frames}" SizeX="{width}" SizeY="{height}" SizeZ="1" Type="{pixels.dtype.name}">{data}{planes}'
        "</Pixels></Image></OME>"
    )
    paths = []
    for number, frame in enumerate(pixels):
        paths.append(folder / f"m_{number}.ome.tif")
        tifffile.imwrite(paths[-1], frame, photometric="minisblack", metadata=None, description=xml)
    return paths


def write_png(path: Path, pixels: NDArray[Any]) -> Path:
    """One grey picture."""
    path.write_bytes(imagecodecs.png_encode(pixels))
    return path


_PIXELS = ramp((3, 20, 17), "uint16")

TIFF_SEEDS: dict[str, Callable[[Path], Path]] = {
    "tiff-pages": lambda folder: write_pages(folder / "pages.tif", _PIXELS),
    "tiff-strips": lambda folder: write_pages(folder / "strips.tif", _PIXELS, rowsperstrip=3),
    "tiff-tiles": lambda folder: write_pages(folder / "tiles.tif", _PIXELS, tile=(16, 16), compression="zlib"),
    "tiff-lzw": lambda folder: write_pages(folder / "lzw.tif", _PIXELS, compression="lzw", predictor=True),
    "bigtiff": lambda folder: write_pages(folder / "big.tif", _PIXELS, bigtiff=True, compression="zstd"),
    "imagej": lambda folder: write_imagej(folder / "imagej.tif", _PIXELS),
    "ome": lambda folder: write_ome(folder / "a.ome.tif", _PIXELS),
    "ome-files": lambda folder: write_ome_files(folder, _PIXELS)[0],
    "png": lambda folder: write_png(folder / "seed.png", np.ascontiguousarray(_PIXELS[0])),
}
