"""How much memory there is, and what part of it a run may take."""

from __future__ import annotations

from pathlib import Path

import psutil

MB = 1 << 20
_TILE_SHARE = 4
_TILE_MOST_CPU = 600 * MB
_QUEUE_MOST = 96 * MB
_GROUPS = Path("/sys/fs/cgroup")


def free_memory() -> int:
    """Return memory of the computer, or of the container it runs in, that is free now, in bytes."""
    free = int(psutil.virtual_memory().available)
    limit, used = _group("memory.max"), _group("memory.current")
    if limit is not None and used is not None:
        free = min(free, max(0, limit - used))
    return free


def tile_budget(kind: str, free: int) -> int:
    """Return bytes that the tiles of one call of a network may take on a device with `free` bytes.

    On the CPU a quarter of what is free and never more than 600 MB: larger tiles are hardly faster there (halo 15 %
    or less), and the whole program stays below 1.5 GB. On a GPU half of what is free.
    """
    if kind == "cpu":
        return max(32 * MB, min(free // _TILE_SHARE, _TILE_MOST_CPU))
    return max(64 * MB, free // 2)


def queue_length(block_bytes: int) -> int:
    """Return how many blocks are read ahead, and how many wait to be written: one to four, by their size."""
    return max(1, min(4, _QUEUE_MOST // max(1, block_bytes)))


def _group(name: str) -> int | None:
    try:
        text = (_GROUPS / name).read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
