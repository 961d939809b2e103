"""A child's mouth: one event a line, from any thread."""

from __future__ import annotations

import os
import sys
import threading
from typing import BinaryIO, NoReturn

from pydantic import BaseModel


def take_stdout() -> BinaryIO:
    """Keep the pipe for ourselves and point stdout at stderr: a library's stray print must not break the protocol."""
    ours = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return ours


def leave(code: int) -> NoReturn:
    """End the process at once: a thread that hangs can't be waited for."""
    sys.stderr.flush()
    os._exit(code)


class Channel:
    """Writes events; the process ends when nobody listens any more."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, event: BaseModel) -> None:
        """Write one event."""
        line = event.model_dump_json().encode("utf-8") + b"\n"
        try:
            with self._lock:
                self._stream.write(line)
                self._stream.flush()
        except (OSError, ValueError):
            leave(0)
