"""The reader's client: answers, a file that hangs it, a file that crashes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.processes import ClientState, ReaderClient
from app.scratch import read_slot
from core.protocol.denoise import Region, Scratch
from core.protocol.reader import Described, Pixels, ReaderFailed, Trace
from tests.fakes import fake_reader
from tests.fakes.speech import noisy

TIMEOUT = 15_000
Make = Callable[..., ReaderClient]


class Heard:
    def __init__(self, client: ReaderClient) -> None:
        self.answers: list[Any] = []
        self.crashes: list[str] = []
        client.answered.connect(self.answers.append)
        client.crashed.connect(lambda path, _: self.crashes.append(path))

    def to(self, number: int) -> Any:
        return next((answer for answer in self.answers if answer.id == number), None)


@pytest.fixture
def make(clients: list[Any]) -> Make:
    def build(command: list[str], **options: Any) -> ReaderClient:
        clients.append(ReaderClient(command, **options))
        return clients[-1]

    return build


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    path = tmp_path / "view.scratch"
    path.write_bytes(bytes(2 * 512 * 512 * 4))
    return Scratch(path=str(path), slot_bytes=512 * 512 * 4, slots=2)


def test_questions_asked_before_the_start_are_answered_in_turn(make: Make, qtbot: QtBot, scratch: Scratch) -> None:
    client = make(fake_reader())
    heard = Heard(client)
    client.start()
    described = client.describe(path="a.dm4", dataset=None)
    region = Region(y0=10, y1=60, x0=20, x1=90)
    view = client.view(
        path="a.dm4", dataset=None, frame=7, region=region, step=1, mean_frames=1, scratch=scratch, slot=1
    )
    small = client.thumbnail(path="a.dm4", dataset=None, size=64, scratch=scratch, slot=0)
    trace = client.trace("a.dm4", points=10)
    qtbot.waitUntil(lambda: len(heard.answers) == 4, timeout=TIMEOUT)
    assert isinstance(heard.to(described), Described)
    assert isinstance(heard.to(trace), Trace)
    assert isinstance(heard.to(small), Pixels)
    pixels = heard.to(view)
    shown = read_slot(scratch, pixels.slot, pixels.height, pixels.width)
    assert shown is not None
    np.testing.assert_array_equal(shown, noisy(7, region))
    assert not heard.crashes


def test_file_that_crashes_the_reader_is_named_and_the_next_one_is_read(make: Make, qtbot: QtBot) -> None:
    client = make(fake_reader("crash", name="evil"))
    heard = Heard(client)
    evil = client.describe("evil.dm4")
    with qtbot.waitSignal(client.restarted, timeout=TIMEOUT):
        pass
    failed = heard.to(evil)
    assert isinstance(failed, ReaderFailed)
    assert failed.error.code == "crash"
    assert failed.error.path == "evil.dm4"
    assert heard.crashes == ["evil.dm4"]
    good = client.describe("good.dm4")
    qtbot.waitUntil(lambda: isinstance(heard.to(good), Described), timeout=TIMEOUT)


def test_many_evil_files_do_not_wear_the_reader_out(make: Make, qtbot: QtBot) -> None:
    client = make(fake_reader("crash", name="evil"))
    heard = Heard(client)
    for number in range(4):
        client.describe(f"evil-{number}.dm4")
        qtbot.waitUntil(lambda n=number: len(heard.answers) > n, timeout=TIMEOUT)
    good = client.describe("good.dm4")
    qtbot.waitUntil(lambda: isinstance(heard.to(good), Described), timeout=TIMEOUT)
    assert len(heard.crashes) == 4


def test_file_that_hangs_is_given_up_after_the_timeout_and_the_next_one_is_read(make: Make, qtbot: QtBot) -> None:
    client = make(fake_reader("hang", name="far"), timeout_s=2.0)
    heard = Heard(client)
    client.start()
    with qtbot.waitSignal(client.state_changed, timeout=TIMEOUT):
        pass
    far = client.describe("far.dm4")
    lost = client.describe("near.dm4")
    qtbot.waitUntil(lambda: heard.to(far) is not None, timeout=TIMEOUT)
    assert heard.to(far).error.code == "hang"
    assert heard.crashes == ["far.dm4"]
    assert heard.to(lost) is None
    near = client.describe("near.dm4")
    qtbot.waitUntil(lambda: isinstance(heard.to(near), Described), timeout=TIMEOUT)


def test_slow_answers_in_a_row_are_no_hang(make: Make, qtbot: QtBot) -> None:
    client = make(fake_reader("slow", delay=0.5), timeout_s=2.0)
    heard = Heard(client)
    numbers = [client.describe(f"{n}.dm4") for n in range(5)]
    qtbot.waitUntil(lambda: len(heard.answers) == 5, timeout=TIMEOUT)
    assert [a.id for a in heard.answers] == numbers
    assert not heard.crashes


def test_refused_file_is_an_answer_and_no_crash(make: Make, qtbot: QtBot) -> None:
    client = make(fake_reader())
    heard = Heard(client)
    number = client.describe("broken.dm4")
    qtbot.waitUntil(lambda: heard.to(number) is not None, timeout=TIMEOUT)
    assert heard.to(number).error.code == "not-a-movie"
    assert not heard.crashes


def test_reader_that_never_comes_up_fails_what_was_asked_and_stops(make: Make, qtbot: QtBot) -> None:
    client = make(fake_reader("no-start"))
    heard = Heard(client)
    with qtbot.waitSignal(client.gave_up, timeout=TIMEOUT):
        client.describe("a.dm4")
    assert client.state is ClientState.GAVE_UP
    assert heard.answers == [] or heard.answers[-1].error.code == "crash"


def test_garbage_is_a_crash(make: Make, qtbot: QtBot, tmp_path: Path) -> None:
    client = make(fake_reader("garbage", once=tmp_path / "once"))
    heard = Heard(client)
    number = client.describe("a.dm4")
    qtbot.waitUntil(lambda: heard.to(number) is not None, timeout=TIMEOUT)
    assert heard.crashes == ["a.dm4"]
    again = client.describe("a.dm4")
    qtbot.waitUntil(lambda: isinstance(heard.to(again), Described), timeout=TIMEOUT)


def test_shutdown_ends_a_hanging_reader_within_a_second(make: Make, qtbot: QtBot) -> None:
    client = make(fake_reader("hang"))
    with qtbot.waitSignal(client.state_changed, timeout=TIMEOUT):
        client.start()
    qtbot.waitUntil(lambda: client.state is ClientState.READY, timeout=TIMEOUT)
    client.describe("a.dm4")
    start = time.monotonic()
    client.shutdown()
    assert time.monotonic() - start < 1.0
