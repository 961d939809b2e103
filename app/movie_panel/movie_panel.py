"""What is known of the movie that is shown: issues, values with whose word each is, dose, holder log."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.elided_label import ElidedLabel
from app.movie_panel.facts import dose_facts, file_facts
from app.movie_panel.field_row import FieldRow
from app.movie_panel.fields import fields
from app.movie_panel.holder_log_box import HolderLogBox
from app.movie_panel.issue_list import IssueList
from app.project_browser.entries import MovieEntry
from app.theme.icons import icon
from core.protocol.base import ErrorInfo
from core.protocol.entered import Entered
from core.protocol.movie import Issue


class MoviePanel(QWidget):
    """Shows one movie; what is typed goes out as `entered_changed`."""

    entered_changed = Signal(object)
    datasets_wanted = Signal()
    layout_wanted = Signal()
    look_again_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entry: MovieEntry | None = None
        self.title = ElidedLabel(self)
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        self.nothing = QLabel(self.tr("Choose a movie to see what its file says of it."), self)
        self.nothing.setWordWrap(True)
        self.nothing.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.issues = IssueList(self)
        self._make_mending()
        self._make_facts()
        self._make_fields()
        self._make_dose()
        self.holder = HolderLogBox(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 12)
        layout.setSpacing(8)
        for widget in (self.title, self.nothing, self.issues, self.mending, self.facts, self.values, self.dose):
            layout.addWidget(widget)
        layout.addWidget(self.holder)
        layout.addStretch(1)
        self.refresh_icons()
        self.show_entry(None)

    def _make_mending(self) -> None:
        self.mending = QWidget(self)
        self.again = QPushButton(self.tr("Look again"), self)
        self.again.setToolTip(self.tr("Read the file again, as after its disk came back"))
        self.again.clicked.connect(self.look_again_wanted)
        self.layout_button = QPushButton(self.tr("Type its layout…"), self)
        self.layout_button.setToolTip(self.tr("Read the file as plain numbers whose width, height and type you type"))
        self.layout_button.clicked.connect(self.layout_wanted)
        row = QHBoxLayout(self.mending)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.again)
        row.addWidget(self.layout_button)
        row.addStretch(1)

    def _section(self, title: str) -> tuple[QWidget, QGridLayout]:
        box = QWidget(self)
        outer = QVBoxLayout(box)
        outer.setContentsMargins(0, 4, 0, 0)
        outer.setSpacing(5)
        outer.addWidget(_rule(box))
        heading = QLabel(title, box)
        font = heading.font()
        font.setBold(True)
        heading.setFont(font)
        outer.addWidget(heading)
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        outer.addLayout(grid)
        return box, grid

    def _make_facts(self) -> None:
        self.facts, grid = self._section(self.tr("File"))
        self._fact_rows = [_FactRow(grid, row, self.facts) for row in range(12)]
        self.datasets = QToolButton(self.facts)
        self.datasets.setAutoRaise(True)
        self.datasets.setAccessibleName(self.tr("Choose a dataset of the file"))
        self.datasets.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.datasets.clicked.connect(self.datasets_wanted)
        grid.addWidget(self.datasets, 12, 0, 1, 2, Qt.AlignmentFlag.AlignLeft)

    def _make_fields(self) -> None:
        self.values, grid = self._section(self.tr("Calibration and settings"))
        self.rows: dict[str, FieldRow] = {}
        for place, field in enumerate(fields()):
            row = FieldRow(field, grid, 2 * place, self.values)
            row.changed.connect(self._on_typed)
            self.rows[field.names[0]] = row

    def _make_dose(self) -> None:
        self.dose, grid = self._section(self.tr("Dose"))
        self._dose_rows = [_FactRow(grid, row, self.dose) for row in range(4)]
        self.dose_source = QLabel(self.dose)
        self.dose_source.setWordWrap(True)
        self.dose_source.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.dose_source.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        grid.addWidget(self.dose_source, 4, 0, 1, 2)

    def refresh_icons(self) -> None:
        """Draw icons and colours from the palette."""
        self.issues.refresh_icons()
        self.holder.refresh_icons()
        self.datasets.setIcon(icon("mdi6.layers-outline"))
        for row in self.rows.values():
            row.refresh_icons()

    @property
    def entry(self) -> MovieEntry | None:
        """What is shown."""
        return self._entry

    def show_entry(self, entry: MovieEntry | None) -> None:
        """Show a movie, or that there is none."""
        self._entry = entry
        meta = entry.meta if entry is not None and entry.problem is None else None
        problem = entry.problem if entry is not None else None
        self.title.set_full_text(entry.name if entry is not None else "")
        self.title.setVisible(entry is not None)
        self.nothing.setVisible(entry is None)
        self.issues.show_issues(
            _as_issues(problem) if problem is not None else entry.issues if entry is not None else ()
        )
        self.mending.setVisible(problem is not None)
        for section in (self.facts, self.values, self.dose, self.holder):
            section.setVisible(meta is not None)
        if entry is None or meta is None:
            return
        _fill(self._fact_rows, file_facts(entry))
        several = len(entry.datasets) > 1
        self.datasets.setVisible(several)
        self.datasets.setText(self.tr("Choose a dataset ({0} in this file)…").format(len(entry.datasets)))
        for row in self.rows.values():
            row.show_movie(meta, entry.entered)
        rows, source = dose_facts(meta, entry.mean_value)
        _fill(self._dose_rows, rows)
        self.dose_source.setText(source)
        self.holder.show_log(entry.holder_log)

    def _on_typed(self, entered: Entered) -> None:
        self.entered_changed.emit(entered)


class _FactRow:
    """A label and a value that can be selected and copied."""

    def __init__(self, grid: QGridLayout, row: int, parent: QWidget) -> None:
        self.label = QLabel(parent)
        self.label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.label.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.value = QLabel(parent)
        self.value.setTextFormat(Qt.TextFormat.PlainText)
        self.value.setWordWrap(True)
        self.value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        grid.addWidget(self.label, row, 0)
        grid.addWidget(self.value, row, 1)

    def show(self, label: str, value: str) -> None:
        """Show a fact; an empty one is hidden."""
        self.label.setText(label)
        self.value.setText(value)
        self.label.setVisible(bool(value))
        self.value.setVisible(bool(value))


def _fill(rows: list[_FactRow], facts: list[tuple[str, str]]) -> None:
    for place, row in enumerate(rows):
        row.show(*(facts[place] if place < len(facts) else ("", "")))


def _rule(parent: QWidget) -> QFrame:
    rule = QFrame(parent)
    rule.setFrameShape(QFrame.Shape.HLine)
    rule.setForegroundRole(QPalette.ColorRole.Mid)
    return rule


def _as_issues(problem: ErrorInfo) -> tuple[Issue, ...]:
    text = " ".join(part for part in (problem.what, problem.advice) if part)
    return (Issue(level="error", code=problem.code, text=text),)
