"""Standard sets that models are scored on: each a list of trials, the same for every method."""

from __future__ import annotations
