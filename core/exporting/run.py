"""An export from request to file: written under another name, renamed at the end, removed if it is stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import core
from core.denoising.context import RunContext
from core.denoising.telling import Told
from core.exporting.animation import GifFilm, delay
from core.exporting.beside import pair
from core.exporting.captions import Captions
from core.exporting.chosen import Chosen, choose, opened
from core.exporting.errors import export_error
from core.exporting.film import Film, open_film
from core.exporting.kinds import ENDINGS, Kind, kind_of
from core.exporting.lettering import draw
from core.exporting.picture import Composer, make_panel
from core.exporting.removal import removed_unless_finished
from core.exporting.stacks import Storage, choose_storage
from core.exporting.traces import write_traces
from core.exporting.vectors import svg_text
from core.movies.errors import MovieError, unwritable
from core.movies.writers import create_writer, partial_path, read_provenance, result_format
from core.movies.writers.disk import check_name, rename_new
from core.protocol.denoise_parts import FrameRange, Notice
from core.protocol.export import ExportRequest, ExportResult
from core.views import display_range

# Longer sides are averaged down: players and codecs end there, and a GIF of this size is a burden already.
# Pixels whose sides differ by more than this are told.
_UNEVEN = 0.005
_LONGEST_SIDE: dict[Kind, int] = {"mp4": 4096, "gif": 1024}
# Frames that are looked at for the contrast with which other programs open a stack.
_LOOKS = 5
_FORMATS: dict[Kind, str] = {"mp4": "MP4", "gif": "GIF", "png": "PNG", "svg": "SVG", "csv": "CSV"}


@dataclass(frozen=True)
class Made:
    """What was written."""

    format: str
    frames: int
    height: int
    width: int
    clipped: int = 0


def export_movie(request: ExportRequest, context: RunContext) -> ExportResult:
    """Write a movie, or a part of it, into another format.

    Raises
    ------
    Cancelled
        Nothing is left of the export.
    ExportError, DenoiseError, MovieError
        Each with `info`: what happened, to which file, what to do next.
    """
    began = time.monotonic()
    output = Path(request.output)
    kind = check_output(request)
    told = Told(context)
    with opened(request.source, request.dataset, request.entered) as movie:
        told.tell(
            *(
                Notice(level=issue.level, code=issue.code, text=f"The file: {issue.text}.")
                for issue in movie.meta.issues
                if issue.level != "info"
            )
        )
        chosen = choose(movie, request.frames, request.every, request.region)
        if kind == "stack":
            made = _stack(request, chosen, told)
        elif kind == "csv":
            made = _table(request, chosen, told)
        else:
            made = _pictures(request, kind, chosen, told)
    return ExportResult(
        output=str(output),
        format=made.format,
        frames=made.frames,
        height=made.height,
        width=made.width,
        file_bytes=_bytes_of(output),
        seconds=time.monotonic() - began,
        clipped=made.clipped,
        notices=tuple(told.notices),
    )


def check_output(request: ExportRequest) -> Kind:
    """Which kind of file is wanted; refuses what can't be written before anything is read.

    Raises
    ------
    ExportError, DenoiseError, MovieError
        With what to do instead.
    """
    output = Path(request.output)
    kind = kind_of(output)
    if kind is None:
        raise export_error(
            "bad-request",
            "The name of the output says no format that can be written.",
            request.output,
            f"Give it a name that ends in one of: {', '.join(ENDINGS)}.",
        )
    if request.beside is not None and kind in {"stack", "csv"}:
        raise export_error(
            "bad-request",
            "Two movies can stand side by side in films and pictures only.",
            request.output,
            "Choose .mp4, .gif, .png or .svg, or leave the second movie out.",
        )
    for movie in (request.source, request.beside):
        if movie is not None and _same(Path(movie), output):
            raise export_error(
                "bad-request",
                "The output is a movie that is read; originals are never written.",
                request.output,
                "Choose another name for the output.",
            )
    if not output.absolute().parent.is_dir():
        raise export_error(
            "not-found", "The output's folder doesn't exist.", request.output, "Make the folder, or choose another."
        )
    check_name(output, request.overwrite, folder=result_format(output) == "OME-Zarr")
    if partial_path(output).exists() and not request.overwrite:
        raise export_error(
            "output-exists",
            "An unfinished result of that name lies there.",
            str(partial_path(output)),
            "Choose another name, or allow it to be replaced.",
        )
    if request.levels is not None and not request.levels[0] < request.levels[1]:
        raise export_error(
            "bad-request", "The value shown black must lie below the one shown white.", None, "Give LOW,HIGH."
        )
    return kind


def _same(source: Path, output: Path) -> bool:
    try:
        return output.samefile(source)
    except OSError:
        return output.absolute() == source.absolute()


class _Progress:
    """Tells how far an export is, and how long it will take."""

    def __init__(self, context: RunContext, total: int, stage: str) -> None:
        self._context, self._total, self._stage = context, total, stage
        self._began = time.monotonic()

    def __call__(self, done: int) -> None:
        passed = time.monotonic() - self._began
        rate = done / passed if passed > 0 else None
        left = None if not rate else (self._total - done) / rate
        self._context.progress(self._stage, done, self._total, left, rate)


def _stack(request: ExportRequest, chosen: Chosen, told: Told) -> Made:
    context, count = told.context, len(chosen.frames)
    storage = choose_storage(
        chosen, request.dtype, request.output, context, _Progress(context, count, "looking for the range")
    )
    told.tell(*storage.notices)
    clipped = 0
    progress = _Progress(context, count, "exporting")
    writer = create_writer(
        request.output, chosen.shape, storage.dtype, scale=storage.scale, resume=False, overwrite=request.overwrite
    )
    with removed_unless_finished(writer.partial), writer:
        for place, frame in enumerate(chosen.ahead(context)):
            stored, lost = storage.encode(frame)
            clipped += lost
            writer.write(place, stored)
            progress(place + 1)
        writer.finish(json.dumps(_record(request, chosen)), _display(request, chosen, storage))
    if clipped:
        text = f"{clipped} pixels hold no number, or one that does not fit; they were stored as the nearest end."
        told.tell(Notice(level="warning", code="clipped", text=text))
    big = getattr(writer, "big", False)
    name = result_format(request.output) or ""
    if big:
        text = (
            f"The result is larger than 4 GB, so it is a Big{name.removeprefix('OME-')}: Fiji opens it by Bio-Formats."
        )
        told.tell(Notice(level="info", code="big", text=text))
    return Made(f"{name} (BigTIFF)" if big else name, *chosen.shape, clipped)


def _display(request: ExportRequest, chosen: Chosen, storage: Storage) -> tuple[float, float]:
    """Stored numbers that other programs show black and white: as asked, else by a few frames."""
    if request.levels is None:
        places = sorted({part * (len(chosen.frames) - 1) // (_LOOKS - 1) for part in range(_LOOKS)})
        return display_range(np.stack([storage.encode(chosen.read(place))[0] for place in places]))
    line = storage.scale.line
    if storage.dtype.kind == "f" or line is None:
        return request.levels
    first, second = (level / line[1] + line[0] for level in request.levels)
    return min(first, second), max(first, second)


def _record(request: ExportRequest, chosen: Chosen) -> dict[str, Any]:
    """What is kept inside the result: what was done, to what, and what had been done to that before."""
    asked = request.model_copy(
        update={"source": str(Path(request.source).absolute()), "output": str(Path(request.output).absolute())}
    )
    record: dict[str, Any] = {
        "program": "Quietbeam",
        "version": core.__version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": asked.source,
        "source_fingerprint": chosen.meta.fingerprint,
        "request": asked.model_dump(mode="json", exclude_defaults=True) | {"kind": "export"},
    }
    before = _provenance(request.source)
    return record if before is None else {**record, "source_provenance": before}


def _provenance(path: str) -> dict[str, Any] | None:
    try:
        return read_provenance(path)
    except MovieError:
        # It is about a headerless file, or one that opens by the dataset's key only.
        return None


def _table(request: ExportRequest, chosen: Chosen, told: Told) -> Made:
    progress = _Progress(told.context, len(chosen.frames), "exporting")
    with _written(request) as partial:
        told.tell(*write_traces(partial, chosen, request.overlay, told.context, progress))
    return Made("CSV", *chosen.shape)


def _pictures(request: ExportRequest, kind: Kind, chosen: Chosen, told: Told) -> Made:
    still = kind in {"png", "svg"}
    if still and len(chosen.frames) > 1:
        if request.frames != FrameRange():
            text = f"A picture holds one frame: frame {chosen.frames[0]} was taken."
            told.tell(Notice(level="info", code="one-frame", text=text))
        chosen = Chosen(chosen.movie, chosen.meta, chosen.frames[:1], chosen.region)
    if request.beside is None:
        return _drawn(request, kind, [chosen], told)
    with opened(request.beside, request.beside_dataset, None) as second:
        wanted = len(chosen.frames)
        left, right = pair(chosen, second, _provenance(request.beside), request.region)
        if len(left.frames) < wanted:
            text = f"{wanted - len(left.frames)} of {wanted} frames are not in the movie beside and were left out."
            told.tell(Notice(level="info", code="left-out", text=text))
        return _drawn(request, kind, [left, right], told)


def _drawn(request: ExportRequest, kind: Kind, chosen: Sequence[Chosen], told: Told) -> Made:
    composer = _composer(request, kind, chosen, told)
    count = len(chosen[0].frames)
    progress = _Progress(told.context, count, "exporting")
    name = _FORMATS[kind]
    with _written(request) as partial:
        if kind in {"png", "svg"}:
            picture = next(composer.pictures(told.context))
            _write_still(partial, kind, picture, composer, request)
            progress(1)
        else:
            size = (composer.height, composer.width)
            film: Film = GifFilm(size, request.fps, partial) if kind == "gif" else open_film(size, request.fps, partial)
            name = film.codec
            with film:
                for place, picture in enumerate(composer.pictures(told.context)):
                    film.write(draw(picture, composer.marks(place)))
                    progress(place + 1)
                film.finish()
    if kind == "mp4" and name.startswith("MPEG-4"):
        text = "No ffmpeg with H.264 was found, so the film is MPEG-4: VLC plays it, some players and browsers do not."
        told.tell(Notice(level="info", code="no-h264", text=text))
    return Made(name, count, composer.height, composer.width)


def _composer(request: ExportRequest, kind: Kind, chosen: Sequence[Chosen], told: Told) -> Composer:
    overlay = request.overlay
    longest = max(max(one.shape[1] for one in chosen), sum(one.shape[2] for one in chosen))
    step = max(1, -(-longest // _LONGEST_SIDE.get(kind, longest)))
    captions = Captions(chosen[0].meta, overlay, chosen[0].frames)
    told.tell(*captions.notices)
    if overlay.scale_bar and chosen[0].meta.pixel_size is None:
        text = "The file does not say how large a pixel is, so no scale bar is shown. Enter it to have it shown."
        told.tell(Notice(level="warning", code="no-pixel-size", text=text))
    uneven = chosen[0].meta.pixel_size
    if uneven is not None and abs(uneven[0] / uneven[1] - 1) > _UNEVEN:
        text = (
            f"The pixels are {uneven[0] / uneven[1]:.4g} times as high as wide, and are shown square:"
            " the scale bar holds along the horizontal only."
        )
        told.tell(Notice(level="warning", code="uneven-pixels", text=text))
    levels = (request.levels, request.beside_levels)
    same = len(chosen) > 1 and chosen[0].meta.pixel_size == chosen[1].meta.pixel_size
    panels = []
    for number, one in enumerate(chosen):
        words = " – ".join(word for word in (request.labels[number], overlay.label if number == 0 else "") if word)
        # One bar serves both where a pixel is as large.
        bar = overlay.scale_bar and not (number == 1 and same)
        panels.append(make_panel(one, levels[number], words, captions if number == 0 else None, bar, step))
    composer = Composer(panels, step, even=kind == "mp4")
    for panel, side in zip(panels, ("", " on the right"), strict=False):
        text = f"Shown{side} from {panel.levels[0]:.6g} (black) to {panel.levels[1]:.6g} (white)."
        told.tell(Notice(level="info", code="levels", text=text))
    if step > 1:
        text = f"{step} x {step} px were averaged into one: the picture would be {longest} px long."
        told.tell(Notice(level="info", code="averaged", text=text))
    if composer.dropped_lines():
        text = f"{composer.dropped_lines()} lines of text do not fit into the picture and were left out."
        told.tell(Notice(level="warning", code="no-room", text=text))
    if kind == "gif" and abs(100 / delay(request.fps) / request.fps - 1) > 0.05:
        text = f"A GIF counts in hundredths of a second: it plays at {100 / delay(request.fps):.3g} frames a second."
        told.tell(Notice(level="info", code="fps", text=text))
    return composer


def _write_still(partial: Path, kind: Kind, picture: Any, composer: Composer, request: ExportRequest) -> None:
    chosen = composer.panels[0].chosen
    title = f"{Path(chosen.meta.path).name}, frame {chosen.frames[0]}"
    if kind == "svg":
        partial.write_text(svg_text(picture, composer.marks(0), title), encoding="utf-8")
        return
    about = PngInfo()
    about.add_itxt("Title", title)
    about.add_itxt("Software", "Quietbeam")
    about.add_itxt("Description", json.dumps(_record(request, chosen)))
    with partial.open("wb") as file:
        Image.fromarray(draw(picture, composer.marks(0))).save(file, "PNG", pnginfo=about)


@contextmanager
def _written(request: ExportRequest) -> Iterator[Path]:
    """Where to write; becomes the output at the end, and is removed if it does not come to that."""
    output = Path(request.output)
    partial = partial_path(output)
    with removed_unless_finished(partial):
        try:
            yield partial
            rename_new(partial, output, request.overwrite)
        except OSError as error:
            raise unwritable(output, error) from error


def _bytes_of(output: Path) -> int:
    if not output.is_dir():
        return output.stat().st_size
    return sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
