"""The streaming pipeline: one thread reads, the caller's computes, one writes; bounded queues lie between them.

Nothing here holds a movie: read-ahead and write-behind are a few blocks each, by their size.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from core.denoising.cleaning import CleanFrame
from core.denoising.context import RunContext
from core.denoising.denoiser import Block, Denoiser, Frames, State
from core.denoising.errors import denoise_error
from core.denoising.memory import queue_length
from core.denoising.progress import Progress
from core.denoising.quality import FrameQuality, local_mean_error
from core.denoising.source import RequestMovie
from core.denoising.tiling import Grid, Window, cut, place
from core.protocol.denoise import Region

# A finished frame: its number, its pixels, its figures, and the checksums of its source.
_Made = tuple[int, Frames, FrameQuality, bytes]
_POLL_S = 0.05
_READER_GRACE_S = 0.5


@dataclass(frozen=True)
class Work:
    """Frames ``start:stop`` of the result, made from ``look_start:look_stop``, all of one segment."""

    start: int
    stop: int
    look_start: int
    look_stop: int


class Sink(Protocol):
    """Takes finished frames, in the file's units, from the writing thread."""

    def __call__(self, frame: int, array: Frames, quality: FrameQuality, source: bytes) -> None:
        """Write a frame and enter it into the list; `source` are the checksums of what it was made of."""


@dataclass(frozen=True)
class Job:
    """What a run computes.

    Attributes
    ----------
    region : Region
        The part of each frame that is wanted.
    grid : Grid
        How it is cut.
    pixel_variance : float or None
        Noise variance of a pixel in electrons squared where it isn't Poisson's (no gain known).
    """

    movie: RequestMovie
    denoiser: Denoiser
    state: State
    region: Region
    grid: Grid
    pixel_variance: float | None = None


@dataclass(frozen=True)
class _Loaded:
    work: Work
    block: Block
    counts: tuple[dict[str, int], ...]
    sources: tuple[bytes, ...]


def plan_work(
    segments: Sequence[tuple[int, int]], batch: int, before: int, after: int, done: Callable[[int], bool]
) -> list[Work]:
    """Cut a movie into blocks of `batch` frames; blocks whose frames are all done are left out.

    Blocks always begin at the same places, finished frames or not, so that a resumed run computes the same bits.
    """
    out = []
    for first, last in segments:
        for start in range(first, last, batch):
            stop = min(start + batch, last)
            if not all(done(frame) for frame in range(start, stop)):
                out.append(Work(start, stop, max(first, start - before), min(last, stop + after)))
    return out


def stream(job: Job, works: Sequence[Work], sink: Sink, context: RunContext, progress: Progress) -> None:
    """Denoise blocks, one after the other, overlapping reading, computing and writing.

    Raises
    ------
    Cancelled
        Within a tile of being asked; frames already handed to the writer are written.
    MemoryError
        A tile is too large for the device. Frames finished before are written.
    MovieError, OSError
        Reading or writing failed.
    """
    shown = job.grid.shown
    looked = max((work.look_stop - work.look_start for work in works), default=1)
    length = queue_length(4 * looked * (shown.y1 - shown.y0) * (shown.x1 - shown.x0))
    stop = threading.Event()
    reader = _Reader(job, works, length, stop)
    writer = _Writer(sink, length, stop)
    reader.start()
    writer.start()
    try:
        while (loaded := reader.next(context)) is not None:
            for array, quality, frame in _denoise(job, loaded, context, progress):
                context.frame(frame, job.movie.selection.starts[frame], array)
                writer.put((frame, array, quality, loaded.sources[frame - loaded.work.start]), context)
            progress.frames(loaded.work.stop - loaded.work.start)
            del loaded
        writer.finish(context)
    finally:
        stop.set()
        # The writer ends the frame it is at. The reader may hang in a dead network drive: it is left behind.
        writer.join()
        reader.join(_READER_GRACE_S)


def cleaned_from(frame: CleanFrame) -> dict[str, Any]:
    """What the cleaning found in a frame, by the names of `FrameQuality`."""
    return {"hot": frame.hot, "not_finite": frame.not_finite, "left": frame.left, "lines": frame.lines}


def denoise_block(
    job: Job, block: Block, check: Callable[[], None], tile_done: Callable[[float], None] | None = None
) -> Frames:
    """Denoise the wanted frames of a block tile by tile; returns electrons (T_out, h, w) of the wanted region.

    Raises
    ------
    DenoiseError
        Code ``not-finite``: the method made pixels that are no numbers of a frame that holds some.
    """
    region = job.region
    shape = (block.wanted[1] - block.wanted[0], region.y1 - region.y0, region.x1 - region.x0)
    result = np.empty(shape, dtype=np.float32)
    for number, window in enumerate(job.grid.windows):
        check()
        denoised = job.denoiser.apply(job.state, _part(block, window))
        place(result, denoised.electrons, window, region)
        if tile_done is not None:
            tile_done((number + 1) / len(job.grid.windows))
    _refuse_no_numbers(job, block, result)
    return result


def _refuse_no_numbers(job: Job, block: Block, result: Frames) -> None:
    """Weights can be numbers, every one, and make none: no figure of quality would tell."""
    for number, frame in enumerate(result):
        place_in_block = block.wanted[0] + number
        if not np.isnan(block.dose[place_in_block]) and not np.isfinite(frame).all():
            method, shown = job.denoiser.name, int(block.frames[place_in_block])
            raise denoise_error(
                "not-finite",
                f"{method} gave pixels that are no numbers, first in frame {shown} (counted from 0).",
                job.movie.meta.path,
                "Its weights are of no use here, or the gain or black level is far off: try another model (--model).",
            )


def _denoise(
    job: Job, loaded: _Loaded, context: RunContext, progress: Progress
) -> Iterator[tuple[Frames, FrameQuality, int]]:
    """Yield each frame of a block in the file's units, with its figures and its number."""
    block, work = loaded.block, loaded.work
    many = len(job.grid.windows) > 1
    frames = work.stop - work.start
    result = denoise_block(
        job, block, context.check, (lambda share: progress.tile(share * frames * 0.999)) if many else None
    )
    shown, region = job.grid.shown, job.region
    inner = np.s_[region.y0 - shown.y0 : region.y1 - shown.y0, region.x0 - shown.x0 : region.x1 - shown.x0]
    for number in range(frames):
        place_in_block = block.wanted[0] + number
        noisy = block.electrons[place_in_block][inner]
        mask = None if block.mask is None else block.mask[place_in_block][inner]
        worst, boxes = local_mean_error(noisy, result[number], mask, job.pixel_variance)
        quality = FrameQuality(worst, boxes, **loaded.counts[number])
        if np.isnan(block.dose[place_in_block]):
            # Not one pixel of the frame holds a number: nothing is known of it.
            result[number] = np.nan
        yield job.movie.line.stored(result[number]), quality, work.start + number


def _part(block: Block, window: Window) -> Block:
    return Block(
        electrons=np.asarray(cut(block.electrons, window, block.origin), dtype=np.float32),
        frames=block.frames,
        wanted=block.wanted,
        dose=np.nan_to_num(block.dose),
        gain=block.gain,
        times=block.times,
        mask=None if block.mask is None else np.asarray(cut(block.mask, window, block.origin), dtype=np.bool_),
        origin=(window.rows.start, window.columns.start),
    )


class _Reader(threading.Thread):
    """Reads, cleans and scales blocks ahead of the computation."""

    def __init__(self, job: Job, works: Sequence[Work], length: int, stop: threading.Event) -> None:
        super().__init__(name="denoise-reader", daemon=True)
        self._job = job
        self._works = works
        self._stopped = stop
        self._queue: queue.Queue[_Loaded | None] = queue.Queue(length)
        self._error: BaseException | None = None

    def next(self, context: RunContext) -> _Loaded | None:
        """Return the next block, or None after the last one; raises what went wrong in reading."""
        while True:
            context.check()
            try:
                loaded = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if loaded is None and isinstance(self._error, MemoryError):
                # Smaller tiles would not help: the frame itself doesn't fit.
                raise denoise_error(
                    "out-of-memory",
                    "There is not enough memory to read a frame.",
                    self._job.movie.meta.path,
                    "Close other programs.",
                ) from self._error
            if loaded is None and self._error is not None:
                raise self._error
            return loaded

    def run(self) -> None:
        try:
            self._read_all()
        except Exception as error:  # noqa: BLE001 - handed to the computing thread, which raises it
            self._error = error
        _put(self._queue, None, self._stopped)

    def _read_all(self) -> None:
        shown = self._job.grid.shown
        kept: dict[int, CleanFrame] = {}
        for work in self._works:
            kept = {frame: one for frame, one in kept.items() if frame >= work.look_start}
            for frame in range(work.look_start, work.look_stop):
                if self._stopped.is_set():
                    return
                if frame not in kept:
                    kept[frame] = _crop(self._job.movie.read(frame), shown)
            frames = [kept[frame] for frame in range(work.look_start, work.look_stop)]
            wanted = (work.start - work.look_start, work.stop - work.look_start)
            block = self._job.movie.assemble(frames, work.look_start, wanted, (shown.y0, shown.x0))
            counts = tuple(cleaned_from(frame) for frame in frames[wanted[0] : wanted[1]])
            sources = tuple(self._job.movie.take_checksum(frame) for frame in range(work.start, work.stop))
            del frames
            if work.look_stop - work.look_start == work.stop - work.start:
                kept.clear()
            if not _put(self._queue, _Loaded(work, block, counts, sources), self._stopped):
                return


class _Writer(threading.Thread):
    """Writes finished frames behind the computation."""

    def __init__(self, sink: Sink, length: int, stop: threading.Event) -> None:
        super().__init__(name="denoise-writer", daemon=True)
        self._sink = sink
        self._stopped = stop
        self._queue: queue.Queue[_Made | None] = queue.Queue(length)
        self._error: BaseException | None = None

    def put(self, item: _Made | None, context: RunContext) -> None:
        """Hand a frame over, waiting for room; raises what went wrong in writing."""
        while True:
            if self._error is not None:
                raise self._error
            try:
                self._queue.put(item, timeout=_POLL_S)
            except queue.Full:
                context.check()
                continue
            return

    def finish(self, context: RunContext) -> None:
        """Wait until everything is written."""
        self.put(None, context)
        while self.is_alive():
            self.join(_POLL_S)
        if self._error is not None:
            raise self._error

    def run(self) -> None:
        try:
            while True:
                try:
                    item = self._queue.get(timeout=_POLL_S)
                except queue.Empty:
                    # What has been computed is written before the thread ends, also after a cancel.
                    if self._stopped.is_set():
                        return
                    continue
                if item is None:
                    return
                self._sink(*item)
        except Exception as error:  # noqa: BLE001 - handed to the computing thread, which raises it
            self._error = error


def _put(into: queue.Queue[_Loaded | None], item: _Loaded | None, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            into.put(item, timeout=_POLL_S)
        except queue.Full:
            continue
        return True
    return False


def _crop(frame: CleanFrame, shown: Region) -> CleanFrame:
    height, width = frame.electrons.shape
    if (shown.y1 - shown.y0, shown.x1 - shown.x0) == (height, width):
        return frame
    part = np.s_[shown.y0 : shown.y1, shown.x0 : shown.x1]
    mask = None if frame.mask is None else frame.mask[part].copy()
    return replace(frame, electrons=frame.electrons[part].copy(), mask=mask)
