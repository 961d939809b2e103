"""A model's card as a page: what it is for, what it was scored, how it was made."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QCoreApplication

from app.words import duration_text
from core.protocol.model_card import ModelCard, held_out_and_others


def card_text(card: ModelCard) -> str:
    """Return the page as HTML; nothing that the card says is taken for markup."""
    parts = [f"<h3>{escape(card.title)}</h3>"]
    if card.modality:
        parts.append(_table(_made_for(card)))
    if card.caveats:
        parts.append(f"<p><b>{_tr('Beware')}</b></p>")
        parts.append("<ul>" + "".join(f"<li>{escape(one)}</li>" for one in card.caveats) + "</ul>")
    held, measured = held_out_and_others(card.scores)
    watched = _tr("Watched while it was trained, no test: PSNR in dB on held-out images")
    for title, scores in ((_tr("Measured"), measured), (watched, held)):
        if scores:
            parts.append(f"<p><b>{title}</b></p>")
            parts.append(_table([(name, f"{value:.4g}") for name, value in scores.items()]))
    if card.modality:
        parts.append(f"<p><b>{_tr('How it was made')}</b></p>")
        parts.append(_table(_making(card)))
    return "".join(parts)


def _made_for(card: ModelCard) -> list[tuple[str, str]]:
    low, high = card.dose_range_e_px
    pixels = _tr("any") if card.pixel_size_nm is None else "{:.3g} to {:.3g} nm".format(*card.pixel_size_nm)
    series = [(_tr("Series"), _tr("{0}, to be compared with its others").format(card.series))] if card.series else []
    return [
        (_tr("For"), ", ".join(card.modality)),
        *series,
        (_tr("Electrons a pixel"), f"{low:.3g} to {high:.3g}"),
        (_tr("Pixel size"), pixels),
        (_tr("Frames at a time"), _tr("{0} and more").format(card.frames) if card.frames > 1 else "1"),
    ]


def _making(card: ModelCard) -> list[tuple[str, str]]:
    training = card.training
    made = _tr("{0} on {1}, {2} steps, recipe {3}").format(
        duration_text(training.duration_s), training.device, training.steps, training.recipe
    )
    rows = [
        (_tr("Trained on"), training.data),
        (_tr("Trained for"), made),
        (_tr("Version"), f"{card.name} {card.version}, {card.created}"),
        (_tr("Author"), card.author),
        (_tr("Licence"), card.licence),
        (_tr("Checksum"), card.weights_sha256[:16] + "…"),
    ]
    return [(name, said) for name, said in rows if said]


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td>{escape(name)}&nbsp;&nbsp;</td><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table cellspacing='3'>{cells}</table>"


def _tr(text: str) -> str:
    return QCoreApplication.translate("card_text", text)
