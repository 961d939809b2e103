"""The bench of models: rows as they come, stopped and gone on, and what can't be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.denoising.context import Cancelled, QuietContext
from core.jobs import bench
from core.jobs.errors import JobError
from core.models import ModelError, ModelStore
from core.protocol.bench import ModelBenchRequest
from core.scoring.trial import Contender

EMPTY = ModelStore((), ())
CLEAN = ModelBenchRequest(models=("gaussian", "wiener"), sets=("clean",), quick=True)


class Stopping(QuietContext):
    """Stops once so many rows were begun."""

    def __init__(self, rows: int) -> None:
        self._left = rows

    def progress(self, stage: str, done: int, total: int, eta_s: float | None, rate: float | None) -> None:
        self._left -= 1

    def check(self) -> None:
        if self._left < 0:
            raise Cancelled


def test_filters_are_scored_and_tabled() -> None:
    result = bench.run(CLEAN, EMPTY, QuietContext())
    assert [row.method for row in result.rows] == ["gaussian", "wiener"]
    assert {"psnr_255", "ssim_255", "psnr", "ssim"} == set(result.rows[0].values)
    assert "| Test | `gaussian` | `wiener` | wanted |" in result.table
    assert result.notices[0].code == "quick"
    assert result.rows[0].seconds > 0


def test_stopped_bench_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = CLEAN.model_copy(update={"rows": str(tmp_path / "rows.jsonl")})
    with pytest.raises(Cancelled):
        bench.run(request, EMPTY, Stopping(1))
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 1
    measured: list[str] = []
    before = Contender.denoise

    def counted(self: Contender, *arguments: object) -> object:
        measured.append(self.name)
        return before(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Contender, "denoise", counted)
    result = bench.run(request, EMPTY, QuietContext())
    assert len(result.rows) == 2
    assert measured == ["wiener"]


def test_models_cost_is_told_below_the_table() -> None:
    request = CLEAN.model_copy(update={"models": ("lattice-general",)})
    card = ModelStore.default().get("lattice-general").card
    table = bench.run(request, ModelStore.default(), QuietContext()).table
    assert f"| Training | {card.training.duration_s / 3600:.1f} h on {card.training.device} | |" in table
    assert "MB" in table.splitlines()[-1]


def test_filters_over_time_take_no_part_in_single_images() -> None:
    request = CLEAN.model_copy(update={"models": ("gaussian", "low-rank")})
    assert {row.method for row in bench.run(request, EMPTY, QuietContext()).rows} == {"gaussian"}


def test_nothing_to_score_is_told() -> None:
    with pytest.raises(JobError, match="No model is installed"):
        bench.run(ModelBenchRequest(), EMPTY, QuietContext())
    with pytest.raises(JobError, match="No clean images"):
        bench.run(ModelBenchRequest(models=("gaussian",), sets=("clean",)), EMPTY, QuietContext())
    with pytest.raises(JobError, match="nothing to score"):
        bench.run(ModelBenchRequest(models=("gaussian",), seeds=(50, 60)), EMPTY, QuietContext())
    with pytest.raises(ModelError, match="no model"):
        bench.run(ModelBenchRequest(models=("none",), quick=True), EMPTY, QuietContext())


@pytest.mark.parametrize(("seconds", "words"), [(34.4, "34 s"), (130.0, "2 min"), (2605.0, "0.7 h")])
def test_a_short_training_did_not_take_no_hours(seconds: float, words: str) -> None:
    assert bench.time_text(seconds) == words
