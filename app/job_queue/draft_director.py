"""Drafts: one frame, or the visible part of it, denoised at once; the next draft takes the place of the last."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from app.job_queue.engine_link import Engine
from app.scratch import ScratchFolder, read_slot
from app.viewer.picture import Picture, PictureKind
from core.protocol.clean_up import CleanUp
from core.protocol.denoise import DeviceChoice, DraftRequest, DraftResult, Region, Scratch
from core.protocol.engine import JobCancelled, JobDone, JobFailed
from core.protocol.entered import Entered

NO_CHOICE = CleanUp()


class DraftDirector(QObject):
    """Asks for drafts and turns them into pictures. Two scratch files, so that none is read while it is written."""

    arrived = Signal(object)
    failed = Signal(object)

    def __init__(self, engine: Engine, folder: ScratchFolder, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._folder = folder
        self._scratch: list[Scratch | None] = [None, None]
        self._turn = 0
        self._under_way: tuple[int, DraftRequest, str] | None = None
        engine.event_received.connect(self._on_event)
        engine.crashed.connect(self._on_crashed)

    @property
    def busy(self) -> bool:
        """Whether a draft is awaited."""
        return self._under_way is not None

    def ask(
        self,
        source: str,
        dataset: str | None,
        frame: int,
        region: Region,
        model: str,
        title: str,
        device: DeviceChoice,
        entered: Entered | None = None,
        clean_up: CleanUp = NO_CHOICE,
    ) -> None:
        """Denoise a region of a frame; a draft that is under way is given up."""
        self.give_up()
        scratch = self._scratch_for((region.y1 - region.y0) * (region.x1 - region.x0) * 4)
        request = DraftRequest(
            source=source,
            dataset=dataset,
            frame=frame,
            region=region,
            model=model,
            device=device,
            entered=entered,
            clean_up=clean_up,
            scratch=scratch,
        )
        self._under_way = (self._engine.send_job(request), request, title)

    def give_up(self) -> None:
        """Await no draft any more."""
        if self._under_way is not None:
            self._engine.cancel(self._under_way[0])
            self._under_way = None

    def _scratch_for(self, size: int) -> Scratch:
        self._turn = 1 - self._turn
        old = self._scratch[self._turn]
        if old is None or old.slot_bytes < size:
            if old is not None:
                self._folder.remove(old)
            old = self._folder.create("draft", size, 1)
            self._scratch[self._turn] = old
        return old

    def _on_event(self, event: object) -> None:
        if self._under_way is None or getattr(event, "id", None) != self._under_way[0]:
            return
        _, request, title = self._under_way
        if isinstance(event, JobDone) and isinstance(event.result, DraftResult):
            self._under_way = None
            result = event.result
            pixels = read_slot(request.scratch, 0, result.height, result.width)
            if pixels is None:
                return
            self.arrived.emit(
                Picture(
                    pixels=pixels,
                    x=float(result.region.x0),
                    y=float(result.region.y0),
                    step=1,
                    frame=request.frame,
                    low=result.low,
                    high=result.high,
                    kind=PictureKind.DRAFT,
                    label=title,
                )
            )
        elif isinstance(event, JobFailed):
            self._under_way = None
            self.failed.emit(event.error)
        elif isinstance(event, JobCancelled):
            self._under_way = None
            self.failed.emit(None)

    def _on_crashed(self, _log_tail: str) -> None:
        if self._under_way is not None:
            self._under_way = None
            self.failed.emit(None)
