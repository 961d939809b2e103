"""``quietbeam info``: what a movie file, or a folder, holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import humanize
from rich.console import Console

from core.cli.entering import entered_from
from core.cli.reporting import errors_told, print_json, printable, stdout
from core.movies import Movie, MovieError, list_datasets, open_movie
from core.movies.holder_log import join_log
from core.movies.survey import survey
from core.movies.tags import find
from core.movies.writers.provenance import lineage, provenance_in
from core.protocol.dose import Dose, dose_of
from core.protocol.movie import DatasetInfo, MovieMeta
from core.protocol.reader import LogColumn, TagRow

_MOST_TAGS = 10_000
_MOST_SEGMENTS = 12


@dataclass(frozen=True)
class InfoOptions:
    """What is wanted beside the description."""

    file: Path
    dataset: str | None = None
    tags: bool = False
    search: str | None = None
    holder_log: Path | None = None
    offset_s: float = 0.0
    settings: tuple[str, ...] = ()
    json: bool = False


@dataclass(frozen=True)
class _Found:
    """What was found out."""

    meta: MovieMeta
    dose: Dose
    tags: tuple[TagRow, ...] = ()
    tags_in_all: int = 0
    columns: tuple[LogColumn, ...] = ()
    covered: int = 0
    said: str = ""
    made: tuple[str, ...] = ()


def show_info(options: InfoOptions) -> None:
    """Print what the file says of itself; JSON is a `MovieMeta`, or an object of it and what else was asked for."""
    with errors_told(options.json):
        try:
            movie = open_movie(options.file, options.dataset)
        except MovieError as error:
            if error.info.code == "is-a-folder" and _show_folder(options):
                return
            raise
        with movie:
            found = _look(movie, options)
        if options.json:
            print_json(_document(found, options))
            return
        datasets = list_datasets(options.file, options.dataset)
    out = stdout()
    _print_meta(out, found, datasets)
    for column in found.columns:
        out.print(f"{'Holder log':<14}{printable(_column(column))}")
    if found.said:
        out.print(f"{'':<14}{found.covered} of {found.meta.frames} frames have a value. {found.said}")
    _print_tags(out, found)


def _look(movie: Movie, options: InfoOptions) -> _Found:
    entered = entered_from(options.settings)
    meta = movie.meta if entered is None else entered.applied_to(movie.meta)
    # Without a gain, a frame's mean says nothing about the dose: no frame is read for it.
    mean = None if meta.counts_per_electron is None else float(movie.frame(meta.frames // 2).mean())
    rows: tuple[TagRow, ...] = ()
    total = 0
    if options.tags or options.search is not None:
        rows, total = find(movie.tags(), options.search or "", _MOST_TAGS)
    columns: tuple[LogColumn, ...] = ()
    covered, said = 0, ""
    if options.holder_log is not None:
        columns, covered, said = join_log(options.holder_log, meta, options.offset_s)
    made = lineage(provenance_in(movie))
    return _Found(meta, dose_of(meta, mean), rows, total, columns, covered, said, made)


def _document(found: _Found, options: InfoOptions) -> dict[str, Any]:
    document: dict[str, Any] = found.meta.model_dump(mode="json")
    if options.holder_log is None and not options.tags and options.search is None:
        return document
    document = {"meta": document, "dose": found.dose.model_dump(mode="json")}
    if options.tags or options.search is not None:
        document["tags"] = {row.name: row.value for row in found.tags}
    if options.holder_log is not None:
        columns = [column.model_dump(mode="json") for column in found.columns]
        document["holder_log"] = {"columns": columns, "frames_covered": found.covered, "said": found.said}
    return document


def _show_folder(options: InfoOptions) -> bool:
    """Say what lies in a folder that is no movie itself; False if it holds none."""
    seen = survey([str(options.file)])
    if not seen.finds:
        return False
    if options.json:
        finds = [one.model_dump(mode="json") for one in seen.finds]
        print_json({"said": seen.said, "finds": finds, "skipped": seen.skipped, "more": seen.more})
        return True
    out = stdout()
    out.print(seen.said)
    for one in seen.finds:
        chosen = f" --dataset {one.dataset!r}" if one.dataset else ""
        out.print(f"  {one.path}{chosen}  ({humanize.naturalsize(one.file_bytes)}) {one.said}")
    return True


def _print_meta(out: Console, found: _Found, datasets: tuple[DatasetInfo, ...]) -> None:
    meta = found.meta
    for name, value in _rows(found):
        if value:
            out.print(f"{name:<14}{printable(value)}")
    for issue in meta.issues:
        out.print(
            f"{issue.level.capitalize():<14}{printable(issue.text)}", style="yellow" if issue.level != "info" else ""
        )
    if len(datasets) > 1:
        out.print("Datasets (choose with --dataset KEY)")
        for one in datasets:
            shape = " x ".join(map(str, one.shape))
            shown = " <- shown" if one.key == meta.dataset else ""
            refusal = f"; not a movie: {one.refusal}" if one.refusal else ""
            out.print(printable(f"  {one.key:<12} {one.title} {shape} {one.dtype}{refusal}{shown}"))


def _rows(found: _Found) -> list[tuple[str, str]]:
    meta = found.meta
    files = "" if meta.file_count == 1 else f" in {meta.file_count} files"
    return [
        ("File", meta.path),
        ("Format", f"{meta.format}, {humanize.naturalsize(meta.file_bytes)}{files}"),
        ("Title", meta.title),
        *(("Made", step) for step in found.made),
        ("Frames", _frames(meta)),
        ("Size", f"{meta.width} x {meta.height} px (width x height), {meta.dtype}"),
        ("Pixel size", pixel_size(meta) + _typed(meta, "pixel_size")),
        ("Times", _times(meta) + _typed(meta, "frame_interval_s")),
        *(("", text) for text in _segments(meta)),
        ("Exposure", _value(meta.exposure_s, "s a frame") + _typed(meta, "exposure_s")),
        ("Intensity", _intensity(meta)),
        ("Gain", _value(meta.counts_per_electron, "counts an electron") + _typed(meta, "counts_per_electron")),
        ("Black level", _value(meta.black_level, "(stored value without electrons)") + _typed(meta, "black_level")),
        ("Dose", dose_text(found.dose)),
        ("Voltage", _value(meta.voltage_kv, "kV") + _typed(meta, "voltage_kv")),
        ("Magnification", _value(meta.magnification, "x")),
        ("Detector", (meta.detector or "") + (" (scanning)" if meta.scanned else "")),
        ("Date", meta.date or ""),
    ]


def _typed(meta: MovieMeta, name: str) -> str:
    return " (typed)" if name in meta.entered else ""


def _value(number: float | None, unit: str) -> str:
    return "" if number is None else f"{number:g} {unit}"


def _intensity(meta: MovieMeta) -> str:
    if meta.intensity_scale is None:
        return ""
    return f"(stored - {meta.intensity_origin or 0:g}) x {meta.intensity_scale:g} {meta.intensity_unit or ''}".rstrip()


def dose_text(dose: Dose) -> str:
    """The dose in all units that are known, with its source; empty if none is."""
    parts = [
        _value(dose.per_frame_px, "e/px/frame"),
        _value(dose.per_frame_a2, "e/Å²/frame"),
        _value(dose.rate_a2_s, "e/Å²/s"),
        _value(dose.cumulative_a2, "e/Å² in all"),
    ]
    sources = {
        "tag": "as the file says",
        "typed": "as typed",
        "counts": "from the mean of the middle frame, as it fell on the detector",
    }
    told = ", ".join(part for part in parts if part)
    if dose.cumulative_a2 is not None and dose.between > 1:
        told += f" over the exposures ({dose.between:.3g} times as much if the beam stayed on between them)"
    return f"{told} ({sources[dose.source]})" if told and dose.source else ""


def _frames(meta: MovieMeta) -> str:
    return f"{meta.frames} of {meta.declared_frames} that its header promises" if meta.truncated else f"{meta.frames}"


def pixel_size(meta: MovieMeta) -> str:
    """The size of a pixel in words."""
    if meta.pixel_size is None:
        return "unknown"
    y, x = meta.pixel_size
    unit = meta.pixel_unit or "(no unit)"
    return f"{x:.5g} {unit}" if y == x else f"{x:.5g} {unit} along x, {y:.5g} {unit} along y"


def _times(meta: MovieMeta) -> str:
    if meta.times:
        return f"{meta.times[0]:g} to {meta.times[-1]:g} s, one for each frame"
    if meta.frame_interval_s is not None:
        return f"{meta.frame_interval_s:g} s from frame to frame"
    return "unknown" if meta.frames > 1 else ""


def _segments(meta: MovieMeta) -> list[str]:
    """A line a stretch, where the movie has several; frames counted from 0."""
    if len(meta.segments) < 2:
        return []
    lines = [f"{len(meta.segments)} stretches, which no average and no model crosses (frames counted from 0):"]
    for segment in meta.segments[:_MOST_SEGMENTS]:
        reason = f": {segment.reason}" if segment.reason else ""
        lines.append(f"  {segment.start} to {segment.stop - 1}{reason}")
    if len(meta.segments) > _MOST_SEGMENTS:
        lines.append(f"  and {len(meta.segments) - _MOST_SEGMENTS} more")
    return lines


def _column(column: LogColumn) -> str:
    known = [value for value in column.values if value is not None]
    unit = f" {column.unit}" if column.unit else ""
    if not known:
        return f"{column.name}: no value at any frame"
    return f"{column.name}: {min(known):g} to {max(known):g}{unit}, first {known[0]:g}, last {known[-1]:g}"


def _print_tags(out: Console, found: _Found) -> None:
    for row in found.tags:
        out.print(printable(f"{row.name} = {row.value}"))
    if found.tags_in_all > len(found.tags):
        out.print(f"and {found.tags_in_all - len(found.tags)} more; narrow them down with --search.")
