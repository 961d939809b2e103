"""Pictures of a file, asked of the reader: one request under way, the newest wish next, stale answers dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, SignalInstance

from app.scratch import ScratchFolder, read_slot
from app.viewer.picture import FrameMap, Picture, PictureKind
from core.protocol.base import ErrorInfo
from core.protocol.denoise import Region, Scratch
from core.protocol.reader import Pixels, ReaderFailed

SLOT_BYTES = 36 << 20
SLOTS = 2


class Reader(Protocol):
    """What the feed needs of the reader's client."""

    answered: SignalInstance
    crashed: SignalInstance
    restarted: SignalInstance

    def view(
        self,
        *,
        path: str,
        dataset: str | None,
        frame: int,
        region: Region | None,
        step: int,
        mean_frames: int,
        scratch: Scratch,
        slot: int,
    ) -> int: ...


@dataclass(frozen=True)
class FileSource:
    """A file to show and how it lies in the raw movie; shown is (stored - origin) * slope."""

    path: str
    dataset: str | None
    frame_map: FrameMap
    kind: PictureKind
    label: str = ""
    origin: float = 0.0
    slope: float = 1.0


@dataclass(frozen=True)
class Wish:
    """A rectangle of a raw frame at a step."""

    frame: int
    region: Region
    step: int


class ReaderFeed(QObject):
    """Asks the reader for pictures of one source at a time."""

    picture_arrived = Signal(object)
    failed = Signal(object)

    def __init__(self, reader: Reader, folder: ScratchFolder, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader = reader
        self._scratch = folder.create(name, SLOT_BYTES, SLOTS)
        self._source: FileSource | None = None
        self._wish: Wish | None = None
        self._under_way: tuple[int, FileSource, Wish] | None = None
        self._slot = 0
        reader.answered.connect(self._on_answered)
        reader.crashed.connect(self._on_crashed)
        reader.restarted.connect(self._send_next)

    @property
    def source(self) -> FileSource | None:
        """What is shown."""
        return self._source

    @property
    def busy(self) -> bool:
        """Whether a picture is awaited."""
        return self._wish is not None or self._under_way is not None

    def set_source(self, source: FileSource | None) -> None:
        """Show another file; answers about the one before are dropped when they come."""
        self._source = source
        self._wish = None

    def ask(self, wish: Wish) -> bool:
        """Wish for a picture; a later wish takes the place of one that is still waiting. False: outside the source."""
        source = self._source
        if source is None or source.frame_map.to_result(wish.frame) is None:
            return False
        if source.frame_map.clip(wish.region) is None:
            return False
        self._wish = wish
        self._send_next()
        return True

    def _send_next(self) -> None:
        source, wish = self._source, self._wish
        if self._under_way is not None or source is None or wish is None:
            return
        self._wish = None
        frame = source.frame_map.to_result(wish.frame)
        region = source.frame_map.clip(wish.region)
        if frame is None or region is None:
            return
        self._slot = (self._slot + 1) % SLOTS
        identity = self._reader.view(
            path=source.path,
            dataset=source.dataset,
            frame=frame,
            region=region,
            step=wish.step,
            mean_frames=1,
            scratch=self._scratch,
            slot=self._slot,
        )
        self._under_way = (identity, source, wish)

    def _on_answered(self, event: object) -> None:
        if self._under_way is None or getattr(event, "id", None) != self._under_way[0]:
            return
        _, source, wish = self._under_way
        if not isinstance(event, Pixels | ReaderFailed):
            return
        self._under_way = None
        if source == self._source:
            if isinstance(event, Pixels):
                self._take(event, source, wish)
            else:
                self.failed.emit(event.error)
        if isinstance(event, ReaderFailed):
            # The reader may have died over it: what it lost is told next, and must not take the next wish along.
            QTimer.singleShot(0, self, self._send_next)
        else:
            self._send_next()

    def _take(self, event: Pixels, source: FileSource, wish: Wish) -> None:
        pixels = read_slot(self._scratch, event.slot, event.height, event.width)
        if pixels is None:
            self.failed.emit(
                ErrorInfo(
                    code="malformed",
                    what=self.tr("The reader sent a picture that cannot be shown."),
                    path=source.path,
                )
            )
            return
        if event.nonfinite:
            pixels = np.nan_to_num(pixels, nan=event.low, posinf=event.high, neginf=event.low)
        low, high = event.low, event.high
        if (source.origin, source.slope) != (0.0, 1.0):
            # A result in whole numbers is shown in the raw movie's values.
            pixels = (pixels - np.float32(source.origin)) * np.float32(source.slope)
            low, high = sorted(((low - source.origin) * source.slope, (high - source.origin) * source.slope))
        self.picture_arrived.emit(
            Picture(
                pixels=pixels,
                x=event.region.x0 + source.frame_map.x,
                y=event.region.y0 + source.frame_map.y,
                step=event.step,
                frame=wish.frame,
                low=low,
                high=high,
                kind=source.kind,
                label=source.label,
            )
        )

    def _on_crashed(self, path: str, _log_tail: str) -> None:
        if self._under_way is None:
            return
        _, source, wish = self._under_way
        self._under_way = None
        if source != self._source:
            return
        if path == source.path:
            self._wish = None
            self.failed.emit(
                ErrorInfo(
                    code="crash",
                    what=self.tr("Reading this file stopped the reader."),
                    path=source.path,
                    advice=self.tr("The file may be damaged. The reader was started again; other movies go on."),
                )
            )
        elif self._wish is None:
            self._wish = wish
