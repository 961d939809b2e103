"""Every bench works: run once at its smallest size. Its figures are not judged here, the machine is shared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = {"__init__", "report", "benchmark_rows", "kept", "methods", "sbd_sets"}
BENCHES = sorted(p.stem for p in (ROOT / "tests" / "bench").glob("*.py") if p.stem not in SHARED)


@pytest.mark.timeout(170)
@pytest.mark.parametrize("bench", BENCHES)
def test_bench_runs_at_its_quick_size(bench: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{bench}", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=160,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    figures = json.loads(run.stdout.splitlines()[-1])
    assert any(isinstance(value, float) for value in figures.values())
