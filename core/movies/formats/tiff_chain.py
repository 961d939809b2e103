"""The chain of images in a TIFF file: where the pixels of each lie, and whether it is like the others.

A walk of our own, because it asks every image for its size and type, where tifffile takes the first one's word for all,
and because it lists thousands of images with one read each. Structure of TIFF 6.0 and BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.movies.errors import Malformed, MovieError
from core.movies.files import RandomAccessFile

# What must agree between images of one movie: size, bits, compression, colour, rows a strip, tiles, type, predictor ...
_SHAPE = frozenset({254, 256, 257, 258, 259, 262, 266, 277, 278, 284, 317, 322, 323, 339, 32997, 32998})
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES = 273, 279, 324, 325
_PLACES = frozenset({_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES})
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
# Lists that lie close together are read many at a time, others one by one.
_NEAR, _WINDOW, _NARROW = 8192, 65536, 512
_MOST_ENTRIES = 4096
_MOST_IMAGES = 2_000_000
_MOST_SEGMENTS = 1 << 22

Key = tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A tag of numbers: as it stands, or where it lies in the file."""

    kind: int
    count: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the chain: where its list of tags lies, what its movie shares, and where its pixels are."""

    at: int
    key: Key
    offsets: Numbers | None
    counts: Numbers | None

    @property
    def listed_bytes(self) -> int:
        """Bytes of the lists of its pieces, as far as they do not stand in the list of tags itself."""
        held = (tag for tag in (self.offsets, self.counts) if tag is not None)
        sizes = (_SIZES.get(tag.kind, 0) * tag.count for tag in held)
        return sum(size for size in sizes if size > 8)


@dataclass(frozen=True)
class Chain:
    """All images of a file, in order; `broken` says why the list ends early, if it does.

    ``endless`` chains lead back to themselves, and tifffile must not be sent along them.
    """

    images: tuple[Image, ...]
    order: str
    big: bool
    broken: str | None
    endless: bool = False

    def numbers(self, file: RandomAccessFile, held: Numbers | None) -> NDArray[np.uint64]:
        """The numbers of a tag; none if it is missing or no list of integers.

        Raises
        ------
        Malformed
            They lie outside the file, or are too many.
        """
        if held is None or held.kind not in _INTEGERS or held.count < 1:
            return np.empty(0, np.uint64)
        size = _SIZES[held.kind] * held.count
        data = held.raw[:size]
        if size > len(held.raw):
            if held.count > _MOST_SEGMENTS:
                raise Malformed.about(file.path, f"An image of the TIFF file claims {held.count} pieces.")
            data = file.read(struct.unpack(self.order + ("Q" if self.big else "I"), held.raw)[0], size)
        return np.frombuffer(data, f"{self.order}u{_SIZES[held.kind]}").astype(np.uint64)

    def places(self, file: RandomAccessFile, image: Image) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Where the pieces of an image begin, and how many bytes each has."""
        return self.numbers(file, image.offsets), self.numbers(file, image.counts)

    def only_place(self, image: Image) -> tuple[int, int] | None:
        """The same for an image in one piece, without reading; None if it has several."""
        offset, count = image.offsets, image.counts
        if offset is None or count is None or offset.count != 1 or count.count != 1:
            return None
        return _value(self.order, offset.kind, 1, offset.raw), _value(self.order, count.kind, 1, count.raw)


class _Window:
    """Small reads out of larger ones."""

    def __init__(self, file: RandomAccessFile) -> None:
        self._file = file
        self._data = b""
        self._at = 0

    def read(self, at: int, count: int, ahead: int) -> bytes:
        start = at - self._at
        if not 0 <= start <= len(self._data) - count:
            self._data = self._file.read(at, min(max(count, ahead), max(count, self._file.size - at)))
            self._at, start = at, 0
        return self._data[start : start + count]


def walk(file: RandomAccessFile) -> Chain:
    """Follow the chain from image to image, as far as it holds.

    Parameters
    ----------
    file : RandomAccessFile
        A TIFF or BigTIFF file.

    Raises
    ------
    MovieError
        It ends within its first 16 bytes.
    """
    head = file.read(0, min(16, file.size))
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack(order + "H", head[2:4])[0] == 43
    at = struct.unpack(order + "Q", file.read(8, 8))[0] if big else struct.unpack(order + "I", file.read(4, 4))[0]
    window = _Window(file)
    images: list[Image] = []
    seen: set[int] = set()
    forms: dict[int, _Form] = {}
    last = 0
    broken: str | None = None
    endless = False
    listed = 0
    while at:
        # Lists that lie across each other are of no writer, and small files could hold thousands of long ones.
        if at in seen or len(images) >= _MOST_IMAGES or listed > file.size:
            endless = True
            broken = "it leads back to an image before" if at in seen else "it never ends"
            break
        seen.add(at)
        try:
            image, following, length = _image(
                window, at, order, big, _WINDOW if 0 <= at - last < _NEAR else _NARROW, forms
            )
        except MovieError:
            broken = f"image {len(images)} lies beyond the end of the file"
            break
        if image is None:
            broken = f"image {len(images)} has no list of tags"
            break
        images.append(image)
        listed += length
        last, at = at, following
    return Chain(tuple(images), order, big, broken, endless)


def _image(
    window: _Window, at: int, order: str, big: bool, ahead: int, forms: dict[int, _Form]
) -> tuple[Image | None, int, int]:
    """The image at a place, where the next one is (0: nowhere), and the length of its list."""
    head, size, word = (8, 20, 8) if big else (2, 12, 4)
    count = struct.unpack(order + ("Q" if big else "H"), window.read(at, head, ahead))[0]
    if not 0 < count <= _MOST_ENTRIES:
        return None, 0, 0
    table = window.read(at + head, count * size + word, ahead)
    following = struct.unpack_from(order + ("Q" if big else "I"), table, len(table) - word)[0]
    form = forms.get(len(table))
    if form is None or not form.fits(table):
        form = forms[len(table)] = _form(table[:-word], order, big)
    return form.image(at, table), following, head + len(table)


@dataclass(frozen=True, slots=True)
class _Form:
    """What was understood of one list of tags: the next one is nearly always the same but for the places of its pixels.

    ``codes`` are the low and the high bytes of all tags' codes, ``fixed`` the spans of bytes that must agree, and
    ``places`` the two tags that may differ: kind, count and span of the value.
    """

    size: int
    codes: tuple[bytes, bytes]
    fixed: tuple[tuple[int, int, bytes], ...]
    key: Key
    places: tuple[tuple[int, int, int, int] | None, tuple[int, int, int, int] | None]

    def fits(self, table: bytes) -> bool:
        """Whether a list of the same length can be read in the same way."""
        end = len(self.codes[0]) * self.size
        return (table[0 : end : self.size], table[1 : end : self.size]) == self.codes and all(
            table[start:stop] == content for start, stop, content in self.fixed
        )

    def image(self, at: int, table: bytes) -> Image:
        """The image of a list that fits."""
        offsets, counts = (
            None if place is None else Numbers(place[0], place[1], table[place[2] : place[3]]) for place in self.places
        )
        return Image(at, self.key, offsets, counts)


def _form(table: bytes, order: str, big: bool) -> _Form:
    size, head = (20, 12) if big else (12, 8)
    shape = []
    fixed: list[tuple[int, int]] = []
    places: dict[int, tuple[int, int, int, int]] = {}
    for number, (code, kind, many, raw) in enumerate(struct.iter_unpack(order + ("HHQ8s" if big else "HHI4s"), table)):
        start = number * size
        if code in _SHAPE:
            shape.append((code, kind, many, _value(order, kind, many, raw)))
            fixed.append((start, start + size))
        elif code in _PLACES:
            places[code] = (kind, many, start + head, start + size)
            fixed.append((start, start + head))
    joined: list[tuple[int, int]] = []
    for start, stop in fixed:
        if joined and joined[-1][1] == start:
            start = joined.pop()[0]
        joined.append((start, stop))
    pair = (places.get(_TILES) or places.get(_STRIPS), places.get(_TILE_BYTES) or places.get(_STRIP_BYTES))
    spans = tuple((start, stop, table[start:stop]) for start, stop in joined)
    return _Form(size, (table[0::size], table[1::size]), spans, tuple(shape), pair)


def _value(order: str, kind: int, many: int, raw: bytes) -> int:
    """A tag's only number; what lies elsewhere is told by its count alone."""
    if many != 1 or kind not in _INTEGERS or _SIZES[kind] > len(raw):
        return -1
    number: int = struct.unpack_from(order + _INTEGERS[kind], raw)[0]
    return number


def alike(images: Sequence[Image]) -> list[list[Image]]:
    """The images by what they share, each group in the file's order."""
    groups: dict[Key, list[Image]] = {}
    for image in images:
        groups.setdefault(image.key, []).append(image)
    return list(groups.values())
