"""The reader's loop: requests as JSON lines on stdin, answers as JSON lines on stdout.

Three threads: one reads stdin, so that the process leaves when its parent does, even while a file hangs; one works; one
says every two seconds that the process lives.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import sys
import threading
import time
from typing import BinaryIO

import psutil
from pydantic import ValidationError

from core import __version__
from core.movies import MovieError
from core.protocol.base import ErrorInfo
from core.protocol.engine import HEARTBEAT_S, Heartbeat, Quit
from core.protocol.reader import Forget, ReaderFailed, ReaderReady, Survey, reader_request
from core.reader.answers import Answer, Answers, Question

# What was asked before stdin closed is still answered, for so long.
_DRAIN_S = 5.0
# A file is closed after so long without a request for it, so that a disk can be ejected.
_IDLE_S = 10.0
_LOOK_S = 2.0

log = logging.getLogger("quietbeam.reader")

Event = ReaderReady | Heartbeat | Answer | ReaderFailed
Request = Question | Forget


class Channel:
    """Writes events, one line each, from any thread; the process ends when nobody listens any more."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: Event) -> None:
        """Write one event."""
        line = event.model_dump_json().encode("utf-8") + b"\n"
        try:
            with self._lock:
                self._stream.write(line)
                self._stream.flush()
        except (OSError, ValueError):
            leave(0)


def leave(code: int) -> None:
    """End the process at once: a thread that hangs in a read can't be waited for."""
    sys.stderr.flush()
    os._exit(code)


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


def _take_stdout() -> BinaryIO:
    """Keep the pipe for ourselves and point stdout at stderr: a library's stray print must not break the protocol."""
    ours = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return ours


def _beat(channel: Channel, worker: Worker) -> None:
    process = psutil.Process()
    while True:
        channel.send(Heartbeat(busy=worker.busy, rss_bytes=process.memory_info().rss))
        time.sleep(HEARTBEAT_S)


def _refuse(channel: Channel, line: bytes, error: ValidationError) -> None:
    """Answer a line that is no request, if it has an id to answer to."""
    log.error("not a request: %s", error)
    try:
        asked = json.loads(line)
    except ValueError:
        return
    number = asked.get("id") if isinstance(asked, dict) else None
    if isinstance(number, int):
        first = error.errors(include_url=False)[0]
        what = f"The request is not valid: {first['msg']} ({'.'.join(str(part) for part in first['loc'])})."
        channel.send(ReaderFailed(id=number, error=ErrorInfo(code="bad-request", what=what)))


def main() -> int:
    """Run until stdin closes or `Quit` comes; returns the exit code."""
    channel = Channel(_take_stdout())
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    worker = Worker(channel)
    channel.send(ReaderReady(pid=os.getpid(), version=__version__))
    threading.Thread(target=worker.run, name="worker", daemon=True).start()
    threading.Thread(target=_beat, args=(channel, worker), name="heartbeat", daemon=True).start()
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        try:
            request = reader_request.validate_json(line)
        except ValidationError as error:
            _refuse(channel, line, error)
            continue
        if isinstance(request, Quit):
            leave(0)
        else:
            worker.ask(request)
    worker.drain(_DRAIN_S)
    leave(0)
    return 0
