"""How a job beside the runs stands: a bar, a sentence, Cancel."""

from __future__ import annotations

from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.job_queue.side_job import SideJob
from app.theme.colours import level_colour
from app.words import duration_text


class SideProgress(QWidget):
    """Follows one `SideJob`; between jobs it says what `say` told it."""

    def __init__(self, job: SideJob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._job = job
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.cancel = QPushButton(self.tr("Stop"), self)
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(job.cancel)
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.text.setMinimumHeight(self.fontMetrics().lineSpacing() * 2)
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        layout.addLayout(row)
        job.changed.connect(self._on_changed)
        self._on_changed()

    def say(self, text: str, level: str = "") -> None:
        """Say something; `level` colours it as a notice, and the words must say it too."""
        colours = self.palette()
        if level in ("warning", "error"):
            colours.setColor(QPalette.ColorRole.WindowText, level_colour(level))
        self.text.setPalette(colours)
        self.text.setText(text)

    def _on_changed(self) -> None:
        job = self._job
        self.bar.setVisible(job.active)
        self.cancel.setVisible(job.active)
        self.cancel.setEnabled(not job.cancelling)
        if not job.active:
            return
        # Both zero: a bar that only says "busy".
        self.bar.setRange(0, job.total)
        self.bar.setValue(min(job.finished, job.total))
        if job.cancelling:
            self.say(self.tr("Stopping…"))
            return
        left = self.tr(" · {0} left").format(duration_text(job.eta_s)) if job.eta_s is not None else ""
        self.say((job.stage or self.tr("Waiting for the engine…")) + left)
