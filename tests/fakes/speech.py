"""How both fakes speak: lines on stdin and stdout, a heartbeat, an end when stdin closes."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
from pydantic import BaseModel

from core.protocol.denoise import Region
from core.protocol.engine import Heartbeat

FRAMES, HEIGHT, WIDTH = 240, 512, 512
# A process that hangs on purpose must not outlive a test run that forgot it.
HANG_S = 120.0


class Voice:
    """Writes events; `mute` makes the process look hanging."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self.mute = False
        self.busy: tuple[int, ...] = ()

    def say(self, event: BaseModel) -> None:
        self.say_raw(event.model_dump_json().encode() + b"\n")

    def say_raw(self, data: bytes) -> None:
        if self.mute:
            return
        try:
            with self._lock:
                self._out.write(data)
                self._out.flush()
        except OSError:
            os._exit(0)

    def beat(self, every_s: float) -> None:
        def run() -> None:
            while True:
                self.say(Heartbeat(busy=self.busy, rss_bytes=1 << 20))
                time.sleep(every_s)

        threading.Thread(target=run, daemon=True).start()

    def hang(self) -> None:
        """Say nothing more and do not even leave when stdin closes."""
        self.mute = True
        time.sleep(HANG_S)
        os._exit(1)


def acts_now(once: str) -> bool:
    """Whether a mode that acts once is to act: the first to make the file `once` does; always without one."""
    if not once:
        return True
    try:
        Path(once).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def whole(region: Region | None) -> Region:
    return region or Region(y0=0, y1=HEIGHT, x0=0, x1=WIDTH)


def lattice(frame: int, region: Region | None = None) -> np.ndarray:
    """A clean lattice that drifts a little with the frames, in counts."""
    place = whole(region)
    y = np.arange(place.y0, place.y1)[:, None]
    x = np.arange(place.x0, place.x1)[None, :]
    phase = 0.05 * frame
    return (20 + 8 * np.cos(2 * np.pi * x / 12 + phase) + 8 * np.cos(2 * np.pi * y / 14)).astype(np.float32)


def noisy(frame: int, region: Region | None = None) -> np.ndarray:
    """The same lattice as a detector would count it; the same for every call."""
    place = whole(region)
    counts = np.random.default_rng(frame).poisson(lattice(frame))
    return counts[place.y0 : place.y1, place.x0 : place.x1].astype(np.float32)


def area_mean(image: np.ndarray, step: int) -> np.ndarray:
    height, width = image.shape[0] // step, image.shape[1] // step
    if step == 1 or not height or not width:
        return image
    cut = image[: height * step, : width * step]
    return cut.reshape(height, step, width, step).mean((1, 3)).astype(np.float32)


def write_slot(path: str, slot_bytes: int, slot: int, image: np.ndarray) -> None:
    with Path(path).open("r+b") as file:
        file.seek(slot * slot_bytes)
        file.write(np.ascontiguousarray(image, "<f4").tobytes())
