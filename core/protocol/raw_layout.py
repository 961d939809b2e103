"""Where pixels lie in a file that does not say it: headerless files, and files cut behind their header."""

from __future__ import annotations

import re
from typing import Literal, get_args

from pydantic import Field

from core.protocol.base import Record

PixelType = Literal[
    "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"
]
PIXEL_TYPES: tuple[str, ...] = get_args(PixelType)
PREFIX = "raw:"
_BIG_ENDIAN = "be"
_PATTERN = re.compile(r"raw:(\d{1,9})x(\d{1,9}):([a-z]+\d+?)(be)?((?::(?:offset|gap|frames)=\d{1,18})*)")


class RawLayout(Record):
    """Uncompressed frames of one size, one behind the other; what the user types.

    Attributes
    ----------
    height, width : int
        Of a frame in px.
    dtype : str
        Of a pixel.
    big_endian : bool
        The most significant byte comes first.
    offset : int
        Bytes before the first frame.
    gap : int
        Bytes between two frames.
    frames : int or None
        How many there are; None: as many as the file holds.
    """

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    dtype: PixelType = "uint16"
    big_endian: bool = False
    offset: int = Field(default=0, ge=0)
    gap: int = Field(default=0, ge=0)
    frames: int | None = Field(default=None, ge=1)

    @property
    def key(self) -> str:
        """The key of a dataset that `open_movie` takes, such as ``raw:512x1024:uint16:offset=4096``."""
        text = f"{PREFIX}{self.height}x{self.width}:{self.dtype}{_BIG_ENDIAN if self.big_endian else ''}"
        text += f":offset={self.offset}" if self.offset else ""
        text += f":gap={self.gap}" if self.gap else ""
        return text + (f":frames={self.frames}" if self.frames is not None else "")

    @classmethod
    def of(cls, key: str) -> RawLayout:
        """The layout of a key.

        Raises
        ------
        ValueError
            The key is not written as `key` writes it (the order of offset, gap and frames is free).
        """
        found = _PATTERN.fullmatch(key)
        if found is None or found[3] not in PIXEL_TYPES:
            raise ValueError(
                f"{key!r} is no layout; it reads raw:HEIGHTxWIDTH:TYPE:offset=N:gap=N:frames=N, with one of the types "
                f"{', '.join(PIXEL_TYPES)}, and be behind it if the most significant byte comes first"
            )
        options: dict[str, int] = {}
        for option in filter(None, found[5].split(":")):
            name, _, number = option.partition("=")
            if name in options:
                raise ValueError(f"{key!r} gives {name} twice")
            options[name] = int(number)
        values = {"height": int(found[1]), "width": int(found[2]), "dtype": found[3], **options}
        return cls.model_validate({**values, "big_endian": found[4] is not None})
