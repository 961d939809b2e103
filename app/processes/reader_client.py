"""The window's side of the reader: questions in, answers out, and a file that hangs it named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.processes.client import Client
from app.processes.own_command import own_command
from app.processes.restarts import ClientState
from core.protocol.base import ErrorInfo
from core.protocol.denoise import Region, Scratch
from core.protocol.engine import Heartbeat
from core.protocol.entered import Entered
from core.protocol.reader import (
    Describe,
    Forget,
    HolderLogRequest,
    ReaderFailed,
    ReaderReady,
    Survey,
    TagsRequest,
    Thumbnail,
    TraceRequest,
    View,
    reader_event,
)

Question = Describe | Thumbnail | View | TraceRequest | Survey | TagsRequest | HolderLogRequest
TIMEOUT_S = 20.0


class ReaderClient(Client):
    """Starts the reader, asks it and hands on its answers.

    The reader answers in turn. When it dies, or is silent for `timeout_s`, the oldest question is the cause: it is
    answered with `ReaderFailed` (code ``crash`` or ``hang``), the others are lost, and `crashed` says so.

    Signals
    -------
    answered(ReaderEvent)
        An answer: `Described`, `Pixels`, `Trace`, `Surveyed`, `Tags`, `HolderLogJoined` or `ReaderFailed`.
    crashed(str, str)
        The reader died or was killed over this file (empty: over none); with its last words. Ask again.
    restarted()
        It is up again; questions may be asked before that, too.
    gave_up(str)
        It did not come up three times; what is asked now starts it again.
    """

    answered = Signal(object)
    crashed = Signal(str, str)

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(command or own_command("--reader"), reader_event, parent=parent)
        self._questions: dict[int, Question] = {}
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(self._on_hanging)
        self.timeout_s = timeout_s

    @property
    def timeout_s(self) -> float:
        """After so many seconds without an answer a file counts as hanging."""
        return self._patience.interval() / 1000

    @timeout_s.setter
    def timeout_s(self, seconds: float) -> None:
        self._patience.setInterval(round(seconds * 1000))

    def describe(self, path: str, dataset: str | None = None) -> int:
        """What is in this file? Answered by `Described`."""
        return self._ask(Describe(id=next(self._numbers), path=path, dataset=dataset))

    def thumbnail(self, path: str, dataset: str | None = None, *, size: int = 128, scratch: Scratch, slot: int) -> int:
        """Ask for a small picture of the middle frame. Answered by `Pixels`."""
        number = next(self._numbers)
        return self._ask(Thumbnail(id=number, path=path, dataset=dataset, size=size, scratch=scratch, slot=slot))

    def view(
        self,
        path: str,
        dataset: str | None = None,
        *,
        frame: int,
        region: Region | None = None,
        step: int = 1,
        mean_frames: int = 1,
        scratch: Scratch,
        slot: int,
    ) -> int:
        """Ask for a rectangle of a frame. Answered by `Pixels`."""
        return self._ask(
            View(
                id=next(self._numbers),
                path=path,
                dataset=dataset,
                frame=frame,
                region=region,
                step=step,
                mean_frames=mean_frames,
                scratch=scratch,
                slot=slot,
            )
        )

    def trace(self, path: str, dataset: str | None = None, *, region: Region | None = None, points: int = 512) -> int:
        """Ask for a region's mean over the frames. Answered by `Trace`."""
        number = next(self._numbers)
        return self._ask(TraceRequest(id=number, path=path, dataset=dataset, region=region, points=points))

    def survey(self, paths: Iterable[str]) -> int:
        """What would be added if these were dropped on the window? Answered by `Surveyed`."""
        return self._ask(Survey(id=next(self._numbers), paths=tuple(paths)))

    def tags(self, path: str, dataset: str | None = None, *, search: str = "", most: int = 2000) -> int:
        """Ask for the file's own tags that hold a word. Answered by `Tags`."""
        return self._ask(TagsRequest(id=next(self._numbers), path=path, dataset=dataset, search=search, most=most))

    def holder_log(
        self,
        path: str,
        dataset: str | None = None,
        *,
        log: str,
        offset_s: float = 0.0,
        entered: Entered | None = None,
    ) -> int:
        """Ask for a holder log joined to a movie's frames. Answered by `HolderLogJoined`."""
        number = next(self._numbers)
        return self._ask(
            HolderLogRequest(id=number, path=path, dataset=dataset, entered=entered, log=log, offset_s=offset_s)
        )

    def forget(self, path: str) -> None:
        """Let go of a file, so that its disk can be ejected."""
        if self.state in (ClientState.READY, ClientState.SILENT):
            self._send(Forget(path=path))

    def shutdown(self) -> None:
        """End the reader for good; blocks for less than a second."""
        self._patience.stop()
        self._questions.clear()
        super().shutdown()

    def _ask(self, question: Question) -> int:
        self._questions[question.id] = question
        self._send(question)
        if self.state is not ClientState.STARTING and not self._patience.isActive():
            self._patience.start()
        return question.id

    def _on_event(self, event: Any) -> None:
        if isinstance(event, Heartbeat):
            return
        if isinstance(event, ReaderReady):
            self._now_ready()
            if self._questions:
                self._patience.start()
            self._after_ready()
            return
        self._questions.pop(event.id, None)
        if self._questions:
            self._patience.start()
        else:
            self._patience.stop()
        self.answered.emit(event)

    def _on_quiet(self) -> None:
        super()._on_quiet()
        if self.state is ClientState.SILENT:
            # A reader holds nothing that could be lost.
            self._on_died(self._child.kill())

    def _on_hanging(self) -> None:
        if self._child.has_unread:
            self._patience.start()
            return
        tail = self._child.kill()
        seconds = f"{self.timeout_s:g}"
        what = self.tr("The file could not be read within {0} s.").format(seconds)
        advice = self.tr("Its disk or network drive may be slow or gone. Check it, then open the file again.")
        self._lose(tail, "hang", what, advice)

    def _on_died(self, tail: str) -> None:
        what = self.tr("Reading this file stopped the reader.")
        advice = self.tr("The file may be damaged. The reader was started again; other movies go on.")
        self._lose(tail, "crash", what, advice)

    def _lose(self, tail: str, code: str, what: str, advice: str) -> None:
        self._patience.stop()
        was_up = self.state in (ClientState.READY, ClientState.SILENT)
        lost, self._questions = self._questions, {}
        # Only a reader that never comes up is given up: a folder of bad files costs one restart each.
        going_on = self._start_again(tail, counts=not was_up)
        if not going_on:
            self._fail_all(lost, tail)
            return
        culprit = next(iter(lost.values()), None) if was_up else None
        if culprit is not None:
            info = ErrorInfo(code=code, what=what, path=_path_of(culprit), advice=advice)
            self.answered.emit(ReaderFailed(id=culprit.id, error=info))
        self.crashed.emit(_path_of(culprit) if culprit is not None else "", tail)

    def _fail_all(self, lost: dict[int, Question], tail: str) -> None:
        what = self.tr("The reader could not be started.")
        advice = self.tr("Start Quietbeam again; if it happens again, install it again.")
        for number, question in lost.items():
            info = ErrorInfo(code="crash", what=what, path=_path_of(question), advice=advice)
            self.answered.emit(ReaderFailed(id=number, error=info))
        self.gave_up.emit(tail)


def _path_of(question: Question) -> str:
    """The file that a question is about; of a survey the first."""
    if isinstance(question, Survey):
        return question.paths[0] if question.paths else ""
    return question.log if isinstance(question, HolderLogRequest) else question.path
