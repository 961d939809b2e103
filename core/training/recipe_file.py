"""Recipes on disk: TOML files, read with errors that name the file and the key."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from core.protocol.recipe_words import told
from core.protocol.recipes import TrainRecipe


class RecipeError(ValueError):
    """A recipe that cannot be used; the message names the file, the key and what is wrong with it."""


def builtin_names() -> tuple[str, ...]:
    """Names of the recipes that come with the program."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def _folder() -> Path:
    return Path(str(resources.files("resources"))) / "recipes"


def load_recipe(path: Path) -> TrainRecipe:
    """Read a training recipe: a file, or the name of one that comes with the program.

    Raises
    ------
    RecipeError
        If the file is missing, is not TOML, or holds unknown, missing or wrong keys.
    """
    if not path.exists() and path.name == str(path) and path.name in builtin_names():
        path = _folder() / f"{path.name}.toml"
    try:
        # The editor of Windows puts a mark before the text.
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        names = ", ".join(builtin_names())
        raise RecipeError(
            f"{path}: the recipe cannot be read ({error.strerror}). Give a TOML file, or one of: {names}."
        ) from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: its letters can't be read. Save it as UTF-8 in your editor.") from error
    except tomllib.TOMLDecodeError as error:
        hint = " In TOML, paths are written with /, on Windows too." if "\\" in str(error) else ""
        raise RecipeError(f"{path}: not a valid TOML file: {error}.{hint}") from error
    try:
        return _placed(TrainRecipe.model_validate(data), path.absolute().parent)
    except ValidationError as error:
        raise RecipeError(f"{path}: {told(error, TrainRecipe)}.") from error


def _placed(recipe: TrainRecipe, folder: Path) -> TrainRecipe:
    """Say where images lie: their folder is named as seen from the recipe."""
    if recipe.images is None:
        return recipe
    images = recipe.images.model_copy(update={"folder": (folder / recipe.images.folder).as_posix()})
    return recipe.model_copy(update={"images": images})
