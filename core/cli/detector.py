"""``quietbeam detector``: dead, hot and unstable pixels, hits and the fixed pattern of a camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from core.cli.entering import entered_from
from core.cli.parsing import parse_frames
from core.cli.reporting import errors_told, print_json, stdout
from core.protocol.clean_up import DetectorRequest, DetectorResult
from core.protocol.denoise_parts import FrameRange


@dataclass(frozen=True)
class DetectorOptions:
    """What was typed."""

    file: Path
    output: Path | None = None
    frames: str | None = None
    frames_used: int = 200
    dark: Path | None = None
    gain: Path | None = None
    dataset: str | None = None
    settings: tuple[str, ...] = ()
    overwrite: bool = False
    json: bool = False


def run_detector(options: DetectorOptions) -> None:
    """Look for defects and say what was found; JSON is a `DetectorResult`."""
    with errors_told(options.json):
        request = DetectorRequest(
            source=str(options.file),
            dataset=options.dataset,
            output=None if options.output is None else str(options.output),
            frames=FrameRange() if options.frames is None else parse_frames(options.frames),
            frames_used=options.frames_used,
            dark=None if options.dark is None else str(options.dark),
            gain=None if options.gain is None else str(options.gain),
            entered=entered_from(options.settings),
            overwrite=options.overwrite,
        )
        result = _look(request, options.json)
    if options.json:
        print_json(result)
    else:
        print_result(stdout(), result)


def _look(request: DetectorRequest, as_json: bool) -> DetectorResult:
    # scipy is loaded only now: a wrong argument is told at once.
    from core.cli.listening import listened
    from core.jobs.detector import run

    with listened(as_json, "Stopped; nothing was written.") as listener:
        return run(request, listener)


# Nothing was found because nothing could be looked for: that is no 0.
_NOT_TOLD = "not told"


def print_result(out: Console, result: DetectorResult) -> None:
    """Say what was found and where it lies."""
    pattern = _NOT_TOLD
    if result.pattern_rms is not None:
        share = "" if result.pattern_share is None else f", {100 * result.pattern_share:.2g} % of one frame's noise"
        pattern = f"{result.pattern_rms:.3g} stored units{share}" if result.pattern_rms else "none found"
    rows = [
        ("Frames", f"{result.frames} read"),
        ("Dead", _count(result.dead, "pixel")),
        ("Hot", _count(result.hot, "pixel")),
        ("Unstable", _count(result.unstable, "pixel")),
        ("Hits", _NOT_TOLD if result.hits is None else f"{result.hits}, {result.hits_per_frame:.2g} a frame"),
        ("Pattern", pattern),
        ("Mask", result.mask),
        ("Pixels", result.table),
        ("Pattern as", result.pattern),
    ]
    for name, value in rows:
        if value is not None:
            out.print(f"{name:<12}{value}")
    if result.mask is not None:
        out.print(f"Use it: quietbeam denoise FILE --defects {result.mask}")


def _count(number: int | None, what: str) -> str:
    return _NOT_TOLD if number is None else f"{number} {what}{'' if number == 1 else 's'}"
