"""A scan: errors of the probe's position, added up and sampled at once; lines of varying brightness."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.simulation.scan.displacement import Array, Displacement, Shape, correlated, drift_field

_FINER = 3


@dataclass(frozen=True)
class LineBrightness:
    """The beam changes from line to line, as a cold field emitter's does: exp(sigma n_r), n_r correlated over `memory`.

    Mean over lines 1 for each frame.
    """

    sigma: float
    memory: float = 3.0

    def factors(self, lines: int, rng: np.random.Generator) -> Array:
        """Return one factor a line (H,)."""
        out = np.exp(self.sigma * correlated(lines, 1, self.memory, rng)[:, 0])
        return np.asarray(out / out.mean())


@dataclass(frozen=True)
class Scan:
    """How a frame is scanned.

    Attributes
    ----------
    name
        Of the preset.
    displacements
        Their fields are added.
    brightness
        Of the lines, or None.
    """

    name: str
    displacements: tuple[Displacement, ...] = ()
    brightness: LineBrightness | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """All settings as plain values."""
        errors = [{"effect": type(d).__name__} | asdict(d) for d in self.displacements]
        return {"name": self.name, "errors": errors, "lines": asdict(self.brightness) if self.brightness else None}

    def field(self, shape: Shape, rng: np.random.Generator) -> Array:
        """Return where the probe is beside its place, y and x in px (2, H, W)."""
        out = np.zeros((2, *shape))
        for displacement in self.displacements:
            out += displacement.field(shape, rng)
        return out

    def look(
        self, picture: Array, margin: int, size: int, smear: Array, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Scan a frame from the middle of a periodic picture (H, W) of relative intensity.

        Parameters
        ----------
        margin, size
            The frame's first px in the picture, and its side.
        smear
            y, x in px: how far the picture moves while the frame is scanned.

        Returns
        -------
        image : (size, size)
            None negative.
        field : (2, size, size)
            The displacements, drift during the frame included.
        """
        field = self.field((size, size), rng) + drift_field((size, size), smear)
        rows, columns = np.mgrid[margin : margin + size, margin : margin + size]
        out = sample_at(picture, rows + field[0], columns + field[1])
        if self.brightness is not None:
            out = out * self.brightness.factors(size, rng)[:, None]
        return np.maximum(out, 0.0), field

    def __call__(self, electrons: Array, rng: np.random.Generator) -> Array:
        """Distort expected electrons (H, W) or (frames, H, W); beyond its edges the picture goes on mirrored."""
        out = np.empty_like(electrons)
        for source, target in zip(_frames(electrons), _frames(out), strict=True):
            height, width = source.shape
            mirrored = np.pad(source, ((0, height), (0, width)), mode="symmetric")
            field = self.field((height, width), rng)
            rows, columns = np.mgrid[:height, :width]
            seen = np.maximum(sample_at(mirrored, rows + field[0], columns + field[1]), 0.0)
            bright = 1.0 if self.brightness is None else self.brightness.factors(height, rng)[:, None]
            target[...] = seen * bright
        return out


def _frames(array: Array) -> Array:
    return array.reshape(-1, *array.shape[-2:])


def sample_at(picture: Array, rows: Array, columns: Array) -> Array:
    """Return a periodic, band-limited picture (H, W) at any places.

    The picture is made three times finer by its spectrum, then quintic splines: the error of its finest waves (Nyquist)
    is below 2e-4 of their amplitude, that of longer ones far below.
    """
    from scipy.ndimage import map_coordinates

    height, width = picture.shape
    spectrum = np.fft.fftshift(np.fft.fft2(picture))
    pads = [((_FINER * n) // 2 - n // 2, _FINER * n - n - ((_FINER * n) // 2 - n // 2)) for n in (height, width)]
    finer = np.fft.ifft2(np.fft.ifftshift(np.pad(spectrum, pads))).real * _FINER**2
    places = np.stack([rows * _FINER, columns * _FINER])
    return np.asarray(map_coordinates(finer, places, order=5, mode="grid-wrap"))
