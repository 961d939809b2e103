"""Scanning electron micrographs of height maps: a topographic model of secondary and backscattered electrons."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from core.simulation.errors import OpticsError
from core.simulation.objects.surface import Surface

Field = NDArray[np.float32]

# g/cm^3 at room temperature; what is not here is taken as 5.
_DENSITY = {
    "C": 2.0, "Al": 2.7, "Si": 2.33, "Ti": 4.5, "Cr": 7.2, "Fe": 7.87, "Co": 8.9, "Ni": 8.9, "Cu": 8.96, "Zn": 7.1,
    "Ge": 5.32, "Zr": 6.5, "Mo": 10.2, "Ru": 12.4, "Rh": 12.4, "Pd": 12.0, "Ag": 10.5, "In": 7.3, "Sn": 7.3, "Ta": 16.7,
    "W": 19.3, "Re": 21.0, "Os": 22.6, "Ir": 22.6, "Pt": 21.5, "Au": 19.3, "Pb": 11.3, "Bi": 9.8,
}  # fmt: skip
# Towards whole pixels, so that turned surfaces give turned images; weights are the angles between neighbours.
_DIRECTIONS = tuple(
    (y, x, weight)
    for reach, weight in ((((1, 0),), 0.464), (((1, 1),), 0.322), (((1, 2), (2, 1)), 0.393))
    for a, b in reach
    for y, x in ((a, b), (-b, a), (-a, -b), (b, -a))
)
_MOST = 2.5  # what inclination can add to the yield: on steeper walls, electrons of the path's far end are lost


@dataclass(frozen=True)
class SemOptics:
    """Imaging conditions of an SEM; lengths in nanometres, angles in radians.

    Attributes
    ----------
    kilovolt
        Landing energy.
    probe
        Deviation of the Gaussian probe.
    tail
        Share of the beam in a halo eight times as wide.
    escape
        Escape depth of secondary electrons.
    shadowing
        0 to 1: how much of the secondaries' loss into neighbouring walls is seen (a strong extraction field: 0.3).
    asymmetry
        0 (an in-lens detector) to 1 (a detector at the side).
    detector_angle
        Direction towards that detector, from the image's x to its y axis.
    backscatter
        Weight of backscattered electrons, and of the secondaries that they set free, beside direct secondaries.
    tilt, tilt_angle
        Of the stage: slope of the specimen's plane, rising along that direction.
    """

    kilovolt: float = 5.0
    probe: float = 1.0
    tail: float = 0.05
    escape: float = 2.0
    shadowing: float = 0.6
    asymmetry: float = 0.4
    detector_angle: float = -math.pi / 2
    backscatter: float = 0.5
    tilt: float = 0.0
    tilt_angle: float = -math.pi / 2

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not math.isfinite(value):
                raise OpticsError.about(f"The {name} of the SEM's optics is {value}.", "Give a finite number.")
        if not 0 < self.kilovolt <= 60:
            raise OpticsError.about(f"A landing energy of {self.kilovolt} keV can't be.", "Give 0.1 to 30 keV.")
        for name in ("probe", "escape", "backscatter"):
            if getattr(self, name) < 0:
                raise OpticsError.about(f"A {name} of {getattr(self, name)} can't be.", "Give 0 or more.")
        for name in ("tail", "shadowing", "asymmetry"):
            if not 0 <= getattr(self, name) <= 1:
                raise OpticsError.about(f"A {name} of {getattr(self, name)} can't be.", "Give 0 to 1.")
        if abs(self.tilt) > 1.2:
            raise OpticsError.about(f"A stage tilted by {self.tilt} rad can't be seen.", "Give less than 1.2 rad.")


def electron_range(element: str, kilovolt: float) -> float:
    """Return how deep electrons go, in nm.

    Kanaya and Okayama, J. Phys. D 5 (1972) 43: 27.6 A E^1.67 / (Z^0.89 rho), E in keV, rho in g/cm^3.
    """
    weight, z = gemmi.Element(element).weight, gemmi.Element(element).atomic_number
    return float(27.6 * weight * kilovolt**1.67 / (z**0.889 * _DENSITY.get(element, 5.0)))


def backscatter_coefficient(element: str) -> float:
    """Return the share of electrons that turn back from a flat, thick specimen (Reuter 1972, at 20 keV)."""
    z = gemmi.Element(element).atomic_number
    return float(-0.0254 + 0.016 * z - 1.86e-4 * z**2 + 8.3e-7 * z**3)


def secondary_yield(element: str, kilovolt: float) -> float:
    """Return secondary electrons for each electron that hits a flat specimen at right angles.

    The universal curve 1.28 d_m x^-0.67 (1 - exp(-1.614 x^1.67)) with x = E / E_m (Lin and Joy, Surf. Interface Anal.
    37 (2005) 895); E_m = 0.2 + 0.005 Z keV and d_m = 1 + 0.006 Z are straight lines through their table.
    """
    z = gemmi.Element(element).atomic_number
    x = kilovolt / (0.2 + 0.005 * z)
    return float((1 + 0.006 * z) * 1.28 * x**-0.67 * (1 - math.exp(-1.614 * x**1.67)))


def sem_image(surface: Surface, optics: SemOptics) -> Field:
    """Return the clean image (H, W) of a surface: about 1 where its first material lies flat, never negative.

    A model of contrast, not a Monte Carlo: every term is the textbook's (L. Reimer, Scanning Electron Microscopy, ch. 4
    to 6), their balance is chosen.

    1. Direct secondaries: the yield of the material over cos(t), t the angle between beam and surface normal (more of
       the path lies within the escape depth), levelling off at 3.5.
    2. Edges: near a rim electrons also leave through the side. The part of their range that lies in the open is the
       difference between the height and its mean over the range, in units of the range; it is added to 1.
    3. Shadowing: secondaries leave along all directions (Lambert) and are lost in walls: for each of 16 directions the
       sky above the horizon, cos^2 of its elevation, weighted towards the detector by `asymmetry`.
    4. The detector's side: faces towards it are brighter, those away from it darker, by the sine of their slope times
       half of `asymmetry`.
    5. Backscattered electrons: their coefficient, raised where the surface is inclined (0.891 (eta / 0.891)^cos(t)),
       spread over a third of the range, less shadowed.
    6. The probe: a Gaussian and its halo.
    """
    pixel = surface.pixel
    if not (pixel > 0 and np.all(np.isfinite(surface.height)) and surface.height.shape == surface.material.shape):
        raise OpticsError.about("The surface has no finite heights, materials and pixel size.", "Make it again.")
    height = np.asarray(surface.height, np.float32)
    rows, columns = np.indices(height.shape, np.float32)
    slope_x, slope_y = _slopes(_smooth(height, max(optics.escape / pixel, 0.7)), pixel)
    plane_x = math.tan(optics.tilt) * math.cos(optics.tilt_angle)
    plane_y = math.tan(optics.tilt) * math.sin(optics.tilt_angle)
    slope_x, slope_y = slope_x + plane_x, slope_y + plane_y
    over_cosine = np.sqrt(1 + slope_x**2 + slope_y**2)
    facing = -(slope_x * math.cos(optics.detector_angle) + slope_y * math.sin(optics.detector_angle)) / over_cosine
    names = surface.materials
    yields = np.array([secondary_yield(name, optics.kilovolt) for name in names], np.float32)
    eta = np.array([backscatter_coefficient(name) for name in names], np.float32)
    reach = float(np.median([electron_range(name, optics.kilovolt) for name in names]))
    tilted = height + (plane_x * columns + plane_y * rows) * np.float32(pixel)
    inclination = (over_cosine - 1) / (1 + (over_cosine - 1) / _MOST)
    direct = yields[surface.material] * np.maximum(1 + inclination + _bulge(height, reach, pixel), 0.15)
    sky = _sky(tilted, pixel, optics)
    inclined = eta[surface.material] ** (1 / over_cosine) * 0.891 ** (1 - 1 / over_cosine)
    back = _smooth(inclined, reach / 3 / pixel) * np.sqrt(sky)
    flat = yields[0] + optics.backscatter * eta[0] * (1 + yields[0])
    # Backscattered electrons release about as many secondaries each as the beam does, twice as they leave flatly.
    side = 1 + 0.5 * optics.asymmetry * facing
    signal = direct * sky * side + optics.backscatter * back * (1 + yields[surface.material])
    return np.asarray(np.maximum(_probe(signal / flat, pixel, optics), 0), np.float32)


def _smooth(field: Field, sigma: float) -> Field:
    from scipy.ndimage import gaussian_filter, uniform_filter

    if sigma < 0.15:
        return field
    if sigma <= 12:
        return np.asarray(gaussian_filter(field, sigma, mode="nearest", truncate=3.0), np.float32)
    # Three running means are a Gaussian to a few per cent, at a cost that doesn't grow with its width.
    width = 2 * round(sigma) + 1
    for _ in range(3):
        field = uniform_filter(field, width, mode="nearest")
    return np.asarray(field, np.float32)


def _slopes(height: Field, pixel: float) -> tuple[Field, Field]:
    along_y, along_x = np.gradient(height, pixel)
    return np.asarray(along_x, np.float32), np.asarray(along_y, np.float32)


def _bulge(height: Field, reach: float, pixel: float) -> Field:
    """Return what electrons that leave through side faces add at rims, and what hollows lose; -1 to 1."""
    out = np.zeros_like(height)
    for share, scale in ((0.6, 0.25), (0.4, 0.08)):
        length = max(reach * scale, pixel)
        out += np.float32(share) * np.tanh(1.5 * (height - _smooth(height, length / pixel)) / np.float32(length))
    return out


@functools.lru_cache(maxsize=8)
def _steps(largest: int) -> tuple[int, ...]:
    steps = np.unique(np.round(1.6 ** np.arange(0, 14)).astype(int))
    return tuple(int(s) for s in steps if s <= largest)


def _sky(height: Field, pixel: float, optics: SemOptics) -> Field:
    """Return the share of secondaries that is not lost in walls, weighted towards the detector; 1 on a plane."""
    out = np.zeros_like(height)
    total = 0.0
    for y, x, width in _DIRECTIONS:
        length = math.hypot(y, x)
        towards = (x * math.cos(optics.detector_angle) + y * math.sin(optics.detector_angle)) / length
        weight = width * (1 + optics.asymmetry * towards)
        total += weight
        horizon = np.zeros_like(height)
        for step in _steps(int(min(height.shape) / length) // 3):
            here, there = _overlap(height.shape, step * y, step * x)
            np.maximum(
                horizon[here], (height[there] - height[here]) / np.float32(step * length * pixel), out=horizon[here]
            )
        # cos^2 of the horizon's elevation is what Lambert's law leaves of a slice of the sky.
        out += np.float32(weight) / (1 + horizon**2)
    return np.asarray(1 - optics.shadowing * (1 - out / np.float32(total)), np.float32)


def _overlap(shape: tuple[int, ...], dy: int, dx: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return where pixels have a neighbour at (dy, dx), and those neighbours."""
    here, there = [], []
    for size, step in zip(shape, (dy, dx), strict=True):
        here.append(slice(max(0, -step), size - max(0, step)))
        there.append(slice(max(0, step), size - max(0, -step)))
    return (here[0], here[1]), (there[0], there[1])


def _probe(signal: Field, pixel: float, optics: SemOptics) -> Field:
    sharp = _smooth(np.asarray(signal, np.float32), optics.probe / pixel)
    if optics.tail == 0 or optics.probe == 0:
        return sharp
    halo = _smooth(sharp, 8 * optics.probe / pixel)
    return np.asarray((1 - optics.tail) * sharp + optics.tail * halo, np.float32)
