"""Sentences for what is understood but is no movie."""

from __future__ import annotations

from typing import Any

import numpy as np

COLOUR = "This is a colour picture (RGB), not counts from a detector, so it can't be denoised."
COMPLEX = "These are complex numbers (a Fourier transform or a wave), not an image, so they can't be denoised."
SPECTRUM = "This is a spectrum (one-dimensional), not an image or a movie."
ENERGY = "One axis is an energy (eV): this is a spectrum image or a volume of spectra, not a movie."
FOUR_D = "The data have four or more dimensions (such as 4D-STEM), so it is not known which one is time."


def of_pixels(dtype: np.dtype[Any]) -> str | None:
    """Why pixels of this type are refused; None if they are not."""
    if dtype.kind == "c":
        return COMPLEX
    if dtype.kind not in "biuf":
        return f"Pixels of type {dtype} can't be denoised."
    return None
