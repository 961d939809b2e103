"""What can be written, and what is asked of each kind. No widgets here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath

from PySide6.QtCore import QT_TRANSLATE_NOOP

from app.project_browser.entries import MovieEntry, ResultEntry
from app.viewer.picture import FrameMap
from app.viewer.view_state import Contrast
from core.protocol.denoise import Region


class ExportKind(Enum):
    """What a format is for."""

    DATA = "data"
    FILM = "film"
    PICTURE = "picture"
    TABLE = "table"


@dataclass(frozen=True)
class ExportFormat:
    """A format by the end of its name."""

    ending: str
    kind: ExportKind
    title: str
    text: str


def _n(text: str) -> str:
    return str(QT_TRANSLATE_NOOP("ExportForm", text))


FORMATS = (
    ExportFormat(
        ".tif", ExportKind.DATA, _n("TIFF movie for Fiji"), _n("All values, with calibration. BigTIFF above 4 GB.")
    ),
    ExportFormat(".ome.tif", ExportKind.DATA, _n("OME-TIFF movie"), _n("All values, with calibration in OME-XML.")),
    ExportFormat(".mrc", ExportKind.DATA, _n("MRC stack"), _n("All values, with the pixel size; the rest beside it.")),
    ExportFormat(".ome.zarr", ExportKind.DATA, _n("OME-Zarr"), _n("All values in a folder; for very large movies.")),
    ExportFormat(".mp4", ExportKind.FILM, _n("Film"), _n("To look at: 8 bit, with the contrast chosen here.")),
    ExportFormat(".gif", ExportKind.FILM, _n("Animated GIF"), _n("To look at: 8 bit; keep it short.")),
    ExportFormat(".png", ExportKind.PICTURE, _n("Picture"), _n("One frame, 8 bit.")),
    ExportFormat(".svg", ExportKind.PICTURE, _n("Vector picture"), _n("One frame; scale bar and text as vectors.")),
    ExportFormat(".csv", ExportKind.TABLE, _n("Table"), _n("The mean of each frame with time and dose.")),
)
ENDINGS = tuple(known.ending for known in FORMATS)


class What(Enum):
    """Which of the movies is written."""

    RAW = "raw"
    DENOISED = "denoised"
    BESIDE = "side-by-side"


@dataclass(frozen=True)
class ExportContext:
    """What the viewer shows as the dialog opens.

    `visible` is the part of the raw movie's frame that is seen, and `contrasts` are those of raw and denoised.
    """

    entry: MovieEntry
    result: ResultEntry | None
    frame: int
    visible: Region | None
    contrasts: tuple[Contrast | None, Contrast | None] = (None, None)

    @property
    def result_map(self) -> FrameMap | None:
        """How the result lies in the movie."""
        meta = self.entry.meta
        if self.result is None or meta is None:
            return None
        request = self.result.request
        return FrameMap.of(request.frames, request.region, request.sum_frames, meta.shape)

    def choices(self, kind: ExportKind) -> tuple[What, ...]:
        """What can be written in a kind of format."""
        found = [What.RAW]
        if self.result is not None and self.result.problem is None:
            found.append(What.DENOISED)
            if kind in (ExportKind.FILM, ExportKind.PICTURE) and self._covers_all():
                found.append(What.BESIDE)
        return tuple(found)

    def _covers_all(self) -> bool:
        """Frame k of the result is frame k of the movie, and so are its pixels."""
        meta, result = self.entry.meta, self.result
        if meta is None or result is None:
            return False
        request = result.request
        whole = request.frames.start == 0 and request.region is None and request.sum_frames == 1
        return whole and result.frames in (0, meta.frames)

    def frames(self, what: What) -> int:
        """How many frames there are to write."""
        meta = self.entry.meta
        if what is What.DENOISED and self.result is not None:
            known = self.result_map
            return self.result.frames or (known.count if known is not None else 0)
        return meta.frames if meta is not None else 0

    def frame_of(self, what: What) -> int:
        """The frame that is looked at, in the numbering of what is written."""
        known = self.result_map
        if what is What.DENOISED and known is not None:
            return known.to_result(self.frame) or 0
        return self.frame

    def region_of(self, what: What) -> Region | None:
        """The part that is seen, in the pixels of what is written; None: all of it."""
        known = self.result_map
        if what is What.DENOISED and known is not None and self.visible is not None:
            return known.clip(self.visible)
        return self.visible

    def size(self, what: What) -> tuple[int, int]:
        """(height, width) of what is written."""
        meta, known = self.entry.meta, self.result_map
        if what is What.DENOISED and known is not None:
            return known.height, known.width
        return (meta.height, meta.width) if meta is not None else (0, 0)

    def default_output(self, what: What, ending: str, kind: ExportKind) -> str:
        """A name beside the movie that says what is in it."""
        path = PurePath(self.entry.path)
        number = f"_frame-{self.frame + 1:04d}" if kind is ExportKind.PICTURE else ""
        # A stack must not take the name that a denoised result has, or will have.
        part = "_export" if kind is ExportKind.DATA else ""
        return str(path.with_name(f"{path.stem}_{what.value}{number}{part}{ending}"))
