"""``quietbeam denoise``: a movie into a file, in this process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import humanize
from rich.console import Console

from core.cli.entering import entered_from
from core.cli.parsing import parse_frames, parse_region
from core.cli.reporting import errors_told, print_json, stderr, stdout
from core.denoising.allocator import keep_memory
from core.denoising.output import check_output, default_output, moved_away
from core.jobs.errors import job_error
from core.models import ModelStore
from core.movies import open_movie
from core.movies.writers import result_format
from core.protocol.base import ErrorInfo
from core.protocol.clean_up import CleanUp
from core.protocol.denoise import DenoiseRequest, DenoiseResult, DeviceChoice, FrameRange, Quality
from core.protocol.entered import Entered
from core.protocol.model_fit import electrons_of

if TYPE_CHECKING:
    from core.cli.listening import Listener


@dataclass(frozen=True)
class DenoiseOptions:
    """What was typed."""

    file: Path
    output: Path | None = None
    model: str | None = None
    device: DeviceChoice = "auto"
    frames: str | None = None
    region: str | None = None
    sum_frames: int = 1
    gain: float | None = None
    black_level: float | None = None
    dataset: str | None = None
    dtype: Literal["float32", "uint16"] = "float32"
    settings: tuple[str, ...] = ()
    clean_up: CleanUp = field(default_factory=CleanUp)
    overwrite: bool = False
    resume: bool = True
    json: bool = False


def run_denoise(options: DenoiseOptions) -> None:
    """Denoise and print what was made; JSON is a `DenoiseResult`."""
    with errors_told(options.json):
        request = _request(options)
        _refuse_early(request)
        result = compute(request, ModelStore.default(), options.json)
    if options.json:
        print_json(result)
    else:
        print_result(stdout(), result)


def compute(request: DenoiseRequest, store: ModelStore, as_json: bool = False) -> DenoiseResult:
    """Run a denoise with a progress bar; after Ctrl+C says how to go on and exits with 130."""
    keep_memory()
    # torch is loaded only now: a wrong argument is told at once.
    from core.cli.listening import listened
    from core.jobs.denoise import run

    with listened(as_json, _stopped) as listener:
        return run(request, store, listener)


def _stopped(listener: Listener) -> ErrorInfo:
    if not listener.done:
        return ErrorInfo(code="cancelled", what="Stopped before a frame was finished.")
    what = f"Stopped; {listener.done} of {listener.total} frames finished and kept."
    return ErrorInfo(code="cancelled", what=what, advice="Run the same command again to go on from there.")


def _request(options: DenoiseOptions) -> DenoiseRequest:
    frames = parse_frames(options.frames) if options.frames is not None else FrameRange()
    region = parse_region(options.region) if options.region is not None else None
    if options.gain is not None and options.gain <= 0:
        raise job_error("bad-request", "The gain must be larger than 0.", None, "Write stored units an electron.")
    entered = entered_from(options.settings)
    return DenoiseRequest(
        source=str(options.file),
        dataset=options.dataset,
        output=str(_output(options)),
        model=options.model or model_for(options.file, options.dataset, entered, frames),
        device=options.device,
        frames=frames,
        region=region,
        sum_frames=options.sum_frames,
        counts_per_electron=options.gain,
        black_level=options.black_level,
        dtype=options.dtype,
        entered=entered,
        clean_up=options.clean_up,
        overwrite=options.overwrite,
        resume=options.resume,
    )


def _refuse_early(request: DenoiseRequest) -> None:
    """Tell what is wrong with the files before torch is loaded, which takes seconds."""
    open_movie(request.source, request.dataset).close()
    check_output(Path(request.source), Path(request.output), request.overwrite)


def _output(options: DenoiseOptions) -> Path:
    beside = default_output(options.file, dataset=options.dataset)
    if options.output is None:
        elsewhere = moved_away(options.file, beside)
        if elsewhere is not None:
            stderr().print(elsewhere, style="bold yellow")
        return beside
    if options.output.is_dir() and result_format(options.output) is None:
        return options.output / beside.name
    return options.output


def model_for(
    file: Path, dataset: str | None = None, entered: Entered | None = None, frames: FrameRange | None = None
) -> str:
    """Name of the model that suits a movie (these frames of it) best.

    Raises
    ------
    MovieError
        It can't be opened.
    JobError
        No model is installed.
    """
    with open_movie(file, dataset) as movie:
        meta = movie.meta if entered is None else entered.applied_to(movie.meta)
    if frames is not None and frames.stop is not None:
        meta = meta.model_copy(update={"frames": min(frames.stop, meta.frames) - frames.start})
    name = ModelStore.default().suggested(meta, electrons_of(meta))
    if name is None:
        raise job_error("no-model", "No model is installed.", None, "Install Quietbeam again, or train one.")
    return name


def print_result(out: Console, result: DenoiseResult) -> None:
    """Say what was made, how fast, how good, and what to beware of."""
    size = humanize.naturalsize(_bytes(Path(result.output)))
    device = result.plan.device_name or result.plan.device
    quality = result.quality
    resumed = f", {result.resumed_frames} of them by an earlier run" if result.resumed_frames else ""
    rows = [
        ("Frames", f"{result.frames}{resumed}"),
        ("Size", f"{result.width} x {result.height} px (width x height), {_stored(result)}"),
        ("Speed", f"{result.seconds:.1f} s, {result.megapixels_per_s:.3g} megapixels/s on {device}"),
        ("Model", f"{result.plan.model} {result.plan.model_version}"),
        ("Quality", _quality(quality)),
        ("Hot pixels", f"{quality.hot_pixels} replaced" if quality.hot_pixels else "none"),
    ]
    for name, value in rows:
        out.print(f"{name:<12}{value}")
    for caveat in quality.caveats:
        out.print(f"{'Beware':<12}{caveat}", style="yellow")
    out.print(f"{'Result':<12}{result.output} ({size})")


def _bytes(output: Path) -> int:
    files = output.rglob("*") if output.is_dir() else [output]
    return sum(file.stat().st_size for file in files)


def _stored(result: DenoiseResult) -> str:
    line = result.plan.stored
    if line is None:
        return "float32"
    return f"uint16, of which 1 stands for {line.scale:.4g} and {line.origin:.0f} for 0"


def _quality(quality: Quality) -> str:
    worst = (
        f"{quality.worst_local_mean:.1f} standard errors, in frame {quality.worst_local_mean_frame} (counted from 0)"
    )
    return f"largest deviation of a local mean (64-px boxes): {worst}, of {quality.boxes} boxes; above 4 is suspicious"
