"""A contact sheet: one specimen at several thicknesses, tilts and defoci, all in one grey scale."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.simulation.errors import OpticsError
from core.simulation.imaging import Optics, enough_foci, image
from core.simulation.multislice import exit_waves, wave_size
from core.simulation.specimens import Specimen

_GAP, _LEFT, _TOP = 4, 86, 22
_MOST_TILES = 400


@dataclass(frozen=True)
class ContactSheet:
    """HRTEM images of one specimen.

    Attributes
    ----------
    images : (thicknesses, tilts, defoci, H, W) float32
        Vacuum = 1.
    thicknesses, defoci : tuple of float
        In angstrom.
    tilts : tuple of float
        In radians, about the image's y axis.
    """

    images: NDArray[np.float32]
    thicknesses: tuple[float, ...]
    tilts: tuple[float, ...]
    defoci: tuple[float, ...]


def contact_sheet(
    specimen: Specimen,
    pixel: float,
    size: int,
    optics: Optics,
    thicknesses: Sequence[float],
    tilts: Sequence[float],
    defoci: Sequence[float],
    sampling: float = 0.12,
) -> ContactSheet:
    """Image the middle of a specimen's box under every combination of thickness, tilt and defocus.

    One pass of multislice serves all thicknesses and defoci of a tilt. Thicknesses (angstrom, rising) count from the
    first atom, and the defocus from the plane where each ends.

    Raises
    ------
    OpticsError
        If a list is empty, there are more than 400 images, or the box is smaller than the image.
    """
    if not (len(thicknesses) and len(tilts) and len(defoci)):
        raise OpticsError.about("A contact sheet needs thicknesses, tilts and defoci.", "Give one of each or more.")
    if len(thicknesses) * len(tilts) * len(defoci) > _MOST_TILES:
        raise OpticsError.about(f"A contact sheet holds {_MOST_TILES} images at most.", "Give fewer conditions.")
    whole = math.floor(specimen.box / pixel + 1e-6)
    if size > whole:
        words = f"An image of {size} px of {pixel} angstrom is wider than the box of {specimen.box:.4g} angstrom."
        raise OpticsError.about(words, "Take a larger box or fewer px.")
    first = (whole - size) // 2
    cut = slice(first, first + size)
    grid = wave_size(specimen.box, whole, sampling)
    foci = enough_foci(optics)
    out = np.zeros((len(thicknesses), len(tilts), len(defoci), size, size), np.float32)
    for column, tilt in enumerate(tilts):
        waves = exit_waves(
            specimen.positions,
            specimen.elements,
            specimen.box,
            grid,
            optics.kilovolt,
            list(thicknesses),
            tilt=(tilt, 0.0),
        )
        for row, wave in enumerate(waves):
            for place, defocus in enumerate(defoci):
                at = dataclasses.replace(optics, defocus=defocus)
                out[row, column, place] = image(wave, specimen.box, at, whole, foci)[cut, cut].numpy()
    return ContactSheet(out, tuple(thicknesses), tuple(tilts), tuple(defoci))


def sheet_picture(sheet: ContactSheet, tile: int = 128) -> NDArray[np.uint8]:
    """Lay a contact sheet out (H, W): a row for each thickness, a block for each tilt, a column for each defocus.

    All tiles share one grey scale, from the 0.5th to the 99.5th percentile; `tile` is the side of a tile in px.
    """
    from PIL import Image, ImageDraw, ImageFont

    rows, blocks, columns = sheet.images.shape[:3]
    low, high = np.percentile(sheet.images, (0.5, 99.5))
    width = _LEFT + blocks * columns * (tile + _GAP) + (blocks - 1) * 3 * _GAP + _GAP
    height = 2 * _TOP + rows * (tile + _GAP) + _GAP
    canvas = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(13)
    for row, thickness in enumerate(sheet.thicknesses):
        top = 2 * _TOP + row * (tile + _GAP)
        draw.text((_GAP, top + tile / 2), f"{thickness / 10:.3g} nm thick", 0, font, anchor="lm")
        for block, tilt in enumerate(sheet.tilts):
            left = _LEFT + block * (columns * (tile + _GAP) + 3 * _GAP)
            for column, defocus in enumerate(sheet.defoci):
                grey = np.clip((sheet.images[row, block, column] - low) / max(high - low, 1e-9), 0, 1) * 255
                picture = Image.fromarray(np.rint(grey).astype(np.uint8)).resize((tile, tile), Image.Resampling.BICUBIC)
                canvas.paste(picture, (left + column * (tile + _GAP), top))
                if row == 0:
                    middle = left + column * (tile + _GAP) + tile / 2
                    draw.text((middle, _TOP * 1.5), f"defocus {_signed(defocus / 10)} nm", 0, font, anchor="mm")
            if row == 0:
                middle = left + columns * (tile + _GAP) / 2
                draw.text((middle, _TOP / 2), f"tilt {math.degrees(tilt):.2g}°", 0, font, anchor="mm")
    return np.asarray(canvas)


def _signed(value: float) -> str:
    return f"{value:+.3g}" if value else "0"


def write_sheet(sheet: ContactSheet, path: Path, tile: int = 128) -> None:
    """Write a contact sheet as a PNG."""
    from PIL import Image

    Image.fromarray(sheet_picture(sheet, tile)).save(path, optimize=True)
