"""``quietbeam models``: what is installed, and the filters that need no training."""

from __future__ import annotations

from core.cli.reporting import errors_told, print_json, stderr, stdout
from core.denoising.methods.classical import CLASSICAL
from core.models import ModelStore


def show_models(as_json: bool) -> None:
    """Print the cards and the filters.

    JSON holds ``default``, ``models`` (cards with ``folder`` and ``built_in``), ``filters`` (``name``, ``version``,
    ``title``) and ``problems``.
    """
    store = ModelStore.default()
    with errors_told(as_json):
        models, problems, default = store.list(), store.problems(), store.default_model()
    if as_json:
        cards = [{**m.card.model_dump(mode="json"), "folder": str(m.folder), "built_in": m.built_in} for m in models]
        filters = [{"name": one.name, "version": one.version, "title": one.title} for one in CLASSICAL.values()]
        told = [problem.model_dump(mode="json") for problem in problems]
        print_json({"default": default, "models": cards, "filters": filters, "problems": told})
        return
    out = stdout()
    for model in models:
        card = model.card
        mark = " (used unless told otherwise)" if card.name == default else ""
        out.print(f"{card.name} {card.version}{mark}", style="bold")
        low, high = card.dose_range_e_px
        pixels = "any" if card.pixel_size_nm is None else "{:g} to {:g} nm".format(*card.pixel_size_nm)
        out.print(f"  {card.title}")
        out.print(f"  for {', '.join(card.modality)}; {low:g} to {high:g} electrons a px; pixel size: {pixels}")
        if card.scores:
            out.print("  " + ", ".join(f"{name} {value:g}" for name, value in card.scores.items()))
        for caveat in card.caveats:
            out.print(f"  Beware: {caveat}", style="yellow")
        out.print(f"  {card.licence}, {card.author}, {card.created}; {model.folder}")
    if not models:
        out.print("No model is installed.")
    out.print("Filters, which need no training and tune themselves on each movie:", style="bold")
    for one in CLASSICAL.values():
        out.print(f"  {one.name:<20}{one.title}")
    for problem in problems:
        stderr().print(problem.sentence(), style="yellow")
