"""``quietbeam models``: what is installed."""

from __future__ import annotations

from core.cli.reporting import errors_told, print_json, stderr, stdout
from core.models import ModelStore


def show_models(as_json: bool) -> None:
    """Print the cards; JSON holds ``default``, ``models`` (cards with ``folder`` and ``built_in``), ``problems``."""
    store = ModelStore.default()
    with errors_told(as_json):
        models, problems, default = store.list(), store.problems(), store.default_model()
    if as_json:
        cards = [{**m.card.model_dump(mode="json"), "folder": str(m.folder), "built_in": m.built_in} for m in models]
        print_json({"default": default, "models": cards, "problems": [p.model_dump(mode="json") for p in problems]})
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
    for problem in problems:
        stderr().print(problem.sentence(), style="yellow")
