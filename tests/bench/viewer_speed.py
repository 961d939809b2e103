"""How fast two panes play through the real reader, and how long the window's thread is busy between two events."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from tests.bench.report import arguments, report


def write_movie(path: Path, frames: int, size: int, dtype: str) -> None:
    """A noisy movie that compresses in no way."""
    rng = np.random.default_rng(0)
    stack = rng.poisson(20, (frames, size, size)).astype(dtype)
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "TYX"})


def wait(until: Callable[[], bool], limit_s: float = 60.0) -> None:
    """Let a real event loop run, without the naps that a test's waiting takes."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop, end = QEventLoop(), time.monotonic() + limit_s

    def look() -> None:
        if until() or time.monotonic() > end:
            loop.quit()

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(20)
    loop.exec()
    timer.stop()
    if not until():
        raise TimeoutError("the window did not come so far")


def play(folder: Path, size: int, frames: int, seconds: float, zoom: float | None) -> dict[str, float]:
    """Play raw and result of a movie for a while."""
    from app.parts import Parts
    from app.settings.keeper import SettingsKeeper
    from app.viewer.picture import FrameMap, PictureKind
    from app.viewer.reader_feed import FileSource
    from app.window import MainWindow
    from tests.qt.watchdog import Watchdog

    raw, result = folder / f"raw{size}.tif", folder / f"result{size}.tif"
    if not raw.exists():
        write_movie(raw, frames, size, "uint16")
        write_movie(result, frames, size, "float32")
    settings = SettingsKeeper(folder / "settings.json")
    window = MainWindow(settings)
    window.resize(1920, 1080)
    window.show()
    parts = Parts.real(settings)
    window.move_in(parts)
    parts.reader.start()
    window.open_paths([str(raw)])
    viewer = window.viewer
    wait(lambda: viewer.meta is not None and viewer.raw_pane.view.picture is not None)
    frame_map = FrameMap(0, 1, frames, 0, 0, size, size)
    viewer.set_result(FileSource(str(result), None, frame_map, PictureKind.RESULT, "bench"))
    if zoom is not None:
        viewer.state.set_zoom(zoom)
    wait(lambda: viewer.is_settled() and viewer.denoised_pane.view.picture is not None)
    shown: list[object] = []
    viewer.picture_shown.connect(shown.append)
    viewer.player.set_speed(200)
    dog = Watchdog()
    with dog.watching():
        viewer.player.toggle()
        start, busy = time.monotonic(), time.thread_time()
        wait(lambda: time.monotonic() - start > seconds)
        took, busy = time.monotonic() - start, time.thread_time() - busy
        viewer.player.toggle()
    window.close()
    pairs = max(len(shown) / 2, 0.5)
    return {
        "frames/s of two panes": round(pairs / took, 1),
        "window CPU ms a frame of two panes": round(busy / pairs * 1000, 1),
        "worst CPU between events ms": round(dog.worst_cpu * 1000, 1),
        "worst wall between events ms": round(dog.worst_wall * 1000, 1),
    }


def main() -> None:
    """Play movies of several sizes, fitted and at 100 %."""
    parser = arguments(__doc__)
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for part in ("CONFIG", "DATA", "STATE", "CACHE"):
            os.environ[f"XDG_{part}_HOME"] = name
        application = QApplication.instance() or QApplication([])
        cases = [(512, None)] if options.quick else [(512, None), (1024, None), (2048, None), (2048, 1.0)]
        for size, zoom in cases:
            frames = 12 if size > 2000 else 30
            told = play(Path(name), size, frames, 1.0 if options.quick else 4.0, zoom)
            seen = "fitted" if zoom is None else f"at {zoom:.0%}"
            figures |= {f"{size} px {seen}: {key}": value for key, value in told.items()}
        application.quit()
    report(figures)


if __name__ == "__main__":
    main()
