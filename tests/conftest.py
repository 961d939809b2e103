"""What every test run shares: an offscreen Qt, one thread, a home of its own, and a time budget a folder."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest

# Before Qt, torch or platformdirs is imported by anything: tests never touch the user's own settings and files.
_HOME = Path(tempfile.mkdtemp(prefix="quietbeam-tests-"))
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
os.environ.update(
    {
        "QT_QPA_PLATFORM": "offscreen",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "HOME": str(_HOME),
        "XDG_CONFIG_HOME": str(_HOME / "config"),
        "XDG_DATA_HOME": str(_HOME / "data"),
        "XDG_STATE_HOME": str(_HOME / "state"),
        "XDG_CACHE_HOME": str(_HOME / "cache"),
        "XDG_RUNTIME_DIR": str(_HOME / "run"),
    }
)
if os.name == "nt":
    os.environ.update({"APPDATA": str(_HOME / "config"), "LOCALAPPDATA": str(_HOME / "data")})
(_HOME / "run").mkdir(mode=0o700)

ROOT = Path(__file__).parents[1]

# Seconds on two cores. A folder that needs more has a test that belongs in tests/bench, or a slow fixture.
BUDGETS_S = {"tests/unit": 640.0, "tests/qt": 360.0, "tests/e2e": 480.0}
_spent: dict[str, float] = defaultdict(float)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what each room of the tests takes, set-up and tear-down included."""
    folder = Path(report.nodeid.split("::")[0]).parent.as_posix()
    _spent[folder] += report.duration


def over_budget(spent: dict[str, float]) -> list[str]:
    """Say which folders took longer than they may; a slower machine gives itself a factor."""
    factor = float(os.environ.get("QUIETBEAM_TIME_FACTOR", "1"))
    over = []
    for top, budget in BUDGETS_S.items():
        taken = sum(s for folder, s in spent.items() if folder == top or folder.startswith(top + "/"))
        if taken > budget * factor:
            over.append(f"{top} took {taken:.0f} s, its budget is {budget * factor:.0f} s")
    return over


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show where the time goes."""
    terminalreporter.section("time a folder")
    for folder, seconds in sorted(_spent.items(), key=lambda item: -item[1]):
        terminalreporter.line(f"{seconds:7.1f} s  {folder}")
    for line in over_budget(_spent):
        terminalreporter.line(f"OVER BUDGET: {line}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run that passes but is too slow fails."""
    if exitstatus == 0 and over_budget(_spent):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_files() -> Path:
    """Real movie files with their truth, where this checkout has them beside it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared/data beside the checkout: real movie files are not here")
    return folder
