"""Fetches a mask of defects through the reader, in bands of rows: no band holds the window up."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.scratch import ScratchFolder, read_slot
from app.viewer.defects import NO_DEFECTS, Defects
from app.viewer.reader_feed import Reader
from core.protocol.denoise import Region, Scratch
from core.protocol.reader import Pixels, ReaderFailed

BAND_PIXELS = 1 << 20
MOST_DEFECTS = 200_000


class MaskFeed(QObject):
    """One mask at a time; a newer question takes the place of an older one.

    Signals
    -------
    arrived(str, Defects)
        The mask's path and what is in it.
    failed(ErrorInfo)
        It could not be read.
    """

    arrived = Signal(str, object)
    failed = Signal(object)

    def __init__(self, reader: Reader, folder: ScratchFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader, self._folder = reader, folder
        self._scratch: Scratch | None = None
        self._number: int | None = None
        self._path = ""
        self._size = (0, 0)
        self._row = 0
        self._found = NO_DEFECTS
        reader.answered.connect(self._on_answered)
        reader.crashed.connect(lambda *_: self.give_up())

    def ask(self, path: str, height: int, width: int) -> None:
        """Fetch the mask of a movie of this size."""
        self._path, self._size, self._row, self._found = path, (height, width), 0, NO_DEFECTS
        self._ask_band()

    def give_up(self) -> None:
        """Await no answer any more."""
        self._number = None

    def _ask_band(self) -> None:
        height, width = self._size
        rows = max(1, BAND_PIXELS // max(1, width))
        region = Region(y0=self._row, y1=min(height, self._row + rows), x0=0, x1=width)
        need = rows * width * 4
        if self._scratch is None or self._scratch.slot_bytes < need:
            if self._scratch is not None:
                self._folder.remove(self._scratch)
            self._scratch = self._folder.create("mask", need, 1)
        self._number = self._reader.view(
            path=self._path,
            dataset=None,
            frame=0,
            region=region,
            step=1,
            mean_frames=1,
            scratch=self._scratch,
            slot=0,
        )

    def _on_answered(self, event: object) -> None:
        if self._number is None or getattr(event, "id", None) != self._number:
            return
        self._number = None
        if isinstance(event, ReaderFailed):
            self.failed.emit(event.error)
            return
        if not isinstance(event, Pixels) or self._scratch is None:
            return
        pixels = read_slot(self._scratch, event.slot, event.height, event.width)
        if pixels is not None and len(self._found) < MOST_DEFECTS:
            self._found = self._found.joined(Defects.of_mask(pixels, event.region.y0))
        self._row = event.region.y1
        if self._row < self._size[0]:
            self._ask_band()
        else:
            self.arrived.emit(self._path, self._found)
