"""Where a result goes, and whether it may go there: asked before the first frame is computed."""

from __future__ import annotations

import os
from pathlib import Path

from core.denoising.errors import denoise_error
from core.movies.writers import RESULT_ENDINGS, partial_path, result_format


def default_output(source: str | Path, folder: str | Path | None = None) -> Path:
    """Return where the result of a movie goes if nobody says otherwise: ``NAME_denoised.tif``.

    Parameters
    ----------
    source : path
        The movie's file.
    folder : path, optional
        Where to put it if the movie's own folder can't be written; the user's home otherwise.
    """
    source = Path(source)
    place = source.absolute().parent
    if not os.access(place, os.W_OK):
        place = Path.home() if folder is None else Path(folder)
    return place / f"{source.stem}_denoised.tif"


def check_output(source: Path, output: Path, overwrite: bool) -> None:
    """Refuse an output that is the source, exists already, or can't be written.

    The room on the disk is asked by the writer.

    Raises
    ------
    DenoiseError
        With what to do instead.
    """
    if result_format(output) is None:
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
    if output.is_dir():
        raise denoise_error("is-a-folder", "The output is a folder.", str(output), "Give the name of a file in it.")
    if output.exists() and not overwrite:
        raise denoise_error(
            "output-exists",
            "The output exists already and was left as it is.",
            str(output),
            "Choose another name, or allow it to be overwritten.",
        )
    folder = output.absolute().parent
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


def _same_file(source: Path, output: Path) -> bool:
    try:
        return output.samefile(source)
    except OSError:
        return output.absolute() == source.absolute()
