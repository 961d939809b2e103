"""Is a reference what it was said to be: at its share of the electrons, and independent of the raw movie?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.measures.clips import Clip

Frames = npt.NDArray[np.float32]

# Means of two parts of the same electrons agree far better; noise of independent looks has no correlation.
_MEAN, _SHARED = 0.1, 0.15


@dataclass(frozen=True)
class ReferenceFit:
    """How a reference goes with the raw frames.

    Attributes
    ----------
    mean_ratio : float
        Its mean, at the raw frames' dose by the fraction that was given, over theirs; NaN where these have none.
    shared : float
        Correlation of its fine detail with that of the raw frames, less that with the raw frames beside: 0 for
        independent looks, 1 for the raw movie itself, the root of p where it holds a share p of the same electrons.
    """

    mean_ratio: float
    shared: float

    @property
    def wrong_dose(self) -> bool:
        """Whether the fraction can't be right."""
        return abs(self.mean_ratio - 1) > _MEAN

    @property
    def dependent(self) -> bool:
        """Whether it holds noise of the raw movie."""
        return self.shared > _SHARED


def reference_fit(clips: Sequence[Clip], references: Sequence[Frames]) -> ReferenceFit:
    """Compare means and fine detail; one reference a clip, at the raw frames' dose."""
    raw = sum(float(clip.raw.sum(dtype=np.float64)) for clip in clips)
    theirs = sum(float(one.sum(dtype=np.float64)) for one in references)
    own = beside = first = second = 0.0
    for clip, reference in zip(clips, references, strict=True):
        ours, others = _fine(clip.raw), _fine(reference)
        first += float(np.square(ours).sum(dtype=np.float64))
        second += float(np.square(others).sum(dtype=np.float64))
        own += float((ours * others).sum(dtype=np.float64))
        if clip.frames > 1:
            turned = (ours * np.roll(others, 1, axis=0)).sum(dtype=np.float64)
            beside += float(turned)
    size = float(np.sqrt(first * second))
    return ReferenceFit(theirs / raw if raw else float("nan"), (own - beside) / size if size > 0 else 0.0)


def _fine(frames: Frames) -> Frames:
    """Second differences both ways: next to no picture is left in them."""
    return np.asarray(np.diff(np.diff(frames, 2, axis=1), 2, axis=2))
