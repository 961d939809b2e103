"""The engine's process: reads requests, beats, and gives the work to its workshop."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import psutil
from pydantic import ValidationError

from core import __version__
from core.denoising.allocator import keep_memory
from core.denoising.methods.classical import CLASSICAL
from core.engine.channel import Channel, leave, take_stdout
from core.models import ModelStore
from core.protocol.base import ErrorInfo
from core.protocol.engine import (
    HEARTBEAT_S,
    CancelJob,
    EngineReady,
    Heartbeat,
    JobFailed,
    ListModels,
    ModelsListed,
    Quit,
    StartJob,
    engine_request,
)

if TYPE_CHECKING:
    from core.engine.workshop import Workshop

# A batch ends at its next tile; if that takes longer, its frame list is sound all the same.
_FAREWELL_S = 1.0

log = logging.getLogger("quietbeam.engine")


class _Heart:
    """Says every two seconds that the process lives; `workshop` is known once torch is loaded."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.workshop: Workshop | None = None

    def beat_for_ever(self) -> None:
        process = psutil.Process()
        while True:
            busy = self.workshop.busy if self.workshop is not None else ()
            self._channel.send(Heartbeat(busy=busy, rss_bytes=process.memory_info().rss))
            time.sleep(HEARTBEAT_S)


def main() -> int:
    """Run until stdin closes or `Quit` comes; returns the exit code."""
    channel = Channel(take_stdout())
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    faulthandler.enable(sys.stderr)
    # Ctrl+C in the terminal of the window is for the window, which tells us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_memory()
    heart = _Heart(channel)
    threading.Thread(target=heart.beat_for_ever, name="heartbeat", daemon=True).start()
    # Now torch is loaded: after the allocator was told, and with a heart that beats meanwhile.
    from core.denoising.devices import list_devices
    from core.engine.workshop import Workshop

    store = ModelStore.default()
    workshop = Workshop(channel.send, store)
    heart.workshop = workshop
    channel.send(EngineReady(pid=os.getpid(), version=__version__, devices=list_devices()))
    worker = threading.Thread(target=workshop.work, name="work", daemon=True)
    worker.start()
    _listen(channel, workshop, store)
    workshop.stop()
    worker.join(_FAREWELL_S)
    leave(0)


def _listen(channel: Channel, workshop: Workshop, store: ModelStore) -> None:
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        try:
            request = engine_request.validate_json(line)
        except ValidationError as error:
            _refuse(channel, line, error)
            continue
        if isinstance(request, StartJob):
            workshop.add(request.id, request.job)
        elif isinstance(request, CancelJob):
            workshop.cancel(request.id)
        elif isinstance(request, ListModels):
            channel.send(_models(request.id, store))
        elif isinstance(request, Quit):
            return


def _models(number: int, store: ModelStore) -> ModelsListed:
    models = store.list()
    cards = tuple(model.card for model in models)
    own = tuple((model.card.name, model.card.version) for model in models if not model.built_in)
    if cards:
        # Filters are always there; alone they would hide that the models are missing.
        cards += tuple(one.card for one in CLASSICAL.values())
    default = store.default_model()
    return ModelsListed(id=number, models=cards, default=default, problems=store.problems(), own=own)


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
        channel.send(JobFailed(id=number, error=ErrorInfo(code="bad-request", what=what)))
