"""Where projects lie, and how they name the files they know."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

SUFFIX = ".qbproj"


def default_project_path() -> Path:
    """The automatic project of this user."""
    return platformdirs.user_data_path("quietbeam", appauthor=False) / f"automatic{SUFFIX}"


def absolute(path: str | Path) -> str:
    """The path from the root; symbolic links are left as the user sees them, and no disk is asked."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would ask the disk, which may be a dead network drive


def relative_to_project(path: str, project: Path) -> str | None:
    """The path from the project's folder, with forward slashes; None on another Windows drive."""
    try:
        return Path(os.path.relpath(path, project.parent)).as_posix()
    except ValueError:
        return None


def candidates(path: str, relative: str | None, project: Path) -> tuple[str, ...]:
    """Where a file may be, the likeliest first: where it was, and where it would be if its folder moved along."""
    found = [path]
    if relative is not None:
        moved = os.path.normpath(project.parent / relative)
        if moved != path:
            found.append(moved)
    return tuple(found)
