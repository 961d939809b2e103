"""The tags of a file as rows of text, and looking for a word in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from core.protocol.reader import TagRow

# No file has more tags than this by right; a damaged one must not keep the reader busy.
MOST_ROWS = 200_000
_LONGEST = 600
_MOST_VALUES = 24
_DEEPEST = 40


class Leaf(NamedTuple):
    """A tag: its dotted name, and its whole value as text."""

    name: str
    value: str


def flatten(tags: Mapping[str, Any], most: int = MOST_ROWS) -> Iterator[Leaf]:
    """The leaves of a tree of tags, each with its dotted name and its whole value as text.

    Parameters
    ----------
    tags : mapping
        Values are numbers, text, bytes, arrays, mappings or sequences of these.
    most : int
        No more rows than this are given.
    """
    for count, row in enumerate(_walk("", tags, 0)):
        if count >= most:
            return
        yield row


def find(tags: Mapping[str, Any], search: str, most: int) -> tuple[tuple[TagRow, ...], int]:
    """The first `most` tags whose name or value holds `search`, in any case, and how many there are.

    Returns
    -------
    tuple of rows and int
        Long values are cut to the part that holds the word.
    """
    wanted = search.strip().casefold()
    rows: list[TagRow] = []
    total = 0
    for row in flatten(tags):
        at = row.value.casefold().find(wanted)
        if at < 0 and wanted not in row.name.casefold():
            continue
        total += 1
        if len(rows) < most:
            rows.append(TagRow(name=row.name, value=_cut(row.value, max(at, 0))))
    return tuple(rows), total


def _cut(text: str, at: int) -> str:
    """`text`, or the part of it around place `at`."""
    if len(text) <= _LONGEST:
        return text
    start = 0 if at < _LONGEST // 2 else at - _LONGEST // 4
    part = text[start : start + _LONGEST]
    return ("… " if start else "") + part + (" …" if start + _LONGEST < len(text) else "")


def _walk(name: str, value: Any, depth: int) -> Iterator[Leaf]:
    if depth < _DEEPEST and isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _walk(f"{name}.{key}" if name else str(key), item, depth + 1)
    elif depth < _DEEPEST and isinstance(value, list | tuple) and any(_is_tree(item) for item in value):
        for place, item in enumerate(value):
            yield from _walk(f"{name}.{place}", item, depth + 1)
    elif name:
        yield Leaf(name, as_text(value))


def _is_tree(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def as_text(value: Any) -> str:
    """A value as a person reads it: text without what ends it, arrays by their type and first values."""
    if isinstance(value, bytes):
        text = value.rstrip(b"\x00").decode("utf-8", "replace")
        return text if text.isprintable() else f"{len(value)} bytes"
    if isinstance(value, np.generic):
        return as_text(value.item())
    if isinstance(value, np.ndarray):
        if value.size <= _MOST_VALUES:
            return str(value.tolist())
        shape = " x ".join(str(size) for size in value.shape)
        return f"{shape} {value.dtype}: {', '.join(str(item) for item in value.reshape(-1)[:8].tolist())} …"
    if isinstance(value, list | tuple):
        return as_text(np.asarray(value)) if len(value) > _MOST_VALUES and _plain(value) else str(list(value))
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value).rstrip("\x00")


def _plain(values: list[Any] | tuple[Any, ...]) -> bool:
    kind = type(values[0])
    return kind in (int, float) and all(type(item) is kind and abs(item) < 2**63 for item in values)
