"""The description of an OME-TIFF: OME's XML, schema of June 2016."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from core.movies.calibration import Scale
from core.movies.result_record import MOVIE_SPACE, PROVENANCE_SPACE, compact

_SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
TYPES = {
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "float32": "float",
    "float64": "double",
}


def ome_xml(
    name: str,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    scale: Scale,
    provenance: Mapping[str, Any] | None,
) -> bytes:
    """The description of a movie whose frames are the images of the file, in their order.

    What OME has no word for (reciprocal pixels, voltage, the scale of stored numbers) stands in an annotation.
    """
    notes = [(MOVIE_SPACE, compact(scale.as_json(shape)))]
    if provenance is not None:
        notes.append((PROVENANCE_SPACE, compact(provenance)))
    place = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="{_SCHEMA} {_SCHEMA}/ome.xsd"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<OME xmlns="{_SCHEMA}" {place} Creator="Quietbeam">',
        *_instrument(scale),
        f'<Image ID="Image:0" Name={_quoted(name)}>',
        *_date(scale),
        *(['<InstrumentRef ID="Instrument:0"/>'] if _instrument(scale) else []),
        *(['<ObjectiveSettings ID="Objective:0:0"/>'] if scale.magnification is not None else []),
        *_pixels(shape, dtype, scale),
        *(f'<AnnotationRef ID="Annotation:{number}"/>' for number in range(len(notes))),
        "</Image>",
        "<StructuredAnnotations>",
    ]
    for number, (space, text) in enumerate(notes):
        lines.append(f'<CommentAnnotation ID="Annotation:{number}" Namespace="{space}">')
        lines.append(f"<Value>{escape(text)}</Value></CommentAnnotation>")
    lines += ["</StructuredAnnotations>", "</OME>"]
    return "\n".join(lines).encode("ascii", "xmlcharrefreplace") + b"\x00"


def _quoted(text: str) -> str:
    """An attribute's value; what XML can't hold is left out."""
    return quoteattr("".join(letter for letter in text if letter.isprintable() and not "\ud800" <= letter <= "\udfff"))


def _instrument(scale: Scale) -> list[str]:
    inner = []
    if scale.detector:
        inner.append(f'<Detector ID="Detector:0:0" Model={_quoted(scale.detector)}/>')
    if scale.magnification is not None:
        inner.append(f'<Objective ID="Objective:0:0" NominalMagnification="{scale.magnification!r}"/>')
    return ['<Instrument ID="Instrument:0">', *inner, "</Instrument>"] if inner else []


def _date(scale: Scale) -> list[str]:
    try:
        if scale.start_unix_s is not None:
            when = datetime.fromtimestamp(scale.start_unix_s, UTC).replace(tzinfo=None)
        elif scale.date is not None:
            when = datetime.fromisoformat(scale.date)
        else:
            return []
    except (ValueError, OverflowError, OSError):
        # A date that no calendar knows stays in the annotation.
        return []
    return [f"<AcquisitionDate>{when.isoformat()}</AcquisitionDate>"]


def _pixels(shape: tuple[int, int, int], dtype: np.dtype[Any], scale: Scale) -> Iterator[str]:
    frames, height, width = shape
    known = ""
    if scale.pixel_size is not None and scale.pixel_unit == "nm":
        for axis, size in zip("YX", scale.pixel_size, strict=True):
            known += f' PhysicalSize{axis}="{size!r}" PhysicalSize{axis}Unit="nm"'
    if scale.frame_interval_s is not None:
        known += f' TimeIncrement="{scale.frame_interval_s!r}" TimeIncrementUnit="s"'
    yield (
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="{TYPES[dtype.name]}" BigEndian="false" Interleaved="false"'
        f' SizeX="{width}" SizeY="{height}" SizeZ="1" SizeC="1" SizeT="{frames}"{known}>'
    )
    settings = '<DetectorSettings ID="Detector:0:0"/>' if scale.detector else ""
    yield f'<Channel ID="Channel:0:0" SamplesPerPixel="1">{settings}</Channel>'
    yield f'<TiffData IFD="0" PlaneCount="{frames}"/>'
    if scale.times is not None or scale.exposure_s is not None:
        for frame in range(frames):
            yield f'<Plane TheZ="0" TheC="0" TheT="{frame}"{_plane(scale, frame)}/>'
    yield "</Pixels>"


def _plane(scale: Scale, frame: int) -> str:
    out = ""
    if scale.times is not None:
        out += f' DeltaT="{scale.times[frame]!r}" DeltaTUnit="s"'
    if scale.exposure_s is not None:
        out += f' ExposureTime="{scale.exposure_s!r}" ExposureTimeUnit="s"'
    return out
