"""``quietbeam thin``: the electrons of a counted movie in two independent movies, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from core.cli.parsing import parse_frames
from core.cli.reporting import errors_told, print_json, stdout
from core.jobs.errors import job_error
from core.protocol.denoise_parts import FrameRange
from core.protocol.thin import ThinRequest, ThinResult


@dataclass(frozen=True)
class ThinOptions:
    """What was typed."""

    file: Path
    output: Path | None = None
    fraction: float = 0.5
    seed: int = 0
    frames: str | None = None
    dataset: str | None = None
    overwrite: bool = False
    json: bool = False


def run_thin(options: ThinOptions) -> None:
    """Split a movie and say where the parts lie; JSON is a `ThinResult`."""
    with errors_told(options.json):
        if not 0 < options.fraction < 1:
            what = f"A share of {options.fraction:g} can't be split off."
            raise job_error("bad-request", what, None, "Give --fraction a number between 0 and 1, such as 0.5.")
        folder = options.file.parent if options.output is None else options.output
        first, second = (str(folder / f"{options.file.stem}_part{number}.tif") for number in (1, 2))
        request = ThinRequest(
            source=str(options.file),
            dataset=options.dataset,
            outputs=(first, second),
            fraction=options.fraction,
            seed=options.seed,
            frames=FrameRange() if options.frames is None else parse_frames(options.frames),
            overwrite=options.overwrite,
        )
        result = _split(request, options.json)
    if options.json:
        print_json(result)
    else:
        _print(stdout(), result, request)


def _split(request: ThinRequest, as_json: bool) -> ThinResult:
    from core.cli.listening import listened
    from core.jobs.thin import run

    with listened(as_json, "Stopped; nothing was kept.") as listener:
        return run(request, listener)


def _print(out: Console, result: ThinResult, request: ThinRequest) -> None:
    out.print(
        f"{'Counts':<12}variance / mean {result.ratio:.3f} +- {result.ratio_error:.3f} where it is farthest from 1"
    )
    for number, (path, electrons) in enumerate(zip(result.outputs, result.electrons, strict=True)):
        out.print(f"{f'Part {number + 1}':<12}{path} ({result.frames} frames, {electrons} electrons)")
    first, second = result.outputs
    share = (1 - request.fraction) / request.fraction
    out.print(
        f"Denoise the first and judge it by the second: quietbeam score {first} RESULT --reference {second} "
        f"--reference-fraction {share:.6g}"
    )
