"""What is shown of frames, in numpy alone: honest zoom, contrast, and the scratch file through which pixels travel."""

from __future__ import annotations

from core.views.area import area_mean, fit_step
from core.views.contrast import display_range, fill_nonfinite, percentiles
from core.views.scratch import read_slot, write_slot

__all__ = [
    "area_mean",
    "display_range",
    "fill_nonfinite",
    "fit_step",
    "percentiles",
    "read_slot",
    "write_slot",
]
