"""Where a result goes, and whether it may go there: asked before the first frame is computed."""

from __future__ import annotations

import os
from pathlib import Path

from core.denoising.errors import denoise_error
from core.denoising.frame_list import list_path
from core.movies.writers import RESULT_ENDINGS, partial_path, result_format

# Of one name in bytes, on all file systems that matter.
_LONGEST_NAME = 255
_LONGEST_PART = 40


def default_output(source: str | Path, folder: str | Path | None = None, dataset: str | None = None) -> Path:
    """Return where the result of a movie goes if nobody says otherwise: ``NAME_denoised.tif``.

    Parameters
    ----------
    source : path
        The movie's file, or the folder of its files; the result lies beside it.
    folder : path, optional
        Where to put it if the movie's own folder can't be written; the user's home otherwise.
    dataset : str, optional
        Becomes part of the name: one file may hold many movies.
    """
    source = Path(source)
    place = source.absolute().parent
    if not os.access(place, os.W_OK):
        place = Path.home() if folder is None else Path(folder)
    part = "_" + "".join(c if c.isalnum() or c in "-_" else "-" for c in dataset).strip("-") if dataset else ""
    return place / _shortened(_plain_name(source), f"{part[:_LONGEST_PART]}_denoised.tif")


def moved_away(source: str | Path, output: Path) -> str | None:
    """Say so if a default output does not lie beside its movie; None if it does."""
    if output.parent == Path(source).absolute().parent:
        return None
    return f"The movie's folder can't be written to. The result goes to {output} instead; choose another place with -o."


def check_output(source: Path, output: Path, overwrite: bool) -> None:
    """Refuse an output that is the source, exists already, or can't be written.

    The room on the disk is asked by the writer.

    Raises
    ------
    DenoiseError
        With what to do instead.
    """
    form = result_format(output)
    if form is None:
        raise denoise_error(
            "bad-request",
            "The output's name says no format that a result can be written in.",
            str(output),
            f"Give it a name that ends in one of: {', '.join(RESULT_ENDINGS)}.",
        )
    if _same_file(source, output) or _same_file(source, partial_path(output)):
        raise denoise_error(
            "bad-request",
            "The output is the source itself; originals are never written.",
            str(output),
            "Choose another name for the output.",
        )
    if source.is_dir() and output.absolute().resolve().is_relative_to(source.absolute().resolve()):
        raise denoise_error(
            "bad-request",
            "The output lies in the folder that is the movie; originals are never added to.",
            str(output),
            "Choose a place outside that folder.",
        )
    if len(os.fsencode(list_path(partial_path(output)).name)) > _LONGEST_NAME:
        raise denoise_error(
            "bad-request",
            "The output's name is too long: while it is written, NAME.partial.frames lies beside it.",
            str(output),
            "Choose a shorter name for the output.",
        )
    if output.is_dir() and not (form == "OME-Zarr" and _is_zarr(output)):
        raise denoise_error("is-a-folder", "The output is a folder.", str(output), "Give the name of a file in it.")
    if output.exists() and not overwrite:
        raise denoise_error(
            "output-exists",
            "The output exists already and was left as it is.",
            str(output),
            "Choose another name, or allow it to be overwritten.",
        )
    _check_folder(output.absolute().parent)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise denoise_error(
            "not-found", "The output's folder doesn't exist.", str(folder), "Make the folder, or choose another."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise denoise_error(
            "no-permission",
            "There is no permission to write here.",
            str(folder),
            "Choose another folder for the output.",
        )


def _plain_name(source: Path) -> str:
    """Return a movie's name without the end that says its format; a folder's name may hold any dots."""
    for end in sorted(RESULT_ENDINGS, key=len, reverse=True):
        if source.name.lower().endswith(end):
            return source.name[: -len(end)]
    return source.name if source.is_dir() else source.stem


def _shortened(name: str, end: str) -> str:
    """Return a name with this end, cut so that the files of a run have room for theirs."""
    room = _LONGEST_NAME - len(os.fsencode(list_path(partial_path(end)).name))
    while len(os.fsencode(name)) > room:
        name = name[:-1]
    return name + end


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("zarr.json", ".zgroup", ".zattrs", ".zarray"))


def _same_file(source: Path, output: Path) -> bool:
    try:
        return output.samefile(source)
    except OSError:
        return output.absolute() == source.absolute()
