"""The real engine in its own process: started, asked, cancelled, killed, left alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import save
from torch import nn

from core.models.store import user_folder
from core.networks.registry import build
from core.protocol.denoise import DenoiseRequest, DraftRequest, Region, Scratch
from core.protocol.engine import (
    CancelJob,
    EngineReady,
    FrameLanded,
    JobCancelled,
    JobDone,
    JobFailed,
    JobProgress,
    ListModels,
    ModelsListed,
    Quit,
    StartJob,
    engine_event,
)
from core.protocol.models import ExportModelRequest, InstallModelRequest, RemoveModelRequest
from core.views import read_slot
from tests.unit.models.test_store import CARD

FRAMES, SIZE = 16, 96
TIMEOUT = 60.0
# A cancel is answered within a second on a machine of one's own; this one may be shared.
CANCEL_S = 4.0


class Engine:
    """An engine process, and everything it said."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "app", "--engine"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.events: list[Any] = []
        self._said = threading.Condition()
        self._number = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = engine_event.validate_json(line)
            with self._said:
                self.events.append(event)
                self._said.notify_all()

    def say(self, request: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(request.model_dump_json().encode() + b"\n")
        self.process.stdin.flush()

    def start(self, job: Any) -> int:
        self._number += 1
        self.say(StartJob(id=self._number, job=job))
        return self._number

    def wait(self, test: Callable[[Any], bool]) -> Any:
        def found() -> Any:
            return next((event for event in self.events if test(event)), None)

        with self._said:
            assert self._said.wait_for(found, TIMEOUT), f"not said; last: {self.events[-3:]}"
            return found()

    def end(self, number: int) -> Any:
        ends = (JobDone, JobFailed, JobCancelled)
        return self.wait(lambda e: isinstance(e, ends) and e.id == number)

    def landed(self, number: int, count: int) -> None:
        self.wait(lambda e: isinstance(e, JobProgress) and e.id == number and e.done >= count)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture(scope="module")
def model() -> str:
    """A network of random weights, slow enough to be interrupted."""
    torch.manual_seed(0)
    network: nn.Module = build("dncnn", {})
    data = save({k: v.contiguous() for k, v in network.state_dict().items()})
    folder = user_folder() / "test-network"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.safetensors").write_bytes(data)
    changes = {"name": "test-network", "architecture": "dncnn", "weights_sha256": hashlib.sha256(data).hexdigest()}
    (folder / "card.json").write_text(json.dumps({**CARD, **changes}), encoding="utf-8")
    return "test-network"


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("movie") / "ä movie.tif"
    frames = np.random.default_rng(1).poisson(5.0, (FRAMES, SIZE, SIZE)).astype(np.uint8)
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX"})
    return path


@pytest.fixture(scope="module")
def engine(model: str) -> Iterator[Engine]:
    made = Engine()
    made.wait(lambda e: isinstance(e, EngineReady))
    yield made
    made.close()


def scratch(folder: Path, side: int, slots: int) -> Scratch:
    path = folder / f"scratch-{side}"
    path.write_bytes(bytes(side * side * 4 * slots))
    return Scratch(path=str(path), slot_bytes=side * side * 4, slots=slots)


@pytest.fixture
def request_for(movie: Path, model: str) -> Callable[..., DenoiseRequest]:
    def make(output: Path, **changes: Any) -> DenoiseRequest:
        return DenoiseRequest(source=str(movie), output=str(output), model=model, device="cpu", **changes)

    return make


def test_models_are_listed(engine: Engine, model: str) -> None:
    engine.say(ListModels(id=901))
    listed = engine.wait(lambda e: isinstance(e, ModelsListed) and e.id == 901)
    assert model in {card.name for card in listed.models}
    assert listed.problems == ()
    assert listed.own == ((model, CARD["version"]),)


def test_model_is_exported_removed_and_installed_again(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "other.qbmodel"
    folder = user_folder() / "other"
    shutil.copytree(user_folder() / "test-network", folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    (folder / "card.json").write_text(json.dumps({**card, "name": "other"}), encoding="utf-8")
    exported = engine.end(engine.start(ExportModelRequest(name="other", output=str(file))))
    assert exported.result.size_bytes == file.stat().st_size
    assert engine.end(engine.start(RemoveModelRequest(name="other"))).result.card.name == "other"
    assert not folder.exists()
    assert not engine.end(engine.start(InstallModelRequest(source=str(file)))).result.already
    refused = engine.end(engine.start(InstallModelRequest(source=str(tmp_path / "none.qbmodel"))))
    assert refused.error.code == "not-found"
    assert isinstance(engine.end(engine.start(RemoveModelRequest(name="other"))), JobDone)


def test_line_that_is_no_request_is_answered_and_the_engine_goes_on(engine: Engine) -> None:
    assert engine.process.stdin is not None
    engine.process.stdin.write(b'\xff\n\n{"type":"start","id":902,"job":{"kind":"dance"}}\n')
    engine.process.stdin.flush()
    assert engine.end(902).error.code == "bad-request"


def test_file_that_is_missing_is_a_failed_job(engine: Engine, request_for: Any, tmp_path: Path) -> None:
    job = request_for(tmp_path / "b.tif").model_copy(update={"source": str(tmp_path / "nothing.tif")})
    assert engine.end(engine.start(job)).error.code == "not-found"


def test_draft_is_answered_in_the_middle_of_a_batch_and_cancel_keeps_its_frames(
    engine: Engine, request_for: Any, movie: Path, model: str, tmp_path: Path
) -> None:
    output = tmp_path / "b.tif"
    batch = engine.start(request_for(output, scratch=scratch(tmp_path, 64, 4)))
    engine.landed(batch, 1)
    region = Region(y0=10, y1=60, x0=20, x1=90)
    asked = DraftRequest(
        source=str(movie), frame=3, region=region, model=model, device="cpu", scratch=scratch(tmp_path, 128, 1)
    )
    draft = engine.end(engine.start(asked))
    assert isinstance(draft, JobDone)
    image = read_slot(asked.scratch.path, asked.scratch.slot_bytes, 0, 50, 70)
    assert image.std() > 0
    assert not any(isinstance(e, JobDone) and e.id == batch for e in engine.events)
    landed = [e for e in engine.events if isinstance(e, FrameLanded) and e.id == batch]
    assert landed[0].step == 2
    start = time.monotonic()
    engine.say(CancelJob(id=batch))
    cancelled = engine.end(batch)
    assert time.monotonic() - start < CANCEL_S
    assert isinstance(cancelled, JobCancelled)
    assert cancelled.finished >= 1
    assert not output.exists()
    done = engine.end(engine.start(request_for(output)))
    assert done.result.resumed_frames >= cancelled.finished
    assert tifffile.imread(output).shape == (FRAMES, SIZE, SIZE)


def test_killed_engine_loses_no_finished_frame_and_the_run_goes_on_to_the_same_bits(
    engine: Engine, request_for: Any, tmp_path: Path
) -> None:
    whole, output = tmp_path / "whole.tif", tmp_path / "killed.tif"
    assert isinstance(engine.end(engine.start(request_for(whole))), JobDone)
    killed = Engine()
    number = killed.start(request_for(output))
    killed.landed(number, 5)
    finished = max(e.done for e in killed.events if isinstance(e, JobProgress))
    killed.close()
    assert not output.exists()
    result = engine.end(engine.start(request_for(output))).result
    # The very last frame may have been on its way to the disk.
    assert result.resumed_frames >= finished - 1
    assert result.resumed_frames < FRAMES
    np.testing.assert_array_equal(tifffile.imread(output), tifffile.imread(whole))


def test_engine_leaves_when_stdin_closes_in_the_middle_of_a_batch(request_for: Any, tmp_path: Path) -> None:
    alone = Engine()
    number = alone.start(request_for(tmp_path / "b.tif"))
    alone.landed(number, 1)
    assert alone.process.stdin is not None
    alone.process.stdin.close()
    assert alone.process.wait(TIMEOUT) == 0
    alone.close()


def test_engine_leaves_when_told_to(engine: Engine) -> None:
    """The last test of this file: the shared engine is gone after it."""
    engine.say(Quit())
    assert engine.process.wait(TIMEOUT) == 0
