"""Cutting frames into windows with a halo, so that the parts put together are exactly the whole.

A window is what a method sees; its core is the part that is kept. Windows end where the frame ends: what a network
does at a frame's edge, it does at the same place in the tile. With a halo of the receptive radius and origins on the
network's grid, tiles and whole frame agree to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.denoising.denoiser import Geometry
from core.protocol.denoise import Region


@dataclass(frozen=True)
class Span:
    """One direction of a window: it sees ``start:stop``; of that, ``core_start:core_stop`` is kept."""

    start: int
    stop: int
    core_start: int
    core_stop: int


@dataclass(frozen=True)
class Window:
    """A tile: rows and columns, in px of the (padded) frame."""

    rows: Span
    columns: Span

    @property
    def pixels(self) -> int:
        """Number of px that the method sees."""
        return (self.rows.stop - self.rows.start) * (self.columns.stop - self.columns.start)


@dataclass(frozen=True)
class Tile:
    """Size of a window with its halo, and the halo itself, in px."""

    height: int
    width: int
    halo: int


@dataclass(frozen=True)
class Grid:
    """All windows of a frame of which a part is wanted.

    Attributes
    ----------
    shown : Region
        What has to be read: the wanted part with its halo. Windows are given in px of the whole frame.
    padded : tuple of int
        Height and width of the whole frame after its last row and column were repeated to the size divisor.
    """

    windows: tuple[Window, ...]
    shown: Region
    padded: tuple[int, int]

    @property
    def pixels(self) -> int:
        """Number of px computed for one frame, halos included."""
        return sum(window.pixels for window in self.windows)


def make_grid(height: int, width: int, region: Region | None, geometry: Geometry, tile: Tile) -> Grid:
    """Cut a frame.

    Parameters
    ----------
    height, width : int
        The whole frame, in px.
    region : Region, optional
        The wanted part; None: all.
    geometry, tile
        How the method sees, and the size of windows; a window is never smaller than two halos and one origin step.
    """
    region = region or Region(y0=0, y1=height, x0=0, x1=width)
    padded = _up(height, geometry.size_divisor), _up(width, geometry.size_divisor)
    if geometry.halo is None:
        rows = [Span(0, padded[0], region.y0, region.y1)]
        columns = [Span(0, padded[1], region.x0, region.x1)]
    else:
        rows = _spans(padded[0], region.y0, region.y1, tile.height, tile.halo, geometry.origin_divisor)
        columns = _spans(padded[1], region.x0, region.x1, tile.width, tile.halo, geometry.origin_divisor)
    shown = Region(
        y0=rows[0].start,
        y1=min(height, max(row.stop for row in rows)),
        x0=columns[0].start,
        x1=min(width, max(column.stop for column in columns)),
    )
    return Grid(tuple(Window(row, column) for row in rows for column in columns), shown, padded)


def fit_tile(height: int, width: int, region: Region | None, geometry: Geometry, most: int) -> Tile:
    """Return the tile of at most `most` px that computes the fewest px in all.

    Where even the smallest possible tile is larger, the smallest is returned.
    """
    halo = geometry.halo or 0
    whole = Tile(_up(height, geometry.size_divisor), _up(width, geometry.size_divisor), halo)
    if geometry.halo is None:
        return whole
    region = region or Region(y0=0, y1=height, x0=0, x1=width)
    heights = _costs(whole.height, region.y0, region.y1, halo, geometry.origin_divisor)
    widths = _costs(whole.width, region.x0, region.x1, halo, geometry.origin_divisor)
    best: tuple[int, int, Tile] | None = None
    for tile_height, rows, rows_seen in heights:
        for tile_width, columns, columns_seen in widths:
            cost = (rows_seen * columns_seen, rows * columns)
            if tile_height * tile_width <= most and (best is None or cost < best[:2]):
                best = (*cost, Tile(tile_height, tile_width, halo))
    return Tile(heights[-1][0], widths[-1][0], halo) if best is None else best[2]


def tile_of_side(height: int, width: int, geometry: Geometry, side: int) -> Tile:
    """Return a tile of about `side` px a side, halo included: what a user typed."""
    halo = geometry.halo or 0
    size = _up(max(side, 2 * halo + geometry.origin_divisor), geometry.origin_divisor)
    whole_height, whole_width = _up(height, geometry.size_divisor), _up(width, geometry.size_divisor)
    if geometry.halo is None:
        return Tile(whole_height, whole_width, halo)
    return Tile(min(size, whole_height), min(size, whole_width), halo)


def cut(frames: npt.NDArray[np.generic], window: Window, origin: tuple[int, int]) -> npt.NDArray[np.generic]:
    """Return what a window sees of frames (T, H, W) whose first pixel is `origin`; a view, or a copy where padded."""
    top, left = window.rows.start - origin[0], window.columns.start - origin[1]
    bottom, right = window.rows.stop - origin[0], window.columns.stop - origin[1]
    part = frames[:, top : min(bottom, frames.shape[1]), left : min(right, frames.shape[2])]
    below, beside = bottom - top - part.shape[1], right - left - part.shape[2]
    if below or beside:
        return np.pad(part, ((0, 0), (0, below), (0, beside)), mode="edge")
    return part


def place(result: npt.NDArray[np.float32], denoised: npt.NDArray[np.float32], window: Window, region: Region) -> None:
    """Put the core of a denoised window into the result (T, h, w) of a region, in place."""
    rows, columns = window.rows, window.columns
    result[
        :,
        rows.core_start - region.y0 : rows.core_stop - region.y0,
        columns.core_start - region.x0 : columns.core_stop - region.x0,
    ] = denoised[
        :,
        rows.core_start - rows.start : rows.core_stop - rows.start,
        columns.core_start - columns.start : columns.core_stop - columns.start,
    ]


def _spans(length: int, first: int, last: int, size: int, halo: int, divisor: int) -> list[Span]:
    """Cut one direction: cores follow each other from `first` to `last`, windows lie inside ``0:length``."""
    size = max(size, _up(2 * halo + divisor, divisor))
    out: list[Span] = []
    core = first
    while core < last:
        start = max(0, _down(core - halo, divisor))
        stop = min(start + size, length)
        # A core ends a halo before its window does, unless the window ends with the frame.
        core_stop = min(last, stop if stop == length else stop - halo)
        # What lies more than a halo beyond the wanted part is not looked at.
        stop = min(stop, max(_up(core_stop + halo, divisor), start + divisor))
        out.append(Span(start, stop, core, core_stop))
        core = core_stop
    return out


def _costs(length: int, first: int, last: int, halo: int, divisor: int) -> list[tuple[int, int, int]]:
    """Return (window size, windows, px seen in all) for each size worth trying, largest size first."""
    out = []
    for size in _sizes(length, halo, divisor):
        spans = _spans(length, first, last, size, halo, divisor)
        out.append((size, len(spans), sum(span.stop - span.start for span in spans)))
    return out


def _sizes(length: int, halo: int, divisor: int) -> list[int]:
    """Return window sizes that cut a length evenly into 1, 2, 3 ... parts, largest first."""
    least = _up(2 * halo + divisor, divisor)
    sizes = {length} | ({least} if least < length else set())
    for parts in range(2, 65):
        # Where a halo is no multiple of the grid, a window may have to begin up to a step before it.
        for overlap in (2 * halo, 2 * halo + divisor - 1):
            size = _up(-(-(length + overlap * (parts - 1)) // parts), divisor)
            if least < size < length:
                sizes.add(size)
    return sorted(sizes, reverse=True)


def _up(value: int, divisor: int) -> int:
    return -(-value // divisor) * divisor


def _down(value: int, divisor: int) -> int:
    return value // divisor * divisor
