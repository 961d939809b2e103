"""What the noise of a detector is, measured on the data themselves. numpy, scipy and OpenCV alone."""

from __future__ import annotations
