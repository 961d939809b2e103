"""What Quietbeam does: reading movies, denoising, training, trust. Knows no Qt."""

from __future__ import annotations

__version__ = "0.1.0"
