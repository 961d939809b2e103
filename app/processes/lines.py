"""Bytes of a pipe to whole lines."""

from __future__ import annotations

# No message comes near this: what does is garbage, and is not kept.
LONGEST_LINE = 16 << 20


class LineSplitter:
    """Gathers bytes and gives out whole lines without their ends; a line that never ends is dropped."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; returns the lines that are complete by now."""
        *ends, rest = data.split(b"\n")
        lines = []
        for end in ends:
            self._keep(end)
            if not self._skipping:
                lines.append(b"".join(self._parts))
            self._clear()
        self._keep(rest)
        return [line for line in lines if line.strip()]

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._longest:
            self._skipping = True
        if self._skipping:
            self._parts.clear()
        elif part:
            self._parts.append(part)

    def _clear(self) -> None:
        self._parts.clear()
        self._size, self._skipping = 0, False


class Tail:
    """The last part of a log."""

    def __init__(self, size: int = 32 << 10) -> None:
        self._max = size
        self._data = b""

    def add(self, data: bytes) -> None:
        """Add bytes; the oldest go."""
        self._data = (self._data + data)[-self._max :]

    @property
    def text(self) -> str:
        """What is kept."""
        return self._data.decode("utf-8", errors="replace")
