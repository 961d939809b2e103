"""``quietbeam rerun``: a result made again from what it says of itself, and compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from core.cli.reporting import FAILED, errors_told, print_json, stdout
from core.denoising.allocator import keep_memory
from core.models import ModelStore
from core.protocol.denoise import DeviceChoice
from core.protocol.rerun import RerunRequest, RerunResult


@dataclass(frozen=True)
class RerunOptions:
    """What was typed."""

    result: Path
    source: Path | None = None
    output: Path | None = None
    device: DeviceChoice = "auto"
    tolerance: float = 1e-3
    overwrite: bool = False
    json: bool = False


def run_rerun(options: RerunOptions) -> None:
    """Make a result again and say how the two compare; exits with 1 if they differ by more than the tolerance."""
    with errors_told(options.json):
        request = RerunRequest(
            result=str(options.result),
            source=None if options.source is None else str(options.source),
            output=None if options.output is None else str(options.output),
            device=options.device,
            tolerance=options.tolerance,
            overwrite=options.overwrite,
        )
        result = _compute(request, options.json)
    if options.json:
        print_json(result)
    else:
        print_comparison(stdout(), result)
    if not result.within:
        raise typer.Exit(FAILED)


def _compute(request: RerunRequest, as_json: bool) -> RerunResult:
    keep_memory()
    # torch is loaded only now: a wrong argument is told at once.
    from core.cli.listening import listened
    from core.jobs.rerun import run

    with listened(as_json, "Stopped; nothing was kept.") as listener:
        return run(request, ModelStore.default(), listener)


def print_comparison(out: Console, result: RerunResult) -> None:
    """Say whether the result came out again, and where it did not."""
    if result.identical:
        verdict = "identical, bit for bit"
    else:
        verdict = f"{result.different_frames} of {result.frames} frames differ"
    rows = [
        ("Result", result.result),
        ("Frames", str(result.frames)),
        ("Verdict", verdict),
        ("Difference", f"at most {result.largest_difference:.4g} in the file's units"),
        ("Relative", f"{result.relative:.3g} standard deviations; tolerance {result.tolerance:.3g}: {_judged(result)}"),
        ("Movie", "the same frames" if result.same_source else "NOT the frames that the result was made of"),
        ("Device", "the same" if result.same_device else "another one than the first time"),
        ("Time", f"{result.seconds:.1f} s"),
    ]
    if result.output is not None:
        rows.append(("Written", result.output))
    for name, value in rows:
        out.print(f"{name:<12}{value}")


def _judged(result: RerunResult) -> str:
    return "within" if result.within else "beyond"
