"""The engine's client: jobs, cancel, crashes, silence, and no process left behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytestqt.qtbot import QtBot

from app.processes import ClientState, EngineClient
from core.protocol.denoise import DenoiseRequest, DraftRequest, FrameRange, Scratch
from core.protocol.engine import (
    FrameLanded,
    JobCancelled,
    JobDone,
    JobFailed,
    JobProgress,
    JobStarted,
    ModelsListed,
)
from tests.fakes import fake_engine
from tests.fakes.speech import lattice

TIMEOUT = 15_000
Make = Callable[..., EngineClient]


class Heard:
    """Everything that a client says, in order."""

    def __init__(self, client: EngineClient) -> None:
        self.events: list[Any] = []
        self.signals: list[str] = []
        client.event_received.connect(self.events.append)
        client.ready.connect(lambda _: self.signals.append("ready"))
        client.crashed.connect(lambda _: self.signals.append("crashed"))
        client.restarted.connect(lambda: self.signals.append("restarted"))
        client.silent.connect(lambda: self.signals.append("silent"))
        client.gave_up.connect(lambda _: self.signals.append("gave up"))

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]


@pytest.fixture
def make(clients: list[Any]) -> Make:
    def build(command: list[str], **options: Any) -> EngineClient:
        clients.append(EngineClient(command, **options))
        return clients[-1]

    return build


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    path = tmp_path / "frames.scratch"
    path.write_bytes(bytes(4 * 64 * 64 * 4))
    return Scratch(path=str(path), slot_bytes=64 * 64 * 4, slots=4)


def denoise(tmp_path: Path, **changes: Any) -> DenoiseRequest:
    return DenoiseRequest(source="a.dm4", output=str(tmp_path / "b.tif"), model="general", **changes)


def test_job_is_run_and_its_frames_land_in_scratch(make: Make, qtbot: QtBot, tmp_path: Path, scratch: Scratch) -> None:
    client = make(fake_engine(frames=6))
    heard = Heard(client)
    number = client.send_job(denoise(tmp_path, scratch=scratch))
    assert client.state is ClientState.STARTING
    qtbot.waitUntil(lambda: bool(heard.of(JobDone)), timeout=TIMEOUT)
    assert heard.signals == ["ready"]
    assert heard.of(JobStarted)[0].id == number
    landed = heard.of(FrameLanded)
    assert [e.frame for e in landed] == list(range(6))
    assert landed[-1].step == 8
    assert client.jobs == frozenset()
    assert lattice(0).shape == (512, 512)


def test_cancel_is_answered_and_later_work_goes_on(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    client = make(fake_engine(delay=0.05))
    heard = Heard(client)
    first = client.send_job(denoise(tmp_path))
    qtbot.waitUntil(lambda: bool(heard.of(JobProgress)), timeout=TIMEOUT)
    client.cancel(first)
    qtbot.waitUntil(lambda: bool(heard.of(JobCancelled)), timeout=TIMEOUT)
    assert heard.of(JobCancelled)[0].finished > 0
    second = client.send_job(denoise(tmp_path, frames=FrameRange(stop=2), resume=False))
    qtbot.waitUntil(lambda: bool(heard.of(JobDone)), timeout=TIMEOUT)
    assert heard.of(JobDone)[0].id == second
    assert heard.signals == ["ready"]


def test_models_are_listed_while_a_job_runs(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    client = make(fake_engine(delay=30))
    heard = Heard(client)
    client.send_job(denoise(tmp_path))
    number = client.list_models()
    qtbot.waitUntil(lambda: bool(heard.of(ModelsListed)), timeout=TIMEOUT)
    assert heard.of(ModelsListed)[0].id == number
    assert not heard.of(JobDone)


def test_crash_is_told_with_the_last_words_and_the_job_goes_on_when_sent_again(
    make: Make, qtbot: QtBot, tmp_path: Path
) -> None:
    client = make(fake_engine("crash", frames=6, at=3, once=tmp_path / "once"))
    heard = Heard(client)
    words: list[str] = []
    client.crashed.connect(words.append)
    client.restarted.connect(lambda: client.send_job(denoise(tmp_path)))
    lost = client.send_job(denoise(tmp_path))
    qtbot.waitUntil(lambda: bool(heard.of(JobDone)), timeout=TIMEOUT)
    assert heard.signals == ["ready", "crashed", "ready", "restarted"]
    assert "Segmentation fault" in words[0]
    assert "Segmentation fault" in client.job_log(lost)
    assert heard.of(JobDone)[0].result.resumed_frames == 3


@pytest.mark.parametrize("mode", ["crash", "garbage"])
def test_engine_that_keeps_crashing_is_given_up_and_starts_again_when_asked(
    make: Make, qtbot: QtBot, tmp_path: Path, mode: str
) -> None:
    client = make(fake_engine(mode, at=0))
    heard = Heard(client)
    client.restarted.connect(lambda: client.send_job(denoise(tmp_path)))
    client.send_job(denoise(tmp_path))
    qtbot.waitUntil(lambda: "gave up" in heard.signals, timeout=TIMEOUT)
    assert heard.signals.count("crashed") == 3
    assert heard.signals[-1] == "gave up"
    assert client.state is ClientState.GAVE_UP
    assert client.pid == 0
    with qtbot.waitSignal(client.ready, timeout=TIMEOUT):
        client.list_models()


def test_engine_that_cannot_be_started_is_given_up(make: Make, qtbot: QtBot) -> None:
    client = make(["/no/such/program"])
    with qtbot.waitSignal(client.gave_up, timeout=TIMEOUT) as given:
        client.start()
    assert "/no/such/program" in given.args[0]


def test_engine_that_ends_at_once_is_given_up_with_its_words(make: Make, qtbot: QtBot) -> None:
    client = make(fake_engine("no-start"))
    with qtbot.waitSignal(client.gave_up, timeout=TIMEOUT) as given:
        client.start()
    assert "does not start" in given.args[0]


def test_silence_is_told_once_and_stop_brings_a_new_engine(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    client = make(fake_engine("hang", at=1, once=tmp_path / "once"), silence_s=3.0)
    heard = Heard(client)
    client.send_job(denoise(tmp_path))
    with qtbot.waitSignal(client.silent, timeout=TIMEOUT):
        pass
    assert client.state is ClientState.SILENT
    assert client.pid
    before = client.pid
    start = time.monotonic()
    with qtbot.waitSignal(client.restarted, timeout=TIMEOUT):
        client.stop_now()
        assert time.monotonic() - start < 0.5
    assert client.pid != before
    assert heard.signals == ["ready", "silent", "crashed", "ready", "restarted"]
    qtbot.waitUntil(lambda: not psutil.pid_exists(before) or _is_zombie(before), timeout=TIMEOUT)


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_out_of_memory_is_a_failed_job_and_no_crash(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    client = make(fake_engine("oom", at=2))
    heard = Heard(client)
    client.send_job(denoise(tmp_path))
    qtbot.waitUntil(lambda: bool(heard.of(JobFailed)), timeout=TIMEOUT)
    (failed,) = heard.of(JobFailed)
    assert failed.error.code == "out-of-memory"
    assert failed.finished == 2
    assert heard.signals == ["ready"]


def test_some_garbage_between_messages_does_no_harm(make: Make, qtbot: QtBot) -> None:
    program = (
        "import sys\n"
        'print("hello from a library")\n'
        'print(\'{"type":"ready","pid":1,"version":"0","devices":[]}\', flush=True)\n'
        "sys.stdin.readline()"
    )
    client = make([sys.executable, "-c", program])
    with qtbot.waitSignal(client.ready, timeout=TIMEOUT):
        client.start()


def test_shutdown_ends_a_hanging_engine_within_a_second(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    client = make(fake_engine("hang", at=1))
    heard = Heard(client)
    client.send_job(denoise(tmp_path))
    qtbot.waitUntil(lambda: bool(heard.of(JobProgress)), timeout=TIMEOUT)
    pid, start = client.pid, time.monotonic()
    client.shutdown()
    assert time.monotonic() - start < 1.0
    assert _is_zombie(pid)
    assert client.state is ClientState.STOPPED
    assert "crashed" not in heard.signals


def test_nothing_is_started_by_what_is_asked_after_the_shutdown(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    client = make(fake_engine(delay=30))
    with qtbot.waitSignal(client.ready, timeout=TIMEOUT):
        number = client.send_job(denoise(tmp_path))
    client.shutdown()
    client.cancel(number)
    client.list_models()
    client.send_job(denoise(tmp_path))
    assert client.pid == 0
    assert client.state is ClientState.STOPPED


def test_draft_waits_in_scratch(make: Make, qtbot: QtBot, scratch: Scratch) -> None:
    client = make(fake_engine())
    heard = Heard(client)
    region = {"y0": 0, "y1": 64, "x0": 10, "x1": 74}
    client.send_job(
        DraftRequest.model_validate(
            {"source": "a.dm4", "frame": 5, "region": region, "model": "general", "scratch": scratch}
        )
    )
    qtbot.waitUntil(lambda: bool(heard.of(JobDone)), timeout=TIMEOUT)
    assert heard.of(JobDone)[0].result.width == 64
