"""The window's side of reader and engine: started, asked, listened to, and started again after a crash."""

from __future__ import annotations

from app.processes.child import Child
from app.processes.engine_client import EngineClient
from app.processes.own_command import own_command
from app.processes.reader_client import ReaderClient
from app.processes.restarts import ClientState

__all__ = ["Child", "ClientState", "EngineClient", "ReaderClient", "own_command"]
