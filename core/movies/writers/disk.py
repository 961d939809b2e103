"""The disk that a result goes to: its room, its largest file, and how a finished file gets its name."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from core.movies.errors import WriteFailed, unwritable

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOCK_AT = 1 << 40
# FAT counts a file's bytes in 32 bits; "msdos" is macOS's word for all of them. exFAT has no such limit.
_SMALL_FILES = {"vfat", "msdos", "fat", "fat16", "fat32"}
FAT_LIMIT = (1 << 32) - 1


def free_bytes(path: str | Path) -> int:
    """Free space where `path` would be written.

    Raises
    ------
    WriteFailed
        Its folder does not exist.
    """
    try:
        return shutil.disk_usage(Path(path).absolute().parent).free
    except OSError as error:
        raise unwritable(path, error) from error


def partial_path(path: str | Path) -> Path:
    """Where a result is written until it is finished: ``NAME.partial``."""
    return Path(f"{path}.partial")


def largest_file(path: str | Path) -> int | None:
    """The largest file, in bytes, that the file system of `path` can hold; None: more than matters, or not known."""
    try:
        place = Path(path).absolute().parent.resolve()
        mounted = [part for part in psutil.disk_partitions(all=True) if place.is_relative_to(part.mountpoint)]
    except (OSError, ValueError, psutil.Error):
        return None
    if not mounted:
        return None
    nearest = max(mounted, key=lambda part: len(Path(part.mountpoint).parts))
    return FAT_LIMIT if nearest.fstype.lower() in _SMALL_FILES else None


def check_name(path: Path, overwrite: bool, folder: bool = False) -> None:
    """Refuse a name that is taken; a result that is a `folder` replaces only what is a folder.

    Raises
    ------
    WriteFailed
        With what to do instead.
    """
    if path.is_dir() != folder and path.exists():
        kind = "folder" if path.is_dir() else "file"
        raise WriteFailed.about(path, f"The result's name is that of a {kind}.", "Choose another name.")
    if path.exists() and not overwrite:
        raise unwritable(path, FileExistsError())


def check_room(path: Path, needed: int, taken: int = 0, one_file: bool = True) -> None:
    """Foresee a full disk, and a file system without large files.

    Parameters
    ----------
    path : Path
        The result.
    needed : int
        Its size in bytes.
    taken : int
        How much of it lies on the disk already.
    one_file : bool
        It is a single file.

    Raises
    ------
    WriteFailed
        It won't fit.
    """
    limit = largest_file(path) if one_file else None
    if limit is not None and needed > limit:
        raise WriteFailed.about(
            path,
            f"The result needs {needed / 1e9:.2f} GB in one file, but this disk (FAT32) holds files up to 4 GB only.",
            "Choose another disk, fewer frames or a region, or write OME-Zarr: a folder of small files.",
            "disk-full",
        )
    free = free_bytes(path)
    if needed - taken > free:
        raise WriteFailed.about(
            path,
            f"The result needs {(needed - taken) / 1e9:.2f} GB, but only {free / 1e9:.2f} GB are free on this disk.",
            "Free some space, choose another disk, or denoise fewer frames or a region.",
            "disk-full",
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system, or a library, says about writing `path` into `WriteFailed`."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def rename_new(partial: Path, path: Path, overwrite: bool) -> None:
    """Give a finished file its name; without `overwrite` an existing file is never replaced.

    Raises
    ------
    OSError
        `FileExistsError` if the name is taken; whatever the system says otherwise.
    """
    if overwrite:
        partial.replace(path)
        return
    try:
        # A link fails if the name is taken, a rename on POSIX would not.
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        partial.rename(path)
    else:
        partial.unlink()


def locked(descriptor: int) -> bool:
    """Take a file for this writer; False if another writer has it. The system lets go when the process dies."""
    try:
        if sys.platform == "win32":
            # Windows locks bytes, and for everybody: one far behind any data.
            os.lseek(descriptor, _LOCK_AT, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        # Some network drives know no locks; better a result without one than none.
        return True
    return True
