"""Contact sheets: pictures of what was simulated, as recorded above and clean below, to be looked at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.movies import open_movie
from core.protocol.simulation import SimulateRecipe
from core.simulation.contact_sheet import contact_sheet, write_sheet
from core.simulation.imaging import Optics
from core.simulation.lenses import range_of, voltages

Grey = NDArray[np.uint8]
_SIDE, _ACROSS, _MOST = 256, 6, 24
_TEXT_HEIGHT, _GAP = 14, 4
_LOOKED_AT, _CONDITIONS_SIDE = 10, 384


@dataclass(frozen=True)
class Tile:
    """A picture (H, W) of any scale, or none (0, 0), and a line below it."""

    picture: NDArray[np.float32]
    text: str


_EMPTY = Tile(np.zeros((0, 0), np.float32), "")


def write_sheets(folder: Path, clean_only: bool = False) -> list[Path]:
    """Write ``sheet-PART.png`` for each part of a set that was written: twelve items spread over it.

    Parameters
    ----------
    folder
        Of the set.
    clean_only
        It holds arrays of clean images, no recordings.
    """
    made = []
    for part in sorted(path for path in folder.iterdir() if path.is_dir()):
        tiles, across = _clean_tiles(part) if clean_only else _recorded_tiles(part)
        if tiles:
            made.append(folder / f"sheet-{part.name}.png")
            sheet(tiles, across).save(made[-1])
    return made


def write_conditions(folder: Path, recipe: SimulateRecipe) -> Path | None:
    """Write ``thickness-tilt-defocus.png``: the first HRTEM structure of a recipe under many conditions.

    Four thicknesses up to the whole, three tilts, and five defoci over the range of the recipe's lens. None: the recipe
    has no HRTEM among its first structures.
    """
    from core.simulation import generator
    from core.simulation.hrtem_scene import HrtemScene

    for index in range(min(recipe.structures, _LOOKED_AT)):
        scene = generator.draw_structure(recipe, index).scene
        if not isinstance(scene, HrtemScene) or not len(scene.specimen.elements):
            continue
        lens = scene.recipe.lens
        spherical = 1e4 * float(np.mean(range_of(lens, "HRTEM", "spherical_um")))
        optics = Optics(kilovolt=voltages(lens)[0], spherical=spherical, focal_spread=30.0)
        height = float(np.ptp(scene.specimen.positions[:, 2]))
        made = contact_sheet(
            scene.specimen,
            scene.field.pixel,
            min(scene.field.side, _CONDITIONS_SIDE),
            optics,
            [max(height, 4.0) * part for part in (0.25, 0.5, 0.75, 1.0)],
            np.deg2rad([0.0, 1.0, 3.0]).tolist(),
            (10 * np.linspace(*range_of(lens, "HRTEM", "defocus_nm"), 5)).tolist(),
        )
        path = folder / "thickness-tilt-defocus.png"
        write_sheet(made, path)
        return path
    return None


def sheet(tiles: Sequence[Tile], across: int, side: int = _SIDE) -> Image.Image:
    """Lay tiles out in rows of `across`, each at most `side` px wide, its contrast stretched over its own range."""
    rows = -(-len(tiles) // across)
    font = ImageFont.load_default(11)
    out = Image.new("L", (across * (side + _GAP) - _GAP, rows * (side + _TEXT_HEIGHT + _GAP) - _GAP), 255)
    draw = ImageDraw.Draw(out)
    for number, tile in enumerate(tiles):
        left = number % across * (side + _GAP)
        top = number // across * (side + _TEXT_HEIGHT + _GAP)
        if tile.picture.size:
            out.paste(Image.fromarray(stretched(fitted(tile.picture, side))), (left, top))
        draw.text((left + 2, top + side), tile.text, fill=0, font=font)
    return out


def fitted(picture: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return a square of at most `side` px: the picture's middle, area means of whole numbers of px if it is larger."""
    short = min(picture.shape)
    factor = max(1, short // side)
    used = min(short // factor, side) * factor
    top, left = (picture.shape[0] - used) // 2, (picture.shape[1] - used) // 2
    cut = np.asarray(picture[top : top + used, left : left + used], np.float32)
    means = cut.reshape(used // factor, factor, used // factor, factor).mean((1, 3))
    repeat = max(1, side // len(means))
    return np.asarray(np.repeat(np.repeat(means, repeat, 0), repeat, 1))


def stretched(picture: NDArray[np.float32]) -> Grey:
    """Stretch the contrast from the 0.5th to the 99.5th percentile over 0 to 255."""
    low, high = np.percentile(picture, [0.5, 99.5])
    return np.asarray(np.clip((picture - low) / max(float(high - low), 1e-9), 0, 1) * 255, np.uint8)


def _recorded_tiles(part: Path) -> tuple[list[Tile], int]:
    """Tiles, and how many lie in a row: no more than there are items."""
    tiles = []
    names = sorted(path.stem for path in part.glob("*.json"))
    chosen = [
        names[i] for i in np.unique(np.linspace(0, len(names) - 1, min(len(names), _MOST // 2)).round().astype(int))
    ]
    across = min(_ACROSS, len(chosen))
    for start in range(0, len(chosen), _ACROSS):
        row = chosen[start : start + _ACROSS]
        tiles += [Tile(_first(part / f"{name}.tif"), _caption(part, name)) for name in row]
        tiles += [_EMPTY] * (across - len(row))
        tiles += [Tile(_first(part / f"{name}_clean.tif"), "the same without noise") for name in row]
        tiles += [_EMPTY] * (across - len(row))
    return tiles, across


def _clean_tiles(part: Path) -> tuple[list[Tile], int]:
    tiles = []
    for path in sorted(part.glob("*.npy"))[:_MOST]:
        images = np.load(path, mmap_mode="r")
        truth = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["views"][0]
        tiles.append(Tile(np.asarray(images[0], np.float32), f"{path.stem} {truth['modality']} {truth['kind']}"))
    return tiles, min(_ACROSS, len(tiles))


def _first(path: Path) -> NDArray[np.float32]:
    with open_movie(path) as movie:
        return np.asarray(movie.frame(0), np.float32)


def _caption(part: Path, name: str) -> str:
    truth = json.loads((part / f"{name}.json").read_text(encoding="utf-8"))
    return f"{name} {truth['modality']} {truth['kind']} {truth['dose_e_px']:.2g} e/px"
