"""The jobs ``install_model``, ``export_model`` and ``remove_model``: each over in seconds."""

from __future__ import annotations

import shlex
from pathlib import Path

from core.denoising.context import RunContext
from core.models import InstalledModel, ModelError, ModelStore
from core.models.installed import CARD_NAME, read_model
from core.models.installing import export, install, remove
from core.protocol.models import (
    ExportModelRequest,
    ExportModelResult,
    InstallModelRequest,
    InstallModelResult,
    RemoveModelRequest,
    RemoveModelResult,
)


def run(
    request: InstallModelRequest | ExportModelRequest | RemoveModelRequest, store: ModelStore, context: RunContext
) -> InstallModelResult | ExportModelResult | RemoveModelResult:
    """Install, export or remove a model.

    Raises
    ------
    Cancelled
        It was stopped; nothing was changed.
    ModelError
        The file, the model or the disk can't be used so.
    """
    if isinstance(request, InstallModelRequest):
        return _install(request, store, context)
    if isinstance(request, ExportModelRequest):
        model = _model_of(request, store)
        size = export(model, Path(request.output), request.overwrite)
        return ExportModelResult(card=model.card, output=request.output, size_bytes=size)
    _refuse_filter(request.name, "it comes with Quietbeam and stays")
    gone = remove(store, request.name, request.version)
    return RemoveModelResult(card=gone.card, folder=str(gone.folder))


def _install(request: InstallModelRequest, store: ModelStore, context: RunContext) -> InstallModelResult:
    from core.denoising.methods.classical import CLASSICAL
    from core.denoising.methods.fitting import check_fits

    made = install(store, Path(request.source), check_fits, frozenset(CLASSICAL), context.check)
    return InstallModelResult(card=made.model.card, folder=str(made.model.folder), already=made.already)


def _model_of(request: ExportModelRequest, store: ModelStore) -> InstalledModel:
    """An installed model by its name, or a model's folder, such as a training has written."""
    folder = Path(request.name)
    try:
        return store.get(request.name, request.version)
    except ModelError:
        if (folder / CARD_NAME).is_file():
            return read_model(folder)
        _refuse_filter(request.name, "it has no weights to export, and every Quietbeam has it")
        _point_inside(folder)
        raise


def _point_inside(folder: Path) -> None:
    """A training's folder is easily taken for the model's in it."""
    from core.training.checkpoint import find_checkpoint

    inside = [one.parent for one in sorted(folder.glob(f"*/{CARD_NAME}"))] if folder.is_dir() else []
    if inside:
        advice = f"Name the model's: quietbeam models export {shlex.quote(str(inside[0]))}."
        raise ModelError.of("no-model", "This is a training's folder, not a model's.", str(folder), advice)
    if find_checkpoint(folder) is not None:
        advice = "Go on with it (quietbeam train RECIPE --resume): the model is written at its end."
        raise ModelError.of("no-model", "The training in this folder is not finished.", str(folder), advice)


def _refuse_filter(name: str, why: str) -> None:
    from core.denoising.methods.classical import CLASSICAL

    if name in CLASSICAL:
        what, advice = f"{name} is a filter: {why}.", "Name a model: quietbeam models list."
        raise ModelError.of("bad-request", what, None, advice)
