"""The models: which there are, what their cards say, and the buttons that install, export and remove them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from app.model_manager.card_text import card_text
from app.model_manager.model_jobs import ModelJobs
from app.theme.colours import level_colour
from app.words import bytes_text
from core.protocol.base import ErrorInfo
from core.protocol.model_card import ModelCard
from core.protocol.models import ARCHIVE_ENDING, ExportModelResult, InstallModelResult, RemoveModelResult


class ModelsDialog(QDialog):
    """Takes dropped ``.qbmodel`` files; asks, and leaves the doing to `ModelJobs`."""

    def __init__(self, jobs: ModelJobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Models"))
        self.setAcceptDrops(True)
        self._jobs = jobs
        self._wanted: tuple[str, str] | None = None
        self._make_list()
        self._make_buttons()
        body = QHBoxLayout()
        body.addWidget(self.list, 2)
        body.addWidget(self.card, 3)
        actions = QHBoxLayout()
        for button in (self.install, self.export, self.remove):
            actions.addWidget(button)
        actions.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setSpacing(10)
        layout.addLayout(body, 1)
        layout.addWidget(self.said)
        layout.addLayout(actions)
        layout.addWidget(self.buttons)
        jobs.listed.connect(self._fill)
        jobs.changed.connect(self._on_jobs)
        jobs.done.connect(self._on_done)
        jobs.failed.connect(self._on_failed)
        self._fill()
        self._on_jobs()
        self.resize(self.fontMetrics().averageCharWidth() * 130, self.fontMetrics().height() * 36)

    def _make_list(self) -> None:
        self.list = QListWidget(self)
        self.list.setAccessibleName(self.tr("Models"))
        self.list.setSpacing(4)
        # Titles are sentences: whole in two lines, not cut off behind a scroll bar.
        self.list.setWordWrap(True)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Else a wrapped title may swallow the line with name and version.
        self.list.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.list.currentRowChanged.connect(self._on_row)
        self.card = QTextBrowser(self)
        self.card.setAccessibleName(self.tr("What the model's card says"))
        self.card.setOpenLinks(False)
        self.said = QLabel(self)
        self.said.setWordWrap(True)
        self.said.setTextFormat(Qt.TextFormat.PlainText)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.said.setMinimumHeight(self.fontMetrics().lineSpacing() * 2)
        self._say(self.tr("A model comes as one .qbmodel file: drop it here."))

    def _make_buttons(self) -> None:
        self.install = QPushButton(self.tr("Install…"), self)
        self.install.setToolTip(self.tr("Install a model from a .qbmodel file, for you alone"))
        self.install.clicked.connect(self._ask_install)
        self.export = QPushButton(self.tr("Export…"), self)
        self.export.setToolTip(self.tr("Write this model into one .qbmodel file, to hand it on"))
        self.export.clicked.connect(self._ask_export)
        self.remove = QPushButton(self.tr("Remove…"), self)
        self.remove.clicked.connect(self._ask_remove)
        for button in (self.install, self.export, self.remove):
            button.setAutoDefault(False)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        self.buttons.rejected.connect(self.reject)

    def current(self) -> ModelCard | None:
        """The model that is looked at."""
        item = self.list.currentItem()
        found = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        return found if isinstance(found, ModelCard) else None

    def _fill(self) -> None:
        shown = self.current()
        wanted = self._wanted or ((shown.name, shown.version) if shown is not None else None)
        with QSignalBlocker(self.list):
            self.list.clear()
            for card in self._jobs.cards:
                item = QListWidgetItem(self._line(card))
                item.setData(Qt.ItemDataRole.UserRole, card)
                self.list.addItem(item)
                if (card.name, card.version) == wanted:
                    self.list.setCurrentItem(item)
                    self._wanted = None
            if self.list.currentItem() is None:
                self.list.setCurrentRow(0)
        self._on_row()

    def _line(self, card: ModelCard) -> str:
        if not card.modality:
            return card.title
        origin = self.tr("yours") if self._jobs.is_own(card) else self.tr("built in")
        return f"{card.title}\n{card.name} {card.version} · {origin}"

    def _on_row(self, _row: int = 0) -> None:
        card = self.current()
        self.card.setPlainText(self._without_models()) if card is None else self.card.setHtml(card_text(card))
        self._on_jobs()

    def _without_models(self) -> str:
        if not self._jobs.known:
            return self.tr("Looking for models…")
        return self.tr(
            "No model is here, not even those that come with Quietbeam: install Quietbeam again. "
            "A model of your own comes in by “Install…”."
        )

    def _on_jobs(self) -> None:
        card, idle = self.current(), not self._jobs.active
        is_model = card is not None and bool(card.weights_sha256)
        own = card is not None and self._jobs.is_own(card)
        self.export.setEnabled(idle and is_model)
        self.remove.setEnabled(idle and own)
        self.remove.setToolTip(
            self.tr("Remove this model from your computer") if own else self.tr("What comes with Quietbeam stays")
        )

    def _say(self, text: str, level: str = "") -> None:
        colours = self.palette()
        if level:
            colours.setColor(QPalette.ColorRole.WindowText, level_colour(level))
        self.said.setPalette(colours)
        self.said.setText(text)

    def _ask_install(self) -> None:
        names = self.tr("Models ({0})").format(f"*{ARCHIVE_ENDING}")
        paths, _ = QFileDialog.getOpenFileNames(self, self.tr("Install models"), "", names)
        self._jobs.install(paths)

    def _ask_export(self) -> None:
        card = self.current()
        if card is None:
            return
        start = f"{card.name}-{card.version}{ARCHIVE_ENDING}"
        names = self.tr("Models ({0})").format(f"*{ARCHIVE_ENDING}")
        path, _ = QFileDialog.getSaveFileName(self, self.tr("Export the model"), start, names)
        if path:
            # The file dialog has asked about the name that was typed, not about one with an ending.
            whole = path.lower().endswith(ARCHIVE_ENDING)
            self._jobs.export(card, path if whole else path + ARCHIVE_ENDING, overwrite=whole)

    def _ask_remove(self) -> None:
        card = self.current()
        if card is None:
            return
        answer = QMessageBox.question(
            self,
            self.tr("Remove the model"),
            self.tr("Remove {0} {1}? Results that were made with it stay.").format(card.name, card.version),
            QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        if answer == QMessageBox.StandardButton.Yes:
            self._jobs.remove(card)

    def _on_done(self, result: object) -> None:
        if isinstance(result, InstallModelResult):
            self._wanted = (result.card.name, result.card.version)
            told = self.tr("{0} {1} was there already.") if result.already else self.tr("Installed {0} {1}.")
            self._say(told.format(result.card.name, result.card.version))
        elif isinstance(result, ExportModelResult):
            told = self.tr("Wrote {0}, {1}.").format(Path(result.output).name, bytes_text(result.size_bytes))
            self._say(told)
        elif isinstance(result, RemoveModelResult):
            self._say(self.tr("Removed {0} {1}.").format(result.card.name, result.card.version))

    def _on_failed(self, _request: object, error: ErrorInfo) -> None:
        self._say(error.sentence(), "error")

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if _models_of(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        paths = _models_of(event)
        if paths:
            event.acceptProposedAction()
            self._jobs.install(paths)


def _models_of(event: QDropEvent) -> list[str]:
    paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
    return [path for path in paths if path.lower().endswith(ARCHIVE_ENDING)]
