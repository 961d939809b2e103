"""Defects of a detector, as marks over a picture: each kind has a shape of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

MOST_DRAWN = 4000
DEAD_COLOUR, HOT_COLOUR, UNSTABLE_COLOUR = "#4fc3f7", "#ffb74d", "#f48fb1"


class DefectKind(IntFlag):
    """The values of a mask's pixels."""

    DEAD = 1
    HOT = 2
    UNSTABLE = 4


@dataclass(frozen=True)
class Defects:
    """Where the bad pixels lie: rows, columns and kinds (int arrays of one length)."""

    rows: np.ndarray
    columns: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def count(self, kind: DefectKind) -> int:
        """How many are of a kind."""
        return int(np.count_nonzero(self.kinds & int(kind)))

    @classmethod
    def of_mask(cls, mask: np.ndarray, first_row: int = 0) -> Defects:
        """The defects of a mask's rows (H, W), beginning at row `first_row` of the frame."""
        rows, columns = np.nonzero(mask > 0)
        return cls(rows + first_row, columns, mask[rows, columns].astype(np.int64))

    def joined(self, other: Defects) -> Defects:
        """Both."""
        return Defects(
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.columns, other.columns]),
            np.concatenate([self.kinds, other.kinds]),
        )

    def within(self, area: QRectF) -> Defects:
        """Those in a rectangle of the image, at most `MOST_DRAWN` of them, evenly chosen."""
        seen = (self.columns >= area.left() - 1) & (self.columns < area.right())
        seen &= (self.rows >= area.top() - 1) & (self.rows < area.bottom())
        chosen = np.flatnonzero(seen)
        if len(chosen) > MOST_DRAWN:
            chosen = chosen[np.linspace(0, len(chosen) - 1, MOST_DRAWN).astype(int)]
        return Defects(self.rows[chosen], self.columns[chosen], self.kinds[chosen])


NO_DEFECTS = Defects(np.zeros(0, int), np.zeros(0, int), np.zeros(0, int))


def draw_mark(painter: QPainter, centre: QPointF, kind: int, size: float) -> None:
    """A square for a dead pixel, a cross for a hot one, a diamond for one that flickers."""
    if kind & DefectKind.DEAD:
        colour = DEAD_COLOUR
    elif kind & DefectKind.HOT:
        colour = HOT_COLOUR
    else:
        colour = UNSTABLE_COLOUR
    x, y = centre.x(), centre.y()
    for pen in (QPen(QColor(0, 0, 0, 170), 2.8), QPen(QColor(colour), 1.3)):
        painter.setPen(pen)
        if kind & DefectKind.DEAD:
            painter.drawRect(QRectF(x - size, y - size, 2 * size, 2 * size))
        elif kind & DefectKind.HOT:
            painter.drawLine(QPointF(x - size, y - size), QPointF(x + size, y + size))
            painter.drawLine(QPointF(x - size, y + size), QPointF(x + size, y - size))
        else:
            corners = [QPointF(x, y - size), QPointF(x + size, y), QPointF(x, y + size), QPointF(x - size, y)]
            painter.drawPolygon(corners)
