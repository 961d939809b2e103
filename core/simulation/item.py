"""A simulated recording whose truth is known: what the detector stored, and what it would have stored without noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Stack = NDArray[np.float32]


@dataclass(frozen=True)
class Item:
    """An image or a movie with its truth.

    Attributes
    ----------
    name : str
        Unique within its set, such as ``movie-07-hrtem``.
    seed : int
        What it was drawn with.
    modality : str
        ``HRTEM``, ``HAADF``, ``ABF``, ``SEM`` or ``TEM`` (without a lattice).
    kind : str
        The structure, such as ``supported particle``.
    periodic : bool
        Whether there is a lattice in it.
    noisy : array (T, H, W)
        Values as the detector stores them.
    clean : float32 (T, H, W)
        Expected electrons a px, in the frame's own geometry, after everything that the scene and the optics do and
        before any noise.
    gain, offset : float
        ``noisy`` is about ``offset + gain * electrons``.
    counts : bool
        An ideal counting detector: `noisy` are Poisson counts of `clean`.
    pixel_nm : float
        Size of a px.
    dose : float
        Mean of `clean`: electrons a px and frame.
    interval_s : float
        From one frame to the next.
    shifts : float64 (T, 2)
        Where the picture lies, rows and columns in px: ``frame(y, x) = picture(y - shift_y, x - shift_x)``.
    times_s : tuple of float
        Of each frame; where frames were lost, there are gaps. Empty: one frame each `interval_s`.
    frame_columns : tuple
        The true columns of each frame (`core.simulation.truth.Columns`); empty where there are none to be seen. Of
        HAADF their heights are electrons: what a column adds to the frame, summed over px, before the detector.
    settings : dict
        Everything else that was drawn: optics, detector, dynamics; plain values that JSON can hold.
    """

    name: str
    seed: int
    modality: str
    kind: str
    periodic: bool
    noisy: NDArray[Any]
    clean: Stack
    gain: float
    offset: float
    counts: bool
    pixel_nm: float
    dose: float
    interval_s: float
    shifts: NDArray[np.float64]
    times_s: tuple[float, ...] = ()
    frame_columns: tuple[Any, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def electrons(self) -> Stack:
        """`noisy` in electrons, float32 (T, H, W)."""
        return ((self.noisy.astype(np.float32) - np.float32(self.offset)) / np.float32(self.gain)).astype(np.float32)

    @property
    def columns(self) -> Any:
        """The true columns of the first frame, or None."""
        return self.frame_columns[0] if self.frame_columns else None
