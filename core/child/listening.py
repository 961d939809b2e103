"""A child's beginning, its heart and its ears: requests are JSON lines on stdin."""

from __future__ import annotations

import faulthandler
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import psutil
from pydantic import TypeAdapter, ValidationError

from core.child.channel import Channel, take_stdout
from core.protocol.base import ErrorInfo
from core.protocol.engine import HEARTBEAT_S, Heartbeat, JobFailed
from core.protocol.reader import ReaderFailed

log = logging.getLogger("quietbeam.child")

_Request = TypeVar("_Request")
_Failed = type[JobFailed] | type[ReaderFailed]


def begin() -> Channel:
    """Take stdout for events, and send the log to stderr, what a crash leaves behind included."""
    channel = Channel(take_stdout())
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    faulthandler.enable(sys.stderr)
    # Ctrl+C in the terminal of the window is for the window, which tells us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return channel


def start_heart(channel: Channel, busy: Callable[[], tuple[int, ...]]) -> None:
    """Say every two seconds, from a thread of its own, that the process lives, and which requests it is busy with."""

    def beat() -> None:
        process = psutil.Process()
        while True:
            channel.send(Heartbeat(busy=busy(), rss_bytes=process.memory_info().rss))
            time.sleep(HEARTBEAT_S)

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()


def requests(known: TypeAdapter[_Request], channel: Channel, failed: _Failed) -> Iterator[_Request]:
    """Yield what is asked until stdin closes; a line that is no request is answered by `failed`, if it has an id."""
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        try:
            request = known.validate_json(line)
        except ValidationError as error:
            _refuse(channel, line, error, failed)
        else:
            yield request


def _refuse(channel: Channel, line: bytes, error: ValidationError, failed: _Failed) -> None:
    log.error("not a request: %s", error)
    try:
        asked = json.loads(line)
    except ValueError:
        return
    number = asked.get("id") if isinstance(asked, dict) else None
    if isinstance(number, int):
        first = error.errors(include_url=False)[0]
        what = f"The request is not valid: {first['msg']} ({'.'.join(str(part) for part in first['loc'])})."
        channel.send(failed(id=number, error=ErrorInfo(code="bad-request", what=what)))
