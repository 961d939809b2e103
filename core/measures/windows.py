"""Fourier transforms of tapered windows of frames, moved along with the drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

Frames = npt.NDArray[np.float32]
Spectra = npt.NDArray[np.complex64]
Places = npt.NDArray[np.intp]
Shift = npt.NDArray[np.float64]

SIDES = (256, 192, 128, 96, 64, 48, 32, 16)
_MOST_WINDOWS = 100
_EDGE_SHARE = 0.25


@dataclass(frozen=True)
class WindowGrid:
    """Where windows of `side` px lie in frames of `height` x `width`, and how they are tapered.

    A window that follows the drift is cut at the nearest whole pixel and moved by the rest as a phase: nothing is
    interpolated, so white noise stays white. `edge` is the share of the side that is tapered at each end: a half is
    Hann's window, which lets strong low frequencies leak least into the weak high ones.
    """

    side: int
    height: int
    width: int
    edge: float = _EDGE_SHARE

    @classmethod
    def fitting(
        cls, height: int, width: int, share: float, most: int = SIDES[0], edge: float = _EDGE_SHARE
    ) -> WindowGrid:
        """The largest windows, `most` px or fewer, that fill no more than `share` of a side of the frame.

        Raises ValueError for frames that are too small for the smallest.
        """
        least = share * min(height, width)
        side = next((side for side in SIDES if side <= min(least, most)), None)
        if side is None:
            raise ValueError(f"frames of {height} x {width} px are too small")
        return cls(side, height, width, edge)

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """How often each cell of a half spectrum (side, side // 2 + 1) counts; the lowest ones not at all."""
        out = np.full((self.side, self.side // 2 + 1), 2.0)
        out[:, 0] = 1.0
        if self.side % 2 == 0:
            out[:, -1] = 1.0
        # The mean, and what the taper smears of it, is the beam's business.
        out[self.frequency * self.side < 1.5] = 0.0
        return out

    @property
    def frequency(self) -> npt.NDArray[np.float64]:
        """Spatial frequency of each cell in cycles a px."""
        return np.asarray(np.hypot(fft.fftfreq(self.side)[:, None], fft.rfftfreq(self.side)[None]), dtype=np.float64)

    @property
    def _taper(self) -> Frames:
        """Flat in the middle: what lies near the frame's border counts too."""
        edge = max(1, round(self.edge * self.side))
        rise = np.sin(np.pi / 2 * (np.arange(edge) + 0.5) / edge) ** 2
        line = np.ones(self.side)
        line[:edge], line[-edge:] = rise, rise[::-1]
        return np.outer(line, line).astype(np.float32)

    def places(self, moves: Sequence[Shift]) -> Places:
        """Top left corners (n, 2) of the windows that stay inside the frame under every one of the `moves`."""
        rounded = np.rint(np.asarray(moves)).astype(int) if len(moves) else np.zeros((1, 2), dtype=int)
        axes = []
        for axis, length in enumerate((self.height, self.width)):
            low = max(0, -int(rounded[:, axis].min()))
            high = length - self.side - max(0, int(rounded[:, axis].max()))
            if high < low:
                return np.zeros((0, 2), dtype=np.intp)
            count = 1 + -(-(high - low) // (self.side // 2))
            axes.append(np.unique(np.linspace(low, high, count).astype(np.intp)))
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        if len(places) > _MOST_WINDOWS:
            places = places[np.linspace(0, len(places) - 1, _MOST_WINDOWS).astype(np.intp)]
        return np.asarray(places, dtype=np.intp)

    def spectra(self, frame: Frames, places: Places, move: Shift | None = None) -> Spectra:
        """Transform the windows (n, side, side // 2 + 1) of a frame, read `move` (rows, columns) px further on.

        Scaled so that white noise of variance v has the mean power v in each cell.
        """
        whole = np.zeros(2, dtype=np.intp) if move is None else np.rint(move).astype(np.intp)
        every = np.lib.stride_tricks.sliding_window_view(frame, (self.side, self.side))
        cut = every[places[:, 0] + whole[0], places[:, 1] + whole[1]]
        taper = self._taper
        level = (cut * taper).sum(axis=(1, 2), keepdims=True, dtype=np.float64) / float(taper.sum())
        out = fft.rfft2((cut - level.astype(np.float32)) * (taper / np.sqrt(np.square(taper).sum())))
        if move is not None and np.any(rest := move - whole):
            rows = np.exp(2j * np.pi * fft.fftfreq(self.side) * rest[0])
            columns = np.exp(2j * np.pi * fft.rfftfreq(self.side) * rest[1])
            out *= (rows[:, None] * columns[None]).astype(np.complex64)
        return np.asarray(out, dtype=np.complex64)
