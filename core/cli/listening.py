"""Listens to a run for the command line: a progress bar with time left, notices, and Ctrl+C."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import humanize
import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from core.cli.reporting import STOPPED, print_json, stderr
from core.denoising.context import Cancelled
from core.protocol.base import ErrorInfo
from core.protocol.denoise import Notice, Plan

# Where there is no terminal, a line is printed every so many seconds: a log stays short.
_LINE_EVERY_S = 10.0


@contextmanager
def listened(
    as_json: bool, stopped: Callable[[Listener], ErrorInfo] | str, unit: str = "frames", quiet: bool = False
) -> Iterator[Listener]:
    """Listen to a run; after Ctrl+C say what became of it and exit with 130.

    Parameters
    ----------
    as_json
        Whether the one JSON document is to be printed then, too.
    stopped
        What is to be said, as a sentence or by how far the run came.
    unit
        What it makes, for the rate; ``%`` where the parts that it counts mean nothing to the user.
    quiet
        Say nothing on the way: another process of the same run does.
    """
    listener = Listener(Console(stderr=True, quiet=True) if quiet else stderr(), unit)
    try:
        with listener.listening():
            yield listener
    except (Cancelled, KeyboardInterrupt) as error:
        info = ErrorInfo(code="cancelled", what=stopped) if isinstance(stopped, str) else stopped(listener)
        if quiet:
            raise typer.Exit(STOPPED) from error
        stderr().print(info.sentence())
        if as_json:
            print_json({"error": info.model_dump(mode="json")})
        raise typer.Exit(STOPPED) from error


class Listener:
    """A run's context: shows progress, keeps notices, and cancels at the next tile after Ctrl+C."""

    def __init__(self, console: Console, unit: str = "frames") -> None:
        self._console = console
        self._unit = unit
        self._stop = threading.Event()
        self._answered = False
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn() if unit == "%" else MofNCompleteColumn(),
            TextColumn("{task.fields[rest]}"),
            console=console,
            transient=True,
            # Elsewhere it would leave empty lines behind.
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._last_line = time.monotonic()
        self.done = 0
        self.total = 0
        self.plan: Plan | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Show the bar and take Ctrl+C for a wish to stop; a second Ctrl+C stops at once."""
        main = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, self._on_interrupt) if main else None
        try:
            with self._bar:
                yield
        finally:
            if main:
                signal.signal(signal.SIGINT, before)

    def stop(self) -> None:
        """Stop at the next tile."""
        self._stop.set()

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._stop.is_set():
            raise KeyboardInterrupt
        self._stop.set()

    def check(self) -> None:
        """Raise `Cancelled` after Ctrl+C, which is answered at once: what runs may need seconds to end."""
        if self._stop.is_set():
            if not self._answered:
                self._answered = True
                self._console.print("Stopping ...")
            raise Cancelled

    def progress(self, stage: str, done: int, total: int, eta_s: float | None, rate: float | None) -> None:
        """Move the bar."""
        self.done, self.total = done, total
        rest = ""
        if rate is not None:
            rest = f"{rate:.3g} {self._unit}/s"
        if eta_s is not None:
            rest = f"{rest}, {humanize.naturaldelta(eta_s)} left".lstrip(", ")
        description = stage.capitalize()
        if self._task is None:
            self._task = self._bar.add_task(description, total=total, rest=rest)
        self._bar.update(self._task, description=description, completed=done, total=total, rest=rest)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line >= _LINE_EVERY_S:
            self._last_line = now
            made = f"{done / max(total, 1):.1%}" if self._unit == "%" else f"{done} of {total}"
            self._console.print(f"{description}: {made}" + (f", {rest}" if rest else ""))

    def notice(self, notice: Notice) -> None:
        """Print what the user should know."""
        self._console.print(notice.text, style="yellow" if notice.level != "info" else "")

    def started(self, plan: Plan, total: int) -> None:
        """Say what computes."""
        self.plan, self.total = plan, total
        name = plan.device_name or plan.device
        tiles = f"tiles of {plan.tile_height} x {plan.tile_width} px"
        self._console.print(f"{plan.model} {plan.model_version} on {name}, {plan.dtype}, {tiles}")

    def frame(self, index: int, source_frame: int, array: npt.NDArray[np.float32]) -> None:
        """Nothing is shown of the frame itself."""
