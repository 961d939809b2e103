"""Jobs in the workshop: order, drafts between tiles, cancelling, and every way to fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine import workshop as workshop_module
from core.engine.task import Task, TaskContext, slot_step
from core.engine.workshop import DEVICE_FAILED, Workshop
from core.models import ModelStore
from core.movies import NotAMovie
from core.protocol.denoise import (
    DenoiseRequest,
    DraftRequest,
    EstimateRequest,
    EstimateResult,
    Scratch,
    TrainJobRequest,
    TrainJobResult,
)
from core.protocol.engine import FrameLanded, JobCancelled, JobDone, JobFailed, JobProgress, JobStarted
from core.protocol.models import InstallModelRequest
from core.views import read_slot

BATCH = DenoiseRequest(source="batch.tif", output="b.tif", model="m")
SCRATCH = Scratch(path="s", slot_bytes=4, slots=1)
RESULT = EstimateResult(seconds=1, output_bytes=1, free_bytes=1, output="b.tif", device="cpu")
TIMEOUT = 10.0


def draft(frame: int = 0) -> DraftRequest:
    return DraftRequest(source="draft.tif", frame=frame, model="m", scratch=SCRATCH)


class Bench:
    """A workshop whose jobs are functions of the test, and everything it says."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._said = threading.Condition()
        self.workshop = Workshop(self._hear, ModelStore((), ()))
        self.does: Callable[[Any, Any], Any] = lambda request, context: RESULT
        self.thread = threading.Thread(target=self.workshop.work, daemon=True)

    def _hear(self, event: Any) -> None:
        with self._said:
            self.events.append(event)
            self._said.notify_all()

    def wait(self, number: int) -> Any:
        """The event that ends a job."""

        def end() -> Any:
            kinds = (JobDone, JobFailed, JobCancelled)
            return next((e for e in self.events if isinstance(e, kinds) and e.id == number), None)

        with self._said:
            assert self._said.wait_for(end, TIMEOUT), f"job {number} never ended"
            return end()

    def order(self) -> list[int]:
        return [e.id for e in self.events if isinstance(e, JobDone | JobFailed | JobCancelled)]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    made = Bench()
    monkeypatch.setattr(workshop_module, "run_job", lambda request, store, context: made.does(request, context))
    made.thread.start()
    yield made
    made.workshop.stop()
    made.thread.join(TIMEOUT)
    assert not made.thread.is_alive()


def test_jobs_are_done_in_turn(bench: Bench) -> None:
    for number in (1, 2, 3):
        bench.workshop.add(number, BATCH)
    assert bench.wait(3).result == RESULT
    assert bench.order() == [1, 2, 3]
    assert bench.workshop.busy == ()


def test_draft_estimate_and_installation_take_the_next_tiles_turn_of_a_running_batch(bench: Bench) -> None:
    begun, asked = threading.Event(), threading.Event()
    threads: dict[str, int] = {}
    tiles: list[str] = []

    def does(request: Any, context: Any) -> Any:
        threads[request.kind] = threading.get_ident()
        if request.kind == "denoise":
            for tile in range(3):
                context.check()
                tiles.append(f"tile {tile}")
                begun.set()
                assert asked.wait(TIMEOUT)
        else:
            context.check()
            tiles.append(request.kind)
        return RESULT

    bench.does = does
    bench.workshop.add(1, BATCH)
    assert begun.wait(TIMEOUT)
    bench.workshop.add(2, draft())
    bench.workshop.add(3, EstimateRequest(request=BATCH))
    bench.workshop.add(4, InstallModelRequest(source="m.qbmodel"))
    bench.workshop.add(5, BATCH)
    asked.set()
    bench.wait(5)
    assert tiles[:6] == ["tile 0", "draft", "estimate", "install_model", "tile 1", "tile 2"]
    assert bench.order() == [2, 3, 4, 1, 5]
    assert len(set(threads.values())) == 1


def test_newer_draft_cancels_the_one_that_waits_and_the_one_that_runs(bench: Bench) -> None:
    begun, asked = threading.Event(), threading.Event()

    def does(request: Any, context: Any) -> Any:
        if request.frame == 1:
            begun.set()
            assert asked.wait(TIMEOUT)
        context.check()
        return RESULT

    bench.does = does
    bench.workshop.add(1, draft(1))
    assert begun.wait(TIMEOUT)
    bench.workshop.add(2, draft(2))
    bench.workshop.add(3, draft(3))
    asked.set()
    assert isinstance(bench.wait(1), JobCancelled)
    assert isinstance(bench.wait(2), JobCancelled)
    assert isinstance(bench.wait(3), JobDone)


def test_cancelled_batch_tells_its_finished_frames_and_the_next_one_runs(bench: Bench) -> None:
    begun = threading.Event()

    def does(request: Any, context: Any) -> Any:
        if request.output == "next.tif":
            return RESULT
        context.progress("denoising", 7, 20, None, None)
        begun.set()
        while True:
            context.check()

    bench.does = does
    bench.workshop.add(1, BATCH)
    assert begun.wait(TIMEOUT)
    bench.workshop.add(2, BATCH)
    bench.workshop.add(3, BATCH.model_copy(update={"output": "next.tif"}))
    assert bench.workshop.busy == (1,)
    bench.workshop.cancel(2)
    bench.workshop.cancel(99)
    bench.workshop.cancel(1)
    assert bench.wait(1) == JobCancelled(id=1, finished=7)
    assert isinstance(bench.wait(2), JobCancelled)
    assert isinstance(bench.wait(3), JobDone)


def test_draft_that_fails_leaves_the_batch_around_it_alone(bench: Bench) -> None:
    begun, asked = threading.Event(), threading.Event()

    def does(request: Any, context: Any) -> Any:
        if request.kind == "draft":
            raise NotAMovie.about("draft.tif", "This is not a movie.")
        begun.set()
        assert asked.wait(TIMEOUT)
        context.check()
        return RESULT

    bench.does = does
    bench.workshop.add(1, BATCH)
    assert begun.wait(TIMEOUT)
    bench.workshop.add(2, draft())
    asked.set()
    failed = bench.wait(2)
    assert failed.error.code == "not-a-movie"
    assert failed.error.path == "draft.tif"
    assert isinstance(bench.wait(1), JobDone)


def test_batch_keeps_its_number_of_threads_over_a_draft(bench: Bench) -> None:
    begun, asked = threading.Event(), threading.Event()
    seen: list[int] = []

    def does(request: Any, context: Any) -> Any:
        if request.kind == "draft":
            torch.set_num_threads(2)
            return RESULT
        torch.set_num_threads(1)
        begun.set()
        assert asked.wait(TIMEOUT)
        context.check()
        seen.append(torch.get_num_threads())
        return RESULT

    bench.does = does
    bench.workshop.add(1, BATCH)
    assert begun.wait(TIMEOUT)
    bench.workshop.add(2, draft())
    asked.set()
    bench.wait(1)
    assert seen == [1]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "out-of-memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out-of-memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 99 bytes"), "out-of-memory"),
        (OSError(28, "No space left on device"), "disk-full"),
        (ZeroDivisionError("made up"), "internal"),
    ],
)
def test_every_failure_is_told_and_the_next_job_runs(
    bench: Bench, error: Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    def does(request: Any, context: Any) -> Any:
        if request.kind == "denoise":
            context.progress("denoising", 3, 9, None, None)
            raise error
        return TrainJobResult(output="t", steps=1, seconds=1)

    bench.does = does
    bench.workshop.add(1, BATCH)
    bench.workshop.add(2, TrainJobRequest(recipe="r", output="t"))
    failed = bench.wait(1)
    assert (failed.error.code, failed.finished) == (code, 3)
    assert failed.error.advice
    assert isinstance(bench.wait(2), JobDone)
    assert JobStarted(id=2) in bench.events
    assert ("Traceback" in caplog.text) == (code == "internal")


def test_device_that_failed_ends_the_process(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []

    def does(request: Any, context: Any) -> Any:
        if request.kind == "denoise":
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return RESULT

    class Ended(BaseException):
        pass

    def end(code: int) -> None:
        left.append(code)
        raise Ended

    monkeypatch.setattr(workshop_module, "leave", end)
    bench.does = does
    with pytest.raises(Ended):
        bench.workshop._do(Task(1, BATCH))
    assert left == [DEVICE_FAILED]


def context_of(scratch: Scratch | None) -> tuple[TaskContext, list[Any]]:
    said: list[Any] = []
    task = Task(5, BATCH.model_copy(update={"scratch": scratch}))
    return TaskContext(task, said.append, lambda: None), said


def test_frame_lands_in_the_ring_as_area_means_without_nan(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    path.write_bytes(bytes(2 * 400))
    context, said = context_of(Scratch(path=str(path), slot_bytes=400, slots=2))
    frame = np.arange(18 * 20, dtype=np.float32).reshape(18, 20)
    frame[0, 0] = np.nan
    for index in range(3):
        context.frame(index, 10 + index, frame + index)
    assert [e.slot for e in said] == [0, 1, 0]
    last = said[-1]
    assert isinstance(last, FrameLanded)
    assert (last.frame, last.source_frame, last.step, last.height, last.width) == (2, 12, 2, 9, 10)
    image = read_slot(path, 400, 0, 9, 10)
    assert np.isfinite(image).all()
    assert image[4, 4] == frame[8:10, 8:10].mean() + 2
    assert last.low < last.high


def test_scratch_that_is_gone_does_not_stop_the_run(tmp_path: Path) -> None:
    context, said = context_of(Scratch(path=str(tmp_path / "gone"), slot_bytes=400, slots=2))
    for index in range(3):
        context.frame(index, index, np.zeros((4, 4), np.float32))
    assert said == []


def test_without_scratch_no_frame_lands() -> None:
    context, said = context_of(None)
    context.frame(0, 0, np.zeros((4, 4), np.float32))
    assert said == []


def test_progress_is_told_a_few_times_a_second_but_always_at_the_ends() -> None:
    context, said = context_of(None)
    for done in range(1001):
        context.progress("denoising", done, 1000, None, None)
    context.progress("writing", 0, 1, None, None)
    told = [(e.stage, e.done) for e in said if isinstance(e, JobProgress)]
    assert told[0] == ("denoising", 0)
    assert ("denoising", 1000) in told
    assert told[-1] == ("writing", 0)
    assert len(told) < 20


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(4, 1 << 20))
def test_slot_is_filled_as_finely_as_it_can_be(height: int, width: int, slot_bytes: int) -> None:
    step = slot_step(height, width, Scratch(path="s", slot_bytes=slot_bytes, slots=1))

    def size(step: int) -> int:
        return -(-height // step) * -(-width // step) * 4

    assert size(step) <= slot_bytes
    assert step == 1 or size(step - 1) > slot_bytes
