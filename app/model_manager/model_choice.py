"""Which model denoises, and what it is for."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QComboBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from core.protocol.model_card import ModelCard
from core.protocol.model_fit import best_model, judge_fit
from core.protocol.movie import MovieMeta

MovieKey = tuple[str, str | None]


class ModelChoice(QWidget):
    """A combo box of the installed models, with the chosen card's summary and how it suits the movie under it.

    A movie gets the model that the user chose last if that suits it, and otherwise the one that suits it best; what was
    chosen for a movie by hand stays with it.

    Signals
    -------
    model_chosen(str)
        The user chose one; the default of a list and a suggestion are no choice.
    model_suggested(str)
        Another one is offered for the movie, or for what became known of it.
    """

    model_chosen = Signal(str)
    model_suggested = Signal(str)
    models_listed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: dict[str, ModelCard] = {}
        self._default: str | None = None
        self._preferred: str | None = None
        self._by_hand: dict[MovieKey, str] = {}
        self._movie: tuple[MovieKey, MovieMeta, float | None] | None = None
        self._part: tuple[MovieMeta, float | None] | None = None
        self.combo = QComboBox(self)
        self.combo.setAccessibleName(self.tr("Model"))
        self.combo.view().setAccessibleName(self.tr("Models to choose from"))
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.setMinimumContentsLength(12)
        self.summary = self._text()
        self.summary.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.fit = self._text()
        self.fit.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.combo)
        layout.addWidget(self.summary)
        layout.addWidget(self.fit)
        self.combo.currentIndexChanged.connect(self._on_index)
        self.set_models((), None)

    def _text(self) -> QLabel:
        label = QLabel(self)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        return label

    def set_models(self, cards: tuple[ModelCard, ...], preferred: str | None, default: str | None = None) -> None:
        """Offer these models; keep the one chosen, if it is still there. Of one name the first, newest, is offered.

        `preferred` is what the user chose last, `default` the model for all things.
        """
        shown = self.current_name()
        self._default, self._preferred = default, preferred
        with QSignalBlocker(self.combo):
            self.combo.clear()
            self._cards = {card.name: card for card in reversed(cards)}
            for card in reversed(self._cards.values()):
                self.combo.addItem(card.title, card.name)
            wanted = shown if shown in self._cards else self._suggestion()
            if wanted in self._cards:
                self.combo.setCurrentIndex(self.combo.findData(wanted))
        self.combo.setEnabled(bool(cards))
        if not cards:
            self.combo.setPlaceholderText(self.tr("Looking for models…"))
        self._show_summary()
        self.models_listed.emit()

    def set_movie(self, key: MovieKey | None, meta: MovieMeta | None, electrons: float | None = None) -> None:
        """Offer what suits this movie; `electrons`: a px and frame, where known."""
        movie = None if key is None or meta is None else (key, meta, electrons)
        if movie == self._movie:
            return
        self._movie = movie
        self._part = None if meta is None else (meta, electrons)
        wanted = self._suggestion() if movie is not None else None
        if wanted in self._cards and wanted != self.current_name():
            with QSignalBlocker(self.combo):
                self.combo.setCurrentIndex(self.combo.findData(wanted))
            self.model_suggested.emit(wanted)
        self._show_summary()

    def set_part(self, frames: int, summed: int) -> None:
        """How many frames of the movie are to be denoised, and how many are added up for each."""
        if self._movie is None:
            return
        _key, meta, electrons = self._movie
        part = (meta.model_copy(update={"frames": frames}), None if electrons is None else electrons * summed)
        if part != self._part:
            self._part = part
            self._show_fit()

    def _suggestion(self) -> str | None:
        if self._movie is None:
            return self._preferred if self._preferred in self._cards else self._default
        key, meta, electrons = self._movie
        mine = self._by_hand.get(key)
        if mine in self._cards:
            return mine
        preferred = self._cards.get(self._preferred or "")
        if preferred is not None and judge_fit(preferred, meta, electrons).fits:
            return preferred.name
        return best_model(self._listed(), meta, self._default, electrons)

    def _listed(self) -> tuple[ModelCard, ...]:
        return tuple(reversed(self._cards.values()))

    def say_missing(self, text: str) -> None:
        """There is no model: say why and what to do."""
        self.combo.setPlaceholderText(self.tr("No model"))
        self.summary.setText(text)
        self.summary.show()
        self.fit.hide()

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
            self._preferred = name
            if self._movie is not None:
                self._by_hand[self._movie[0]] = name
            self.model_chosen.emit(name)

    def _show_summary(self) -> None:
        card = self.current_card()
        self.summary.setVisible(card is not None)
        self._show_fit()
        if card is None:
            return
        self.summary.setText(self._summary(card))
        licence = self.tr("licence {0}").format(card.licence) if card.licence else ""
        origin = (f"{card.name} {card.version}", card.author, licence)
        self.combo.setToolTip(", ".join(one for one in origin if one))

    def _show_fit(self) -> None:
        """Say quietly what the model was not made for; it may be used all the same."""
        card, part = self.current_card(), self._part
        text = ""
        if card is not None and part is not None:
            fit = judge_fit(card, *part)
            text = fit.reason
            if fit.misfits:
                better = best_model(self._listed(), part[0], self._default, part[1])
                # Made for other images altogether: of their pixels and doses nothing need be said.
                others = [one.text for one in fit.misfits if one.code == "modality"]
                sentences = others or [one.text for one in fit.misfits]
                if better is not None and better != card.name:
                    sentences.append(self.tr("“{0}” suits it better.").format(self.title(better)))
                text = " ".join(sentences)
        self.fit.setText(text)
        self.fit.setVisible(bool(text))

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
