"""Where a result of ours keeps its record: calibration in full, and provenance, each as one JSON object.

In a line of an ImageJ description, in an annotation of OME's XML, in the JSON file beside an MRC, in the attributes of
a Zarr.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import unescape

MOVIE_LINE = "quietbeam_movie="
PROVENANCE_LINE = "quietbeam="
MOVIE_SPACE = "quietbeam:movie"
PROVENANCE_SPACE = "quietbeam:provenance"
# What a Zarr's attributes and an MRC's sidecar call them.
MOVIE_KEY, PROVENANCE_KEY = "movie", "provenance"
ATTRIBUTE = "quietbeam"

_LARGEST_SIDECAR = 1 << 26
_LABEL = re.compile(r"Quietbeam; record in the \.json file beside it: ([0-9a-f]{16})")


def compact(found: Mapping[str, Any]) -> str:
    """JSON on one line, in ASCII."""
    return json.dumps(found, ensure_ascii=True, separators=(",", ":"))


def movie_text(description: str) -> str | None:
    """The calibration in a TIFF's description, ImageJ's or OME's; None if there is none."""
    return _text(description, MOVIE_LINE, MOVIE_SPACE)


def provenance_of(description: str) -> dict[str, Any] | None:
    """The provenance in a TIFF's description, ImageJ's or OME's; None if there is none."""
    return _object(_text(description, PROVENANCE_LINE, PROVENANCE_SPACE))


def _text(description: str, line_start: str, space: str) -> str | None:
    if description.lstrip().startswith("<"):
        found = re.search(rf'Namespace="{space}"[^<>]{{0,200}}>\s{{0,200}}<Value>([^<]*)</Value>', description)
        return unescape(found.group(1)) if found else None
    for line in description.splitlines():
        if line.startswith(line_start):
            return line.removeprefix(line_start)
    return None


def _object(text: str | None) -> dict[str, Any] | None:
    try:
        found = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def sidecar_path(path: str | Path) -> Path:
    """The JSON file beside an MRC: ``NAME.mrc.json``."""
    return Path(f"{path}.json")


def sidecar_label(content: bytes) -> str:
    """The label in an MRC's header that binds it to its sidecar."""
    return f"Quietbeam; record in the .json file beside it: {hashlib.sha256(content).hexdigest()[:16]}"


def is_bound(labels: Sequence[str]) -> bool:
    """Whether the labels of an MRC say that a sidecar belongs to it."""
    return any(_LABEL.search(label) for label in labels)


def sidecar(path: str | Path, labels: Sequence[str]) -> dict[str, Any]:
    """The record beside an MRC; empty without one, or if it belongs to another file than the labels say."""
    marks = [found.group(1) for label in labels if (found := _LABEL.search(label))]
    if not marks:
        return {}
    beside = sidecar_path(path)
    try:
        if beside.stat().st_size > _LARGEST_SIDECAR:
            return {}
        content = beside.read_bytes()
    except (OSError, ValueError):
        return {}
    if hashlib.sha256(content).hexdigest()[:16] not in marks:
        return {}
    return _object(content.decode("ascii", "replace")) or {}


def part(record: Mapping[str, Any], key: str) -> dict[str, Any] | None:
    """The calibration (`MOVIE_KEY`) or provenance (`PROVENANCE_KEY`) of a record; None if it is not there."""
    found = record.get(key)
    return found if isinstance(found, dict) else None


def movie_json(record: Mapping[str, Any]) -> str | None:
    """The calibration of a record, as `recall` takes it."""
    found = part(record, MOVIE_KEY)
    return None if found is None else json.dumps(found)
