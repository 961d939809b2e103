"""Lines, tails, limits and commands."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.processes.lines import LineSplitter, Tail
from app.processes.own_command import own_command
from app.processes.restarts import RestartLimit


@given(st.lists(st.binary(min_size=1).filter(lambda b: b"\n" not in b and b.strip())), st.integers(1, 9))
def test_lines_come_out_whole_however_the_bytes_arrive(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter()
    found = [line for k in range(0, len(data), size) for line in splitter.feed(data[k : k + size])]
    assert found == lines


def test_line_that_never_ends_is_dropped_and_the_next_one_comes() -> None:
    splitter = LineSplitter(longest=10)
    assert splitter.feed(b"x" * 100) == []
    assert splitter.feed(b"x" * 100 + b"\nnext\n") == [b"next"]


def test_tail_keeps_the_last_words_even_if_cut_inside_a_letter() -> None:
    tail = Tail(4)
    tail.add("aä".encode() * 5)
    assert tail.text.endswith("aä")
    assert len(tail.text) <= 4


def test_crashes_far_apart_never_reach_the_limit() -> None:
    limit = RestartLimit(crashes=3, within_s=60)
    assert not any(limit.reached(t) for t in (0, 50, 70, 120, 140))
    assert limit.reached(150)


def test_children_from_source_ignore_the_working_folder() -> None:
    assert own_command("--engine") == [sys.executable, "-P", "-m", "app", "--engine"]


def test_children_of_a_frozen_window_are_the_console_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "Quietbeam.exe"))
    assert own_command("--reader") == [str(tmp_path / "Quietbeam.exe"), "--reader"]
    (tmp_path / "quietbeam-cli.exe").touch()
    assert own_command("--reader") == [str(tmp_path / "quietbeam-cli.exe"), "--reader"]
