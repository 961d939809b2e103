"""In which units the truth of an item is given."""

from __future__ import annotations

from core.simulation.item import Item

_NOT_OF_SETTINGS = {
    "gain": "stored units an electron",
    "offset": "stored units",
    "dose_e_px": "electrons a px and frame, mean of the clean frames",
    "columns.y": "px from the middle of the first px",
    "columns.x": "px from the middle of the first px",
    "columns.atoms": "atoms",
}
_HEIGHTS = {
    "HAADF": "electrons that the column adds to the frame",
    "ABF": "sum over px of t, where 0.44 + 0.56 exp(-t) of the vacuum's share is left",
    "HRTEM": "sum of Z^1.7",
}
_ANGSTROM, _NM, _RADIAN = "angstrom", "nm", "rad"
_SETTINGS = {
    **dict.fromkeys(("defocus", "spherical", "fifth", "astigmatism", "coma", "threefold"), _ANGSTROM),
    **dict.fromkeys(("focal_spread", "blur", "source", "ice", "defocus_wander"), _ANGSTROM),
    **dict.fromkeys(("astigmatism_angle", "coma_angle", "threefold_angle", "tilt", "tilt_angle"), _RADIAN),
    **dict.fromkeys(("convergence", "aperture", "beam_tilt_x", "beam_tilt_y", "inner", "outer"), _RADIAN),
    **dict.fromkeys(("tail", "shadowing", "asymmetry", "backscatter"), "share, 0 to 1"),
    **dict.fromkeys(("probe", "escape"), _NM),
    "detector_angle": _RADIAN,
    "kilovolt": "kV",
    "debye_waller": "angstrom^2",
    "stray": "share of the mean",
    "asked_dose": "electrons a px and frame that reach the detector",
    "clipped": "share of the px",
    "drift_px": "px a frame, mean step",
    "asked_drift_px": "px a frame, before it was cut to the margin",
    "turn_deg": "degrees from first to last frame",
    "tilt_wander_deg": "degrees, standard deviation",
    "beam_wander": "share, standard deviation",
    "dropped": "share of the frames",
    "exposure": "share of the interval",
    "events_share": "share of the surface columns that begin a change in a frame",
    "events_lifetime": "frames",
    "events": "start, stop: frames; old, new: y, x in px of frame start",
}


def units_of(item: Item) -> dict[str, str]:
    """Return the unit of each entry of an item's truth that its key does not name."""
    units = dict(_NOT_OF_SETTINGS)
    if item.modality in _HEIGHTS:
        units["columns.height"] = _HEIGHTS[item.modality]
    return units | {f"settings.{key}": unit for key, unit in _SETTINGS.items() if key in item.settings}
