"""What is wrong with a movie, or should be known of it: a sign and a sentence each."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from app.theme.colours import level_colour
from app.theme.icons import LEVEL_ICONS, icon
from core.protocol.movie import Issue

MOST_SHOWN = 8


class IssueList(QWidget):
    """Hidden where there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._issues: tuple[Issue, ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(5)
        self._grid.setColumnStretch(1, 1)
        self._signs: list[QLabel] = []
        self._words: list[QLabel] = []
        for row in range(MOST_SHOWN + 1):
            sign, words = QLabel(self), QLabel(self)
            words.setWordWrap(True)
            words.setTextFormat(Qt.TextFormat.PlainText)
            words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            sign.setAlignment(Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(sign, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(words, row, 1)
            self._signs.append(sign)
            self._words.append(words)
        self._words[-1].setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.show_issues(())

    def texts(self) -> list[str]:
        """The sentences that are shown."""
        return [issue.text for issue in self._issues[:MOST_SHOWN]]

    def show_issues(self, issues: tuple[Issue, ...]) -> None:
        """Show these, the worst first."""
        self._issues = issues
        self.setVisible(bool(issues))
        for row in range(MOST_SHOWN):
            shown = row < len(issues)
            self._signs[row].setVisible(shown)
            self._words[row].setVisible(shown)
            if shown:
                self._words[row].setText(issues[row].text)
        more = len(issues) - MOST_SHOWN
        self._signs[-1].hide()
        self._words[-1].setVisible(more > 0)
        self._words[-1].setText(self.tr("and {0} more").format(more))
        self.refresh_icons()

    def refresh_icons(self) -> None:
        """Draw the signs in the palette's colours."""
        size = self.fontMetrics().height()
        names = {"error": self.tr("Error"), "warning": self.tr("Warning"), "info": self.tr("To know")}
        for sign, issue in zip(self._signs, self._issues, strict=False):
            sign.setPixmap(icon(LEVEL_ICONS[issue.level], level_colour(issue.level)).pixmap(size, size))
            sign.setToolTip(names[issue.level])
            sign.setAccessibleName(names[issue.level])
