"""Recipes on disk: TOML files, read with errors that name the file and the key."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from core.protocol.recipes import TrainRecipe

# Patterns say little to those who don't read them.
_PATTERNS = {
    "name": "small letters a to z, digits and dashes alone, beginning with a letter or digit",
}


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
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        names = ", ".join(builtin_names())
        raise RecipeError(
            f"{path}: the recipe cannot be read ({error.strerror}). Give a TOML file, or one of: {names}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not a valid TOML file: {error}.") from error
    try:
        return _placed(TrainRecipe.model_validate(data), path.absolute().parent)
    except ValidationError as error:
        lines = [_explain(".".join(str(p) for p in e["loc"]), e["type"], e["msg"]) for e in error.errors()]
        raise RecipeError(f"{path}: " + "; ".join(lines) + ".") from error


def _placed(recipe: TrainRecipe, folder: Path) -> TrainRecipe:
    """Say where images lie: their folder is named as seen from the recipe."""
    if recipe.images is None:
        return recipe
    images = recipe.images.model_copy(update={"folder": (folder / recipe.images.folder).as_posix()})
    return recipe.model_copy(update={"images": images})


def _explain(key: str, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"unknown key '{key}'"
    if kind == "missing":
        return f"missing key '{key}'"
    if kind == "string_pattern_mismatch":
        return f"'{key}': {_PATTERNS.get(key, message)}"
    if kind == "value_error":
        # In words of our own.
        return f"'{key or 'recipe'}': {message.removeprefix('Value error, ')}"
    return f"'{key or 'recipe'}': {message}"
