"""``quietbeam models``: what is installed, and the filters that need no training; models as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.cli.reporting import errors_told, print_json, printable, stderr, stdout
from core.denoising.methods.classical import CLASSICAL
from core.models import ModelStore
from core.protocol.jobs import Result
from core.protocol.model_card import ModelCard, held_out_and_others
from core.protocol.models import (
    ARCHIVE_ENDING,
    ExportModelRequest,
    ExportModelResult,
    InstallModelRequest,
    InstallModelResult,
    RemoveModelRequest,
    RemoveModelResult,
)


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
        mark = " (used where no other suits a movie better)" if model.card.name == default else ""
        _print_card(model.card, mark, str(model.folder))
    if not models:
        out.print("No model is installed.")
    out.print("Filters, which need no training and tune themselves on each movie:", style="bold")
    for one in CLASSICAL.values():
        out.print(f"  {one.name:<20}{one.title}")
    for problem in problems:
        stderr().print(problem.sentence(), style="yellow")


def _print_card(card: ModelCard, mark: str, folder: str) -> None:
    out = stdout()
    out.print(printable(f"{card.name} {card.version}{mark}"), style="bold")
    low, high = card.dose_range_e_px
    pixels = "any" if card.pixel_size_nm is None else "{:g} to {:g} nm".format(*card.pixel_size_nm)
    modality = ", ".join(card.modality)
    out.print(printable(f"  {card.title}"))
    said = f"  for {modality}; {low:g} to {high:g} electrons a px; pixel size: {pixels}"
    said += f"; {card.frames} and more frames at a time" if card.frames > 1 else ""
    out.print(printable(said + (f"; one of the series {card.series}, to be compared" if card.series else "")))
    held, measured = held_out_and_others(card.scores)
    if measured:
        out.print(printable(f"  Measured: {_listed(measured)}"))
    if held:
        out.print(printable(f"  Watched while it was trained, no test, PSNR in dB on held-out images: {_listed(held)}"))
    for caveat in card.caveats:
        out.print(printable(f"  Beware: {caveat}"), style="yellow")
    origin = ", ".join(one for one in (card.licence, card.author, card.created) if one)
    out.print(printable(f"  {origin}; {folder}"))


def _listed(scores: Mapping[str, float]) -> str:
    """Names hold commas of their own."""
    return "; ".join(f"{name}: {value:.4g}" for name, value in scores.items())


def install_model(file: Path, as_json: bool) -> None:
    """Install a model; JSON is an `InstallModelResult`."""
    result = _done(InstallModelRequest(source=str(file)), as_json)
    if isinstance(result, InstallModelResult) and not as_json:
        card = result.card
        said = "is installed already; nothing was changed" if result.already else "is installed"
        stdout().print(f"{card.name} {card.version} {said}: {result.folder}")
        if not result.already:
            stdout().print(f"Use it with: quietbeam denoise FILE --model {card.name}")


def export_model(name: str, output: Path | None, version: str | None, overwrite: bool, as_json: bool) -> None:
    """Write a model as a file; JSON is an `ExportModelResult`."""
    if output is None:
        with errors_told(as_json):
            known = {one.card.name: one.card for one in reversed(ModelStore.default().list())}
        # Whatever is wrong with the name is told by the job.
        named = version or (known[name].version if name in known else "")
        stem = Path(name).name
        output = Path(f"{stem}-{named}{ARCHIVE_ENDING}" if named else f"{stem}{ARCHIVE_ENDING}")
    request = ExportModelRequest(name=name, version=version, output=str(output), overwrite=overwrite)
    result = _done(request, as_json)
    if isinstance(result, ExportModelResult) and not as_json:
        stdout().print(f"{result.card.name} {result.card.version}, {result.size_bytes / 1e6:.1f} MB: {result.output}")


def remove_model(name: str, version: str | None, as_json: bool) -> None:
    """Remove a model; JSON is a `RemoveModelResult`."""
    result = _done(RemoveModelRequest(name=name, version=version), as_json)
    if isinstance(result, RemoveModelResult) and not as_json:
        stdout().print(f"{result.card.name} {result.card.version} was removed: {result.folder}")


def _done(request: InstallModelRequest | ExportModelRequest | RemoveModelRequest, as_json: bool) -> Result:
    with errors_told(as_json):
        from core.cli.listening import listened
        from core.jobs.models import run

        with listened(as_json, "Stopped; nothing was changed.", "models") as listener:
            result = run(request, ModelStore.default(), listener)
    if as_json:
        print_json(result)
    return result
