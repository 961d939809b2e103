"""``quietbeam simulate`` and ``quietbeam benchmark``: sets of simulated images and movies, in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import humanize
from rich.console import Console

from core.cli.reporting import errors_told, print_json, stdout
from core.jobs.errors import job_error
from core.protocol.base import ErrorInfo
from core.protocol.simulation import BenchmarkRequest, SimulateRequest, SimulateResult


@dataclass(frozen=True)
class SimulateOptions:
    """What was typed."""

    recipe: str
    output: Path | None = None
    only: int | None = None
    contact_sheet: bool = False
    workers: int = 0
    json: bool = False


@dataclass(frozen=True)
class BenchmarkOptions:
    """What was typed."""

    output: Path
    seeds: str | None = None
    contact_sheet: bool = False
    workers: int = 0
    json: bool = False


def run_simulate(options: SimulateOptions) -> None:
    """Write the set of a recipe and say what lies there; JSON is a `SimulateResult`."""
    folder = options.output or Path(f"{Path(options.recipe).stem}-set")
    request = SimulateRequest(
        recipe=options.recipe,
        output=str(folder),
        only=options.only,
        contact_sheet=options.contact_sheet,
        workers=options.workers,
    )
    _run(request, options.json)


def run_benchmark(options: BenchmarkOptions) -> None:
    """Write the benchmark and say what lies there; JSON is a `SimulateResult`."""
    with errors_told(options.json):
        first, stop = _seeds(options.seeds)
        request = BenchmarkRequest(
            output=str(options.output),
            first=first,
            stop=stop,
            contact_sheet=options.contact_sheet,
            workers=options.workers,
        )
    _run(request, options.json)


def _run(request: SimulateRequest | BenchmarkRequest, as_json: bool) -> None:
    with errors_told(as_json):
        result = _compute(request, as_json)
    if as_json:
        print_json(result)
    else:
        _print(stdout(), result)


def _compute(request: SimulateRequest | BenchmarkRequest, as_json: bool) -> SimulateResult:
    # Torch is loaded only now: a wrong argument is told at once.
    from core.cli.listening import listened
    from core.jobs import simulate

    advice = "Run the same command again to go on."
    info = ErrorInfo(code="cancelled", what="Stopped; what was finished is kept.", advice=advice)
    with listened(as_json, lambda _: info, "structures") as listener:
        if isinstance(request, SimulateRequest):
            return simulate.run_simulate(request, listener)
        return simulate.run_benchmark(request, listener)


def _seeds(text: str | None) -> tuple[int, int | None]:
    """Seeds FIRST:STOP as typed."""
    if text is None:
        return 0, None
    try:
        first, stop = (int(part) if part else None for part in text.split(":"))
    except ValueError as error:
        what = f"--seeds {text} is not understood."
        raise job_error("bad-request", what, None, "Write FIRST:STOP, such as 0:10.") from error
    if (first or 0) < 0 or (stop is not None and stop <= (first or 0)):
        what = f"--seeds {text} holds no seed."
        raise job_error("bad-request", what, None, "Write FIRST:STOP, such as 0:10 for seeds 0 to 9.")
    return first or 0, stop


def _print(out: Console, result: SimulateResult) -> None:
    parts = ", ".join(f"{count} {part}" for part, count in result.items.items())
    out.print(f"{'Set':<12}{result.name}, version {result.version}")
    out.print(f"{'Holds':<12}{parts or 'nothing'}")
    out.print(f"{'Made now':<12}{result.made} in {humanize.precisedelta(max(result.seconds, 1.0), format='%.0f')}")
    out.print(f"{'Folder':<12}{result.output} ({humanize.naturalsize(result.file_bytes)})")
    for sheet in result.sheets:
        out.print(f"{'Picture':<12}{sheet}")
