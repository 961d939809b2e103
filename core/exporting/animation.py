"""Animated GIF, written frame by frame: nothing but the frame at hand is kept."""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image
from PIL.GifImagePlugin import getdata

from core.exporting.picture import Grey
from core.movies.errors import unwritable

# GIF counts in hundredths of a second, and programs slow down what is faster than this.
_SHORTEST = 2


def delay(fps: float) -> int:
    """Hundredths of a second a frame."""
    return max(_SHORTEST, round(100 / fps))


class GifFilm:
    """A GIF that repeats for ever; see `core.exporting.film.Film`. Grey levels are kept, all 256 of them."""

    def __init__(self, size: tuple[int, int], fps: float, output: Path) -> None:
        self.codec = "GIF"
        self._output = output
        self._delay = delay(fps)
        self._done = False
        try:
            self._file = output.open("wb")
        except OSError as error:
            raise unwritable(output, error) from error
        greys = bytes(level for grey in range(256) for level in (grey, grey, grey))
        # A table of 256 colours for all frames, then Netscape's word for repeating.
        self._put(b"GIF89a" + struct.pack("<HHBBB", size[1], size[0], 0xF7, 0, 0) + greys)
        self._put(b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise unwritable(self._output, error) from error

    def write(self, picture: Grey) -> None:
        """As of `Film`."""
        self._put(b"\x21\xf9\x04" + struct.pack("<BHBB", 0x04, self._delay, 0, 0))
        for part in getdata(Image.fromarray(picture)):
            self._put(part)

    def finish(self) -> None:
        """As of `Film`."""
        self._put(b";")
        try:
            self._file.close()
        except OSError as error:
            raise unwritable(self._output, error) from error
        self._done = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._done:
            self._output.unlink(missing_ok=True)
