"""A twin made by hand, and methods that do what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from core.denoising.context import RunContext
from core.denoising.denoiser import Block, ElectronMovie, Frames, Geometry, Needs, State
from core.measures.atoms.profile import draw
from core.scoring.trial import Contender
from core.scoring.twins import Finder, Twin

WIDTH, SPACING = 2.0, 12.0


class Doing:
    """A method that does one thing to frames (T, H, W)."""

    frames_before = 0
    frames_after = 0
    needs = Needs()
    name = "doing"

    def __init__(self, work: Callable[[Frames], Any]) -> None:
        self._work = work

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        context.check()
        return State(Geometry(halo=0), {"done": 1})

    def apply(self, state: State, block: Block) -> Block:
        first, last = block.wanted
        return block.denoised(np.asarray(self._work(block.electrons[first:last]), np.float32))


def contender(work: Callable[[Frames], Any] = lambda frames: frames, name: str = "doing") -> Contender:
    return Contender(name, "1", "", Doing(work))


def heap(positions: np.ndarray, heights: float | np.ndarray = 0.5, side: int = 128) -> np.ndarray:
    """Vacuum of 1 with columns."""
    volumes = np.broadcast_to(heights, len(positions)) * 2 * np.pi * WIDTH**2
    return 1.0 + draw((side, side), positions, volumes, np.full(len(positions), WIDTH))


def twin(edge: bool = False) -> Twin:
    """A square crystal of 7 x 7 columns in the middle of the frame, or in its corner."""
    start = 2.0 if edge else 28.0
    rows, cols = np.mgrid[:7, :7]
    columns = np.stack([rows.ravel(), cols.ravel()], axis=1) * SPACING + start
    finder = Finder(False, WIDTH, 0.125, 3.0)
    return Twin("made", heap(columns), 0.02, columns, np.zeros((0, 2)), finder)
