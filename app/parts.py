"""What a window works with: the two children, the scratch folder, the project and the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.project_browser.memory import Memory
from app.scratch import ScratchFolder
from app.settings.keeper import SettingsKeeper
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
    def real(cls, settings: SettingsKeeper) -> Parts:
        """The real ones. No child is started yet."""
        from app.processes import EngineClient, ReaderClient

        return cls(
            reader=ReaderClient(timeout_s=settings.now.reader_timeout_s),
            engine=EngineClient(),
            folder=ScratchFolder(),
            memory=Memory(open_or_begin(default_project_path())),
            settings=settings,
        )

    def start(self) -> None:
        """Start the children."""
        self.reader.start()
        self.engine.start()

    def close(self) -> None:
        """End the children and tidy up."""
        if self.closed:
            return
        self.closed = True
        self.engine.shutdown()
        self.reader.shutdown()
        self.memory.close()
        self.folder.close()
