"""Surfaces for the scanning microscope: a height and a material at each pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.simulation.crystals import Array
from core.simulation.objects.atoms import require

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Surface:
    """What an electron probe scans over.

    Attributes
    ----------
    kind
        As in `SURFACES`.
    height
        (H, W) float32, nanometres.
    material
        (H, W) uint8, an index into `materials`.
    materials
        Chemical symbols.
    pixel
        Nanometres.
    """

    kind: str
    height: NDArray[np.float32]
    material: Labels
    materials: tuple[str, ...]
    pixel: float


@dataclass(frozen=True)
class _Field:
    """The pixels of a surface: coordinates in units of the field's width, y down, x right."""

    size: int
    y: Array
    x: Array

    @classmethod
    def of(cls, size: int) -> _Field:
        y, x = np.meshgrid(np.arange(size) / size, np.arange(size) / size, indexing="ij")
        return cls(size, y, x)


def fractal(rng: np.random.Generator, size: int, hurst: float, longest: float = 1.0) -> Array:
    """Return a self-affine field (size, size) of unit variance, mean 0, periodic.

    Power spectrum q^(-2 (1 + H)), flat below 1 / `longest` (in widths of the field): how fractures and rough films
    measure (B. B. Mandelbrot, D. E. Passoja and A. J. Paullay, Nature 308 (1984) 721; H = 0.8 for fractures).
    """
    q = np.fft.fftfreq(size, 1 / size)
    radius = np.hypot(q[:, None], np.fft.rfftfreq(size, 1 / size)[None])
    amplitude = np.maximum(radius, 1 / longest) ** (-(1 + hurst))
    amplitude[0, 0] = 0
    out = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(size, size))) * amplitude, s=(size, size))
    return np.asarray(out / out.std())


def _hills(rng: np.random.Generator, size: int, length: float) -> Array:
    """Return a smooth field (size, size) of unit variance, periodic, whose hills are `length` widths of it across."""
    q = np.hypot(np.fft.fftfreq(size, 1 / size)[:, None], np.fft.rfftfreq(size, 1 / size)[None])
    amplitude = np.exp(-2 * (math.pi * q * length / 4) ** 2)
    out = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(size, size))) * amplitude, s=(size, size))
    return np.asarray(out / out.std())


def _smooth(field: Array, sigma: float) -> Array:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(field, sigma, mode="nearest"))


def _particles(rng: np.random.Generator, field: _Field) -> tuple[Array, Labels, tuple[str, ...]]:
    """Balls and lumpy grains, heaped on a flat substrate."""
    height = 0.004 * fractal(rng, field.size, 0.8)
    material = np.zeros(height.shape, np.uint8)
    mean, lumpy = rng.uniform(0.03, 0.09), rng.uniform(0, 0.25)
    count = int(rng.uniform(0.15, 0.9) / (math.pi * mean**2))
    for _ in range(min(count, 400)):
        radius = mean * math.exp(0.25 * rng.normal())
        y, x = rng.uniform(-0.05, 1.05, 2)
        rows, columns, away, angle = _around(field, y, x, radius * 1.4)
        if not away.size:
            continue
        rim = radius * (1 + lumpy * np.cos(int(rng.integers(2, 5)) * angle + rng.uniform(0, 6)) * rng.uniform(0, 1))
        base = float(np.quantile(height[rows, columns], 0.6))
        inside = away < rim
        top = base + radius + radius * np.sqrt(np.clip(1 - (away / rim) ** 2, 0, None))
        # A ball's upper half only; below its equator the probe sees what lies beneath.
        patch = height[rows, columns]
        higher = inside & (top > patch)
        patch[higher] = top[higher]
        material[rows, columns][higher] = 1
    return height, material, (str(rng.choice(["Si", "C"])), str(rng.choice(["Au", "Ag", "Ti", "C", "Fe"])))


def _around(field: _Field, y: float, x: float, reach: float) -> tuple[slice, slice, Array, Array]:
    """Return the slices of pixels near a place, their distance from it, and their direction."""
    low_y, high_y = (int(np.clip((y + s * reach) * field.size, 0, field.size)) for s in (-1, 1))
    low_x, high_x = (int(np.clip((x + s * reach) * field.size, 0, field.size)) for s in (-1, 1))
    rows, columns = slice(low_y, high_y), slice(low_x, high_x)
    dy, dx = field.y[rows, columns] - y, field.x[rows, columns] - x
    return rows, columns, np.hypot(dy, dx), np.arctan2(dy, dx)


def _cells(
    rng: np.random.Generator, field: _Field, count: int, wavy: float = 0.1
) -> tuple[NDArray[np.int64], Array, Array]:
    """Return Voronoi cells: each pixel's cell, its distance to the border, and the cells' seeds (count, 2).

    `wavy` is how far borders wander, in widths of a cell.
    """
    from scipy.spatial import cKDTree

    seeds = rng.uniform(-0.1, 1.1, (count, 2))
    width = 1 / math.sqrt(count)
    bend = wavy * width * np.stack([_hills(rng, field.size, 0.6 * width), _hills(rng, field.size, 0.6 * width)], -1)
    points = np.stack([field.y, field.x], -1) + bend
    distance, index = cKDTree(seeds).query(points.reshape(-1, 2), k=2)
    shape = (field.size, field.size)
    return index[:, 0].reshape(shape), (distance[:, 1] - distance[:, 0]).reshape(shape), seeds


def _grains(rng: np.random.Generator, field: _Field) -> tuple[Array, Labels, tuple[str, ...]]:
    """A polycrystal: grains with flat or domed tops at different levels, grooves between them, a second phase."""
    count = int(rng.integers(40, 300))
    cell, border, seeds = _cells(rng, field, count, rng.uniform(0.0, 0.06))
    width = 1 / math.sqrt(count)
    slope = rng.normal(0, 0.08, (count, 2))
    level = rng.normal(0, 0.06, count) * width
    away = np.stack([field.y, field.x], -1) - seeds[cell]
    tops = level[cell] + (slope[cell] * away).sum(-1)
    dome = rng.uniform(0, 0.5) * width * np.sqrt(np.clip(border / width, 0, 1))
    groove = -0.12 * width * np.exp(-border / (0.06 * width))
    height = tops + dome + groove + 0.002 * width * fractal(rng, field.size, 0.7, 0.1)
    second = rng.uniform(size=count) < rng.choice([0.0, 0.15, 0.4])
    return (
        height,
        second[cell].astype(np.uint8),
        (str(rng.choice(["Al", "Fe", "Zr"])), str(rng.choice(["Si", "W", "C"]))),
    )


def _pores(rng: np.random.Generator, field: _Field) -> tuple[Array, Labels, tuple[str, ...]]:
    """A membrane or a foam: round holes with rims, some that open into others below."""
    height = 0.006 * fractal(rng, field.size, 0.8, 0.3)
    mean = rng.uniform(0.02, 0.06)
    depth = mean * rng.uniform(1.0, 3.0)
    for _ in range(min(int(rng.uniform(0.2, 0.5) / (math.pi * mean**2)), 400)):
        radius = mean * math.exp(0.3 * rng.normal())
        y, x = rng.uniform(-0.05, 1.05, 2)
        rows, columns, away, angle = _around(field, y, x, radius * 2.0)
        if not away.size:
            continue
        rim = radius * (1 + 0.1 * np.cos(int(rng.integers(2, 4)) * angle + rng.uniform(0, 6)))
        wall = np.clip((rim - away) / (0.15 * radius), -1, 1)
        hole = np.where(wall > 0, -depth * np.sqrt(np.clip(wall, 0, 1)), 0.0)
        raised = 0.1 * radius * np.exp(-((away - rim * 1.08) ** 2) / (2 * (0.08 * radius) ** 2))
        patch = height[rows, columns]
        # No rim where there is no rim any more: one hole runs into the other.
        solid = patch > -0.1 * depth
        hole = np.minimum(patch, hole + 0.3 * np.clip(patch, 0, None))
        height[rows, columns] = np.where(wall > 0, hole, patch + raised * solid)
    return height, np.zeros(height.shape, np.uint8), (str(rng.choice(["C", "Al", "Si"])),)


def _rough_film(rng: np.random.Generator, field: _Field) -> tuple[Array, Labels, tuple[str, ...]]:
    """A film grown rough: self-affine, with the round tops of columns."""
    base = fractal(rng, field.size, rng.uniform(0.8, 1.0), rng.uniform(0.1, 0.4)) * rng.uniform(0.005, 0.03)
    count = int(rng.integers(200, 2000))
    width = 1 / math.sqrt(count)
    cell, border, _ = _cells(rng, field, count, 0.15)
    columns = rng.uniform(0.3, 0.9) * width * np.sqrt(np.clip(border / width, 0, 1))
    columns += rng.normal(0, 0.25, count)[cell] * width * np.clip(4 * border / width, 0, 1)
    return _smooth(base + columns, 0.8), np.zeros(base.shape, np.uint8), (str(rng.choice(["Ti", "Zn", "Cu", "Si"])),)


def _fracture(rng: np.random.Generator, field: _Field) -> tuple[Array, Labels, tuple[str, ...]]:
    """A broken face: cleavage planes with river lines in brittle materials, dimples in tough ones."""
    rough = fractal(rng, field.size, 0.8, 0.7)
    if rng.uniform() < 0.4:
        count = int(rng.integers(60, 400))
        _, border, _ = _cells(rng, field, count)
        width = 1 / math.sqrt(count)
        dimples = -0.8 * width * np.clip(border / width, 0, 1) ** 0.7
        return dimples + 0.03 * rough, np.zeros(rough.shape, np.uint8), (str(rng.choice(["Fe", "Al", "Cu"])),)
    count = int(rng.integers(6, 30))
    cell, _, seeds = _cells(rng, field, count, 0.06)
    slope = rng.normal(0, 0.5, (count, 2))
    away = np.stack([field.y, field.x], -1) - seeds[cell]
    planes = (slope[cell] * away).sum(-1)
    # River lines: steps that run down each face, where cracks on neighbouring levels join.
    direction = rng.uniform(0, 2 * math.pi, count)[cell]
    across = away[..., 0] * np.cos(direction) + away[..., 1] * np.sin(direction) + 0.01 * rough
    pitch = rng.uniform(0.01, 0.04, count)[cell]
    rivers = np.floor(across / pitch) * pitch * rng.uniform(0.1, 0.5, count)[cell]
    height = planes + rivers + 0.012 * rough
    return height, np.zeros(height.shape, np.uint8), (str(rng.choice(["Si", "Zr", "W"])),)


def _fibres(rng: np.random.Generator, field: _Field) -> tuple[Array, Labels, tuple[str, ...]]:
    """Fibres that lie over one another: round, gently bent, over a dark ground."""
    height = np.full((field.size, field.size), -0.3) + 0.01 * fractal(rng, field.size, 0.8)
    material = np.zeros(height.shape, np.uint8)
    mean, aligned = rng.uniform(0.006, 0.035), rng.uniform() < 0.3
    main = rng.uniform(0, math.pi)
    for _ in range(int(np.clip(rng.uniform(0.6, 1.6) / (2 * mean), 6, 120))):
        angle = rng.normal(main, 0.15) if aligned else rng.uniform(0, math.pi)
        radius = mean * math.exp(0.2 * rng.normal())
        y, x = rng.uniform(0, 1, 2)
        along = (field.x - x) * math.cos(angle) + (field.y - y) * math.sin(angle)
        across = (field.y - y) * math.cos(angle) - (field.x - x) * math.sin(angle)
        bend = rng.uniform(0, 0.06) * np.sin(along * rng.uniform(2, 8) + rng.uniform(0, 6))
        away = np.abs(across - bend)
        level = rng.uniform(-0.25, 0.0) + 0.03 * np.sin(along * rng.uniform(2, 6))
        top = level + np.sqrt(np.clip(radius**2 - away**2, 0, None))
        higher = (away < radius) & (top > height)
        height = np.where(higher, top, height)
        material[higher] = 1
    return height, material, ("C", str(rng.choice(["C", "Si", "Ti"])))


def _steps(rng: np.random.Generator, field: _Field) -> tuple[Array, Labels, tuple[str, ...]]:
    """Terraces of a grown or etched crystal, with wandering or spiral steps, and etch pits."""
    wander = 0.03 * _smooth(fractal(rng, field.size, 0.9, 0.5), field.size / 120)
    if rng.uniform() < 0.35:
        y, x = rng.uniform(0.3, 0.7, 2)
        dy, dx = field.y - y, field.x - x
        turn = np.arctan2(dy, dx) / (2 * math.pi)
        ramp = -np.hypot(dy, dx) * rng.uniform(8, 20) + turn + wander * 10
        # About a screw dislocation the terrace itself climbs by one step a turn: no edge where the angle jumps.
        level = np.floor(ramp) - turn
    else:
        angle = rng.uniform(0, 2 * math.pi)
        ramp = (field.x * math.cos(angle) + field.y * math.sin(angle) + wander) * rng.uniform(6, 25)
        level = np.floor(ramp)
    step = rng.uniform(0.006, 0.02)
    height = _smooth(level * step, 0.6)
    for _ in range(int(rng.integers(0, 12))):
        y, x = rng.uniform(0, 1, 2)
        width = rng.uniform(0.01, 0.05)
        sides = np.maximum(np.abs(field.y - y), np.abs(field.x - x))
        height = height - np.clip(width - sides, 0, None) * 0.8
    return height, np.zeros(height.shape, np.uint8), (str(rng.choice(["Si", "Ga", "Ca", "Cu"])),)


def _crystallites(rng: np.random.Generator, field: _Field) -> tuple[Array, Labels, tuple[str, ...]]:
    """Small crystals with flat faces, turned anyhow: cubes and octahedra lying on a substrate."""
    height = 0.004 * fractal(rng, field.size, 0.8)
    material = np.zeros(height.shape, np.uint8)
    mean = rng.uniform(0.03, 0.09)
    cubes = rng.uniform() < 0.6
    faces = np.concatenate([np.eye(3), -np.eye(3)])
    if not cubes:
        faces = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], float) / math.sqrt(3)
    for _ in range(min(int(rng.uniform(0.2, 0.8) / (4 * mean**2)), 250)):
        half = mean * math.exp(0.2 * rng.normal())
        y, x = rng.uniform(-0.05, 1.05, 2)
        rows, columns, away, _ = _around(field, y, x, half * 1.8)
        if not away.size:
            continue
        matrix = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        normals = faces @ matrix.T
        dy, dx = field.y[rows, columns] - y, field.x[rows, columns] - x
        up = normals[:, 2] > 0.02
        down = normals[:, 2] < -0.02
        planes = (half - dy[..., None] * normals[:, 0] - dx[..., None] * normals[:, 1]) / np.where(
            np.abs(normals[:, 2]) > 0.02, normals[:, 2], np.inf
        )
        top, bottom = planes[..., up].min(-1), planes[..., down].max(-1)
        base = float(np.quantile(height[rows, columns], 0.5)) + half
        patch = height[rows, columns]
        higher = (top > bottom) & (base + top > patch)
        patch[higher] = (base + top)[higher]
        material[rows, columns][higher] = 1
    return height, material, (str(rng.choice(["C", "Si"])), str(rng.choice(["Cu", "Mg", "Ag", "Pb"])))


def _islands(rng: np.random.Generator, field: _Field) -> tuple[Array, Labels, tuple[str, ...]]:
    """Gold evaporated on carbon, the resolution test of every scanning microscope: islands with narrow gaps."""
    length = rng.uniform(0.02, 0.08)
    cell, border, _ = _cells(rng, field, int(1 / length**2), 0.2)
    gap = rng.uniform(0.05, 0.35) * length
    shrink = rng.uniform(0, 0.5, int(cell.max()) + 1)[cell] * length
    inside = border - gap - shrink
    inside = _smooth(inside, 0.08 * length * field.size)
    dome = np.sqrt(np.clip(inside, 0, None) * length) * rng.uniform(0.6, 1.2)
    base = 0.002 * fractal(rng, field.size, 0.8, 0.2)
    height = base + dome + 0.02 * length * fractal(rng, field.size, 0.6, 0.05) * (inside > 0)
    return height, (inside > 0).astype(np.uint8), ("C", str(rng.choice(["Au", "Sn"])))


_MAKERS: dict[str, Callable[[np.random.Generator, _Field], tuple[Array, Labels, tuple[str, ...]]]] = {
    "particles": _particles,
    "grains": _grains,
    "pores": _pores,
    "rough film": _rough_film,
    "fracture": _fracture,
    "fibres": _fibres,
    "steps": _steps,
    "crystallites": _crystallites,
    "islands": _islands,
}
SURFACES: tuple[str, ...] = tuple(_MAKERS)


def surface(rng: np.random.Generator, size: int, pixel: float, kind: str) -> Surface:
    """Return a surface of `size` x `size` pixels of `pixel` nanometres; the same generator state gives the same one.

    Sizes of particles, grains, pores and fibres go with the width of the field: it is what one would magnify to see.
    """
    require(kind in _MAKERS, f"There is no surface {kind!r}.", f"Choose one of: {', '.join(SURFACES)}.")
    require(size >= 16, f"A surface of {size} px is too small.", "Give at least 16 px.")
    require(pixel > 0 and math.isfinite(pixel), f"A pixel of {pixel:g} nm is none.", "Give a pixel size above 0 nm.")
    height, material, materials = _MAKERS[kind](rng, _Field.of(size))
    return Surface(kind, np.asarray(height * (size * pixel), np.float32), material, materials, pixel)
