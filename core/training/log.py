"""The training's log: a line of JSON a validation or event, and a picture of it beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.training.curve import curve_svg

NAME = "log.jsonl"
PICTURE = "log.svg"


class TrainLog:
    """Lines in ``log.jsonl`` and their curve in ``log.svg``; a process that doesn't write has none (`folder` None)."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def lines(self) -> list[dict[str, Any]]:
        """Return what was logged; a line that was cut off is left out."""
        if self._folder is None or not (self._folder / NAME).exists():
            return []
        out = []
        for text in (self._folder / NAME).read_text(encoding="utf-8").splitlines():
            try:
                out.append(json.loads(text))
            except json.JSONDecodeError:
                continue
        return out

    def add(self, line: dict[str, Any]) -> None:
        """Append a line, and draw the curve anew if it has scores."""
        if self._folder is None:
            return
        with (self._folder / NAME).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if "event" not in line:
            self.draw()

    def rewind(self, step: int) -> None:
        """Drop the scores of later steps: they will be made again. Events stay."""
        kept = [line for line in self.lines() if "event" in line or line["step"] <= step]
        if self._folder is not None and (self._folder / NAME).exists():
            partial = self._folder / f"{NAME}.partial"
            partial.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
            partial.replace(self._folder / NAME)

    def draw(self) -> None:
        """Write the picture."""
        if self._folder is None:
            return
        partial = self._folder / f"{PICTURE}.partial"
        partial.write_text(curve_svg(self.lines(), self._folder.name), encoding="utf-8")
        partial.replace(self._folder / PICTURE)
