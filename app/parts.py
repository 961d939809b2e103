"""What a window works with: the two children, the scratch folder, the project and the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QTimer

from app.project_browser.memory import Memory
from app.scratch import ScratchFolder
from app.settings.keeper import SettingsKeeper
from app.settings.settings import settings_path
from core.projects import default_project_path, open_or_begin


@dataclass
class Parts:
    """Made once, handed to the window, closed with it. Tests hand in fakes."""

    reader: Any
    engine: Any
    folder: ScratchFolder
    memory: Memory
    settings: SettingsKeeper
    closed: bool = field(default=False, init=False)

    @classmethod
    def real(cls) -> Parts:
        """The real ones. No child is started yet: that comes after the window is shown."""
        from app.processes import EngineClient, ReaderClient

        settings = SettingsKeeper(settings_path())
        return cls(
            reader=ReaderClient(timeout_s=settings.now.reader_timeout_s),
            engine=EngineClient(),
            folder=ScratchFolder(),
            memory=Memory(open_or_begin(default_project_path())),
            settings=settings,
        )

    def start_soon(self, then: Callable[[], None]) -> None:
        """Start the children once the window has been painted, then go on."""
        QTimer.singleShot(0, lambda: self._start(then))

    def _start(self, then: Callable[[], None]) -> None:
        if self.closed:
            return
        self.reader.start()
        self.engine.start()
        then()

    def close(self) -> None:
        """End the children and tidy up."""
        if self.closed:
            return
        self.closed = True
        self.engine.shutdown()
        self.reader.shutdown()
        self.memory.close()
        self.folder.close()
