"""One file a method; `registry` knows them all by name or by a model's architecture."""

from __future__ import annotations
