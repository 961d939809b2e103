"""A small calibrated movie to be exported, and someone who listens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from core.denoising.context import Cancelled, QuietContext
from core.exporting.run import export_movie
from core.movies.writers import Scale, create_writer
from core.protocol.denoise_parts import Notice
from core.protocol.export import ExportRequest, ExportResult

SCALE = Scale(
    (0.02, 0.02), "nm", 0.25, exposure_s=0.25, dose_rate_e_per_a2_s=40.0, voltage_kv=300.0, counts_per_electron=2.0
)


class Listener(QuietContext):
    """Keeps what it is told; cancels at a check if it is to."""

    def __init__(self, cancel_at: int | None = None) -> None:
        self.notices: list[Notice] = []
        self.steps: list[tuple[str, int, int]] = []
        self._left = cancel_at

    def check(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Cancelled

    def progress(self, stage: str, done: int, total: int, eta_s: float | None, rate: float | None) -> None:
        self.steps.append((stage, done, total))

    def notice(self, notice: Notice) -> None:
        self.notices.append(notice)


def write_movie(path: Path, pixels: npt.NDArray[Any], scale: Scale = SCALE, provenance: str | None = None) -> Path:
    """A movie in the format that its name says."""
    with create_writer(path, pixels.shape, pixels.dtype, scale=scale) as writer:
        for index, frame in enumerate(pixels):
            writer.write(index, frame)
        return writer.finish(provenance)


@pytest.fixture
def pixels() -> npt.NDArray[np.float32]:
    """(6, 40, 60): noise on a slope."""
    rng = np.random.default_rng(3)
    slope = np.linspace(-20, 80, 60, dtype=np.float32)
    return (rng.normal(100, 5, (6, 40, 60)) + slope).astype(np.float32)


@pytest.fixture
def movie(tmp_path: Path, pixels: npt.NDArray[np.float32]) -> Path:
    """The movie's file, in a folder of its own."""
    (tmp_path / "in").mkdir()
    return write_movie(tmp_path / "in" / "Größe 1.tif", pixels)


Export = Callable[..., ExportResult]


@pytest.fixture
def export(movie: Path, tmp_path: Path) -> Export:
    """Export the movie under a name; further fields of the request by name, `context` too."""

    def call(name: str, context: Listener | None = None, **fields: Any) -> ExportResult:
        request = ExportRequest(source=str(fields.pop("source", movie)), output=str(tmp_path / name), **fields)
        return export_movie(request, context or Listener())

    return call
