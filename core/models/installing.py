"""Installs, exports and removes models. Nothing lands in the user's folder before everything about it was checked."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core.models.archive import (
    LICENCE_NAME,
    LIMITS,
    RECIPE_NAME,
    Check,
    ModelArchive,
    no_check,
    open_archive,
    refused,
    write_archive,
)
from core.models.errors import ASK_AGAIN, REINSTALL, ModelError, model_error
from core.models.installed import CARD_NAME, WEIGHTS_NAME, InstalledModel, Weights, card_from, read_model
from core.models.store import ModelStore
from core.protocol.base import is_disk_full
from core.protocol.card_rules import card_flaw, is_name
from core.protocol.model_card import CARD_FORMAT, ModelCard
from core.protocol.models import ARCHIVE_ENDING

# Asks whether weights fit the architecture that a card names; raises ModelError. Networks live above this room.
Fits = Callable[[ModelCard, Weights], None]

_ROOM_BYTES = 16 << 20
_WORKING = ".installing-"
_LEAVING = ".removed-"
_STALE_S = 24 * 3600


@dataclass(frozen=True)
class Installed:
    """A model that was installed; `already`: the same one was there before."""

    model: InstalledModel
    already: bool


def install(
    store: ModelStore, path: Path, fits: Fits, reserved: Collection[str] = (), check: Check = no_check
) -> Installed:
    """Install the model of a ``.qbmodel`` file into the store's first own folder.

    Parameters
    ----------
    fits
        Raises if the weights don't fit the card's architecture.
    reserved
        Names that no model may have (those of filters).
    check
        Called between pieces; may raise to stop.

    Raises
    ------
    ModelError
        Code ``bad-model``: something is wrong with the file; ``newer``: a newer program made it; ``model-exists``: the
        name is a built-in model's, or this version is installed with other weights; ``disk-full``, ``no-permission``.
    """
    with open_archive(path) as archive:
        card = _card_of(path, archive)
        _check_card(path, card)
        there = _refuse_surprise(store, path, card, reserved)
        if there is not None:
            _read_through(path, archive, card, check)
            if there.built_in or _is_sound(there):
                return Installed(there, already=True)
        parent = store.own[0]
        with _written(parent, "Models are kept there: give yourself the right to write to it."):
            parent.mkdir(parents=True, exist_ok=True)
            _sweep(parent)
            _check_room(parent, sum(archive.sizes.values()))
            with _working_folder(parent) as folder:
                _unpack(archive, card, folder, check)
                check()
                _check_weights(path, InstalledModel(card, folder), fits)
                target = parent / f"{card.name}-{card.version}"
                if there is not None:
                    # The same model, whose files were damaged since: this is what "install it again" was said for.
                    _discard(there.folder)
                elif _is_rest_of(target, card):
                    _discard(target)
                _put(folder, target, card)
    return Installed(read_model(target), already=False)


def export(model: InstalledModel, output: Path, overwrite: bool = False) -> int:
    """Write a model as one ``.qbmodel`` file, whole or not at all; returns its size.

    The recipe and the licence go with it if they lie in the model's folder, or among those of the program.

    Raises
    ------
    ModelError
        The model is damaged; code ``output-exists``: the file is there and `overwrite` was not asked for;
        ``disk-full``, ``no-permission``.
    """
    _check_card(model.folder, model.card)
    model.load_weights()
    if output.is_dir():
        advice = f"Name a file that ends in {ARCHIVE_ENDING}."
        raise model_error("is-a-folder", "The output is a folder.", str(output), advice)
    if output.exists() and not overwrite:
        advice = "Choose another name, or allow it to be replaced (--overwrite)."
        raise model_error("output-exists", "The file exists already.", str(output), advice)
    members: dict[str, bytes | Path] = {
        CARD_NAME: (model.card.model_dump_json(indent=2) + "\n").encode(),
        WEIGHTS_NAME: model.weights_path,
    }
    others = {RECIPE_NAME: _recipe_of(model), LICENCE_NAME: model.folder / LICENCE_NAME}
    members |= {name: file for name, file in others.items() if file.is_file() and file.stat().st_size <= LIMITS[name]}
    partial = output.with_name(output.name + ".partial")
    with _written(output.parent, "Choose another folder with -o."):
        try:
            size = write_archive(partial, members)
            partial.replace(output)
        finally:
            partial.unlink(missing_ok=True)
    return size


def remove(store: ModelStore, name: str, version: str | None = None) -> InstalledModel:
    """Remove one of the user's own models, and return what it was.

    Raises
    ------
    ModelError
        There is none (``no-model``), it comes with the program, or several versions are installed and none was named
        (``bad-request``); ``no-permission``.
    """
    found = [one for one in store.list() if one.card.name == name and version in (None, one.card.version)]
    own = [one for one in found if not one.built_in]
    if not own:
        if found:
            what = f"The model {name} comes with Quietbeam and stays."
            raise model_error("bad-request", what, None, "Only models that you installed can be removed.")
        store.get(name, version)
    if len(own) > 1:
        versions = ", ".join(one.card.version for one in own)
        raise model_error(
            "bad-request", f"Several versions of {name} are installed.", None, f"Say which (--version): {versions}."
        )
    (model,) = own
    with _written(model.folder.parent, "Remove it by hand."):
        _discard(model.folder)
    return model


def _discard(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
        return
    # Out of sight at once; then at leisure.
    leaving = Path(tempfile.mkdtemp(prefix=_LEAVING, dir=folder.parent))
    folder.rename(leaving / "model")
    shutil.rmtree(leaving)


class _Format(BaseModel):
    """The one thing of a card that every version of the program can read."""

    model_config = ConfigDict(extra="ignore")
    format: int = CARD_FORMAT


def _card_of(path: Path, archive: ModelArchive) -> ModelCard:
    data = archive.read(CARD_NAME)
    try:
        made = _Format.model_validate_json(data).format
    except ValidationError as error:
        raise refused(path, "its card is damaged") from error
    if made > CARD_FORMAT:
        what = "This model was made for a newer Quietbeam."
        raise model_error("newer", what, str(path), "Install a newer Quietbeam, then the model.")
    try:
        return card_from(data)
    except ValueError as error:
        raise refused(path, f"its card is damaged ({error})") from error


def _check_card(path: Path, card: ModelCard) -> None:
    """Refuse what would be a bad folder name, speak to the terminal, or mean nothing."""
    for key in type(card).model_fields:
        flaw = card_flaw(key, getattr(card, key))
        if flaw is not None:
            raise refused(path, f"its {key} {flaw}")


def _refuse_surprise(
    store: ModelStore, path: Path, card: ModelCard, reserved: Collection[str]
) -> InstalledModel | None:
    """Return the same model if it is installed already; refuse another one of its name and version."""
    if card.name.casefold() in {name.casefold() for name in reserved}:
        raise model_error(
            "model-exists", f"The name {card.name!r} is a filter's.", str(path), "The model needs another name."
        )
    for one in store.list():
        if one.card.name.casefold() != card.name.casefold():
            continue
        same = one.card.version == card.version and one.card.weights_sha256 == card.weights_sha256
        if same:
            return one
        if one.built_in:
            what = f"A model called {one.card.name} comes with Quietbeam; this is another one of that name."
            raise model_error("model-exists", what, str(path), "The model needs another name.")
        if one.card.version == card.version:
            what = f"The model {one.card.name} {card.version} is installed already, with other weights."
            remove = f"quietbeam models remove {one.card.name} --version {one.card.version}"
            advice = f"Ask for one with a version of its own, or remove it first: {remove}."
            raise model_error("model-exists", what, str(path), advice)
    return None


class _Hash:
    """A file that keeps nothing of what is written to it but its SHA-256."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self._hash.update(data)
        return len(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _read_through(path: Path, archive: ModelArchive, card: ModelCard, check: Check) -> None:
    """Refuse a file that is damaged, though what it holds is installed: somebody may want to hand it on."""
    for name in archive.sizes:
        found = _Hash()
        archive.copy(name, found, check)
        if name == WEIGHTS_NAME and found.hexdigest() != card.weights_sha256:
            raise refused(path, "its weights are not those that its card names")


def _is_sound(model: InstalledModel) -> bool:
    try:
        model.load_weights()
    except ModelError:
        return False
    return True


def _is_rest_of(folder: Path, card: ModelCard) -> bool:
    """Whether a folder holds what damage has left of this very model, and nothing else."""
    if folder.is_symlink() or not folder.is_dir() or not {one.name for one in folder.iterdir()} <= LIMITS.keys():
        return False
    with contextlib.suppress(ModelError):
        read_model(folder)
        return False
    weights = folder / WEIGHTS_NAME
    if not weights.exists():
        return True
    if not weights.is_file() or weights.stat().st_size > LIMITS[WEIGHTS_NAME]:
        return False
    return hashlib.sha256(weights.read_bytes()).hexdigest() == card.weights_sha256


def _check_room(parent: Path, size: int) -> None:
    free = shutil.disk_usage(parent).free
    if free < size + _ROOM_BYTES:
        what = f"The model takes {size / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free on this disk."
        raise model_error("disk-full", what, str(parent), "Free some space.")


def _unpack(archive: ModelArchive, card: ModelCard, folder: Path, check: Check) -> None:
    for name in archive.sizes:
        with (folder / name).open("xb") as file:
            if name == CARD_NAME:
                # What was checked, not what was read.
                file.write((card.model_dump_json(indent=2) + "\n").encode())
            else:
                archive.copy(name, file, check)
            file.flush()
            os.fsync(file.fileno())


def _check_weights(path: Path, model: InstalledModel, fits: Fits) -> None:
    try:
        weights = model.load_weights()
        fits(model.card, weights)
    except ModelError as error:
        # The folder that it names is about to vanish.
        info = error.info
        advice = _ask_again(info.advice)
        raise ModelError(info.model_copy(update={"code": "bad-model", "path": str(path), "advice": advice})) from error


def _ask_again(advice: str) -> str:
    return ASK_AGAIN if advice == REINSTALL else advice


def _put(folder: Path, target: Path, card: ModelCard) -> None:
    try:
        # An empty folder would be replaced by some systems, and a full one by none.
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        folder.rename(target)
    except OSError as error:
        if not target.exists():
            raise
        try:
            there = read_model(target).card
        except ModelError:
            what = f"A folder for {card.name} {card.version} is there already, and what is in it can't be used."
            raise model_error("model-exists", what, str(target), "Remove that folder, then install again.") from error
        # The folders of "a-1", version 2, and of "a", version 1-2, have one name.
        what = f"The folder for {card.name} {card.version} is that of the model {there.name} {there.version}."
        raise model_error("model-exists", what, str(target), "One of the two needs another name.") from error


@contextmanager
def _working_folder(parent: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=_WORKING, dir=parent))
    try:
        # A shared folder of models is for all.
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove what an installation left that was cut short."""
    for left in [*parent.glob(f"{_WORKING}*"), *parent.glob(f"{_LEAVING}*")]:
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left)


@contextmanager
def _written(folder: Path, advice: str) -> Iterator[None]:
    """Tell what the disk refused."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            what = "The disk is full; nothing was changed."
            raise model_error("disk-full", what, str(folder), "Free some space.") from error
        what = f"This folder can't be written to ({error.strerror or error})."
        raise model_error("no-permission", what, str(folder), advice) from error


def _recipe_of(model: InstalledModel) -> Path:
    own = model.folder / RECIPE_NAME
    if own.is_file() or not model.built_in or not is_name(model.card.training.recipe):
        return own
    return Path(str(resources.files("resources"))) / "recipes" / f"{model.card.training.recipe}.toml"
