"""For tests of whole programs: say when the window was painted and its children answered, then leave.

Switched on by the environment variable ``QUIETBEAM_SMOKE``, the file to write into; nothing else uses it. The frozen
program is tested by it, and the time to the first window is measured with it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QTimer, SignalInstance
from PySide6.QtWidgets import QWidget

VARIABLE = "QUIETBEAM_SMOKE"
PATIENCE_MS = 60_000
GAVE_UP = 3


class Smoke(QObject):
    """Waits for the first paint of a window and for signals, writes down when each came, and quits.

    The file holds one JSON object: the wall-clock time (s since 1970) of each thing by name, ``shown`` among them. The
    program ends with exit code 0, or 3 when something did not come within a minute.
    """

    def __init__(self, window: QWidget, file: Path) -> None:
        super().__init__(window)
        self._window, self._file = window, file
        self._missing = {"shown"}
        self._came: dict[str, float] = {}
        window.installEventFilter(self)
        QTimer.singleShot(PATIENCE_MS, self, self._give_up)

    def expect(self, name: str, signal: SignalInstance) -> None:
        """Stay until `signal` was emitted as well."""
        self._missing.add(name)
        signal.connect(lambda *_: self._on_came(name))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Notice the first paint; nothing is filtered out."""
        if watched is self._window and event.type() == QEvent.Type.Paint and "shown" in self._missing:
            # After this event, when the paint is done.
            QTimer.singleShot(0, self, lambda: self._on_came("shown"))
        return False

    def _on_came(self, name: str) -> None:
        if name not in self._missing:
            return
        self._missing.remove(name)
        self._came[name] = time.time()
        if not self._missing:
            self._file.write_text(json.dumps(self._came), encoding="utf-8")
            self._window.close()
            QCoreApplication.exit(0)

    def _give_up(self) -> None:
        missing = {f"missing {name}": 0.0 for name in sorted(self._missing)}
        self._file.write_text(json.dumps(self._came | missing), encoding="utf-8")
        QCoreApplication.exit(GAVE_UP)


def smoke(window: QWidget) -> Smoke | None:
    """The watcher, where the environment asks for it."""
    file = os.environ.get(VARIABLE)
    return Smoke(window, Path(file)) if file else None
