"""``quietbeam score``: judge a result of any program, with or without its truth."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from core.cli.parsing import parse_frames, parse_region
from core.cli.reporting import errors_told, print_json, printable, stdout
from core.protocol.denoise_parts import FrameRange
from core.protocol.score import Measure, ScoreRequest, ScoreResult

_WIDTH, _INDENT = 110, "    "


@dataclass(frozen=True)
class ScoreOptions:
    """What was typed."""

    raw: Path
    result: Path
    truth: Path | None = None
    reference: Path | None = None
    reference_fraction: float | None = None
    gain: float | None = None
    black_level: float | None = None
    frames: str | None = None
    region: str | None = None
    raw_dataset: str | None = None
    result_dataset: str | None = None
    caveats: bool = True
    json: bool = False


def run_score(options: ScoreOptions) -> None:
    """Judge a result and say what was found; JSON is a `ScoreResult`."""
    with errors_told(options.json):
        request = ScoreRequest(
            raw=str(options.raw),
            result=str(options.result),
            raw_dataset=options.raw_dataset,
            result_dataset=options.result_dataset,
            truth=None if options.truth is None else str(options.truth),
            reference=None if options.reference is None else str(options.reference),
            reference_fraction=options.reference_fraction,
            frames=FrameRange() if options.frames is None else parse_frames(options.frames),
            region=None if options.region is None else parse_region(options.region),
            counts_per_electron=options.gain,
            black_level=options.black_level,
        )
        result = _judge(request, options.json)
    if options.json:
        print_json(result)
    else:
        print_result(stdout(), result, options.caveats)


def _judge(request: ScoreRequest, as_json: bool) -> ScoreResult:
    # scipy is loaded only now: a wrong argument is told at once.
    from core.cli.listening import listened
    from core.jobs.score import run

    with listened(as_json, "Stopped.") as listener:
        return run(request, listener)


def print_result(out: Console, result: ScoreResult, caveats: bool) -> None:
    """Say what is wrong, then every measure, each with what must be known to read it."""
    if result.flags:
        out.print(f"Flags        {', '.join(flag.code for flag in result.flags)}")
        for flag in result.flags:
            out.print(f"  {flag.code}: {flag.text}")
    else:
        out.print("Flags        none")
    out.print(f"Frames       {result.frames_used} judged")
    names = max((len(name) for name in result.measures), default=0)
    entries = list(result.measures.items())
    for number, (name, measure) in enumerate(entries):
        out.print(f"{printable(name):<{names}}  {_value(measure):>12}  {_interval(measure)}".rstrip())
        following = entries[number + 1][1].caveat if number + 1 < len(entries) else None
        # Measures that belong together share their caveat.
        if caveats and measure.caveat != following:
            for line in textwrap.wrap(printable(measure.caveat), max(40, min(out.width, _WIDTH) - len(_INDENT))):
                out.print(f"{_INDENT}{line}", style="dim")


def _value(measure: Measure) -> str:
    if measure.value is None:
        return "-"
    return f"{measure.value:.4g} {measure.unit}".rstrip()


def _interval(measure: Measure) -> str:
    if measure.low is None and measure.high is None:
        return ""
    low, high = ("?" if end is None else f"{end:.4g}" for end in (measure.low, measure.high))
    return f"{low} .. {high}"
