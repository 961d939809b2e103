"""The probe of a STEM and what its detectors catch."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.simulation.errors import OpticsError
from core.simulation.imaging import Optics
from core.simulation.multislice import wavelength


@dataclass(frozen=True)
class StemOptics:
    """Imaging conditions of a STEM; lengths in angstrom, angles in radians.

    Attributes
    ----------
    kilovolt
        Acceleration voltage.
    convergence
        Semi-angle of the probe.
    inner, outer
        Angles of the annular detector: beyond the convergence it is a dark field (HAADF), within it an annular bright
        field (ABF).
    defocus, spherical, astigmatism, astigmatism_angle
        C10, C30, C12 and its angle, as in `Optics`.
    focal_spread
        Half-width at 1/e of the foci's distribution.
    source
        Deviation of the Gaussian source, demagnified: 0.3 to 0.5 for a probe of 0.7 to 1.2 full width.
    debye_waller
        B in angstrom^2.
    """

    kilovolt: float = 200.0
    convergence: float = 0.025
    inner: float = 0.080
    outer: float = 0.200
    defocus: float = 0.0
    spherical: float = 0.0
    astigmatism: float = 0.0
    astigmatism_angle: float = 0.0
    focal_spread: float = 40.0
    source: float = 0.4
    debye_waller: float = 0.5

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not math.isfinite(value):
                raise OpticsError.about(f"The {name} of the STEM's optics is {value}.", "Give a finite number.")
        # The lens within checks its voltage and aberrations.
        Optics(self.kilovolt, self.defocus, self.spherical, self.astigmatism, focal_spread=self.focal_spread)
        for name in ("source", "debye_waller", "inner"):
            if getattr(self, name) < 0:
                raise OpticsError.about(f"A {name} of {getattr(self, name)} can't be.", "Give 0 or more.")
        if not 0 < self.convergence <= 0.2:
            words = (
                f"A probe with a convergence of {self.convergence:g} rad ({1e3 * self.convergence:g} mrad) can't be."
            )
            raise OpticsError.about(words, "Give its semi-angle: 0.01 to 0.04 rad are usual.")
        if not self.inner < self.outer <= 1.0:
            words = f"A detector from {self.inner} to {self.outer} rad can't be."
            raise OpticsError.about(words, "Give a larger outer than inner angle, in radians.")
        if self.inner < self.convergence < self.outer:
            words = f"A detector from {self.inner} to {self.outer} rad lies across the probe's cone."
            advice = f"Put it within {self.convergence} rad (bright field) or beyond (dark field)."
            raise OpticsError.about(words, advice)

    @property
    def bright_field(self) -> bool:
        """Whether the detector lies in the probe's cone."""
        return self.outer <= self.convergence

    def lens(self, qx: Tensor, qy: Tensor, focus: float = 0.0) -> Tensor:
        """Return the probe's complex spectrum at frequencies in 1/angstrom, `focus` angstrom off the mean focus."""
        optics = Optics(
            kilovolt=self.kilovolt,
            defocus=self.defocus + focus,
            spherical=self.spherical,
            astigmatism=self.astigmatism,
            astigmatism_angle=self.astigmatism_angle,
        )
        inside = (qx**2 + qy**2 <= (self.convergence / wavelength(self.kilovolt)) ** 2).to(qx.dtype)
        return torch.polar(inside, -optics.phase_shift(qx, qy))
