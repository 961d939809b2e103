"""The errors of reading and writing movies: one small tree, each with what happened, to which file, and what to do."""

from __future__ import annotations

# The names say what a file is; "Error" behind each would say nothing more.
# ruff: noqa: N818
import errno
from pathlib import Path
from typing import Self

from core.protocol.base import ErrorInfo, is_disk_full


class MovieError(Exception):
    """The base of every error of `core.movies`; `info` says what happened and what to do next.

    It is raised through `about`, which fills in the class's own code and advice.
    """

    code = "malformed"
    advice = ""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info)
        self.info = info

    def __str__(self) -> str:
        return self.info.sentence()

    @classmethod
    def about(cls, path: str | Path | None, what: str, advice: str | None = None, code: str | None = None) -> Self:
        """Make the error for a file.

        Parameters
        ----------
        path : str, Path or None
            The file concerned.
        what : str
            One sentence that says what happened.
        advice : str, optional
            One sentence that says what to do next; the class's own by default.
        code : str, optional
            A word for programs (`ErrorInfo`); the class's own by default.
        """
        info = ErrorInfo(
            code=cls.code if code is None else code,
            what=what,
            path=None if path is None else str(path),
            advice=cls.advice if advice is None else advice,
        )
        return cls(info)


class NotAMovie(MovieError):
    """No format here recognises the file."""

    code = "not-a-movie"
    advice = "Open a file of one of the formats in the manual, or type the layout of a file without a header."


class Truncated(MovieError):
    """The file ends before what it promises, and no complete frame can be read."""

    code = "truncated"
    advice = "Copy the file again from where it was recorded; the copy may have been interrupted."


class Malformed(MovieError):
    """The file is of a known format, but contradicts itself."""

    code = "malformed"
    advice = "Copy the file again, or export it once more from the program that wrote it."


class Unsupported(MovieError):
    """The file is understood, but what it holds is no movie that can be denoised here."""

    code = "unsupported"
    advice = "Export the images as a greyscale TIFF stack and open that."


class NoSuchDataset(MovieError):
    """The file holds no dataset of that name."""

    code = "bad-request"


class Unreadable(MovieError):
    """The operating system refused, or failed at, opening or reading."""

    code = "unreadable"
    advice = "Check that the disk or network drive is connected, then try again."


class WriteFailed(MovieError):
    """A result could not be written."""

    code = "unreadable"
    advice = "Choose another folder for the result."


def unreadable(path: str | Path, error: OSError) -> Unreadable:
    """Wrap what the operating system said about reading `path`."""
    if isinstance(error, FileNotFoundError):
        return Unreadable.about(
            path, "The file does not exist.", "Check the name, or whether it was moved or renamed.", "not-found"
        )
    if isinstance(error, IsADirectoryError):
        return Unreadable.about(path, "This is a folder, not a file.", "Open the movies inside it.", "is-a-folder")
    if isinstance(error, PermissionError):
        return Unreadable.about(
            path, "The file may not be read.", "Ask for permission to read it, or copy it elsewhere.", "no-permission"
        )
    if error.errno == errno.ENAMETOOLONG:
        return Unreadable.about(path, "The name is too long for this system.", "Use a shorter path.", "not-found")
    return Unreadable.about(path, f"The file could not be read: {reason(error)}.")


def unwritable(path: str | Path, error: OSError) -> WriteFailed:
    """Wrap what the operating system said about writing `path`."""
    if is_disk_full(error):
        return WriteFailed.about(
            path,
            "The disk is full.",
            "Free some space, or choose another disk; finished frames are kept, and the run can go on from them.",
            "disk-full",
        )
    if error.errno == errno.EFBIG:
        return WriteFailed.about(
            path,
            "The file is too large for this disk's file system.",
            "Choose a disk that holds large files (FAT32 ends at 4 GB).",
            "disk-full",
        )
    if isinstance(error, FileExistsError):
        return WriteFailed.about(
            path, "The result exists already.", "Choose another name, or allow it to be replaced.", "output-exists"
        )
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return WriteFailed.about(
            path, "The folder of the result does not exist.", "Make the folder, or choose another.", "not-found"
        )
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return WriteFailed.about(
            path, "The result may not be written here.", "Choose a folder that you may write to.", "no-permission"
        )
    return WriteFailed.about(path, f"The result could not be written: {reason(error)}.")


def reason(error: BaseException) -> str:
    """What an exception says, on one line, without its class where it says something."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = " ".join(text.split()).rstrip(".")
    return text[:300] if text else type(error).__name__
