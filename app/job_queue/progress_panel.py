"""A run as the user sees it: stage, bar, speed, time left, Cancel; afterwards the result and its quality."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.elided_label import ElidedLabel
from app.job_queue.run import Run, RunState
from app.theme.colours import level_colour
from app.words import bytes_text, count_text, duration_text, frames_text, rate_text

FLAGGED_ABOVE = 4.0


class ProgressPanel(QWidget):
    """Shows one run; hidden while there is none."""

    cancel_wanted = Signal()
    folder_wanted = Signal(str)
    again_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self.title = ElidedLabel(self)
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.stage = ElidedLabel(self)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress of the run"))
        self.figures = QLabel(self)
        self.figures.setWordWrap(True)
        self.figures.setTextFormat(Qt.TextFormat.PlainText)
        self.figures.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.left = QLabel(self)
        self.left.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.cancel = QPushButton(self.tr("Cancel"), self)
        self.cancel.clicked.connect(self.cancel_wanted)
        self.folder = QPushButton(self.tr("Show in folder"), self)
        self.folder.clicked.connect(self._on_folder)
        self.again = QPushButton(self.tr("Go on"), self)
        self.again.setToolTip(self.tr("Start again from the frames that are finished"))
        self.again.clicked.connect(self.again_wanted)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (self.again, self.folder, self.cancel):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 12)
        layout.setSpacing(5)
        rule = QFrame(self)
        rule.setFrameShape(QFrame.Shape.HLine)
        rule.setForegroundRole(QPalette.ColorRole.Mid)
        figures = QHBoxLayout()
        figures.addWidget(self.figures, 1)
        figures.addWidget(self.left, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(rule)
        layout.addSpacing(4)
        for widget in (self.title, self.stage, self.bar):
            layout.addWidget(widget)
        layout.addLayout(figures)
        layout.addSpacing(3)
        layout.addLayout(buttons)
        self.show_run(None)

    def show_run(self, run: Run | None) -> None:
        """Show how a run stands."""
        self._run = run
        self.setVisible(run is not None)
        if run is None:
            return
        state = run.state
        self.title.set_full_text(PurePath(run.request.output).name)
        self.stage.set_full_text(self._stage(run))
        colours = self.palette()
        if state is RunState.FAILED or (state is RunState.DONE and self._flagged_frame(run) is not None):
            level = "error" if state is RunState.FAILED else "warning"
            colours.setColor(QPalette.ColorRole.WindowText, level_colour(level))
        self.stage.setPalette(colours)
        self.bar.setVisible(run.active)
        self.bar.setRange(0, max(run.total, 0))
        self.bar.setValue(min(run.done, run.total))
        self.figures.setText(self._figures(run))
        self.figures.setVisible(bool(self.figures.text()))
        known = run.eta_s is not None and run.state is RunState.RUNNING
        self.left.setText(self.tr("{0} left").format(duration_text(run.eta_s or 0)) if known else "")
        self.cancel.setVisible(run.active)
        self.cancel.setEnabled(state is not RunState.CANCELLING)
        self.cancel.setText(self.tr("Cancelling…") if state is RunState.CANCELLING else self.tr("Cancel"))
        self.folder.setVisible(state is RunState.DONE)
        self.again.setVisible(state in (RunState.CANCELLED, RunState.FAILED, RunState.INTERRUPTED))

    def _stage(self, run: Run) -> str:
        words = {
            RunState.WAITING: self.tr("Waiting for the engine…"),
            RunState.CANCELLING: self.tr("Cancelling… finished frames are kept"),
            RunState.CANCELLED: self.tr("Cancelled. {0} kept.").format(frames_text(run.done)),
            RunState.INTERRUPTED: self.tr("Interrupted. {0} kept.").format(frames_text(run.done)),
            RunState.FAILED: self.tr("Not finished."),
            RunState.DONE: self._finished(run),
        }
        return words.get(run.state, run.stage)

    def _finished(self, run: Run) -> str:
        flagged = self._flagged_frame(run)
        if flagged is None:
            return self.tr("Finished")
        return self.tr("Finished. Look at frame {0} before you measure.").format(flagged + 1)

    def _flagged_frame(self, run: Run) -> int | None:
        quality = run.result.quality if run.result is not None else None
        bad = quality is not None and quality.worst_local_mean > FLAGGED_ABOVE
        return quality.worst_local_mean_frame if quality is not None and bad else None

    def _figures(self, run: Run) -> str:
        if run.state is RunState.FAILED:
            return run.error.sentence() if run.error is not None else ""
        if run.state is RunState.DONE:
            return self._result(run)
        if not run.active or run.total <= 0:
            return ""
        parts = [self.tr("{0} of {1}").format(count_text(run.done), count_text(run.total))]
        if run.rate is not None:
            parts.append(rate_text(run.rate, run.rate_unit))
        return "  ·  ".join(parts)

    def _result(self, run: Run) -> str:
        result = run.result
        if result is None:
            return ""
        pixel = 2 if result.plan.stored is not None else 4
        size = bytes_text(pixel * result.frames * result.height * result.width)
        lines = [
            self.tr("{0} in {1} · {2} · on {3}").format(
                frames_text(result.frames),
                duration_text(result.seconds),
                size,
                result.plan.device_name or result.plan.device.upper(),
            )
        ]
        quality = result.quality
        worst = self.tr("Largest local mean error: {0:.1f} standard errors (frame {1}).").format(
            quality.worst_local_mean, quality.worst_local_mean_frame + 1
        )
        if quality.worst_local_mean > FLAGGED_ABOVE:
            worst += " " + self.tr("Above {0:.0f} intensities there may be biased.").format(FLAGGED_ABOVE)
        lines.append(worst)
        lines.extend(quality.caveats[:2])
        return "\n".join(lines)

    def _on_folder(self) -> None:
        if self._run is not None:
            self.folder_wanted.emit(self._run.request.output)
