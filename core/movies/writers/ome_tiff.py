"""Results as OME-TIFF: as the ImageJ TIFF, with OME's XML for a description; BigTIFF above 4 GB."""

from __future__ import annotations

from typing import Any, ClassVar

from core.movies.writers.ome_xml import TYPES, ome_xml
from core.movies.writers.tiff import TiffMovieWriter


class OmeTiffWriter(TiffMovieWriter):
    """Writes an OME-TIFF frame by frame; see `MovieWriter`."""

    layout_name = "OME-TIFF"
    types: ClassVar[tuple[str, ...]] = tuple(TYPES)

    def _text(self, provenance: dict[str, Any] | None, display: tuple[float, float] | None) -> bytes:
        return ome_xml(self.path.name, self.shape, self.dtype, self.scale, provenance)
