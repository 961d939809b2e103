"""Lenses drawn by a recipe: which keys a modality has, what they are by default, and how far they may go."""

from __future__ import annotations

import numpy as np

from core.protocol.simulation import LensRecipe, Modality
from core.simulation.imaging import SENSIBLE, Optics

Bounds = tuple[float, float]

_VOLTAGES = (300.0, 200.0, 80.0)
_SEM_KILOVOLT = (0.1, 30.0)
# For each key of a recipe, the field of the optics that it sets, and how many of the field's units one of the key's is.
_FIELDS = {
    "defocus_nm": ("defocus", 10.0),
    "spherical_um": ("spherical", 1e4),
    "astigmatism_nm": ("astigmatism", 10.0),
    "coma_nm": ("coma", 10.0),
    "threefold_nm": ("threefold", 10.0),
    "focal_spread_nm": ("focal_spread", 10.0),
    "convergence_mrad": ("convergence", 1e-3),
}
_OBJECTIVE: dict[str, Bounds] = {
    "defocus_nm": (-15.0, 15.0),
    "spherical_um": (-20.0, 20.0),
    "astigmatism_nm": (0.0, 2.0),
    "coma_nm": (0.0, 30.0),
    "threefold_nm": (0.0, 30.0),
    "focal_spread_nm": (1.0, 5.0),
    "convergence_mrad": (0.05, 0.4),
}
# Macromolecules show their phase contrast far from focus, under a lens that is not corrected.
_FAR_FROM_FOCUS = {
    "defocus_nm": (-2500.0, -400.0),
    "spherical_um": (1200.0, 2700.0),
    "focal_spread_nm": (3.0, 8.0),
}
_SEMIANGLE = (18.0, 32.0)
# Of probes and their detectors; beyond, the angles are not small.
_ANGLES = {"semiangle_mrad": (1.0, 100.0), "inner_mrad": (0.0, 1000.0), "outer_mrad": (1.0, 1000.0)}
_PROBE_KEYS = ("defocus_nm", "spherical_um", "astigmatism_nm", "focal_spread_nm", *_ANGLES)


def keys_of(modality: Modality) -> tuple[str, ...]:
    """Return the keys of ``[scenes.lens]`` that a modality obeys."""
    if modality == "SEM":
        return ("kilovolt",)
    return ("kilovolt", *(_OBJECTIVE if modality in ("HRTEM", "TEM") else _PROBE_KEYS))


def limits_of(modality: Modality, key: str) -> Bounds:
    """Return how far a key may go, in its own unit."""
    if key in _ANGLES:
        return _ANGLES[key]
    if key == "kilovolt":
        return _SEM_KILOVOLT if modality == "SEM" else SENSIBLE["kilovolt"][:2]
    field, unit = _FIELDS[key]
    low, high, _ = SENSIBLE[field]
    return low / unit, high / unit


def voltages(ranges: LensRecipe) -> tuple[float, ...]:
    """Return the voltages that a TEM or STEM draws from."""
    return ranges.kilovolt or _VOLTAGES


def semiangles(ranges: LensRecipe) -> Bounds:
    """Return the range of a probe's semi-angle, mrad."""
    return ranges.semiangle_mrad or _SEMIANGLE


def draw_given(rng: np.random.Generator, ranges: LensRecipe, key: str) -> float | None:
    """Draw what a recipe says of a key, in the unit of the optics; None where it says nothing."""
    bounds: Bounds | None = getattr(ranges, key)
    unit = _FIELDS[key][1] if key in _FIELDS else 1e-3
    return None if bounds is None else unit * float(rng.uniform(*bounds))


def range_of(ranges: LensRecipe, modality: Modality, key: str) -> Bounds:
    """Return the range of a key of a TEM's lens: the recipe's, or the usual one."""
    given: Bounds | None = getattr(ranges, key)
    usual = {**_OBJECTIVE, **(_FAR_FROM_FOCUS if modality == "TEM" else {})}
    return usual[key] if given is None else given


def draw_objective(rng: np.random.Generator, ranges: LensRecipe, modality: Modality, blur: Bounds) -> Optics:
    """Draw the objective lens of a TEM; `blur` is the range of the image's spread in angstrom."""

    def drawn(key: str) -> float:
        return _FIELDS[key][1] * float(rng.uniform(*range_of(ranges, modality, key)))

    return Optics(
        kilovolt=float(rng.choice(voltages(ranges))),
        defocus=drawn("defocus_nm"),
        spherical=drawn("spherical_um"),
        astigmatism=drawn("astigmatism_nm"),
        astigmatism_angle=float(rng.uniform(0, np.pi)),
        coma=drawn("coma_nm"),
        coma_angle=float(rng.uniform(0, 2 * np.pi)),
        threefold=drawn("threefold_nm"),
        threefold_angle=float(rng.uniform(0, 2 * np.pi)),
        focal_spread=drawn("focal_spread_nm"),
        convergence=drawn("convergence_mrad"),
        blur=float(rng.uniform(*blur)),
    )
