"""Which model denoises, and what it is for."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QComboBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from core.protocol.model_card import ModelCard


class ModelChoice(QWidget):
    """A combo box of the installed models with the chosen card's summary under it.

    `model_chosen` is the user's choice alone; the default of a list is none.
    """

    model_chosen = Signal(str)
    models_listed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: dict[str, ModelCard] = {}
        self.combo = QComboBox(self)
        self.combo.setAccessibleName(self.tr("Model"))
        self.combo.view().setAccessibleName(self.tr("Models to choose from"))
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.setMinimumContentsLength(12)
        self.summary = QLabel(self)
        self.summary.setWordWrap(True)
        self.summary.setTextFormat(Qt.TextFormat.PlainText)
        self.summary.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.summary.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.combo)
        layout.addWidget(self.summary)
        self.combo.currentIndexChanged.connect(self._on_index)
        self.set_models((), None)

    def set_models(self, cards: tuple[ModelCard, ...], chosen: str | None) -> None:
        """Offer these models; keep the one chosen, if it is still there. Of one name the first, newest, is offered."""
        wanted = self.current_name() or chosen
        with QSignalBlocker(self.combo):
            self.combo.clear()
            self._cards = {card.name: card for card in reversed(cards)}
            for card in reversed(self._cards.values()):
                self.combo.addItem(card.title, card.name)
            if wanted in self._cards:
                self.combo.setCurrentIndex(self.combo.findData(wanted))
        self.combo.setEnabled(bool(cards))
        if not cards:
            self.combo.setPlaceholderText(self.tr("Looking for models…"))
        self._show_summary()
        self.models_listed.emit()

    def say_missing(self, text: str) -> None:
        """There is no model: say why and what to do."""
        self.combo.setPlaceholderText(self.tr("No model"))
        self.summary.setText(text)
        self.summary.show()

    def current_name(self) -> str:
        """The chosen model's name; empty without one."""
        return str(self.combo.currentData() or "")

    def title(self, name: str) -> str:
        """The title of a model, or its name if it is not installed."""
        card = self._cards.get(name)
        return card.title if card is not None else name

    def current_card(self) -> ModelCard | None:
        """The chosen model's card."""
        return self._cards.get(self.current_name())

    def _on_index(self, _index: int) -> None:
        self._show_summary()
        name = self.current_name()
        if name:
            self.model_chosen.emit(name)

    def _show_summary(self) -> None:
        card = self.current_card()
        self.summary.setVisible(card is not None)
        if card is None:
            return
        self.summary.setText(self._summary(card))
        self.combo.setToolTip(
            self.tr("{0} {1}, {2}, licence {3}").format(card.name, card.version, card.author, card.licence)
        )

    def _summary(self, card: ModelCard) -> str:
        if not card.modality:
            return "\n".join(card.caveats)
        low, high = card.dose_range_e_px
        first = self.tr("For {0}, {1:.3g} to {2:.3g} electrons a pixel").format(" / ".join(card.modality), low, high)
        if card.pixel_size_nm is not None:
            first += self.tr(", {0:.3g} to {1:.3g} nm/px").format(*card.pixel_size_nm)
        lines = [first + "."]
        if card.caveats:
            lines.append(card.caveats[0])
            rest = card.caveats[1:]
            self.summary.setToolTip("\n".join(card.caveats) if rest else "")
        return "\n".join(lines)
