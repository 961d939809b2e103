"""The reader's loop: requests as JSON lines on stdin, answers as JSON lines on stdout.

Three threads: one reads stdin, so that the process leaves when its parent does, even while a file hangs; one works; one
says every two seconds that the process lives.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time

from core import __version__
from core.child.channel import Channel, leave
from core.child.listening import begin, requests, start_heart
from core.movies import MovieError
from core.protocol.base import ErrorInfo
from core.protocol.engine import Quit
from core.protocol.reader import Forget, ReaderFailed, ReaderReady, Survey, reader_request
from core.reader.answers import Answer, Answers, Question

# What was asked before stdin closed is still answered, for so long.
_DRAIN_S = 5.0
# A file is closed after so long without a request for it, so that a disk can be ejected.
_IDLE_S = 10.0
_LOOK_S = 2.0

log = logging.getLogger("quietbeam.reader")

Event = Answer | ReaderFailed
Request = Question | Forget


class Worker:
    """Takes requests in turn and answers each, or says why not."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._answers = Answers()
        self._waiting: queue.Queue[Request] = queue.Queue()
        self.busy: tuple[int, ...] = ()

    def ask(self, request: Request) -> None:
        """Put a request into the line."""
        self._waiting.put(request)

    def run(self) -> None:
        """Work for ever."""
        while True:
            with contextlib.suppress(queue.Empty):
                request = self._waiting.get(timeout=_LOOK_S)
                try:
                    self._answer(request)
                finally:
                    self._waiting.task_done()
            self._answers.close_idle(_IDLE_S)

    def _answer(self, request: Request) -> None:
        if isinstance(request, Forget):
            self._answers.forget(request.path)
            return
        self.busy = (request.id,)
        try:
            event: Event = self._answers.to(request)
        except MovieError as error:
            event = ReaderFailed(id=request.id, error=error.info)
        except Exception as error:
            log.exception("request %s failed", request.id)
            event = ReaderFailed(id=request.id, error=_internal(_path(request), error))
        self.busy = ()
        self._channel.send(event)

    def drain(self, seconds: float) -> None:
        """Wait until all is answered, but not longer than `seconds`."""
        end = time.monotonic() + seconds
        while self._waiting.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.01)


def _path(request: Question) -> str | None:
    if isinstance(request, Survey):
        return request.paths[0] if len(request.paths) == 1 else None
    return request.path


def _internal(path: str | None, error: Exception) -> ErrorInfo:
    return ErrorInfo(
        code="internal",
        what=f"The reader failed in an unexpected way ({type(error).__name__}: {error}).",
        path=path,
        advice="Try again; if it happens again, send the log and, if you may, the file.",
    )


def main() -> int:
    """Run until stdin closes or `Quit` comes; returns the exit code."""
    channel = begin()
    worker = Worker(channel)
    channel.send(ReaderReady(pid=os.getpid(), version=__version__))
    threading.Thread(target=worker.run, name="worker", daemon=True).start()
    start_heart(channel, lambda: worker.busy)
    for request in requests(reader_request, channel, ReaderFailed):
        if isinstance(request, Quit):
            leave(0)
        worker.ask(request)
    worker.drain(_DRAIN_S)
    leave(0)
