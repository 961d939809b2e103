"""A reader that reads nothing: python fake_reader.py --mode ok|slow|hang|crash|garbage|no-start.

Every path is a movie of 240 x 512 x 512 uint16 px of 0.02 nm that shows a noisy lattice; a name with ``denoised`` in it
shows a clean one; a path with ``folder`` in it holds two movies. The mode acts on names that hold ``--name`` (default:
on all), but on no survey: ``hang`` and ``crash`` do so, ``slow`` waits ``--delay`` s. Whatever the mode, a name with
``broken`` in it is refused. ``--once FILE``: see fake_engine.py.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
import time
from pathlib import Path

import numpy as np
from speech import FRAMES, HEIGHT, WIDTH, Voice, acts_now, area_mean, lattice, noisy, whole, write_slot

from core.protocol.base import ErrorInfo
from core.protocol.engine import Quit
from core.protocol.movie import DatasetInfo, MovieMeta
from core.protocol.reader import (
    Describe,
    Described,
    Find,
    Forget,
    HolderLogJoined,
    HolderLogRequest,
    LogColumn,
    Pixels,
    ReaderFailed,
    ReaderReady,
    Survey,
    Surveyed,
    TagRow,
    Tags,
    TagsRequest,
    Thumbnail,
    Trace,
    TraceRequest,
    View,
    reader_request,
)

Question = Describe | Thumbnail | View | TraceRequest | Survey | TagsRequest | HolderLogRequest


def meta(path: str, dataset: str | None) -> MovieMeta:
    return MovieMeta(
        path=path,
        format="DM4",
        dataset=dataset or "",
        title=Path(path).stem,
        frames=FRAMES,
        height=HEIGHT,
        width=WIDTH,
        dtype="uint16",
        pixel_size=(0.02, 0.02),
        pixel_unit="nm",
        frame_interval_s=0.05,
        declared_frames=FRAMES,
        file_bytes=FRAMES * HEIGHT * WIDTH * 2,
        fingerprint=f"fake-{Path(path).name}",
    )


def survey(question: Survey) -> Surveyed:
    """A path with ``folder`` in its name holds two movies; every other is one."""
    finds = []
    for path in question.paths:
        inner = [f"{path}/one.dm4", f"{path}/two.dm4"] if "folder" in Path(path).name else [path]
        finds += [Find(path=name, file_bytes=FRAMES * HEIGHT * WIDTH * 2, said="a DM4 file") for name in inner]
    folders = sum("folder" in Path(path).name for path in question.paths)
    return Surveyed(id=question.id, finds=tuple(finds), folders=folders, said=f"{len(finds)} movies.")


class FakeReader:
    def __init__(self, options: argparse.Namespace, voice: Voice) -> None:
        self.options, self.voice = options, voice
        self.questions: queue.Queue[Question] = queue.Queue()

    def work(self) -> None:
        while True:
            question = self.questions.get()
            self.voice.busy = (question.id,)
            path = question.paths[0] if isinstance(question, Survey) else question.path
            if not isinstance(question, Survey):
                self.act(path)
            if "broken" in Path(path).name and not isinstance(question, Survey):
                what = "This is not a movie in a format that can be read here."
                error = ErrorInfo(code="not-a-movie", what=what, path=path, advice="Open a DM4 file.")
                self.voice.say(ReaderFailed(id=question.id, error=error))
            else:
                self.answer(question)
            self.voice.busy = ()

    def act(self, path: str) -> None:
        mode = self.options.mode
        if self.options.name not in Path(path).name or mode == "ok":
            return
        if mode == "slow":
            time.sleep(self.options.delay)
        elif acts_now(self.options.once):
            if mode == "hang":
                # The file hangs, not the process: it still beats, as one in a system call does.
                time.sleep(120)
            elif mode == "crash":
                sys.stderr.write("Fatal Python error: Bus error\n")
                sys.stderr.flush()
                os._exit(135)
            elif mode == "garbage":
                self.voice.say_raw(b"\x00\xff not json\n" * 30)

    def answer(self, question: Question) -> None:
        if isinstance(question, Describe):
            info = DatasetInfo(key="", title="movie", shape=(FRAMES, HEIGHT, WIDTH), dtype="uint16")
            described = meta(question.path, question.dataset)
            self.voice.say(Described(id=question.id, meta=described, datasets=(info,)))
        elif isinstance(question, TraceRequest):
            frames = tuple(range(0, FRAMES, max(1, FRAMES // question.points)))
            self.voice.say(Trace(id=question.id, frames=frames, means=tuple(20 + np.sin(f / 9) for f in frames)))
        elif isinstance(question, Survey):
            self.voice.say(survey(question))
        elif isinstance(question, TagsRequest):
            rows = [TagRow(name=f"Fake.Group {k % 3}.Tag {k}", value=str(k)) for k in range(30)]
            rows = [row for row in rows if question.search.lower() in f"{row.name} {row.value}".lower()]
            self.voice.say(Tags(id=question.id, rows=tuple(rows[: question.most]), total=len(rows)))
        elif isinstance(question, HolderLogRequest):
            values = tuple(25.0 + frame + question.offset_s for frame in range(FRAMES))
            column = LogColumn(name="Temperature", unit="°C", values=values)
            said = "Joined by the frames' times."
            self.voice.say(HolderLogJoined(id=question.id, columns=(column,), frames_covered=FRAMES, said=said))
        else:
            self.show(question)

    def show(self, question: Thumbnail | View) -> None:
        frame = question.frame if isinstance(question, View) else FRAMES // 2
        region = whole(question.region if isinstance(question, View) else None)
        step = question.step if isinstance(question, View) else -(-max(HEIGHT, WIDTH) // question.size)
        make = lattice if "denoised" in Path(question.path).name else noisy
        shown = area_mean(make(frame, region), step)
        write_slot(question.scratch.path, question.scratch.slot_bytes, question.slot, shown)
        low, high = np.percentile(shown, (0.35, 99.65))
        self.voice.say(
            Pixels(
                id=question.id,
                slot=question.slot,
                height=shown.shape[0],
                width=shown.shape[1],
                region=region,
                step=step,
                frame=frame,
                low=float(low),
                high=float(high),
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="ok")
    parser.add_argument("--name", default="")
    parser.add_argument("--delay", type=float, default=0.3)
    parser.add_argument("--once", default="")
    parser.add_argument("--heartbeat", type=float, default=0.2)
    options = parser.parse_args()
    if options.mode == "no-start" and acts_now(options.once):
        sys.exit("the fake reader does not start")
    voice = Voice()
    voice.beat(options.heartbeat)
    voice.say(ReaderReady(pid=os.getpid(), version="0.0"))
    reader = FakeReader(options, voice)
    threading.Thread(target=reader.work, daemon=True).start()
    for line in sys.stdin.buffer:
        request = reader_request.validate_json(line)
        if isinstance(request, Quit):
            os._exit(0)
        if not isinstance(request, Forget):
            reader.questions.put(request)
    os._exit(0)


if __name__ == "__main__":
    main()
