"""Which models are installed: those that come with the program, and the user's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import platformdirs

from core.models.errors import ModelError, model_error
from core.models.installed import CARD_NAME, WEIGHTS_NAME, InstalledModel, read_model
from core.protocol.base import ErrorInfo
from core.protocol.model_fit import best_model
from core.protocol.movie import MovieMeta

# Trained for all kinds of images: what a movie gets of which nothing is known.
GENERAL = "lattice-general"
# In a version; what else Python takes for digits, or thousands of them, would be an error for int.
_NUMBER = re.compile("[0-9]{1,9}")


def built_in_folder() -> Path:
    """Where the models lie that come with the program."""
    return Path(str(resources.files("resources"))) / "models"


def user_folder() -> Path:
    """Where the user's own models are installed."""
    return platformdirs.user_data_path("quietbeam", appauthor=False) / "models"


@dataclass(frozen=True)
class ModelStore:
    """Models in folders, each with a card and weights.

    Attributes
    ----------
    built_in, own : sequence of Path
        Folders that hold a folder for each model; of one name, the newest version is used.
    """

    built_in: Sequence[Path]
    own: Sequence[Path]

    @classmethod
    def default(cls) -> ModelStore:
        """The models of this installation and this user."""
        return cls((built_in_folder(),), (user_folder(),))

    def list(self) -> tuple[InstalledModel, ...]:
        """Models that can be used, the built-in ones first, by name, the newest version first.

        Of both, the general one stands before the others, and those of a series, which are there to be compared, last.
        """
        return tuple(_read(self)[0])

    def problems(self) -> tuple[ErrorInfo, ...]:
        """What is wrong with the folders that look like models but can't be used."""
        return tuple(_read(self)[1])

    def comes_with_the_program(self, name: str) -> bool:
        """Whether a built-in model has this name: none can be installed beside it."""
        return any(model.built_in and model.card.name == name for model in self.list())

    def default_model(self) -> str | None:
        """Name of the model to use where nothing is known of a movie; None without any.

        It is the built-in general one; should that be gone, the first built-in one, else the first.
        """
        models = self.list()
        general = [model for model in models if model.built_in and model.card.name == GENERAL]
        chosen = general or models
        return chosen[0].card.name if chosen else None

    def suggested(self, meta: MovieMeta, electrons: float | None = None) -> str | None:
        """Name of the model that suits a movie best (`core.protocol.model_fit.best_model`); None without any."""
        return best_model([model.card for model in self.list()], meta, self.default_model(), electrons)

    def get(self, name: str, version: str | None = None) -> InstalledModel:
        """Return the newest version of a model, or the version named.

        Raises
        ------
        ModelError
            There is none, or it is damaged (code ``no-model``).
        """
        models, problems = _read(self)
        found = [m for m in models if m.card.name == name and version in (None, m.card.version)]
        if found:
            return max(found, key=lambda m: _version_key(m.card.version))
        for problem in problems:
            # Of a model that was installed, the folder's name says the version too.
            if problem.path and (Path(problem.path).name + "-").startswith(name + "-"):
                raise ModelError(problem)
        known = ", ".join(dict.fromkeys(m.card.name for m in models))
        wanted = f"{name} {version}" if version else name
        advice = f"Installed: {known}." if known else "No model is installed; install Quietbeam again."
        raise model_error("no-model", f"There is no model {wanted!r}.", None, advice)


def _read(store: ModelStore) -> tuple[list[InstalledModel], list[ErrorInfo]]:
    models: list[InstalledModel] = []
    problems: list[ErrorInfo] = []
    for built_in, parents in ((True, store.built_in), (False, store.own)):
        group: list[InstalledModel] = []
        for folder in _model_folders(parents):
            try:
                group.append(read_model(folder, built_in))
            except ModelError as error:
                problems.append(error.info)
        group.sort(key=lambda m: _version_key(m.card.version), reverse=True)
        group.sort(key=lambda m: (m.card.series != "", m.card.name != GENERAL, m.card.name))
        models += group
    return models, problems


def _model_folders(parents: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for parent in parents:
        try:
            inside = sorted(parent.iterdir())
        except OSError:
            # No such folder yet: no models.
            continue
        # Names with a dot are those of an installation under way.
        inside = [f for f in inside if not f.name.startswith(".")]
        found += [f for f in inside if (f / CARD_NAME).exists() or (f / WEIGHTS_NAME).exists()]
    return found


def _version_key(version: str) -> tuple[tuple[int, str], ...]:
    """Order 0.10 after 0.9, and words after numbers."""
    parts = re.split(r"[.\-+]", version)
    return tuple((int(part), "") if _NUMBER.fullmatch(part) else (1 << 30, part) for part in parts)
