"""``quietbeam convert``: a movie into another format, in this process."""

from __future__ import annotations

import humanize
from pydantic import ValidationError
from rich.console import Console

from core.cli.convert_options import ConvertOptions
from core.cli.entering import entered_from
from core.cli.parsing import parse_frames, parse_raw, parse_region
from core.cli.reporting import errors_told, print_json, stdout
from core.jobs.errors import job_error
from core.protocol.base import ErrorInfo
from core.protocol.denoise_parts import FrameRange
from core.protocol.export import ExportRequest, ExportResult, Overlay

_SHOWN = {"bar", "time", "dose", "frame", "nothing"}


def run_convert(options: ConvertOptions) -> None:
    """Convert and print what was made; JSON is an `ExportResult`."""
    with errors_told(options.json):
        result = _compute(_request(options), options.json)
    if options.json:
        print_json(result)
    else:
        _print(stdout(), result)


def _compute(request: ExportRequest, as_json: bool) -> ExportResult:
    from core.cli.listening import listened
    from core.jobs.export import run

    info = ErrorInfo(code="cancelled", what="Stopped; nothing was kept.", path=request.output)
    with listened(as_json, lambda _: info) as listener:
        return run(request, listener)


def _request(options: ConvertOptions) -> ExportRequest:
    shown = set(_parts(options.show))
    if shown - _SHOWN:
        what = f"--show {options.show} is not understood."
        raise job_error("bad-request", what, None, "Give some of bar, time, dose and frame, or nothing.")
    overlay = Overlay(
        scale_bar="bar" in shown,
        time_stamp="time" in shown,
        dose="dose" in shown,
        frame_number="frame" in shown,
        holder_log=None if options.holder_log is None else str(options.holder_log),
        holder_columns=_parts(options.holder_columns),
        holder_offset_s=options.holder_offset,
    )
    left, _, right = (options.labels or "").partition(",")
    try:
        return ExportRequest(
            source=str(options.file),
            dataset=_dataset(options),
            output=str(options.output),
            frames=parse_frames(options.frames) if options.frames is not None else FrameRange(),
            every=options.every,
            region=parse_region(options.region) if options.region is not None else None,
            dtype=options.dtype,
            levels=_levels(options.levels),
            beside=None if options.beside is None else str(options.beside),
            beside_dataset=options.beside_dataset,
            beside_levels=_levels(options.beside_levels),
            labels=(left.strip(), right.strip()),
            fps=options.fps,
            overlay=overlay,
            entered=entered_from(options.settings),
            overwrite=options.overwrite,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "the request"
        raise job_error(
            "bad-request", f"{name}: {first['msg']}.", None, "quietbeam convert --help lists them."
        ) from error


def _dataset(options: ConvertOptions) -> str | None:
    """The key of the dataset; a layout that was typed is one too."""
    if options.raw is None:
        return options.dataset
    if options.dataset is not None:
        raise job_error("bad-request", "Give --dataset or --raw, not both.")
    return parse_raw(options.raw)


def _levels(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError as error:
        raise job_error("bad-request", f"{text!r} are no levels.", None, "Write LOW,HIGH, such as 0,250.") from error
    return low, high


def _parts(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _print(out: Console, result: ExportResult) -> None:
    frames = f"{result.frames} frame{'s' if result.frames != 1 else ''}"
    out.print(f"{'Format':<12}{result.format}")
    out.print(f"{'Frames':<12}{frames} of {result.width} x {result.height} px (width x height)")
    out.print(f"{'Time':<12}{result.seconds:.1f} s")
    out.print(f"{'Result':<12}{result.output} ({humanize.naturalsize(result.file_bytes)})")
