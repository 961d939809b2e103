"""The reader as a process: every request is answered, and nothing breaks the protocol."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from core.protocol.reader import reader_event
from tests.movie_files import ramp, write_mrc

_ROOT = Path(__file__).parents[3]
_START = "import sys; from core.reader import main; sys.exit(main())"


class Reader:
    """A reader process with a pipe at each end."""

    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.stdin: IO[bytes] = self.process.stdin
        self.stdout: IO[bytes] = self.process.stdout

    def say(self, line: str) -> None:
        self.stdin.write(line.encode() + b"\n")
        self.stdin.flush()

    def ask(self, **request: Any) -> None:
        self.say(json.dumps(request))

    def hear(self) -> Any:
        """The next event that is no heartbeat."""
        while True:
            event = reader_event.validate_json(self.stdout.readline())
            if event.type != "heartbeat":
                return event

    def end(self) -> int:
        """Close stdin and wait; returns the exit code."""
        if not self.stdin.closed:
            self.stdin.close()
        code = self.process.wait(20)
        self.stdout.close()
        return code

    def errors(self) -> str:
        assert self.process.stderr
        return self.process.stderr.read().decode()


@pytest.fixture
def start() -> Iterator[Any]:
    readers: list[Reader] = []

    def begin(program: str = _START) -> Reader:
        readers.append(Reader(program))
        assert readers[-1].hear().type == "ready"
        return readers[-1]

    yield begin
    for reader in readers:
        reader.process.kill()
        reader.process.wait()
        for stream in (reader.stdin, reader.stdout, reader.process.stderr):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def test_each_request_is_answered_in_turn(start: Any, tmp_path: Path) -> None:
    path = str(write_mrc(tmp_path / "é a.mrc", ramp((3, 4, 5))))
    scratch = tmp_path / "scratch"
    scratch.write_bytes(bytes(4096))
    place = {"path": str(scratch), "slot_bytes": 4096, "slots": 1}
    reader = start()
    reader.ask(type="describe", id=1, path=path)
    reader.ask(type="view", id=2, path=path, frame=1, scratch=place)
    reader.ask(type="thumbnail", id=3, path=path, size=16, scratch=place)
    reader.ask(type="trace", id=4, path=path)
    reader.ask(type="describe", id=5, path=str(tmp_path / "missing.tif"))
    reader.ask(type="forget", path=path)
    reader.ask(type="describe", id=6, path=path)
    events = [reader.hear() for _ in range(6)]
    assert [event.id for event in events] == [1, 2, 3, 4, 5, 6]
    assert [event.type for event in events] == ["described", "pixels", "pixels", "traced", "failed", "described"]
    assert events[0].meta.path == path
    assert events[4].error.code == "not-found"
    assert reader.end() == 0


def test_what_was_asked_before_stdin_closed_is_answered(start: Any, tmp_path: Path) -> None:
    path = str(write_mrc(tmp_path / "a.mrc", ramp((3, 4, 5))))
    reader = start()
    for number in range(20):
        reader.ask(type="describe", id=number, path=path)
    reader.stdin.close()
    assert [reader.hear().id for _ in range(20)] == list(range(20))
    assert reader.end() == 0


def test_garbage_is_answered_where_it_has_an_id_and_harms_nothing(start: Any, tmp_path: Path) -> None:
    path = str(write_mrc(tmp_path / "a.mrc", ramp((3, 4, 5))))
    reader = start()
    for line in ("", "}{", "[1, 2]", '"text"', '{"type": "view"}', "\x00\x01", '{"type": "describe", "id": "x"}'):
        reader.say(line)
    reader.ask(type="view", id=3, path=path)
    reader.ask(type="nonsense", id=4)
    reader.ask(type="describe", id=5, path=path)
    events = [reader.hear() for _ in range(3)]
    assert [(event.id, event.type) for event in events] == [(3, "failed"), (4, "failed"), (5, "described")]
    assert events[0].error.code == "bad-request"
    assert "frame" in events[0].error.what


def test_stray_print_of_a_library_does_not_break_the_protocol(start: Any, tmp_path: Path) -> None:
    program = (
        "import os, sys, core.reader.answers as answers\n"
        "old = answers.open_movie\n"
        "def noisy(*a):\n"
        "    print('hello from a library'); sys.stdout.flush(); os.write(1, b'and from C\\n'); return old(*a)\n"
        "answers.open_movie = noisy\n" + _START
    )
    path = str(write_mrc(tmp_path / "a.mrc", ramp((3, 4, 5))))
    reader = start(program)
    reader.ask(type="describe", id=1, path=path)
    assert reader.hear().type == "described"
    assert reader.end() == 0
    errors = reader.errors()
    assert "hello from a library" in errors
    assert "and from C" in errors


def test_unexpected_failure_is_answered_and_the_reader_goes_on(start: Any, tmp_path: Path) -> None:
    program = (
        "import core.reader.answers as answers\n"
        "old = answers.list_datasets\n"
        "def fail(path, dataset=None):\n"
        "    if 'bad' in path: raise ZeroDivisionError('a mistake of ours')\n"
        "    return old(path, dataset)\n"
        "answers.list_datasets = fail\n" + _START
    )
    bad = str(write_mrc(tmp_path / "bad.mrc", ramp((3, 4, 5))))
    good = str(write_mrc(tmp_path / "good.mrc", ramp((3, 4, 5))))
    reader = start(program)
    reader.ask(type="describe", id=1, path=bad)
    reader.ask(type="describe", id=2, path=good)
    first, second = reader.hear(), reader.hear()
    assert first.error.code == "internal"
    assert "a mistake of ours" in first.error.what
    assert first.error.path == bad
    assert second.type == "described"


def test_heart_beats_while_a_file_hangs_and_the_reader_leaves_with_its_parent(start: Any, tmp_path: Path) -> None:
    program = (
        "import threading, core.child.listening as child, core.reader.loop as loop, core.reader.answers as answers\n"
        "child.HEARTBEAT_S, loop._DRAIN_S = 0.05, 0.2\n"
        "answers.open_movie = lambda *a: threading.Event().wait()\n" + _START
    )
    path = str(write_mrc(tmp_path / "a.mrc", ramp((3, 4, 5))))
    reader = start(program)
    reader.ask(type="describe", id=1, path=path)
    busy = []
    while len(busy) < 3:
        event = reader_event.validate_json(reader.stdout.readline())
        assert event.type == "heartbeat"
        assert event.rss_bytes > 1e6
        busy += [event.busy] if event.busy else []
    assert busy == [(1,)] * 3
    assert reader.end() == 0


def test_reader_that_nobody_listens_to_leaves(start: Any) -> None:
    program = "import core.child.listening as child\nchild.HEARTBEAT_S = 0.05\n" + _START
    reader = start(program)
    reader.stdout.close()
    assert reader.process.wait(20) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl+C to a whole console only")
def test_ctrl_c_is_for_the_window(start: Any, tmp_path: Path) -> None:
    path = str(write_mrc(tmp_path / "a.mrc", ramp((3, 4, 5))))
    reader = start()
    reader.process.send_signal(signal.SIGINT)
    reader.ask(type="describe", id=1, path=path)
    assert reader.hear().type == "described"
    assert reader.end() == 0


def test_quit_ends_it_at_once(start: Any) -> None:
    reader = start()
    reader.ask(type="quit")
    assert reader.process.wait(20) == 0


def test_reader_never_loads_torch_nor_qt(start: Any, tmp_path: Path) -> None:
    program = (
        "import sys, core.reader.loop as loop\n"
        "def leave(code):\n"
        "    names = ('torch', 'PySide6', 'pyqtgraph', 'ncempy', 'scipy')\n"
        "    sys.stderr.write(repr([name for name in names if name in sys.modules])); sys.stderr.flush()\n"
        "    loop.os._exit(code)\n"
        "loop.leave = leave\n" + _START
    )
    path = tmp_path / "a.mrc"
    write_mrc(path, np.zeros((2, 3, 4), np.float32))
    reader = start(program)
    reader.ask(type="describe", id=1, path=str(path))
    assert reader.hear().type == "described"
    assert reader.end() == 0
    assert reader.errors().endswith("[]")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not tell which files are open")
def test_idle_reader_lets_the_file_go(start: Any, tmp_path: Path) -> None:
    program = (
        "import core.child.listening as child, core.reader.loop as loop\n"
        "child.HEARTBEAT_S, loop._LOOK_S, loop._IDLE_S = 0.02, 0.02, 0.3\n" + _START
    )
    path = write_mrc(tmp_path / "a.mrc", ramp((3, 4, 5)))
    reader = start(program)
    reader.ask(type="describe", id=1, path=str(path))
    assert reader.hear().type == "described"
    folder = Path(f"/proc/{reader.process.pid}/fd")

    def held() -> bool:
        # A descriptor may go between being listed and being looked at.
        return any(os.path.realpath(link) == str(path) for link in folder.iterdir())

    beats = 0
    while held():
        assert reader_event.validate_json(reader.stdout.readline()).type == "heartbeat"
        beats += 1
        assert beats < 500
