"""Rows that a bench keeps in a file as they come, so that what was measured is not measured again. Not a bench itself.

A file of lines of JSON, one a row; without a path nothing is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def kept_rows(path: Path | None) -> list[dict[str, Any]]:
    """Return the rows that a file holds; none if it isn't there."""
    if path is None or not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def keep(path: Path | None, row: Mapping[str, Any]) -> None:
    """Append a row."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
