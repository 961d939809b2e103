"""Atoms and atom columns: found, fitted, compared with the truth, their strain and their number of atoms."""

from __future__ import annotations
