"""Stand-ins for reader and engine, in the test's own process: they answer from `specimen` at the next turn of the event
loop, and only as far as the test lets them. The real clients with fake children are tested beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

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
    Region,
    Scratch,
)
from core.protocol.engine import (
    DeviceInfo,
    EngineReady,
    FrameLanded,
    JobCancelled,
    JobDone,
    JobFailed,
    JobProgress,
    JobStarted,
    ModelsListed,
)
from core.protocol.export import ExportRequest, ExportResult
from core.protocol.model_card import ModelCard, TrainingRecord
from core.protocol.movie import DatasetInfo, Issue, MovieMeta
from core.protocol.reader import (
    Described,
    Find,
    HolderLogJoined,
    LogColumn,
    Pixels,
    ReaderFailed,
    Surveyed,
    TagRow,
    Tags,
)
from tests.qt import specimen

PLAN = Plan(
    device="cpu",
    device_name="CPU, 2 threads",
    dtype="float32",
    tile_height=512,
    tile_width=512,
    halo=48,
    batch=1,
    threads=2,
    model="general",
    model_version="1.0",
    weights_sha256="0" * 64,
    scale=IntensityScale(gain=20, source="estimated"),
)


def card(name: str, title: str, caveats: tuple[str, ...] = ()) -> ModelCard:
    return ModelCard(
        name=name,
        version="1.0",
        title=title,
        architecture="unet",
        config={},
        modality=("HRTEM", "STEM"),
        dose_range_e_px=(0.1, 200),
        training=TrainingRecord(recipe="r", data="d", device="cpu", duration_s=1, steps=1, seed=0),
        licence="BSD-3-Clause",
        author="Quietbeam",
        weights_sha256="0" * 64,
        created="2026-01-01",
        caveats=caveats,
    )


CARDS = (
    card("general", "General HRTEM / STEM", ("Single frames below 0.1 electrons a pixel show little but noise.",)),
    card("unet-128", "UNet, 128 px field", ("Trained on simulated HRTEM alone.",)),
)


def meta(path: str, **changes: Any) -> MovieMeta:
    values: dict[str, Any] = {
        "path": path,
        "format": "DM4",
        "frames": specimen.FRAMES,
        "height": specimen.HEIGHT,
        "width": specimen.WIDTH,
        "dtype": "uint16",
        "pixel_size": (specimen.PIXEL_NM, specimen.PIXEL_NM),
        "pixel_unit": "nm",
        "frame_interval_s": 0.04,
        "declared_frames": specimen.FRAMES,
        "fingerprint": path,
    }
    return MovieMeta(**(values | changes))


def area_mean(frame: np.ndarray, step: int) -> np.ndarray:
    height, width = frame.shape[0] // step, frame.shape[1] // step
    cut = frame[: height * step, : width * step]
    return cut.reshape(height, step, width, step).mean((1, 3)).astype(np.float32)


def write_slot(scratch: Scratch, slot: int, pixels: np.ndarray) -> None:
    with Path(scratch.path).open("r+b") as file:
        file.seek(slot * scratch.slot_bytes)
        file.write(np.ascontiguousarray(pixels, dtype="<f4").tobytes())


TAGS = (
    TagRow(name="DocumentTags.ImageList.1.ImageTags.Microscope Info.Voltage", value="300000.0"),
    TagRow(name="DocumentTags.ImageList.1.ImageTags.Microscope Info.Indicated Magnification", value="500000.0"),
    TagRow(name="DocumentTags.ImageList.1.ImageTags.Acquisition.Device.Name", value="K3"),
    TagRow(name="DocumentTags.ImageList.1.ImageTags.Acquisition.Parameters.Exposure (s)", value="0.04"),
    TagRow(name="DocumentTags.ImageList.1.ImageTags.In-situ.Recorded.# Frames", value="240"),
    TagRow(name="DocumentTags.ImageList.1.UniqueID", value="(1274, 55, 90012, 7)"),
    TagRow(name="DocumentTags.Thumbnails.0.ImageIndex", value="0"),
)


class StandInReader(QObject):
    """Names decide: ``broken`` is refused, ``truncated`` lacks frames, ``denoised`` holds a result."""

    answered = Signal(object)
    crashed = Signal(str, str)
    restarted = Signal()
    gone: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.forgotten: list[str] = []
        self.metas: dict[str, MovieMeta] = {}
        self.datasets: dict[str, tuple[DatasetInfo, ...]] = {}
        self.readable: set[str] = set()
        self.surveys: dict[tuple[str, ...], Surveyed] = {}
        self.hold = False
        self.held: list[Any] = []
        self.running = False

    def start(self) -> None:
        self.running = True

    def shutdown(self) -> None:
        self.running = False

    def forget(self, path: str) -> None:
        self.forgotten.append(path)

    def release(self) -> None:
        self.hold = False
        held, self.held = self.held, []
        for event in held:
            self.answered.emit(event)

    def _answer(self, event: Any) -> None:
        if self.hold:
            self.held.append(event)
        else:
            QTimer.singleShot(0, self, lambda: self.answered.emit(event))

    def _note(self, kind: str, values: dict[str, Any]) -> int:
        self.count += 1
        self.asked.append((kind, values))
        return self.count

    def describe(self, *, path: str, dataset: str | None) -> int:
        number = self._note("describe", {"path": path, "dataset": dataset})
        name = Path(path).name
        if path in self.gone:
            error = ErrorInfo(code="not-found", what="This file is not there.", path=path, advice="Look for it.")
            self._answer(ReaderFailed(id=number, error=error))
            return number
        if "broken" in name and not (path in self.readable and (dataset or "").startswith("raw:")):
            error = ErrorInfo(
                code="not-a-movie",
                what="This is not a movie: it begins like a text file.",
                path=path,
                advice="Export it again from the microscope's program.",
            )
            self._answer(ReaderFailed(id=number, error=error))
            return number
        found = self.metas.get(path)
        if found is None:
            found = meta(path)
            if "truncated" in name:
                issue = Issue(level="warning", code="truncated", text="truncated: 100 of 240 frames")
                found = meta(path, frames=100, issues=(issue,))
            if "uncalibrated" in name:
                found = meta(path, pixel_size=None, pixel_unit=None, frame_interval_s=None, format="TIFF")
        if dataset is not None:
            found = found.model_copy(update={"dataset": dataset})
        info = DatasetInfo(key=found.dataset, title="movie", shape=found.shape, dtype=found.dtype)
        self._answer(Described(id=number, meta=found, datasets=self.datasets.get(path, (info,))))
        return number

    def survey(self, paths: Any) -> int:
        paths = tuple(paths)
        number = self._note("survey", {"paths": paths})
        answer = self.surveys.get(paths)
        if answer is None:
            answer = Surveyed(id=0, finds=tuple(Find(path=path, files=1, file_bytes=1 << 20) for path in paths))
        self._answer(answer.model_copy(update={"id": number}))
        return number

    def tags(self, path: str, dataset: str | None, *, search: str, most: int) -> int:
        number = self._note("tags", {"path": path, "search": search})
        rows = [row for row in TAGS if search.lower() in f"{row.name} {row.value}".lower()]
        self._answer(Tags(id=number, rows=tuple(rows[:most]), total=len(rows)))
        return number

    def holder_log(self, path: str, dataset: str | None, *, log: str, offset_s: float, entered: Any) -> int:
        number = self._note("holder_log", {"path": path, "log": log, "offset_s": offset_s, "entered": entered})
        if "broken" in log:
            what, advice = "No table of times and numbers was found in this log.", "Export it as CSV."
            error = ErrorInfo(code="malformed", what=what, path=log, advice=advice)
            self._answer(ReaderFailed(id=number, error=error))
            return number
        frames = range(specimen.FRAMES)
        heat = tuple(25 + 575 / (1 + np.exp((90 - frame) / 12)) + 2 * np.sin(frame) for frame in frames)
        gas = tuple(None if 140 <= frame < 170 else 12.5 + 0.01 * frame for frame in frames)
        columns = (
            LogColumn(name="Temperature", unit="°C", values=heat),
            LogColumn(name="Pressure", unit="mbar", values=gas),
        )
        said = "Joined by date and time: 240 of 240 frames have a value."
        self._answer(HolderLogJoined(id=number, columns=columns, frames_covered=240, said=said))
        return number

    def _frame(self, path: str, frame: int) -> np.ndarray:
        height, width = self.metas[path].shape[1:] if path in self.metas else (specimen.HEIGHT, specimen.WIDTH)
        if path.endswith("_defects.tif"):
            return specimen.mask(height, width)
        make = specimen.denoised if "denoised" in Path(path).name else specimen.raw
        return make(frame, height, width)

    def thumbnail(self, *, path: str, dataset: str | None, size: int, scratch: Scratch, slot: int) -> int:
        number = self._note("thumbnail", {"path": path})
        frame = self._frame(path, 5)
        self._pixels(
            number,
            frame,
            Region(y0=0, y1=frame.shape[0], x0=0, x1=frame.shape[1]),
            -(-max(frame.shape) // size),
            5,
            scratch,
            slot,
        )
        return number

    def view(
        self,
        *,
        path: str,
        dataset: str | None,
        frame: int,
        region: Region | None,
        step: int,
        mean_frames: int,
        scratch: Scratch,
        slot: int,
    ) -> int:
        number = self._note("view", {"path": path, "frame": frame, "region": region, "step": step})
        picture = self._frame(path, frame)
        region = region or Region(y0=0, y1=picture.shape[0], x0=0, x1=picture.shape[1])
        self._pixels(number, picture, region, step, frame, scratch, slot)
        return number

    def _pixels(
        self, number: int, picture: np.ndarray, region: Region, step: int, frame: int, scratch: Scratch, slot: int
    ) -> None:
        shown = area_mean(picture[region.y0 : region.y1, region.x0 : region.x1], step)
        write_slot(scratch, slot, shown)
        low, high = np.percentile(shown, (0.35, 99.65))
        self._answer(
            Pixels(
                id=number,
                slot=slot,
                height=shown.shape[0],
                width=shown.shape[1],
                region=region,
                step=step,
                frame=frame,
                low=float(low),
                high=float(high),
            )
        )


class StandInEngine(QObject):
    """Does what the test says: `land`, `finish`, `fail`, `crash`; estimates and drafts are answered by themselves."""

    ready = Signal(object)
    event_received = Signal(object)
    silent = Signal()
    crashed = Signal(str)
    restarted = Signal()
    gave_up = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.jobs: dict[int, Any] = {}
        self.cancelled: list[int] = []
        self.stopped = 0
        self.estimate_error: ErrorInfo | None = None
        self.seconds = 184.0
        self.answer_cancel = True
        self.hold_drafts = False
        self.cards = CARDS
        self.own: tuple[tuple[str, str], ...] = ()
        self.running = False

    def start(self) -> None:
        self.running = True
        device = DeviceInfo(kind="cpu", name="CPU, 2 threads", memory_bytes=8 << 30)
        QTimer.singleShot(0, self, lambda: self.ready.emit(EngineReady(pid=1, version="0.1.0", devices=(device,))))

    def shutdown(self) -> None:
        self.running = False

    def _say(self, event: Any) -> None:
        QTimer.singleShot(0, self, lambda: self.event_received.emit(event))

    def list_models(self) -> int:
        self.count += 1
        default = "general" if self.cards else None
        self._say(ModelsListed(id=self.count, models=self.cards, default=default, own=self.own))
        return self.count

    def send_job(self, job: Any) -> int:
        self.count += 1
        number = self.count
        self.jobs[number] = job
        if isinstance(job, EstimateRequest):
            self._estimate(number, job.request)
        elif isinstance(job, DraftRequest) and not self.hold_drafts:
            self._draft(number, job)
        return number

    def cancel(self, identity: int) -> None:
        self.cancelled.append(identity)
        if self.answer_cancel and isinstance(self.jobs.get(identity), DenoiseRequest | ExportRequest | DetectorRequest):
            self._say(JobCancelled(id=identity, finished=0))

    def stop_now(self) -> None:
        self.stopped += 1

    def _estimate(self, number: int, request: DenoiseRequest) -> None:
        if self.estimate_error is not None:
            self._say(JobFailed(id=number, error=self.estimate_error))
            return
        result = EstimateResult(
            seconds=self.seconds,
            output_bytes=251_658_240,
            free_bytes=80 << 30,
            output=request.output,
            device="cpu",
            device_name="CPU, 2 threads",
        )
        self._say(JobDone(id=number, result=result))

    def _draft(self, number: int, job: DraftRequest) -> None:
        region = job.region
        assert region is not None
        pixels = specimen.denoised(job.frame)[region.y0 : region.y1, region.x0 : region.x1]
        write_slot(job.scratch, 0, pixels)
        low, high = np.percentile(pixels, (0.35, 99.65))
        result = DraftResult(
            frame=job.frame,
            region=region,
            height=pixels.shape[0],
            width=pixels.shape[1],
            seconds=0.4,
            low=float(low),
            high=float(high),
        )
        self._say(JobDone(id=number, result=result))

    def denoise_job(self) -> tuple[int, DenoiseRequest]:
        """The newest denoise job."""
        return next((n, j) for n, j in reversed(self.jobs.items()) if isinstance(j, DenoiseRequest))

    def begin(self, total: int = specimen.FRAMES) -> None:
        number, _ = self.denoise_job()
        self.event_received.emit(JobStarted(id=number, plan=PLAN, total=total))

    def land(self, frame: int, total: int = specimen.FRAMES) -> None:
        number, job = self.denoise_job()
        assert job.scratch is not None
        source = job.frames.start + frame * job.sum_frames
        pixels = specimen.denoised(source)
        slot = frame % job.scratch.slots
        write_slot(job.scratch, slot, pixels)
        low, high = np.percentile(pixels, (0.35, 99.65))
        self.event_received.emit(
            FrameLanded(
                id=number,
                frame=frame,
                source_frame=source,
                slot=slot,
                height=pixels.shape[0],
                width=pixels.shape[1],
                step=1,
                low=float(low),
                high=float(high),
            )
        )
        left = (total - frame - 1) * 0.8
        self.event_received.emit(
            JobProgress(id=number, stage="Denoising", done=frame + 1, total=total, eta_s=left, rate=1.25)
        )

    def finish(self, worst: float = 2.1) -> None:
        number, job = self.denoise_job()
        quality = Quality(
            worst_local_mean=worst,
            worst_local_mean_frame=112,
            boxes=15_360,
            caveats=("Counts are estimated from the noise: the file does not tell its gain.",),
        )
        result = DenoiseResult(
            output=job.output,
            frames=specimen.FRAMES,
            height=specimen.HEIGHT,
            width=specimen.WIDTH,
            seconds=187,
            megapixels_per_s=0.34,
            plan=PLAN,
            quality=quality,
        )
        self.event_received.emit(JobDone(id=number, result=result))

    def side_job(self) -> tuple[int, ExportRequest | DetectorRequest]:
        """The newest job beside the runs."""
        found = ((n, j) for n, j in reversed(self.jobs.items()) if isinstance(j, ExportRequest | DetectorRequest))
        return next(found)

    def progress_side(self, stage: str, done: int, total: int, eta_s: float | None = None) -> None:
        number, _ = self.side_job()
        self.event_received.emit(JobProgress(id=number, stage=stage, done=done, total=total, eta_s=eta_s))

    def finish_export(self, notices: tuple[Notice, ...] = ()) -> None:
        number, job = self.side_job()
        assert isinstance(job, ExportRequest)
        result = ExportResult(
            output=job.output,
            format="mp4",
            frames=240,
            height=512,
            width=1024,
            file_bytes=12_400_000,
            seconds=14.0,
            notices=notices,
        )
        self.event_received.emit(JobDone(id=number, result=result))

    def finish_detector(self, written: bool = True) -> None:
        number, job = self.side_job()
        assert isinstance(job, DetectorRequest)
        result = DetectorResult(
            frames=200,
            dead=14,
            hot=22,
            unstable=3,
            hits=188,
            hits_per_frame=0.94,
            pattern_rms=1.83,
            pattern_share=0.12,
            mask=f"{job.output}/{Path(job.source).stem}_defects.tif" if written else None,
            pattern=f"{job.output}/{Path(job.source).stem}_pattern.tif" if written else None,
            table=f"{job.output}/{Path(job.source).stem}_defects.csv" if written else None,
        )
        self.event_received.emit(JobDone(id=number, result=result))

    def fail_side(self, error: ErrorInfo) -> None:
        number, _ = self.side_job()
        self.event_received.emit(JobFailed(id=number, error=error))

    def fail(self, error: ErrorInfo, finished: int = 0) -> None:
        number, _ = self.denoise_job()
        self.event_received.emit(JobFailed(id=number, error=error, finished=finished))

    def crash(self) -> None:
        self.crashed.emit("Segmentation fault")

    def come_back(self) -> None:
        self.restarted.emit()
        self.start()
