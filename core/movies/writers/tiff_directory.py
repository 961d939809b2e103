"""The bytes around the pixels of a TIFF: header, list of images, and the description that ImageJ reads."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from core.movies.calibration import Scale
from core.movies.result_record import MOVIE_LINE, PROVENANCE_LINE, compact

__all__ = ["Directory", "Scale", "description", "directories", "resolution"]

_ASCII, _SHORT, _LONG, _RATIONAL, _LONG8 = 2, 3, 4, 5, 16
_BYTES = {_ASCII: 1, _SHORT: 2, _LONG: 4, _RATIONAL: 8, _LONG8: 8}
_LARGEST_RATIONAL = (1 << 32) - 1
_SOFTWARE = b"Quietbeam\x00"


@dataclass(frozen=True)
class Directory:
    """What the list of images must say. `at` is where it will lie, `big` whether the file is a BigTIFF."""

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    scale: Scale
    text: bytes
    data_offset: int
    at: int
    big: bool


def description(
    shape: tuple[int, int, int],
    scale: Scale,
    provenance: Mapping[str, Any] | None,
    display: tuple[float, float] | None,
    whole_numbers: bool = False,
) -> bytes:
    """The image description as ImageJ writes it; unknown keys such as ours are kept by ImageJ and tifffile.

    Of `whole_numbers` with a calibration of intensity ImageJ shows the values: a straight line (cf=0) with offset c0
    and slope c1, in the unit vunit.
    """
    frames = shape[0]
    lines = ["ImageJ=1.54f", f"images={frames}", f"frames={frames}"]
    if frames > 1:
        lines.append("hyperstack=true")
    lines.append("mode=grayscale")
    if scale.pixel_size is not None and scale.pixel_unit is not None:
        lines.append(f"unit={scale.pixel_unit}")
    if whole_numbers and scale.line is not None:
        origin, slope = scale.line
        unit = _one_line(scale.intensity_unit or "") or "Gray Value"
        lines += ["cf=0", f"c0={-origin * slope!r}", f"c1={slope!r}", f"vunit={unit}"]
    elif scale.line is None and _one_line(scale.intensity_unit or ""):
        # Values of float32 are what they are; ImageJ takes their unit alone.
        lines.append(f"vunit={_one_line(scale.intensity_unit or '')}")
    if scale.frame_interval_s is not None:
        lines.append(f"finterval={scale.frame_interval_s!r}")
    lines.append("loop=false")
    if display is not None and all(math.isfinite(level) for level in display):
        lines += [f"min={float(display[0])!r}", f"max={float(display[1])!r}"]
    # One line of ASCII each: ImageJ's description is a list of lines.
    lines.append(MOVIE_LINE + compact(scale.as_json(shape)))
    if provenance is not None:
        lines.append(PROVENANCE_LINE + compact(provenance))
    return "\n".join(lines).encode("ascii") + b"\n\x00"


def _one_line(text: str) -> str:
    """A unit in ASCII, with the micro sign as ImageJ writes it."""
    plain = text.replace("\u00b5", "u").replace("\u03bc", "u").encode("ascii", "ignore").decode("ascii")
    return " ".join("".join(letter for letter in plain if letter.isprintable() and letter not in "\\=").split())


def resolution(step: float) -> tuple[int, int] | None:
    """Pixels a unit as a fraction of two 32-bit numbers; None where it can't be said."""
    if not math.isfinite(step) or step <= 0:
        return None
    value = 1 / Fraction(step)
    limit = _LARGEST_RATIONAL if value < 1 else max(1, int(_LARGEST_RATIONAL / value))
    fraction = value.limit_denominator(limit)
    if not 0 < fraction.numerator <= _LARGEST_RATIONAL or fraction.denominator > _LARGEST_RATIONAL:
        return None
    return fraction.numerator, fraction.denominator


def directories(wanted: Directory) -> tuple[bytes, bytes]:
    """Header and tail of the file.

    Returns
    -------
    tuple of bytes
        What belongs at offset 0, and what belongs at ``wanted.at``: the description, then the list of images.
    """
    text_at = wanted.at
    software_at = text_at + len(wanted.text)
    rationals_at = software_at + len(_SOFTWARE)
    rationals_at += -rationals_at % 8
    fractions = _fractions(wanted.scale)
    shared = wanted.text + _SOFTWARE
    shared += bytes(rationals_at - text_at - len(shared))
    for above, below in fractions:
        shared += struct.pack("<II", above, below)
    first_at = text_at + len(shared)
    first_at += -first_at % 16
    shared += bytes(first_at - text_at - len(shared))
    pages = []
    frames, height, width = wanted.shape
    frame_bytes = height * width * wanted.dtype.itemsize
    at = first_at
    for index in range(frames):
        texts = [(270, text_at, len(wanted.text)), (305, software_at, len(_SOFTWARE))] if index == 0 else []
        page = _Page(wanted, wanted.data_offset + index * frame_bytes, texts, rationals_at, fractions)
        length = page.size()
        pages.append(page.packed(0 if index == frames - 1 else at + length))
        at += length
    if wanted.big:
        header = struct.pack("<2sHHHQ", b"II", 43, 8, 0, first_at)
    else:
        header = struct.pack("<2sHI", b"II", 42, first_at)
    return header, shared + b"".join(pages)


def _fractions(scale: Scale) -> list[tuple[int, int]]:
    """Resolution along x and y; empty if unknown."""
    if scale.pixel_size is None or scale.pixel_unit is None:
        return []
    along = [resolution(scale.pixel_size[1]), resolution(scale.pixel_size[0])]
    return [fraction for fraction in along if fraction is not None] if None not in along else []


def _inline(fraction: tuple[int, int]) -> int:
    """A fraction as the number that its eight bytes spell."""
    return fraction[0] + (fraction[1] << 32)


class _Page:
    """One entry of the list of images."""

    def __init__(
        self,
        wanted: Directory,
        data_at: int,
        texts: list[tuple[int, int, int]],
        rationals_at: int,
        fractions: list[tuple[int, int]],
    ) -> None:
        _, height, width = wanted.shape
        item = wanted.dtype.itemsize
        self._big = wanted.big
        offset_type = _LONG8 if wanted.big else _LONG
        self._tags = [
            (254, _LONG, 1, 0),
            (256, _LONG, 1, width),
            (257, _LONG, 1, height),
            (258, _SHORT, 1, item * 8),
            (259, _SHORT, 1, 1),
            (262, _SHORT, 1, 1),
            (273, offset_type, 1, data_at),
            (277, _SHORT, 1, 1),
            (278, _LONG, 1, height),
            (279, offset_type, 1, height * width * item),
            (339, _SHORT, 1, {"u": 1, "i": 2, "f": 3}[wanted.dtype.kind]),
        ]
        self._tags += [(code, _ASCII, length, at) for code, at, length in texts]
        if fractions:
            places = (rationals_at, rationals_at + 8)
            if wanted.big:
                # A fraction fits into an entry of BigTIFF, so it stands there itself.
                places = _inline(fractions[0]), _inline(fractions[1])
            self._tags += [(282, _RATIONAL, 1, places[0]), (283, _RATIONAL, 1, places[1])]
            # 1: the unit stands in the description.
            self._tags.append((296, _SHORT, 1, 1))
        self._tags.sort()

    def size(self) -> int:
        """Bytes of the entry, padded to 16."""
        size = 8 + 20 * len(self._tags) + 8 if self._big else 2 + 12 * len(self._tags) + 4
        return size + -size % 16

    def packed(self, following: int) -> bytes:
        """The entry, followed by where the next one lies (0: none)."""
        out = struct.pack("<Q" if self._big else "<H", len(self._tags))
        width = 8 if self._big else 4
        for code, kind, count, value in self._tags:
            out += struct.pack("<HHQ" if self._big else "<HHI", code, kind, count)
            length = _BYTES[kind] if _BYTES[kind] * count <= width else width
            out += value.to_bytes(length, "little").ljust(width, b"\x00")
        out += struct.pack("<Q" if self._big else "<I", following)
        return out.ljust(self.size(), b"\x00")
