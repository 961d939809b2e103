"""An engine that computes nothing: python fake_engine.py --mode ok|slow|hang|crash|oom|garbage|no-start.

A denoise job lands a clean lattice frame by frame, ``--delay`` s each; the mode acts at frame ``--at`` of it
(``--on draft`` or ``--on side`` lets it act on drafts, or on exports and the detector, instead). ``--once FILE`` lets
it act only as long as FILE does not exist, which it makes: the restarted engine then does well. Finished frames are
remembered beside the output for ``resume``.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import time
from pathlib import Path

from speech import Voice, acts_now, area_mean, lattice, whole, write_slot

from core.protocol.base import ErrorInfo
from core.protocol.clean_up import DetectorRequest, DetectorResult
from core.protocol.denoise import (
    DenoiseRequest,
    DenoiseResult,
    DraftRequest,
    DraftResult,
    EstimateRequest,
    EstimateResult,
    IntensityScale,
    Notice,
    Plan,
    Quality,
    TrainJobRequest,
    TrainJobResult,
)
from core.protocol.engine import (
    CancelJob,
    DeviceInfo,
    EngineReady,
    FrameLanded,
    JobCancelled,
    JobDone,
    JobFailed,
    JobNotice,
    JobProgress,
    JobStarted,
    ListModels,
    ModelsListed,
    Quit,
    StartJob,
    engine_request,
)
from core.protocol.export import ExportRequest, ExportResult
from core.protocol.model_card import ModelCard, TrainingRecord


def card(name: str, title: str) -> ModelCard:
    return ModelCard(
        name=name,
        version="1.0",
        title=title,
        architecture="made-up",
        config={},
        modality=("HRTEM", "STEM"),
        dose_range_e_px=(0.5, 50.0),
        training=TrainingRecord(recipe="none", data="none", device="cpu", duration_s=1, steps=1, seed=0),
        scores={"psnr_db": 39.1},
        licence="BSD-3-Clause",
        author="nobody",
        weights_sha256="0" * 64,
        created="2026-01-01",
        caveats=("It is made up.",),
    )


CARDS = (card("general", "General, low dose"), card("made-up", "Made up"))
PLAN = Plan(
    device="cpu",
    device_name="A made-up CPU",
    dtype="float32",
    tile_height=512,
    tile_width=512,
    halo=32,
    batch=1,
    threads=1,
    model="general",
    model_version="1.0",
    weights_sha256="0" * 64,
    scale=IntensityScale(gain=1.0, source="estimated"),
)


class FakeEngine:
    def __init__(self, options: argparse.Namespace, voice: Voice) -> None:
        self.options, self.voice = options, voice
        self.jobs: queue.Queue[StartJob] = queue.Queue()
        self.cancelled: set[int] = set()
        self.newest_draft = 0

    def work(self) -> None:
        while True:
            start = self.jobs.get()
            self.voice.busy = (start.id,)
            self.run(start.id, start.job)
            self.voice.busy = ()

    def run(self, number: int, job: object) -> None:
        if number in self.cancelled:
            self.voice.say(JobCancelled(id=number))
        elif isinstance(job, DenoiseRequest):
            self.denoise(number, job)
        elif isinstance(job, DraftRequest):
            self.draft(number, job)
        elif isinstance(job, EstimateRequest):
            frames = self.total(job.request)
            size = whole(job.request.region)
            result = EstimateResult(
                seconds=frames * max(self.options.delay, 0.001),
                output_bytes=frames * (size.y1 - size.y0) * (size.x1 - size.x0) * 4,
                free_bytes=1 << 36,
                output=job.request.output,
                device="cpu",
                device_name="A made-up CPU",
            )
            self.voice.say(JobDone(id=number, result=result))
        elif isinstance(job, ExportRequest | DetectorRequest):
            self.side(number, job)
        elif isinstance(job, TrainJobRequest):
            self.voice.say(JobDone(id=number, result=TrainJobResult(output=job.output, steps=1, seconds=1.0)))

    def total(self, job: DenoiseRequest) -> int:
        stop = min(job.frames.stop or self.options.frames, self.options.frames)
        return max(1, (stop - job.frames.start) // job.sum_frames)

    def act(self, number: int, finished: int) -> bool:
        """Do what the mode says; returns whether the job has ended by it."""
        mode = self.options.mode
        if mode in ("ok", "slow") or not acts_now(self.options.once):
            return False
        if mode == "hang":
            self.voice.hang()
        elif mode == "crash":
            sys.stderr.write("Fatal Python error: Segmentation fault\n")
            sys.stderr.flush()
            os._exit(139)
        elif mode == "garbage":
            self.voice.say_raw(b"\x00\xff not json\n" * 30 + b'{"type": "unknown"}\n')
            self.voice.hang()
        elif mode == "oom":
            text = "The device ran out of memory with one tile of 64 px."
            error = ErrorInfo(code="out-of-memory", what=text, advice="Choose the CPU.")
            self.voice.say(JobFailed(id=number, error=error, finished=finished))
            return True
        return False

    def denoise(self, number: int, job: DenoiseRequest) -> None:
        total = self.total(job)
        done_file = Path(job.output + ".fake-frames")
        first = int(done_file.read_text(encoding="utf-8")) if job.resume and done_file.exists() else 0
        self.voice.say(JobStarted(id=number, plan=PLAN, total=total))
        self.voice.say(
            JobNotice(id=number, notice=Notice(level="info", code="gain-estimated", text="The gain was estimated."))
        )
        for frame in range(first, total):
            if self.options.on == "denoise" and frame == self.options.at and self.act(number, frame):
                return
            end = time.monotonic() + self.options.delay
            while time.monotonic() < end and number not in self.cancelled:
                time.sleep(0.002)
            if number in self.cancelled:
                self.voice.say(JobCancelled(id=number, finished=frame))
                return
            self.land(number, job, frame)
            done_file.write_text(str(frame + 1), encoding="utf-8")
            left = (total - frame - 1) * self.options.delay
            self.voice.say(
                JobProgress(id=number, stage="Denoising", done=frame + 1, total=total, eta_s=left, rate=10.0)
            )
        done_file.unlink(missing_ok=True)
        Path(job.output).write_bytes(b"what a fake engine made")
        size = whole(job.region)
        result = DenoiseResult(
            output=job.output,
            frames=total,
            height=size.y1 - size.y0,
            width=size.x1 - size.x0,
            seconds=total * self.options.delay,
            megapixels_per_s=1.0,
            resumed_frames=first,
            plan=PLAN,
            quality=Quality(worst_local_mean=2.1, worst_local_mean_frame=0, boxes=64, caveats=("It is made up.",)),
        )
        self.voice.say(JobDone(id=number, result=result))

    def side(self, number: int, job: ExportRequest | DetectorRequest) -> None:
        """An export or a look for defects: ten steps; the mode acts at step ``--at`` if it is told to act on it."""
        self.voice.say(JobStarted(id=number, total=10))
        for step in range(10):
            if self.options.on == "side" and step == self.options.at and self.act(number, step):
                return
            end = time.monotonic() + self.options.delay
            while time.monotonic() < end and number not in self.cancelled:
                time.sleep(0.002)
            if number in self.cancelled:
                self.voice.say(JobCancelled(id=number))
                return
            self.voice.say(JobProgress(id=number, stage="Working", done=step + 1, total=10))
        if isinstance(job, ExportRequest):
            Path(job.output).write_bytes(b"what a fake engine exported")
            made = ExportResult(
                output=job.output, format="made up", frames=10, height=8, width=8, file_bytes=27, seconds=1.0
            )
            self.voice.say(JobDone(id=number, result=made))
            return
        found = DetectorResult(frames=10, dead=1, hot=2, unstable=0, hits=5, hits_per_frame=0.5)
        self.voice.say(JobDone(id=number, result=found))

    def land(self, number: int, job: DenoiseRequest, frame: int) -> None:
        if job.scratch is None:
            return
        source = job.frames.start + frame * job.sum_frames
        image = lattice(source, job.region)
        step = 1
        while image.size * 4 / step**2 > job.scratch.slot_bytes:
            step += 1
        shown = area_mean(image, step)
        slot = frame % job.scratch.slots
        write_slot(job.scratch.path, job.scratch.slot_bytes, slot, shown)
        self.voice.say(
            FrameLanded(
                id=number,
                frame=frame,
                source_frame=source,
                slot=slot,
                height=shown.shape[0],
                width=shown.shape[1],
                step=step,
                low=float(shown.min()),
                high=float(shown.max()),
            )
        )

    def draft(self, number: int, job: DraftRequest) -> None:
        if self.options.on == "draft" and self.act(number, 0):
            return
        if number < self.newest_draft:
            self.voice.say(JobCancelled(id=number))
            return
        time.sleep(self.options.delay)
        place = whole(job.region)
        image = lattice(job.frame, place)
        write_slot(job.scratch.path, job.scratch.slot_bytes, 0, image)
        result = DraftResult(
            frame=job.frame,
            region=place,
            height=image.shape[0],
            width=image.shape[1],
            seconds=self.options.delay,
            low=float(image.min()),
            high=float(image.max()),
        )
        self.voice.say(JobDone(id=number, result=result))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="ok")
    parser.add_argument("--delay", type=float, default=None)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--at", type=int, default=3)
    parser.add_argument("--on", default="denoise", choices=("denoise", "draft", "side"))
    parser.add_argument("--once", default="")
    parser.add_argument("--heartbeat", type=float, default=0.2)
    options = parser.parse_args()
    if options.delay is None:
        options.delay = float(os.environ.get("FAKE_ENGINE_DELAY_S", 0.5 if options.mode == "slow" else 0.0))
    if options.mode == "no-start" and acts_now(options.once):
        sys.exit("the fake engine does not start")
    voice = Voice()
    voice.beat(options.heartbeat)
    device = DeviceInfo(kind="cpu", name="A made-up CPU", memory_bytes=8 << 30)
    voice.say(EngineReady(pid=os.getpid(), version="0.0", devices=(device,)))
    engine = FakeEngine(options, voice)
    threading.Thread(target=engine.work, daemon=True).start()
    for line in sys.stdin.buffer:
        request = engine_request.validate_json(line)
        if isinstance(request, StartJob):
            if isinstance(request.job, DraftRequest):
                engine.newest_draft = request.id
            engine.jobs.put(request)
        elif isinstance(request, CancelJob):
            engine.cancelled.add(request.id)
        elif isinstance(request, ListModels):
            voice.say(ModelsListed(id=request.id, models=CARDS, default="general"))
        elif isinstance(request, Quit) and not voice.mute:
            os._exit(0)
    if voice.mute:
        voice.hang()
    os._exit(0)


if __name__ == "__main__":
    main()
