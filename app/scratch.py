"""Scratch files: how pixels come from the reader and the engine to the window.

They lie in a folder of this run on the local disk, made and removed here; what a killed window left is
swept away. Only float32 frames live in them, so that a slot is read with one call and nothing in them can do harm.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PySide6.QtCore import QLockFile

from core.protocol.denoise import Scratch

PREFIX = "quietbeam-window-"
LOCK = "lock"
log = logging.getLogger(__name__)


class ScratchFolder:
    """A temporary folder with files of fixed size; gone after `close`."""

    def __init__(self) -> None:
        _sweep(Path(tempfile.gettempdir()))
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        self._lock = _lock(self.path)
        self._lock.lock()
        self._count = 0

    @property
    def path(self) -> Path:
        """The folder itself."""
        return Path(self._folder.name)

    def create(self, name: str, slot_bytes: int, slots: int) -> Scratch:
        """A new file of `slots` slots of `slot_bytes` bytes; sparse where the file system can."""
        self._count += 1
        path = self.path / f"{name}-{self._count}.scratch"
        with path.open("wb") as file:
            file.truncate(slot_bytes * slots)
        return Scratch(path=str(path), slot_bytes=slot_bytes, slots=slots)

    def remove(self, scratch: Scratch) -> None:
        """Remove one file; a child that still holds it open keeps only its own handle."""
        try:
            Path(scratch.path).unlink()
        except OSError as error:
            log.info("scratch file stays until the end: %s", error)

    def close(self) -> None:
        """Remove the folder and all that is in it."""
        self._lock.unlock()
        self._folder.cleanup()


def _lock(folder: Path) -> QLockFile:
    lock = QLockFile(str(folder / LOCK))
    # Never stale by age alone: a window may stand for weeks.
    lock.setStaleLockTime(0)
    return lock


def _sweep(parent: Path) -> None:
    """Remove folders whose window was killed: their locks can be had."""
    for folder in parent.glob(f"{PREFIX}*"):
        if not (folder / LOCK).exists():
            continue
        lock = _lock(folder)
        if lock.tryLock(0):
            lock.unlock()
            shutil.rmtree(folder, ignore_errors=True)


def read_slot(scratch: Scratch, slot: int, height: int, width: int) -> np.ndarray | None:
    """The float32 frame (height, width) in a slot, or None if the slot cannot hold it or the file is gone."""
    count = height * width
    if not 0 <= slot < scratch.slots or min(height, width) <= 0 or count * 4 > scratch.slot_bytes:
        return None
    try:
        values = np.fromfile(scratch.path, dtype="<f4", count=count, offset=slot * scratch.slot_bytes)
    except OSError as error:
        log.warning("a scratch file could not be read: %s", error)
        return None
    if values.size != count:
        return None
    frame: np.ndarray = values.reshape(height, width)
    return frame
