"""From the signal to the file: gain, offset, whole numbers, clipping; 8 bit and lossy compression afterwards."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.simulation.detectors.effect import Array, require

Stored = NDArray[Any]
_BRIGHT = 0.999


@dataclass(frozen=True)
class Scale:
    """How stored values relate to electrons: value = gain * electrons + offset."""

    gain: float
    offset: float


@dataclass(frozen=True)
class Digitise:
    """Store value = round(gain * electrons + offset), clipped to [low, high]; not rounded for floats.

    Attributes
    ----------
    gain
        Stored units an electron.
    offset
        The black level, in stored units.
    dtype
        ``uint8``, ``uint16``, ``int16`` or ``float32``.
    low, high
        Where the converter ends; None: where the dtype does.
    fill
        The operator turns the gain down, if need be, until all but the brightest 0.1 % of the px stay below this
        share of the range above the offset, as is done with scanning detectors; None: the gain is fixed.
    """

    gain: float = 1.0
    offset: float = 0.0
    dtype: str = "uint16"
    low: float | None = None
    high: float | None = None
    fill: float | None = None

    def __post_init__(self) -> None:
        require(self.gain > 0, f"a gain of {self.gain}")
        require(self.fill is None or 0 < self.fill <= 1, f"a filled range of {self.fill}")
        require(self.dtype in {"uint8", "uint16", "int16", "float32"}, f"values of type {self.dtype}")

    def __call__(self, electrons: Array) -> tuple[Stored, Scale]:
        """Return the stored values, and the gain and offset that hold for them."""
        dtype = np.dtype(self.dtype)
        low, high = self.low, self.high
        if dtype.kind != "f":
            low = float(np.iinfo(dtype).min) if low is None else low
            high = float(np.iinfo(dtype).max) if high is None else high
        gain = self.gain
        if self.fill is not None and high is not None:
            brightest = max(float(np.quantile(electrons, _BRIGHT)), 1e-12)
            gain = min(gain, self.fill * (high - self.offset) / brightest)
        values = electrons * gain + self.offset
        if dtype.kind != "f":
            values = np.rint(values)
        if low is not None or high is not None:
            values = np.clip(values, low, high)
        return values.astype(dtype), Scale(gain, self.offset)


@dataclass(frozen=True)
class EightBit:
    """Stretch a movie's values to 0..255 between two quantiles, the same for all frames, as exporting programs do."""

    low_quantile: float = 0.001
    high_quantile: float = 0.999

    def __post_init__(self) -> None:
        require(0 <= self.low_quantile < self.high_quantile <= 1, "quantiles of an 8-bit stretch out of order")

    def __call__(self, values: Stored, scale: Scale) -> tuple[Stored, Scale]:
        """Return uint8 values and their new scale."""
        low, high = (float(v) for v in np.quantile(values, [self.low_quantile, self.high_quantile]))
        factor = 255.0 / max(high - low, 1e-12)
        out = np.clip(np.rint((values.astype(np.float64) - low) * factor), 0, 255).astype(np.uint8)
        return out, Scale(scale.gain * factor, (scale.offset - low) * factor)


@dataclass(frozen=True)
class Jpeg:
    """Compress each frame by JPEG and read it back: 8 x 8 blocks, coefficients rounded by `quality` (1 to 95)."""

    quality: int = 85

    def __post_init__(self) -> None:
        require(1 <= self.quality <= 95, f"a JPEG quality of {self.quality}")

    def __call__(self, values: Stored, scale: Scale) -> tuple[Stored, Scale]:
        """Return the values after compression; they must be 8-bit."""
        from PIL import Image

        if values.dtype != np.uint8:
            raise ValueError("JPEG needs 8-bit values: put EightBit before it")
        frames = []
        for frame in values.reshape(-1, *values.shape[-2:]):
            file = io.BytesIO()
            Image.fromarray(frame).save(file, format="JPEG", quality=self.quality)
            with Image.open(file) as picture:
                frames.append(np.asarray(picture, dtype=np.uint8))
        return np.stack(frames).reshape(values.shape), scale
