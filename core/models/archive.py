"""``.qbmodel``: a model as one file, to be handed on. A zip of card, weights, recipe and licence, and nothing else.

Written, the same model always gives the same bytes. Read, nothing of the file is believed: how many members there are,
their names and what kind they are, how large they say they are and how large they turn out to be.
"""

from __future__ import annotations

import os
import shlex
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from core.models.errors import ASK_AGAIN, ModelError, model_error
from core.models.installed import CARD_BYTES, CARD_NAME, WEIGHTS_BYTES, WEIGHTS_NAME

RECIPE_NAME = "recipe.toml"
LICENCE_NAME = "LICENCE.txt"
NEEDED = (CARD_NAME, WEIGHTS_NAME)
# What each member may hold, in bytes.
LIMITS: Mapping[str, int] = {
    CARD_NAME: CARD_BYTES,
    WEIGHTS_NAME: WEIGHTS_BYTES,
    RECIPE_NAME: CARD_BYTES,
    LICENCE_NAME: CARD_BYTES,
}
_ARCHIVE_BYTES = sum(LIMITS.values()) + (1 << 16)
# Weights hardly shrink, and text by ten times or less; what shrinks more was made to swell.
_MOST_RATIO = 64
_DIRECTORY_BYTES = 1 << 14
_END = struct.Struct("<4s4H2LH")
_LOCATOR_64 = b"PK\x06\x07"
_CHUNK = 1 << 20
# The first day that a zip can tell: a file's age must not change its bytes.
_DAY = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED = 0x1 | 0x40 | 0x2000
# All that zipfile raises for damage of one kind or another.
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, NotImplementedError, RuntimeError)

Check = Callable[[], None]


class SupportsWrite(Protocol):
    """What a member may be copied into."""

    def write(self, data: bytes, /) -> int:
        """Take some bytes."""
        ...


def no_check() -> None:
    """Go on."""


def write_archive(path: Path, members: Mapping[str, bytes | Path]) -> int:
    """Write a ``.qbmodel`` of members by name (bytes, or a file to be copied); returns its size.

    The members are stored, not deflated (deflate's bytes differ between versions of zlib), in the order of `LIMITS`.

    Raises
    ------
    OSError
        It can't be written.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in LIMITS:
            if name not in members:
                continue
            info = zipfile.ZipInfo(name, _DAY)
            info.create_system = 3
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            content = members[name]
            data = content.read_bytes() if isinstance(content, Path) else content
            archive.writestr(info, data)
    return path.stat().st_size


class ModelArchive:
    """An open ``.qbmodel`` whose directory is sound: known members only, each once, none too large.

    Attributes
    ----------
    sizes : mapping of str to int
        Bytes of each member, as declared; reading checks them.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        self._members = _checked(path, archive)
        self.sizes: Mapping[str, int] = {name: info.file_size for name, info in self._members.items()}

    def read(self, name: str) -> bytes:
        """Read a small member whole; empty if there is none of this name.

        Raises
        ------
        ModelError
            It is damaged, or not as large as it says.
        """
        return b"".join(self._chunks(name)) if name in self._members else b""

    def copy(self, name: str, target: SupportsWrite, check: Check = no_check) -> None:
        """Copy a member into an open file; raises as `read`, and OSError for the file."""
        for chunk in self._chunks(name):
            check()
            target.write(chunk)

    def _chunks(self, name: str) -> Iterator[bytes]:
        info = self._members[name]
        done = 0
        with _damage_told(self._path):
            stream = self._archive.open(info)
        with stream:
            while True:
                with _damage_told(self._path):
                    chunk = stream.read(_CHUNK)
                if not chunk:
                    break
                done += len(chunk)
                if done > info.file_size:
                    raise refused(self._path, f"{name} is larger than it says")
                yield chunk
        if done != info.file_size:
            raise refused(self._path, f"{name} is cut off")


@contextmanager
def open_archive(path: Path) -> Iterator[ModelArchive]:
    """Open a ``.qbmodel`` for reading.

    Raises
    ------
    ModelError
        Code ``not-found``, ``is-a-folder`` or ``unreadable``; ``bad-model`` for anything that is wrong with it.
    """
    if path.is_dir():
        model = (path / CARD_NAME).is_file()
        advice = (
            f"Pack it first: quietbeam models export {shlex.quote(str(path))}." if model else "Choose the file itself."
        )
        raise model_error("is-a-folder", "This is a folder, not a .qbmodel file.", str(path), advice)
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise model_error("not-found", "There is no such file.", str(path), "Check the name.") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        with _damage_told(path):
            _check_end(path, file)
            archive = zipfile.ZipFile(file)
        with archive:
            yield ModelArchive(path, archive)


def refused(path: Path, why: str, advice: str = ASK_AGAIN) -> ModelError:
    """Return the error of an archive that can't be used."""
    return model_error("bad-model", f"This model file can't be used: {why}.", str(path), advice)


def _check_end(path: Path, file: BinaryIO) -> None:
    """Look at the zip's last record before zipfile does, which reads the whole directory into memory.

    Only what `write_archive` makes passes: no comment, no 64-bit records, a small directory right before the end.
    """
    size = os.fstat(file.fileno()).st_size
    if size > _ARCHIVE_BYTES:
        raise refused(path, "it is larger than 1 GiB, more than any model needs")
    if size < _END.size:
        raise refused(path, "it is no .qbmodel file" if size else "it is empty")
    tail_size = min(size, _END.size + 20)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    magic, disk, first_disk, here, entries, length, offset, comment = _END.unpack(tail[-_END.size :])
    if magic != b"PK\x05\x06" or comment:
        raise refused(path, "it is no .qbmodel file, or its end is missing", "Copy or download it again.")
    if disk or first_disk or here != entries or tail.startswith(_LOCATOR_64):
        raise refused(path, "it is a zip of a kind that Quietbeam doesn't write")
    if entries > len(LIMITS) or length > _DIRECTORY_BYTES:
        raise refused(path, f"it holds {entries} files, where a model has at most {len(LIMITS)}")
    if offset + length + _END.size != size:
        raise refused(path, "something was put before or behind its contents")
    file.seek(0)


def _checked(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        # zipfile cuts names at a zero byte and turns separators; what is meant is what was written.
        name = info.orig_filename
        _check_name(path, name)
        if name in found:
            raise refused(path, f"it holds {name} twice")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or info.is_dir():
            raise refused(path, f"{name} in it is no plain file but a link, a folder or a device")
        if info.flag_bits & _ENCRYPTED:
            raise refused(path, f"{name} in it is encrypted", "Ask for one without a password.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refused(path, f"{name} in it is compressed in a way that Quietbeam doesn't know")
        if info.file_size > LIMITS[name]:
            raise refused(path, f"{name} in it would take {info.file_size:,} bytes; {LIMITS[name]:,} are allowed")
        if info.file_size > _MOST_RATIO * max(info.compress_size, 1 << 10):
            raise refused(path, f"{name} in it would swell to {info.file_size:,} from {info.compress_size:,} bytes")
        found[name] = info
    for name in NEEDED:
        if name not in found:
            raise refused(path, f"{name} is not in it")
    return found


def _check_name(path: Path, name: str) -> None:
    if name in LIMITS:
        return
    shown = name[:80].encode("unicode_escape").decode("ascii")
    if name.startswith(("/", "\\")) or ".." in name or ":" in name:
        raise refused(path, f"it tries to write outside its own folder ({shown})", "Don't trust where it came from.")
    advice = "A model is packed with: quietbeam models export NAME."
    raise refused(path, f"it holds a file that belongs to no model ({shown})", advice)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise refused(path, f"it is damaged ({error})", "Copy or download it again.") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ModelError:
    what = f"The file can't be read ({error.strerror or error})."
    return model_error("unreadable", what, str(path), "Check the disk and its permissions.")
