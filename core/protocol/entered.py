"""What the user typed where a file is silent or wrong: kept in the project, marked wherever it is shown."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from core.protocol.base import Record
from core.protocol.movie import MovieMeta


class Entered(Record):
    """Calibration by hand. None: as the file says. The names are those of `MovieMeta`."""

    pixel_size: tuple[float, float] | None = None
    pixel_unit: Literal["nm", "1/nm"] | None = None
    frame_interval_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    exposure_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    counts_per_electron: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    black_level: float | None = Field(default=None, allow_inf_nan=False)
    voltage_kv: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    magnification: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    detector: str | None = None
    dose_rate_e_per_a2_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    start_unix_s: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _pixels_have_a_unit(self) -> Entered:
        if (self.pixel_size is None) != (self.pixel_unit is None):
            raise ValueError("a pixel size needs its unit, and a unit its size")
        if self.pixel_size is not None and not all(0 < size < float("inf") for size in self.pixel_size):
            raise ValueError("a pixel size is above zero")
        return self

    @property
    def nothing(self) -> bool:
        """Whether nothing was typed."""
        return not self.fields()

    def fields(self) -> dict[str, Any]:
        """What was typed, by name."""
        return {name: value for name, value in self if value is not None}

    def applied_to(self, meta: MovieMeta) -> MovieMeta:
        """The description with what was typed in place of what the file says; `entered` names it.

        A typed interval replaces the times of the file; a typed dose rate its dose a frame.
        """
        typed = self.fields()
        if not typed:
            return meta
        changed: dict[str, Any] = {**typed, "entered": tuple(typed)}
        if self.frame_interval_s is not None:
            changed["times"] = None
        if self.dose_rate_e_per_a2_s is not None:
            changed["dose_e_per_a2"] = None
        return meta.model_copy(update=changed)
