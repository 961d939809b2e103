"""Rows of the bench in a file: kept as they come, so that a run that was stopped goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from core.protocol.base import is_disk_full
from core.protocol.bench import BenchRow, BenchSet
from core.scoring.errors import ScoringError

_MOST_BYTES = 1 << 30
# How every row begins: a line that was cut off is told by it from a file of something else.
_BEGINNING = b'{"version":"'


@dataclass
class KeptRows:
    """Rows by what they measured; with a file, those of earlier runs too."""

    path: Path | None = None
    _rows: dict[tuple[str, ...], BenchRow] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path | None) -> KeptRows:
        """Read the rows that a file holds already; a last line that was cut off is dropped.

        Raises
        ------
        ScoringError
            It holds something else, or can't be read or written.
        """
        kept = cls(path)
        if path is None:
            return kept
        try:
            if path.exists() and path.stat().st_size > _MOST_BYTES:
                raise _refused(path, "it is larger than 1 GiB")
            data = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise _refused(path, f"it can't be read ({error.strerror or error})") from error
        whole, _, rest = data.rpartition(b"\n")
        for number, line in enumerate(whole.split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                row = BenchRow.model_validate_json(line)
            except ValidationError as error:
                raise _refused(path, f"line {number} is no row of this bench") from error
            kept._rows[_identity(row)] = row
        if rest:
            if not _BEGINNING.startswith(rest[: len(_BEGINNING)]):
                raise _refused(path, "its end is no row of this bench")
            _cut(path, len(data) - len(rest))
        if not path.exists():
            _try(path)
        return kept

    def find(
        self, version: str, part: BenchSet, key: str, method: str, method_version: str, weights: str
    ) -> BenchRow | None:
        """Return the row of a trial and method, if it was measured."""
        return self._rows.get((version, part, key, method, method_version, weights))

    def add(self, row: BenchRow) -> None:
        """Keep a row.

        Raises
        ------
        ScoringError
            The file can't be written; code ``disk-full`` or ``no-permission``.
        """
        self._rows[_identity(row)] = row
        if self.path is None:
            return
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(row.model_dump_json() + "\n")
        except OSError as error:
            raise _not_written(self.path, error) from error


def _identity(row: BenchRow) -> tuple[str, ...]:
    return (row.version, row.set, row.key, row.method, row.method_version, row.weights_sha256)


def _try(path: Path) -> None:
    """Find out whether a file can be made here, before anything is measured."""
    try:
        path.touch(exist_ok=False)
        path.unlink()
    except OSError as error:
        raise _not_written(path, error) from error


def _cut(path: Path, size: int) -> None:
    try:
        with path.open("r+b") as file:
            file.truncate(size)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> ScoringError:
    if is_disk_full(error):
        return ScoringError.of("disk-full", "The disk is full.", str(path), "Free some space, repeat.")
    what = f"The rows can't be written ({error.strerror or error})."
    return ScoringError.of("no-permission", what, str(path), "Name another file with --rows.")


def _refused(path: Path, why: str) -> ScoringError:
    what = f"This file of rows can't be used: {why}."
    return ScoringError.of("bad-request", what, str(path), "Name another file.")
