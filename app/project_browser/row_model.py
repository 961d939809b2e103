"""The list's rows: each movie, and under it its results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.project_browser.entries import MovieEntry, ResultEntry
from app.project_browser.library import MovieLibrary
from app.words import count_text, frames_text, pixel_size_text, shape_text
from core.protocol.movie import MovieMeta

AnyIndex = QModelIndex | QPersistentModelIndex


class Role(IntEnum):
    """What a row tells its painter."""

    ROW = Qt.ItemDataRole.UserRole + 1
    DETAIL = Qt.ItemDataRole.UserRole + 2
    SECOND_DETAIL = Qt.ItemDataRole.UserRole + 3


@dataclass(frozen=True)
class Row:
    """A movie, or one of its results."""

    movie: MovieEntry
    result: ResultEntry | None = None


class RowModel(QAbstractListModel):
    """Rows of a library."""

    def __init__(self, library: MovieLibrary, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        for entry in library.entries:
            self._rows.extend(_rows_of(entry))
        self._library = library
        library.added.connect(self._on_added)
        library.changed.connect(self._on_changed)
        library.removed.connect(self._on_removed)

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: N802, B008
        return 0 if parent.isValid() else len(self._rows)

    def row(self, index: AnyIndex) -> Row | None:
        """What a row stands for."""
        return self._rows[index.row()] if index.isValid() and index.row() < len(self._rows) else None

    def index_of(self, movie: MovieEntry, result: ResultEntry | None = None) -> QModelIndex:
        """Where a movie or result stands; an invalid index if nowhere."""
        row = Row(movie, result)
        return self.index(self._rows.index(row)) if row in self._rows else QModelIndex()

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.row(index)
        if row is None:
            return None
        if role == Role.ROW:
            return row
        name = row.result.name if row.result is not None else row.movie.name
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role in (Role.DETAIL, Role.SECOND_DETAIL):
            return self._details(row)[0 if role == Role.DETAIL else 1]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            issues = [issue.text for issue in row.movie.issues] if row.result is None else []
            parts = (name, *self._details(row), *issues)
            return ", ".join(dict.fromkeys(part for part in parts if part))
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tool_tip(row)
        return None

    def _details(self, row: Row) -> tuple[str, str]:
        if row.result is not None:
            problem = row.result.problem
            if problem is not None:
                return problem.what, problem.advice
            return self.tr("{0} · {1}").format(frames_text(row.result.frames), row.result.model_title), ""
        movie = row.movie
        if movie.problem is not None:
            return movie.problem.what, movie.problem.advice
        if movie.meta is None:
            return self.tr("Looking at the file…"), ""
        return shape_text(movie.meta), self._second_detail(movie, movie.meta)

    def _second_detail(self, movie: MovieEntry, meta: MovieMeta) -> str:
        if movie.growing:
            # The line above says how many frames there are so far.
            return self.tr("still being written")
        if meta.truncated:
            told = self.tr("{0} of {1} frames are there")
            return told.format(count_text(meta.frames), count_text(meta.declared_frames))
        worst = next((issue for issue in movie.issues if issue.level != "info"), None)
        if worst is not None:
            return worst.text
        size = pixel_size_text(meta)
        if "pixel_size" in meta.entered:
            size = self.tr("{0} (typed)").format(size)
        several = len(movie.movie_datasets)
        return size if several < 2 else self.tr("{0} · 1 of {1} movies").format(size, several)

    def _tool_tip(self, row: Row) -> str:
        if row.result is not None:
            lines = [row.result.path]
            if row.result.problem is not None:
                lines.append(row.result.problem.sentence())
            return "\n".join(lines)
        lines = [row.movie.path]
        if row.movie.problem is not None:
            lines.append(row.movie.problem.sentence())
        if row.movie.meta is not None:
            lines.append(row.movie.meta.format)
            levels = {"error": self.tr("Error"), "warning": self.tr("Warning"), "info": self.tr("To know")}
            lines.extend(f"{levels[issue.level]}: {issue.text}" for issue in row.movie.issues)
        return "\n".join(lines)

    def _span(self, entry: MovieEntry) -> tuple[int, int]:
        """First and last row of a movie."""
        places = [place for place, row in enumerate(self._rows) if row.movie is entry]
        return (places[0], places[-1]) if places else (-1, -1)

    def _on_added(self, entry: MovieEntry) -> None:
        place = 0
        for other in self._library.entries:
            if other is entry:
                break
            place += 1 + len(other.results)
        rows = _rows_of(entry)
        self.beginInsertRows(QModelIndex(), place, place + len(rows) - 1)
        self._rows[place:place] = rows
        self.endInsertRows()

    def _on_changed(self, entry: MovieEntry) -> None:
        first, last = self._span(entry)
        if first < 0:
            return
        old, new = self._rows[first : last + 1], _rows_of(entry)
        if len(new) > len(old):
            self.beginInsertRows(QModelIndex(), last + 1, last + len(new) - len(old))
            self._rows[first : last + 1] = new
            self.endInsertRows()
        elif len(new) < len(old):
            self.beginRemoveRows(QModelIndex(), first + len(new), last)
            self._rows[first : last + 1] = new
            self.endRemoveRows()
        else:
            self._rows[first : last + 1] = new
        self.dataChanged.emit(self.index(first), self.index(first + len(new) - 1))

    def _on_removed(self, entry: MovieEntry) -> None:
        first, last = self._span(entry)
        if first >= 0:
            self.beginRemoveRows(QModelIndex(), first, last)
            del self._rows[first : last + 1]
            self.endRemoveRows()


def _rows_of(entry: MovieEntry) -> list[Row]:
    return [Row(entry), *(Row(entry, result) for result in entry.results)]
