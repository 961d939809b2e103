"""What is seen before there is a movie: an invitation."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QAction, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.theme.colours import accent
from app.theme.icons import icon


class EmptyPage(QWidget):
    """Says what to do first."""

    def __init__(self, open_files: QAction, open_folder: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = QLabel(self)
        self._icon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = QLabel(self.tr("Drop movies or folders here"), self)
        font = self.title.font()
        font.setPointSizeF(font.pointSizeF() * 1.7)
        self.title.setFont(font)
        self.title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text = QLabel(
            self.tr(
                "Movies from the electron microscope: DM3, DM4, DM5, SER, EMD, MRC, TIFF, EER, MIB, TVIPS, HDF5 "
                "and folders of images.\nYour files are only read."
            ),
            self,
        )
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.text.setWordWrap(True)
        self.title.setWordWrap(True)
        for label in (self.title, self.text):
            # What a wrapped label asks for at least is far more than it needs.
            label.setMinimumWidth(self.fontMetrics().averageCharWidth() * 30)
        self.text.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.open_files = QPushButton(self.tr("Open movies…"), self)
        self.open_files.clicked.connect(open_files.trigger)
        self.open_folder = QPushButton(self.tr("Open a folder…"), self)
        self.open_folder.clicked.connect(open_folder.trigger)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.open_files)
        buttons.addWidget(self.open_folder)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(36, 30, 36, 30)
        layout.setSpacing(12)
        layout.addStretch(3)
        for widget in (self._icon, self.title, self.text):
            layout.addWidget(widget)
        layout.addSpacing(8)
        layout.addLayout(buttons)
        layout.addStretch(4)
        self.refresh_icons()

    def refresh_icons(self) -> None:
        """Draw the picture in the palette's colours."""
        colour = self.palette().color(QPalette.ColorRole.PlaceholderText)
        size = self.fontMetrics().height() * 4
        self._icon.setPixmap(icon("mdi6.movie-open-plus-outline", colour).pixmap(size, size))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(self.palette().color(QPalette.ColorRole.Mid), 1.5, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([6, 5])
        painter.setPen(pen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(20, 20, -20, -20), 12, 12)


class DropHighlight(QWidget):
    """Covers the window while something is dragged over it, and says where it goes."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.text = ""
        self.hide()

    def show_over(self, text: str) -> None:
        """Show it with a sentence."""
        self.text = text
        self.setGeometry(self._over.rect())
        self.raise_()
        self.show()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = self.palette().color(QPalette.ColorRole.Window)
        ground.setAlpha(215)
        painter.fillRect(self.rect(), ground)
        pen = QPen(accent(), 3, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(14, 14, -14, -14), 12, 12)
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 1.7)
        painter.setFont(font)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.text)
