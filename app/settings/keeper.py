"""Keeps the settings in use and saves each change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.settings.settings import Settings, load, save


class SettingsKeeper(QObject):
    """The settings of this run."""

    changed = Signal(object)

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._settings = load(path)

    @property
    def now(self) -> Settings:
        """The settings in use."""
        return self._settings

    def change(self, **values: Any) -> None:
        """Change some settings, save them and say so."""
        changed = Settings(**(self._settings.model_dump() | values))
        if changed != self._settings:
            self._settings = changed
            save(changed, self._path)
            self.changed.emit(changed)
