"""What a column looks like: Gaussians summed over the area of each px, drawn at sub-pixel places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.special import erf

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lines:
    """Pixel-integrated Gaussians along one axis, of unit area, with their derivatives; each (n, px).

    f_k(c, s) = Phi((k + 1/2 - c) / s) - Phi((k - 1/2 - c) / s), Phi the normal distribution.
    """

    value: Array
    by_centre: Array
    by_log_width: Array


def lines(centres: Array, widths: Array, first: Index, count: int) -> Lines:
    """Return the Gaussians of `centres` and `widths` (n,), in px, over px ``first .. first + count - 1``."""
    edges = first[:, None] - 0.5 + np.arange(count + 1)[None] - centres[:, None]
    scaled = edges / widths[:, None]
    below = 0.5 * erf(scaled / np.sqrt(2.0))
    density = np.exp(-0.5 * scaled**2) / np.sqrt(2 * np.pi)
    return Lines(
        np.diff(below, axis=1),
        -np.diff(density, axis=1) / widths[:, None],
        -np.diff(scaled * density, axis=1),
    )


def draw(shape: tuple[int, int], positions: Array, volumes: Array, widths: Array, margin: int = 0) -> Array:
    """Draw columns: Gaussians of these volumes, each px the sum over its area; exact to 5 widths.

    Parameters
    ----------
    shape
        Of the frame, px.
    positions : (n, 2)
        Rows and columns in px; the first pixel's centre is 0.
    volumes, widths : (n,)
        Integrals in image units times px squared, and sigmas in px.
    margin
        How many px are drawn beyond each border too.

    Returns
    -------
    (H + 2 margin, W + 2 margin)
    """
    canvas = np.zeros((shape[0] + 2 * margin, shape[1] + 2 * margin))
    if not len(positions):
        return canvas
    reach = int(np.ceil(5 * widths.max())) + 1
    side = 2 * reach + 1
    anchor = np.rint(positions).astype(np.int64)
    rows = lines(positions[:, 0], widths, anchor[:, 0] - reach, side).value * volumes[:, None]
    cols = lines(positions[:, 1], widths, anchor[:, 1] - reach, side).value
    # Room for whatever reaches out of the canvas; then one slice a column, without a test in the loop.
    wide = np.pad(canvas, side)
    for row, col, (y, x) in zip(rows, cols, anchor + margin + side - reach, strict=True):
        if 0 <= y <= wide.shape[0] - side and 0 <= x <= wide.shape[1] - side:
            wide[y : y + side, x : x + side] += row[:, None] * col[None]
    return np.ascontiguousarray(wide[side:-side, side:-side])


def widened(image: Array, blurs: Sequence[float]) -> list[Array]:
    """Blur an image (h, w), zero around it, by Gaussians of each sigma in px: by one Fourier transform there.

    So an image of Gaussians of one width becomes one of Gaussians of the width sqrt(width^2 + blur^2).
    """
    reach = int(np.ceil(4 * max(blurs)))
    shape = [fft.next_fast_len(length + reach, real=True) for length in image.shape]
    spectrum = fft.rfft2(image, shape)
    q2 = fft.fftfreq(shape[0])[:, None] ** 2 + fft.rfftfreq(shape[1])[None] ** 2
    rows, cols = image.shape
    return [fft.irfft2(spectrum * np.exp(-2 * (np.pi * blur) ** 2 * q2), shape)[:rows, :cols] for blur in blurs]
