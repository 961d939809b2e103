"""``quietbeam info``: what a movie file holds."""

from __future__ import annotations

from pathlib import Path

import humanize
from rich.console import Console

from core.cli.reporting import errors_told, print_json, stdout
from core.movies import list_datasets, open_movie
from core.protocol.movie import DatasetInfo, MovieMeta


def show_info(file: Path, dataset: str | None, as_json: bool) -> None:
    """Print what the file says of itself; JSON is a `MovieMeta`."""
    with errors_told(as_json):
        with open_movie(file, dataset) as movie:
            meta = movie.meta
        if as_json:
            print_json(meta)
            return
        datasets = list_datasets(file)
    _print_meta(stdout(), meta, datasets)


def _print_meta(out: Console, meta: MovieMeta, datasets: tuple[DatasetInfo, ...]) -> None:
    rows = [
        ("File", meta.path),
        ("Format", f"{meta.format}, {humanize.naturalsize(meta.file_bytes)}"),
        ("Title", meta.title),
        ("Frames", _frames(meta)),
        ("Size", f"{meta.width} x {meta.height} px (width x height), {meta.dtype}"),
        ("Pixel size", pixel_size(meta)),
        ("Times", _times(meta)),
        ("Exposure", "" if meta.exposure_s is None else f"{meta.exposure_s:g} s a frame"),
        ("Gain", "" if meta.counts_per_electron is None else f"{meta.counts_per_electron:g} counts an electron"),
        ("Voltage", "" if meta.voltage_kv is None else f"{meta.voltage_kv:g} kV"),
        ("Magnification", "" if meta.magnification is None else f"{meta.magnification:g}"),
        ("Detector", meta.detector or ""),
        ("Date", meta.date or ""),
    ]
    for name, value in rows:
        if value:
            out.print(f"{name:<14}{value}")
    for issue in meta.issues:
        out.print(f"{issue.level.capitalize():<14}{issue.text}", style="yellow" if issue.level != "info" else "")
    if len(datasets) > 1:
        out.print("Datasets (choose with --dataset KEY)")
        for one in datasets:
            shape = " x ".join(map(str, one.shape))
            shown = " <- shown" if one.key == meta.dataset else ""
            refusal = f"; not a movie: {one.refusal}" if one.refusal else ""
            out.print(f"  {one.key:<12}{one.title} {shape} {one.dtype}{refusal}{shown}")


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
        span = f"{meta.times[0]:g} to {meta.times[-1]:g} s, one for each frame"
        parts = f", in {len(meta.segments)} segments" if len(meta.segments) > 1 else ""
        return span + parts
    if meta.frame_interval_s is not None:
        return f"{meta.frame_interval_s:g} s from frame to frame"
    return "unknown" if meta.frames > 1 else ""
