"""The engine's process: reads requests, beats, and gives the work to its workshop."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from core import __version__
from core.child.channel import Channel, leave
from core.child.listening import begin, requests, start_heart
from core.denoising.allocator import keep_memory
from core.denoising.methods.classical import CLASSICAL
from core.models import ModelStore
from core.protocol.engine import (
    CancelJob,
    EngineReady,
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


def main() -> int:
    """Run until stdin closes or `Quit` comes; returns the exit code."""
    channel = begin()
    keep_memory()
    workshop: Workshop | None = None
    start_heart(channel, lambda: workshop.busy if workshop is not None else ())
    # Now torch is loaded: after the allocator was told, and with a heart that beats meanwhile.
    from core.denoising.devices import list_devices
    from core.engine.workshop import Workshop

    store = ModelStore.default()
    workshop = Workshop(channel.send, store)
    channel.send(EngineReady(pid=os.getpid(), version=__version__, devices=list_devices()))
    worker = threading.Thread(target=workshop.work, name="work", daemon=True)
    worker.start()
    _listen(channel, workshop, store)
    workshop.stop()
    worker.join(_FAREWELL_S)
    leave(0)


def _listen(channel: Channel, workshop: Workshop, store: ModelStore) -> None:
    for request in requests(engine_request, channel, JobFailed):
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
