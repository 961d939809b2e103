"""A lattice-corrected network that is shown sums of neighbouring frames: which sums, its configuration says."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from core.networks.lattice_corrected import LatticeCorrectedNet

# The longest reach of a window over time that anything here is made for, in frames.
_FARTHEST = 64


class LatticeMovieNet(LatticeCorrectedNet):
    """The network of `LatticeCorrectedNet`, weights and all, for frames and for sums of frames alike.

    Parameters
    ----------
    reaches
        How many frames to each side the sums hold, ascending; a frame alone is always looked at too.
    channels, windows, mixture
        Those of `LatticeCorrectedNet`.

    Raises
    ------
    ValueError
        The reaches aren't whole numbers from 1 to 64 in ascending order.
    """

    def __init__(self, reaches: Sequence[int] = (1, 2, 4, 8, 16), **single: Any) -> None:
        rising = all(one < other for one, other in itertools.pairwise(reaches))
        if not rising or not all(isinstance(one, int) and 1 <= one <= _FARTHEST for one in reaches):
            raise ValueError(f"reaches in frames must ascend from 1 or more to {_FARTHEST} at most, not {reaches}")
        super().__init__(**single)
        self.reaches = tuple(reaches)

    @property
    def config(self) -> dict[str, Any]:
        """Return the keyword arguments that build this network again."""
        return {"reaches": list(self.reaches), **super().config}
