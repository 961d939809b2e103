"""One child process after another: lines in, lines out, killed at once and never waited for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QObject, QProcess, Signal

from app.processes.lines import LineSplitter, Tail

_POLITE_MS = 500
_KILLED_MS = 300


class Child(QObject):
    """A process of our own, in one role.

    Signals
    -------
    line_received(bytes)
        A line of its stdout.
    logged(bytes)
        Something on its stderr.
    died(str)
        It ended, or could not be started, without being asked to; with what it said last on stderr.
    """

    line_received = Signal(bytes)
    logged = Signal(bytes)
    died = Signal(str)

    def __init__(self, command: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._command = list(command)
        self._process: QProcess | None = None
        self._killed: set[QProcess] = set()
        self._lines = LineSplitter()
        self._tail = Tail()

    @property
    def running(self) -> bool:
        """Whether a process was started and has not ended."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """Its number, 0 without one."""
        return int(self._process.processId()) if self._process is not None else 0

    @property
    def log_tail(self) -> str:
        """What the process said last on stderr."""
        return self._tail.text

    @property
    def has_unread(self) -> bool:
        """Whether it said something that was not read yet."""
        return self._process is not None and self._process.bytesAvailable() > 0

    def start(self) -> None:
        """Start a process; one that runs is left alone."""
        if self._process is not None:
            return
        process = QProcess()
        self._process = process
        self._lines, self._tail = LineSplitter(), Tail()
        process.readyReadStandardOutput.connect(partial(self._on_output, process))
        process.readyReadStandardError.connect(partial(self._on_log, process))
        process.finished.connect(partial(self._on_finished, process))
        process.errorOccurred.connect(partial(self._on_error, process))
        process.start(self._command[0], self._command[1:])

    def write(self, line: bytes) -> None:
        """Send a line to its stdin; lost if there is no process."""
        if self._process is not None:
            self._process.write(line + b"\n")

    def kill(self) -> str:
        """End the process now; returns its last words. Nothing is heard of it any more.

        It is not waited for: a process that hangs on a dead network drive may take minutes to die.
        """
        process, self._process = self._process, None
        if process is not None:
            self._read_log(process)
            self._killed.add(process)
            process.kill()
            if process.state() == QProcess.ProcessState.NotRunning:
                self._bury(process)
        return self._tail.text

    def shut_down(self, farewell: bytes) -> None:
        """End for good: say farewell, close stdin, wait a moment, kill. Blocks for less than a second."""
        process, self._process = self._process, None
        if process is not None:
            process.write(farewell + b"\n")
            process.closeWriteChannel()
            if not process.waitForFinished(_POLITE_MS):
                process.kill()
                process.waitForFinished(_KILLED_MS)
            process.deleteLater()
        for killed in list(self._killed):
            if killed.waitForFinished(_KILLED_MS) or killed.state() == QProcess.ProcessState.NotRunning:
                self._bury(killed)

    def _on_output(self, process: QProcess) -> None:
        for line in self._lines.feed(bytes(process.readAllStandardOutput().data())):
            # A line may have led to the process being killed: what it said after that counts no more.
            if process is not self._process:
                return
            self.line_received.emit(line)

    def _on_log(self, process: QProcess) -> None:
        if process is self._process:
            self._read_log(process)

    def _read_log(self, process: QProcess) -> None:
        data = bytes(process.readAllStandardError().data())
        if data:
            self._tail.add(data)
            self.logged.emit(data)

    def _on_finished(self, process: QProcess, *_: object) -> None:
        if process is self._process:
            self._on_output(process)
        if process is self._process:
            self._read_log(process)
            self._process = None
            process.deleteLater()
            self.died.emit(self._tail.text)
        else:
            self._bury(process)

    def _on_error(self, process: QProcess, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and process is self._process:
            self._process = None
            process.deleteLater()
            self.died.emit(f"{self._command[0]}: {process.errorString()}")

    def _bury(self, process: QProcess) -> None:
        if process in self._killed:
            self._killed.remove(process)
            process.deleteLater()
