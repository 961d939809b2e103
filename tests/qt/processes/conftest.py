from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest
from pytestqt.qtbot import QtBot

from app.processes import EngineClient, ReaderClient


@pytest.fixture
def clients(qtbot: QtBot) -> Iterator[list[EngineClient | ReaderClient]]:
    """Clients that a test made: they are shut down, and none may leave a process behind."""
    made: list[EngineClient | ReaderClient] = []
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    yield made
    for client in made:
        client.shutdown()
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    assert not [p for p in left if p.status() != psutil.STATUS_ZOMBIE]
