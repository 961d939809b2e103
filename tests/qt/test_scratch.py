"""Scratch files: read back as written, gone with their window, swept after one that was killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from app.scratch import ScratchFolder, read_slot
from core.protocol.denoise import Scratch
from tests.qt.stand_ins import write_slot

KILLED = """
import os
from app.scratch import ScratchFolder
folder = ScratchFolder()
folder.create("x", 4, 1)
print(folder.path, flush=True)
os._exit(1)
"""


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("TEMP", str(tmp_path))


def test_a_slot_is_read_as_it_was_written() -> None:
    folder = ScratchFolder()
    scratch = folder.create("frames", 48, 3)
    frame = np.arange(12, dtype=np.float32).reshape(3, 4)
    write_slot(scratch, 2, frame)
    np.testing.assert_array_equal(read_slot(scratch, 2, 3, 4), frame)
    folder.close()


@pytest.mark.parametrize(("slot", "height", "width"), [(3, 1, 1), (-1, 1, 1), (0, 100, 100), (0, 0, 4), (0, -2, -2)])
def test_what_does_not_fit_a_slot_is_refused(slot: int, height: int, width: int) -> None:
    folder = ScratchFolder()
    assert read_slot(folder.create("frames", 48, 3), slot, height, width) is None
    folder.close()


def test_a_file_that_is_gone_gives_no_picture(tmp_path: Path) -> None:
    assert read_slot(Scratch(path=str(tmp_path / "none"), slot_bytes=4, slots=1), 0, 1, 1) is None


def test_the_folder_goes_with_its_window_and_another_windows_stays() -> None:
    first, second = ScratchFolder(), ScratchFolder()
    first.close()
    assert not first.path.exists()
    assert second.path.exists()
    second.close()


def test_what_a_killed_window_left_is_swept_away() -> None:
    told = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=False)
    left = Path(told.stdout.strip())
    assert left.is_dir()
    folder = ScratchFolder()
    assert not left.exists()
    folder.close()
