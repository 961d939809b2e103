"""The pages of a Falcon EER file: a BigTIFF whose every page is one raw frame, a bit stream of electron events.

Of each page only where its stream lies is kept; of the first one, also size, coding and the metadata in XML.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from xml.etree import ElementTree

from core.movies.errors import Malformed, MovieError, Truncated, Unsupported
from core.movies.files import RandomAccessFile

# Compressions of events, and how many bits of a code count the pixels without an event before it.
_SKIP_BITS = {65000: 8, 65001: 7, 65002: 7}
_UNCOMPRESSED = 1
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _OFFSETS, _SAMPLES, _COUNTS, _FORMAT = 256, 257, 258, 259, 273, 277, 279, 339
_ACQUISITION, _FRAME, _SKIP, _HORIZONTAL, _VERTICAL = 65001, 65002, 65007, 65008, 65009
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MOST_TAGS = 256
_PAGE_BYTES = 1024
_LARGEST_SIDE = 1 << 14
_LARGEST_XML = 1 << 20


@dataclass(frozen=True)
class Coding:
    """How many bits of a code count skipped pixels, and how many tell where in its pixel the event fell."""

    skip: int
    horizontal: int
    vertical: int


@dataclass(frozen=True)
class Picture:
    """The sum of all frames, which the camera may put before them: plain pixels."""

    height: int
    width: int
    dtype: str
    offset: int


@dataclass(frozen=True)
class EventFile:
    """What an EER file holds.

    Attributes
    ----------
    streams : tuple of (offset, bytes)
        One for each raw frame.
    picture : Picture or None
        The sum, where the file has one.
    items, units : dict
        The acquisition's metadata and their units.
    frame_items : dict
        The first frame's metadata.
    broken : bool
        The chain of pages ends in the middle: the file was cut.
    """

    height: int
    width: int
    coding: Coding
    streams: tuple[tuple[int, int], ...]
    picture: Picture | None
    items: dict[str, str]
    units: dict[str, str]
    frame_items: dict[str, str]
    broken: bool


@dataclass(frozen=True)
class _Tag:
    """A tag's type, how many values it has, and these themselves if they are short, or where they are."""

    kind: int
    count: int
    inline: bytes
    at: int


class _Pages:
    """Walks the chain of pages."""

    def __init__(self, file: RandomAccessFile) -> None:
        self._file = file
        head = file.read(0, min(16, file.size))
        if len(head) < 16 or head[:2] not in (b"II", b"MM"):
            raise Malformed.about(file.path, "This is no EER file, although it is named like one.")
        self._order = "<" if head[:2] == b"II" else ">"
        version, offset_size, _ = struct.unpack_from(self._order + "3H", head, 2)
        if version != 43 or offset_size != 8:
            raise Unsupported.about(file.path, "This is no EER file that can be read here: it is no BigTIFF.")
        (self.first,) = struct.unpack_from(self._order + "Q", head, 8)

    def page(self, offset: int) -> tuple[dict[int, _Tag], int]:
        """The tags of the page at `offset`, and where the next one is (0: nowhere).

        Raises
        ------
        Malformed
            It lies, or reaches, outside the file.
        """
        # One read is enough for a page of usual length: on a network drive each costs a round trip.
        raw = self._file.read(offset, max(8, min(_PAGE_BYTES, self._file.size - offset)))
        (count,) = struct.unpack_from(self._order + "Q", raw)
        if not 0 < count <= _MOST_TAGS:
            raise Malformed.about(self._file.path, f"A page of the EER file claims {count} tags.")
        if 20 * count + 16 > len(raw):
            raw = self._file.read(offset, 20 * count + 16)
        tags = {}
        for k in range(count):
            code, kind, values, at = struct.unpack_from(self._order + "HHQQ", raw, 8 + 20 * k)
            short = values * _SIZES.get(kind, 1) <= 8
            tags[code] = _Tag(kind, values, raw[20 * k + 20 : 20 * k + 28] if short else b"", at)
        (following,) = struct.unpack_from(self._order + "Q", raw, 8 + 20 * count)
        return tags, following

    def number(self, tags: dict[int, _Tag], code: int, default: int | None = None) -> int:
        """The first value of an integer tag."""
        tag = tags.get(code)
        kind = _INTEGERS.get(tag.kind) if tag is not None else None
        if tag is None or kind is None or tag.count < 1:
            if default is None:
                raise Malformed.about(self._file.path, f"A page of the EER file lacks the tag {code}.")
            return default
        size = _SIZES[tag.kind]
        raw = tag.inline[:size] or self._file.read(tag.at, size)
        return int(struct.unpack(self._order + kind, raw)[0])

    def stream(self, tags: dict[int, _Tag]) -> tuple[int, int]:
        """Where the only strip of a page lies."""
        strips = tags.get(_OFFSETS)
        if strips is not None and strips.count > 1:
            raise Unsupported.about(self._file.path, "Frames of this EER file lie in several pieces each.")
        return self.number(tags, _OFFSETS), self.number(tags, _COUNTS)

    def items(self, tags: dict[int, _Tag], code: int) -> tuple[dict[str, str], dict[str, str]]:
        """The metadata in a tag and their units; empty if there are none that can be read."""
        tag = tags.get(code)
        if tag is None or tag.kind not in (1, 2, 7) or not 8 < tag.count <= _LARGEST_XML:
            return {}, {}
        try:
            text = tag.inline or self._file.read(tag.at, tag.count)
        except MovieError:
            return {}, {}
        return _items(text)

    def picture(self, tags: dict[int, _Tag]) -> Picture | None:
        """The sum of all frames, if its pixels lie in one run."""
        height, width = self.number(tags, _HEIGHT), self.number(tags, _WIDTH)
        bits, kind = self.number(tags, _BITS, 1), self.number(tags, _FORMAT, 1)
        letter = {1: "u", 2: "i", 3: "f"}.get(kind)
        strips = tags.get(_OFFSETS)
        plain = letter and bits in (8, 16, 32) and (letter != "f" or bits == 32) and strips is not None
        if not plain or strips is None or strips.count != 1 or self.number(tags, _SAMPLES, 1) != 1:
            return None
        offset, size = height * width * bits // 8, self.number(tags, _OFFSETS)
        if size + offset > self._file.size:
            return None
        return Picture(height, width, f"{self._order}{letter}{bits // 8}", size)


def _items(text: bytes) -> tuple[dict[str, str], dict[str, str]]:
    start, end = text.find(b"<metadata"), text.rfind(b"</metadata>")
    body = text[start : end + len(b"</metadata>")]
    if not 0 <= start < end or b"<!" in body:
        # Declarations are not expected: entities could grow without end.
        return {}, {}
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - declarations and so entities are refused above
    except ElementTree.ParseError:
        return {}, {}
    found = [(item.get("name") or "", (item.text or "").strip(), item.get("unit")) for item in root.iter("item")]
    return {name: value for name, value, _ in found if name}, {name: unit for name, _, unit in found if name and unit}


def read_pages(file: RandomAccessFile) -> EventFile:
    """Walk the pages of an EER file.

    Raises
    ------
    MovieError
        It is none, holds no frame, or nothing that can be decoded.
    """
    pages = _Pages(file)
    tags, following = pages.page(pages.first)
    items, units = pages.items(tags, _ACQUISITION)
    picture = None
    if pages.number(tags, _COMPRESSION, _UNCOMPRESSED) not in _SKIP_BITS:
        picture = pages.picture(tags)
        if not following:
            raise Unsupported.about(
                file.path,
                "This EER file holds no events, but a plain picture (such as a gain reference).",
                "Rename it to .tif to open the picture.",
            )
        tags, following = pages.page(following)
        items, units = (items, units) if items else pages.items(tags, _ACQUISITION)
    compression = pages.number(tags, _COMPRESSION, _UNCOMPRESSED)
    if compression not in _SKIP_BITS:
        raise Unsupported.about(file.path, f"Pages of this EER file are compressed by a way ({compression}) not known.")
    height, width = pages.number(tags, _HEIGHT), pages.number(tags, _WIDTH)
    coding = _coding(file, pages, tags, compression)
    frame_items, _ = pages.items(tags, _FRAME)
    streams, broken = _streams(file, pages, (tags, following), (height, width, compression))
    _check(file, height, width, coding, streams)
    return EventFile(height, width, coding, streams, picture, items, units, frame_items, broken)


def _coding(file: RandomAccessFile, pages: _Pages, tags: dict[int, _Tag], compression: int) -> Coding:
    coding = Coding(_SKIP_BITS[compression], 2, 2)
    if compression == 65002:
        skip, horizontal, vertical = (
            pages.number(tags, k, d) for k, d in ((_SKIP, 7), (_HORIZONTAL, 2), (_VERTICAL, 2))
        )
        coding = Coding(skip, horizontal, vertical)
    if not (4 <= coding.skip <= 14 and 0 < coding.horizontal < 5 and 0 < coding.vertical < 5):
        bits = f"{coding.skip} + {coding.horizontal} + {coding.vertical}"
        raise Unsupported.about(file.path, f"Events of {bits} bits can't be decoded here.")
    return coding


def _streams(
    file: RandomAccessFile, pages: _Pages, first: tuple[dict[int, _Tag], int], same: tuple[int, int, int]
) -> tuple[tuple[tuple[int, int], ...], bool]:
    """Where the frames' streams lie, up to where the file or its chain of pages breaks off."""
    tags, following = first
    streams: list[tuple[int, int]] = []
    seen: set[int] = set()
    while True:
        size = tuple(pages.number(tags, code, 0) for code in (_HEIGHT, _WIDTH, _COMPRESSION))
        if size == same:
            offset, count = pages.stream(tags)
            if offset + count > file.size:
                return tuple(streams), True
            streams.append((offset, count))
        if not following:
            return tuple(streams), False
        if following in seen:
            raise Malformed.about(file.path, "The pages of the EER file point at each other in a circle.")
        seen.add(following)
        try:
            tags, following = pages.page(following)
        except MovieError:
            return tuple(streams), True


def _check(
    file: RandomAccessFile, height: int, width: int, coding: Coding, streams: tuple[tuple[int, int], ...]
) -> None:
    if not streams:
        raise Truncated.about(file.path, "The EER file ends before its first frame is complete.")
    if not (0 < height <= _LARGEST_SIDE and 0 < width <= _LARGEST_SIDE):
        raise Malformed.about(file.path, f"The EER file promises frames of {height} x {width} px, which can't be.")
    # A code skips so many pixels at most; what no stream of this length can fill was never recorded.
    longest = max(count for _, count in streams)
    if height * width > (longest * 8 // coding.skip + 1) << coding.skip:
        raise Malformed.about(
            file.path,
            f"The EER file promises frames of {height} x {width} px, too many for its {longest} bytes a frame.",
        )
