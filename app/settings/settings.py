"""What the user prefers, in one small JSON file.

A key that cannot be read is dropped and the rest is kept; a file that cannot be read counts as none. So settings never
stop the program from starting. Geometry of windows is Qt's (QSettings), not here.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

log = logging.getLogger(__name__)
VERSION = 1


class Settings(BaseModel):
    """The preferences themselves."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = VERSION
    theme: Literal["system", "light", "dark"] = "system"
    model: str | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    frames_per_s: float = Field(default=20.0, ge=1, le=100)
    follow_landing_frames: bool = True
    reader_timeout_s: float = Field(default=20.0, ge=1, le=600)


def settings_path() -> Path:
    """Where the settings lie."""
    return Path(platformdirs.user_config_dir("quietbeam", appauthor=False)) / "settings.json"


def load(path: Path) -> Settings:
    """Read settings; what cannot be understood takes its default."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        log.warning("settings could not be read, the defaults are used: %s", error)
        return Settings()
    return _understood(found if isinstance(found, dict) else {})


def _understood(found: dict[str, Any]) -> Settings:
    known = {key: value for key, value in found.items() if key in Settings.model_fields and key != "version"}
    try:
        return Settings(**known)
    except ValidationError as error:
        bad = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        log.warning("settings not understood take their defaults: %s", ", ".join(sorted(bad)))
        return Settings(**{key: value for key, value in known.items() if key not in bad})


def save(settings: Settings, path: Path) -> None:
    """Write settings, whole or not at all. A disk that refuses is logged, never raised."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".new")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(settings.model_dump_json(indent=2) + "\n")
        Path(name).replace(path)
    except OSError as error:
        log.warning("settings could not be saved: %s", error)
