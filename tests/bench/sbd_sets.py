"""The images of `sbd_table`: simulated ones, their classes and sub-sets, and scikit-image's own photographs.

Not a bench itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter

Picture = NDArray[np.float32]

# Property: its classes, of which the first two are trained on apart.
PROPERTIES: dict[str, tuple[str, ...]] = {
    "contrast": ("white", "black", "between"),
    "thickness": ("thin", "thick"),
    "defocus": ("under", "over"),
    "tilt": ("below 1 degree", "above 1 degree"),
    "structure": ("one crystal", "twinned"),
    "defects": ("few", "many"),
}
_TWINS = ("icosahedron", "decahedron")
_CONTRAST, _NEIGHBOURHOOD_NM = 0.2, 0.28
_THICK_NM, _TILT_DEG, _WEAR = 2.5, 1.0, 0.1

# Photographs that come with scikit-image; pictures of one scene are on one side.
TESTED = ("camera.png", "chelsea.png", "coffee.png", "astronaut.png")
TRAINED = (
    "brick.png",
    "clock_motion.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "retina.jpg",
    "rocket.jpg",
    # The last two by name only validate.
    "y_moon.png",
    "z_cell.png",
)


@dataclass(frozen=True)
class View:
    """A clean simulated image with mean 1, the number of its structure, and its class by each property it has."""

    structure: int
    number: int
    clean: Picture
    pixel_nm: float
    classes: dict[str, str]


def views_of(folder: Path, most: int) -> Iterator[View]:
    """Yield the first views, `most` of each structure, of a folder of clean images."""
    for note in sorted(folder.glob("*.json")):
        said = json.loads(note.read_text(encoding="utf-8"))
        images = np.load(note.with_suffix(".npy"), mmap_mode="r")
        for number, view in enumerate(said["views"][:most]):
            clean = np.asarray(images[number], np.float32)
            columns = said["columns"][0] if said["columns"] else {}
            classes = _classes(view, columns, clean)
            yield View(int(note.stem), number, clean, float(view["pixel_nm"]), classes)


def _classes(view: dict[str, Any], columns: dict[str, Any], clean: Picture) -> dict[str, str]:
    settings = view["settings"]
    out = {
        "defocus": "under" if settings["defocus"] < 0 else "over",
        "structure": "twinned" if settings["made_of"][2] in _TWINS else "one crystal",
    }
    contrast = _contrast(columns, clean, float(view["pixel_nm"]))
    if contrast is not None:
        out["contrast"] = "white" if contrast > _CONTRAST else "black" if contrast < -_CONTRAST else "between"
    facts = settings.get("specimen")
    if facts is not None:
        out["thickness"] = "thick" if facts["thickness_nm"] > _THICK_NM else "thin"
        out["tilt"] = "above 1 degree" if facts["tilt_deg"] > _TILT_DEG else "below 1 degree"
        out["defects"] = "many" if facts["vacancies"] + facts["adatoms"] > _WEAR else "few"
    return out


def _contrast(columns: dict[str, Any], clean: Picture, pixel_nm: float) -> float | None:
    """Return how much brighter metal columns are than what is around them; None where no column is known."""
    metal = np.array(["Pt" in elements for elements in columns.get("elements", [])], bool)
    chosen = metal if metal.any() else np.ones_like(metal)
    rows, across = (np.rint(np.array(columns.get(key, []))[chosen]).astype(int) for key in ("y", "x"))
    inside = (rows >= 0) & (across >= 0) & (rows < clean.shape[0]) & (across < clean.shape[1])
    if not inside.any():
        return None
    around = uniform_filter(clean, max(3, round(_NEIGHBOURHOOD_NM / pixel_nm)))
    return float((clean - around)[rows[inside], across[inside]].mean())


def write_subset(folder: Path, wanted: tuple[str, str], out: Path) -> int:
    """Write the training and validation views of one class of one property as a folder of their own.

    Returns how many training views there are.
    """
    name, value = wanted
    count = 0
    for split in ("train", "validation"):
        (out / split).mkdir(parents=True, exist_ok=True)
        for note in sorted((folder / split).glob("*.json")):
            said = json.loads(note.read_text(encoding="utf-8"))
            images = np.load(note.with_suffix(".npy"), mmap_mode="r")
            columns = said["columns"][0] if said["columns"] else {}
            kept = [
                number
                for number, view in enumerate(said["views"])
                if _classes(view, columns, np.asarray(images[number], np.float32)).get(name) == value
            ]
            if not kept:
                continue
            np.save(out / split / f"{note.stem}.npy", np.asarray(images[kept]))
            chosen = {"columns": said["columns"], "views": [said["views"][number] for number in kept]}
            (out / split / note.name).write_text(json.dumps(chosen), encoding="utf-8")
            count += len(kept) if split == "train" else 0
    return count


def write_photographs(folder: Path) -> None:
    """Copy the photographs that train and validate into a folder, in grey."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TRAINED:
        picture = Image.open(_installed(name.removeprefix("y_").removeprefix("z_"))).convert("RGB").convert("L")
        picture.save(folder / f"{Path(name).stem}.png")


def tested_photographs() -> Iterator[tuple[str, Picture]]:
    """Yield the photographs that are judged, (h, w) in 0 to 1."""
    for name in TESTED:
        with Image.open(_installed(name)) as picture:
            yield name, np.asarray(picture.convert("RGB").convert("L"), np.float32) / 255


def _installed(name: str) -> Path:
    return Path(skimage.data.__file__).parent / name
