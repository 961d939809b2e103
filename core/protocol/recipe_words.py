"""What is wrong with a recipe, in words for the person who wrote it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, get_args

from pydantic import ValidationError

from core.protocol.base import Record

_SHOWN_LETTERS = 80


def told(error: ValidationError, recipe: type[Record]) -> str:
    """Return what is wrong with a recipe of this kind, key by key; what only follows from another error is left out."""
    found = error.errors()
    places = [one["loc"] for one in found]
    kept = [
        one for one in found if not any(len(p) > len(one["loc"]) and p[: len(one["loc"])] == one["loc"] for p in places)
    ]
    # Both ends of a range may be wrong: the range is told once.
    words = dict.fromkeys(_explained(dict(one), recipe) for one in kept)
    return "; ".join(words)


def _explained(error: dict[str, Any], recipe: type[Record]) -> str:
    place, kind, given = error["loc"], error["type"], error.get("input")
    context: dict[str, Any] = error.get("ctx", {})
    key = ".".join(str(part) for part in place)
    if kind == "extra_forbidden":
        return f"unknown key '{key}'{_meant(place, recipe)}"
    if kind == "missing" and place and isinstance(place[-1], int):
        return f"'{_without_end(place)}' is a range of two numbers: write [lowest, highest]"
    if kind == "missing":
        return f"missing key '{key}'"
    if kind == "value_error":
        return f"'{key or 'recipe'}': {error['msg'].removeprefix('Value error, ')}"
    if kind in ("model_type", "dict_type"):
        return f"'{key or 'recipe'}' must be a section of its own: {_section(place)}"
    return f"'{key or 'recipe'}' {_wrong(kind, given, context, error['msg'])}"


def _wrong(kind: str, given: Any, context: dict[str, Any], message: str) -> str:
    number, shown = isinstance(given, int | float) and not isinstance(given, bool), _shown(given)
    if kind in ("tuple_type", "list_type"):
        if number:
            return f"is {shown}, but a range or list is needed: write [{float(given)!r}, {float(given)!r}]"
        return f"is {shown}, but a range or list is needed: write it in [ ]"
    if kind == "too_long":
        return "is a range of two numbers: write [lowest, highest]"
    if kind == "too_short":
        return "is empty"
    if kind == "literal_error":
        return f"is {shown}, but can only be {context.get('expected', 'another')}"
    bounds = {"greater_than": "above {gt}", "greater_than_equal": "{ge} or more", "less_than": "below {lt}"}
    bounds |= {"less_than_equal": "{le} or less"}
    if kind in bounds:
        return f"is {shown}, but must be {bounds[kind].format(**context)}"
    kinds = {"int": "a whole number", "float": "a number", "string": "a text in quotes", "finite": "a finite number"}
    for start, word in kinds.items():
        if kind.startswith(start) and kind != "string_pattern_mismatch":
            return f"is {shown}, but must be {word}"
    if kind == "string_pattern_mismatch":
        return f"is {shown}, but may have only small letters, digits and dashes, the first of them no dash"
    return f"is {shown}: {message}"


def _shown(given: Any) -> str:
    """What was written, cut off: nobody reads a screen full of it."""
    text = repr(given)
    return text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]}…"


def _meant(place: Sequence[int | str], recipe: type[Record]) -> str:
    """Name the known key that is most like an unknown one."""
    section: type[Record] | None = recipe
    for part in place[:-1]:
        if isinstance(part, str) and section is not None:
            field = section.model_fields.get(part)
            section = None if field is None else _record_in(field.annotation)
    known = [] if section is None else list(section.model_fields)
    alike = difflib.get_close_matches(str(place[-1]), known, 1)
    return f" (did you mean '{alike[0]}'?)" if alike else ""


def _record_in(kind: Any) -> type[Record] | None:
    """The record that a field holds: itself, one of several, or none."""
    if isinstance(kind, type) and issubclass(kind, Record):
        return kind
    return next((found for found in map(_record_in, get_args(kind)) if found is not None), None)


def _section(place: Sequence[int | str]) -> str:
    names = ".".join(part for part in place if isinstance(part, str))
    return f"[[{names}]]" if place and isinstance(place[-1], int) else f"[{names}]"


def _without_end(place: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in place[:-1])
