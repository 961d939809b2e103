"""What a model's card may say: one rule a key, for cards that are installed and for recipes that lead to one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from core.protocol.model_card import TrainingRecord

# A name becomes a folder's, and part of a file's.
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
# Windows keeps these for devices, whatever ending follows.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LINE_LETTERS = 200
_TEXT_LETTERS = 5000
_MOST_MODALITIES, _MODALITY_LETTERS = 20, 40
_MOST_CAVEATS = 100
_MOST_SCORES = 1000
# More neighbouring frames than anything here keeps at a time.
_MOST_FRAMES = 1000
_MOST_STEPS = 10**12
_LONGEST_S = 10**10


def card_flaw(key: str, value: Any) -> str | None:
    """Say what is wrong with what a card says under `key`, as the end of a sentence that begins with it; None: nothing.

    Keys that anything may be said under have no rule.
    """
    rule = _RULES.get(key)
    return None if rule is None else rule(value)


def is_name(text: str) -> bool:
    """Whether a model may be called so, and a folder and a file after it."""
    return _name(text) is None


def _name(value: str) -> str | None:
    if not _NAME.fullmatch(value):
        return (
            f"must be at most 64 letters (a to z), digits, dots, dashes and underscores, with a letter or digit at "
            f"both ends, not {_shown(value)}"
        )
    if value.split(".")[0].casefold() in _DEVICES:
        return f"must be another than {_shown(value)}, which Windows keeps for a device"
    return None


def _line(value: str, letters: int = _LINE_LETTERS) -> str | None:
    if len(value) > letters or "\n" in value:
        return f"must be one line of at most {letters} letters"
    return _text(value)


def _text(value: str) -> str | None:
    if len(value) > _TEXT_LETTERS:
        return f"must have at most {_TEXT_LETTERS:,} letters"
    if not all(letter.isprintable() or letter == "\n" for letter in value):
        return "must have no control characters"
    return None


def _title(value: str) -> str | None:
    return _line(value) if value.strip() else f"must be one line of at most {_LINE_LETTERS} letters"


def _modality(value: tuple[str, ...]) -> str | None:
    if not 0 < len(value) <= _MOST_MODALITIES:
        return f"must name one to {_MOST_MODALITIES} kinds of images, such as HRTEM"
    if not all(word.strip() and _line(word, _MODALITY_LETTERS) is None for word in value):
        return f"must be words of at most {_MODALITY_LETTERS} letters, such as HRTEM"
    return None


def _range(value: tuple[float, float] | None) -> str | None:
    if value is None:
        return None
    low, high = value
    if not (0 <= low <= high < math.inf and high > 0):
        return f"must rise from 0 or more: [lowest, highest], not [{low:g}, {high:g}]"
    return None


def _frames(value: int) -> str | None:
    return None if 1 <= value <= _MOST_FRAMES else f"must be 1 to {_MOST_FRAMES}"


def _caveats(value: tuple[str, ...]) -> str | None:
    if len(value) > _MOST_CAVEATS:
        return f"must be at most {_MOST_CAVEATS}"
    return _first(_text(one) for one in value)


def _scores(value: Mapping[str, float]) -> str | None:
    if len(value) > _MOST_SCORES:
        return f"must be at most {_MOST_SCORES:,}"
    if not all(math.isfinite(number) for number in value.values()):
        return "must be finite numbers"
    return _first(_line(name) for name in value)


def _training(value: TrainingRecord) -> str | None:
    if not (0 <= value.duration_s <= _LONGEST_S and 0 <= value.steps <= _MOST_STEPS and abs(value.seed) < 1 << 64):
        return "must have taken a time and steps that can be"
    return _first([_line(value.recipe), _text(value.data), _line(value.device)])


def _config(value: Any) -> str | None:
    return _first(_line(text) for text in _texts(value))


def _sha256(value: str) -> str | None:
    return None if _SHA256.fullmatch(value) else "must be 64 of the digits 0 to 9 and a to f"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)


def _first(flaws: Iterable[str | None]) -> str | None:
    return next((flaw for flaw in flaws if flaw is not None), None)


def _shown(text: str) -> str:
    """Whole on one line, with letters of other alphabets as numbers: some look like ours."""
    return ascii(text[:80])


_RULES: Mapping[str, Callable[[Any], str | None]] = {
    "name": _name,
    "version": _name,
    "title": _title,
    "architecture": _line,
    "config": _config,
    "modality": _modality,
    "pixel_size_nm": _range,
    "dose_range_e_px": _range,
    "frames": _frames,
    "series": _line,
    "training": _training,
    "scores": _scores,
    "licence": _line,
    "author": _line,
    "weights_sha256": _sha256,
    "created": _line,
    "caveats": _caveats,
}
