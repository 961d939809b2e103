"""What a run tells the outside, and how it is cancelled."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from core.protocol.denoise import Notice, Plan


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """The run was cancelled; its finished frames are kept."""


class RunContext(Protocol):
    """Whoever starts a run listens through this. Every call comes from the thread that runs it, never from another.

    `check` may wait: a door that must serve something urgent first (a draft) holds the run there.
    """

    def check(self) -> None:
        """Raise `Cancelled` if the run is to stop. Asked for each tile, and between layers on a slow device."""

    def progress(self, stage: str, done: int, total: int, eta_s: float | None, rate: float | None) -> None:
        """Tell how far it is: `done` of `total` frames, seconds left (None: unknown yet), frames a second."""

    def notice(self, notice: Notice) -> None:
        """Tell the user something."""

    def frame(self, index: int, source_frame: int, array: npt.NDArray[np.float32]) -> None:
        """Show a finished frame (H, W) in the file's units; `index` counts in the result. Not to be kept or changed."""

    def started(self, plan: Plan, total: int) -> None:
        """Tell the plan and the number of frames, once, before the first frame."""


class QuietContext:
    """Listens to nothing and never cancels."""

    def check(self) -> None:
        """Go on."""

    def progress(self, stage: str, done: int, total: int, eta_s: float | None, rate: float | None) -> None:
        """Hear nothing."""

    def notice(self, notice: Notice) -> None:
        """Hear nothing."""

    def frame(self, index: int, source_frame: int, array: npt.NDArray[Any]) -> None:
        """See nothing."""

    def started(self, plan: Plan, total: int) -> None:
        """Hear nothing."""
