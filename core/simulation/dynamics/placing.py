"""Placing a specimen or a picture in a frame: turned and tilted by its atoms, moved by the phase of its spectrum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.simulation.dynamics.drift import Array
from core.simulation.specimens import Specimen


def posed(specimen: Specimen, turn: float, tilt: NDArray[np.float64]) -> Specimen:
    """Turn a specimen about the middle of its box, then tilt it about x and y (radians); atoms outside are left out.

    `turn` goes from x (columns) towards y (rows). The atoms are projected anew: nothing is interpolated.
    """
    if (turn == 0 and not np.any(tilt)) or len(specimen.positions) == 0:
        return specimen
    from core.simulation.crystals import small_tilt

    half = specimen.box / 2
    middle = np.array([half, half, float(specimen.positions[:, 2].mean())])
    positions = (specimen.positions - middle) @ small_tilt(float(tilt[0]), float(tilt[1]), turn).T + middle
    inside = np.all((positions[:, :2] >= 0) & (positions[:, :2] < specimen.box), axis=1)
    return Specimen(specimen.kind, positions[inside], specimen.elements[inside], specimen.box)


def moved(picture: Array, shift: Array, smear: Array | None = None) -> Array:
    """Move a periodic, band-limited picture (H, W) by `shift` (y, x) px, exactly, while it goes on by `smear`.

    F(q) exp(-2 pi i q shift) sinc(q smear): the mean over an exposure during which it moves evenly.
    """
    rows, columns = np.fft.fftfreq(picture.shape[0])[:, None], np.fft.rfftfreq(picture.shape[1])[None]
    transfer = np.exp(-2j * np.pi * (rows * shift[0] + columns * shift[1]))
    if smear is not None:
        transfer = transfer * np.sinc(rows * smear[0] + columns * smear[1])
    return np.asarray(np.fft.irfft2(np.fft.rfft2(picture) * transfer, s=picture.shape))


def turned(picture: Array, angle: float) -> Array:
    """Turn a periodic, band-limited picture about its middle by `angle` (radians, x towards y), at most 45 degrees.

    Three shears, each an exact move of every line by the phase of its spectrum: Unser, Thevenaz and Yaroslavsky, IEEE
    Transactions on Image Processing 4 (1995) 1371. What leaves the frame comes round: leave a margin.
    """
    if angle == 0:
        return picture
    if abs(angle) > np.pi / 4:
        raise ValueError(f"a picture can be turned by 45 degrees at most, not {np.degrees(angle):.0f}")
    along, across = -np.tan(angle / 2), np.sin(angle)
    return _sheared(_sheared(_sheared(picture, along).T, across).T, along)


def _sheared(picture: Array, slope: float) -> Array:
    """Move each row by `slope` times its distance from the middle."""
    height, width = picture.shape
    shift = slope * (np.arange(height) - (height - 1) / 2)
    phase = np.exp(-2j * np.pi * shift[:, None] * np.fft.rfftfreq(width)[None])
    return np.asarray(np.fft.irfft(np.fft.rfft(picture, axis=1) * phase, n=width, axis=1))
