"""Made-up proteins: helices and strands of real geometry, packed at a protein's density into an envelope."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.simulation.crystals import Array
from core.simulation.objects.atoms import Atoms

DISPLACED = 17.0  # angstrom^3 of water for each atom heavier than hydrogen: 1.21 A^3 a dalton, 110 Da of 7.8 atoms
_SPACING = 10.0  # angstrom between the axes of packed helices
_RISE, _PER_TURN, _RADIUS = 1.5, 3.6, 2.3  # of the alpha helix: angstrom a residue, residues, angstrom of C-alpha
# Offsets of a residue's other backbone atoms from its C-alpha on the helix: radius, degrees, angstrom along it.
_BACKBONE = (("N", 1.55, -27.0, -0.88), ("C", 1.65, 26.0, 1.05), ("O", 2.0, 27.0, 2.28))
_SIDE = ("C", "C", "C", "C", "N", "O")


@dataclass(frozen=True)
class Envelope:
    """A lumpy body: the union of balls about `centres` (n, 3) with `radii` (n,), angstrom."""

    centres: Array
    radii: Array

    def inside(self, points: Array) -> NDArray[np.bool_]:
        """Tell which points (n, 3) lie in the body."""
        apart = np.linalg.norm(points[:, None] - self.centres[None], axis=-1)
        return np.asarray((apart < self.radii).any(1))

    def moved(self, by: Array) -> Envelope:
        """Return the body moved by a vector (3,)."""
        return Envelope(self.centres + by, self.radii)


def random_envelope(rng: np.random.Generator, radius: float, lobes: int = 5, spread: float = 0.6) -> Envelope:
    """Draw a body of about `radius` angstrom: a ball and smaller ones that grow out of it."""
    centres = rng.normal(size=(lobes, 3))
    centres *= spread * radius / np.linalg.norm(centres, axis=1, keepdims=True) * rng.uniform(0.6, 1.3, (lobes, 1))
    radii = radius * rng.uniform(0.35, 0.65, lobes)
    return Envelope(np.concatenate([np.zeros((1, 3)), centres]), np.concatenate([[0.72 * radius], radii]))


def fold(rng: np.random.Generator, body: Envelope) -> Atoms:
    """Fill a body with protein: one bundle of helices for each of its lobes, about its own axis.

    Helices stand 10 angstrom apart with 1.5 angstrom a residue: 130 angstrom^3 a residue, which is the density of
    proteins (1.35 g/cm^3). Their backbones have the true geometry; side chains are atoms at random around them.
    """
    parts: list[Atoms] = []
    for centre, radius in zip(body.centres, body.radii, strict=True):
        bundle = _bundle(rng, float(radius)).moved(centre)
        taken = np.zeros(len(bundle), bool)
        # A lobe ends where an earlier one begins.
        for other, other_radius in zip(body.centres[: len(parts)], body.radii, strict=False):
            taken |= np.linalg.norm(bundle.positions - other, axis=1) < other_radius + 1.0
        parts.append(bundle.where(~taken))
    return Atoms(np.concatenate([p.positions for p in parts]), np.concatenate([p.elements for p in parts]))


def _bundle(rng: np.random.Generator, radius: float) -> Atoms:
    """Return parallel helices that fill a ball."""
    steps = np.arange(-int(radius / _SPACING) - 1, int(radius / _SPACING) + 2)
    grid = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2).astype(float)
    axes = grid @ np.array([[1.0, 0.0], [0.5, math.sqrt(3) / 2]]) * _SPACING + rng.uniform(-5, 5, 2)
    axes += rng.normal(0, 0.6, axes.shape)
    positions: list[Array] = []
    elements: list[str] = []
    for x, y in axes[np.hypot(axes[:, 0], axes[:, 1]) < radius]:
        half = math.sqrt(max(radius**2 - x**2 - y**2, 0.0))
        residues = int(2 * half / _RISE)
        if residues < 3:
            continue
        number = np.arange(residues, dtype=np.float64)
        height: Array = (number - residues / 2) * _RISE
        turn: Array = 2 * math.pi / _PER_TURN * number + rng.uniform(0, 2 * math.pi)
        shift = np.array([x, y, 0.0])
        positions.append(_on_helix(_RADIUS, turn, height) + shift)
        elements += ["C"] * residues
        for name, r, degrees, up in _BACKBONE:
            positions.append(_on_helix(r, turn + math.radians(degrees), height + up) + shift)
            elements += [name] * residues
        for reach in (3.3, 3.9, 4.6, 5.2, 5.8):
            # A side chain has 3.8 heavier atoms in the mean: alanine's ends after one, tryptophan's after ten.
            there = rng.uniform(size=residues) < min(1.0, 1.3 - reach / 9)
            jitter = rng.normal(0, 0.5, (int(there.sum()), 3))
            positions.append(_on_helix(reach, turn[there], height[there]) + shift + jitter)
            elements += [str(e) for e in rng.choice(_SIDE, int(there.sum()))]
    if not positions:
        return Atoms(np.zeros((1, 3)), np.array(["C"]))
    return Atoms(np.concatenate(positions), np.array(elements)).turned(_any_rotation(rng))


def _on_helix(radius: float, turn: NDArray[np.floating], height: NDArray[np.floating]) -> Array:
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height], 1)


def _any_rotation(rng: np.random.Generator) -> Array:
    matrix, triangle = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix = matrix * np.sign(np.diag(triangle))
    return np.asarray(matrix if np.linalg.det(matrix) > 0 else -matrix)
