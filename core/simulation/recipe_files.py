"""Recipes of simulated sets on disk: TOML files, those that come with the program found by their name."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

from pydantic import ValidationError

from core.protocol.recipe_words import told
from core.protocol.simulation import SceneRecipe, SimulateRecipe
from core.simulation.cif import is_cif
from core.simulation.errors import SimulationError
from core.simulation.materials import TRAINING
from core.simulation.recipe_checks import check_recipe
from core.simulation.recording import TRAINING_INSTRUMENTS
from core.simulation.scenes import kinds_of


def builtin_names() -> tuple[str, ...]:
    """Names of the recipes that come with the program."""
    return tuple(sorted(path.name.removesuffix(".toml") for path in _folder().iterdir() if path.name.endswith(".toml")))


def load_simulation(recipe: str) -> SimulateRecipe:
    """Read a recipe: a path, or the name of one that comes with the program.

    Raises
    ------
    SimulationError
        Code ``bad-recipe``: no such recipe, no TOML, unknown, missing or impossible values, or names of structures,
        materials or detectors that the training lists don't hold.
    """
    path, text = _text(recipe)
    try:
        made = SimulateRecipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _bad(f"This is no TOML: {error}.", path, "Mend the file; the manual shows a recipe.") from error
    except ValidationError as error:
        raise _bad(
            f"The recipe can't be used: {told(error, SimulateRecipe)}.", path, "The manual lists every key."
        ) from error
    made = _with_paths(made, Path(path).absolute().parent)
    for number, scene in enumerate(made.scenes):
        _check_names(scene, number, path)
    try:
        check_recipe(made)
    except SimulationError as error:
        raise _bad(error.info.what, path, error.info.advice) from error
    return made


def _folder() -> resources.abc.Traversable:
    return resources.files("resources").joinpath("recipes", "simulate")


def _text(recipe: str) -> tuple[str, str]:
    path = Path(recipe)
    if not path.exists() and recipe in builtin_names():
        built_in = _folder().joinpath(f"{recipe}.toml")
        return f"{recipe}.toml", built_in.read_text(encoding="utf-8")
    try:
        # The editor of Windows puts a mark before the text.
        return recipe, path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        names = ", ".join(builtin_names())
        advice = f"Give a TOML file, or one of the recipes that come with the program: {names}."
        raise _bad("There is no such recipe.", recipe, advice) from error
    except UnicodeDecodeError as error:
        raise _bad("The recipe's letters can't be read.", recipe, "Save it as UTF-8 in your editor.") from error
    except OSError as error:
        raise _bad(f"The recipe can't be read ({error}).", recipe, "Give a TOML file.") from error


def _check_names(scene: SceneRecipe, number: int, path: str) -> None:
    known = {
        "kinds": (scene.kinds, kinds_of(scene.modality)),
        "materials": (scene.materials, tuple(TRAINING.materials)),
        "particles": (scene.particles, tuple(TRAINING.materials)),
        "supports": (scene.supports, tuple(TRAINING.materials)),
        "detectors": (scene.detectors, TRAINING_INSTRUMENTS.names(scene.modality)),
    }
    for key, (given, allowed) in known.items():
        strange = [name for name in given if name not in allowed and not is_cif(name)]
        if strange:
            what = f"scenes.{number}.{key}: {strange[0]!r} is not known for {scene.modality}."
            raise _bad(what, path, f"Known are: {', '.join(allowed)}.")


def _with_paths(recipe: SimulateRecipe, folder: Path) -> SimulateRecipe:
    """Say where CIFs lie: they are named as seen from the recipe."""

    def placed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple((folder / name).as_posix() if is_cif(name) else name for name in names)

    scenes = tuple(
        scene.model_copy(update={key: placed(getattr(scene, key)) for key in ("materials", "particles", "supports")})
        for scene in recipe.scenes
    )
    return recipe.model_copy(update={"scenes": scenes})


def _bad(what: str, path: str, advice: str) -> SimulationError:
    return SimulationError.about(what, advice, path, "bad-recipe")
