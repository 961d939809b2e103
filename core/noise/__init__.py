"""What the noise of a detector is, measured on the data themselves. numpy and scipy alone."""

from __future__ import annotations
