"""Denoising: the interface of every method, tiles, scaling and the streaming pipeline.

Nothing is imported here, so that `core.denoising.allocator` can act before torch is loaded.
"""

from __future__ import annotations
