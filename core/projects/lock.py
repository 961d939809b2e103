"""Who may write a project: a lock file of our own beside it, since locks of the file system fail on network drives."""

from __future__ import annotations

import json
import os
import socket
import threading
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

HEARTBEAT_S = 20.0
STALE_S = 90.0


@dataclass(frozen=True)
class Holder:
    """Who holds a project. `started` tells a process from a later one of the same number."""

    host: str
    pid: int
    started: float
    token: str

    @classmethod
    def me(cls) -> Self:
        """Describe this process, with a token that no other lock has."""
        return cls(socket.gethostname(), os.getpid(), psutil.Process().create_time(), uuid.uuid4().hex)

    def is_gone(self) -> bool:
        """Whether it ran on this machine and has ended."""
        if self.host != socket.gethostname():
            return False
        try:
            return bool(abs(psutil.Process(self.pid).create_time() - self.started) > 2)
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False


class LockFile:
    """A lock that is held by a file and its heartbeat; use `acquire`."""

    def __init__(self, path: Path, holder: Holder) -> None:
        self._path = path
        self._holder = holder
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="project-lock", daemon=True)

    @property
    def lost(self) -> bool:
        """Whether somebody else took the project, as after a long sleep of this machine."""
        return self._lost.is_set()

    def start(self) -> None:
        """Begin the heartbeat."""
        self._thread.start()

    def release(self) -> None:
        """Stop the heartbeat and remove the file, if it is still ours."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if _read(self._path) == self._holder:
            with suppress(OSError):
                self._path.unlink()

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_S):
            self.beat()

    def beat(self) -> None:
        """Show that the holder lives, or find out that the lock is another's by now."""
        if _read(self._path) != self._holder:
            self._lost.set()
            self._stop.set()
            return
        with suppress(OSError):
            os.utime(self._path)


def acquire(project: Path) -> LockFile | Holder | None:
    """Take the lock of a project.

    Returns
    -------
    LockFile, Holder or None
        The lock; or who holds it; or None if no lock file can be written there.
    """
    path = project.with_name(project.name + ".lock")
    me = Holder.me()
    for _ in range(3):
        try:
            with path.open("x", encoding="utf-8") as file:
                json.dump(asdict(me), file)
        except FileExistsError:
            holder = _read(path)
            if not _is_stale(path, holder):
                return holder or Holder("", 0, 0.0, "")
            _remove_if_still(path, holder)
            continue
        except OSError:
            return None
        lock = LockFile(path, me)
        lock.start()
        return lock
    return _read(path)


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_stale(path: Path, holder: Holder | None) -> bool:
    if holder is not None and holder.is_gone():
        return True
    # Both times by the clock of the disk's own machine: clocks of two computers differ.
    probe = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
        beat = path.stat().st_mtime
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return now - beat > STALE_S


def _remove_if_still(path: Path, holder: Holder | None) -> None:
    """Remove a stale lock by renaming it first: of several who find it, one wins and no fresh lock is hit."""
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    with suppress(OSError):
        path.rename(aside)
        if _read(aside) != holder:
            # A fresh lock came between: give it back.
            with suppress(FileExistsError):
                os.link(aside, path)
        aside.unlink()
