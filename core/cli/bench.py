"""``quietbeam models bench``: models and filters on the standard sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.cli.parsing import parse_frames
from core.cli.reporting import errors_told, print_json, stdout
from core.models import ModelStore
from core.protocol.bench import ModelBenchRequest, ModelBenchResult
from core.protocol.denoise_parts import DeviceChoice


@dataclass(frozen=True)
class BenchOptions:
    """What was typed."""

    names: tuple[str, ...] = ()
    filters: bool = False
    sets: tuple[str, ...] = ()
    clean: tuple[Path, ...] = ()
    doses: tuple[float, ...] = ()
    seeds: str | None = None
    rows: Path | None = None
    quick: bool = False
    device: DeviceChoice = "cpu"
    json: bool = False


def run_bench(options: BenchOptions) -> None:
    """Score and print the table; JSON is a `ModelBenchResult`."""
    with errors_told(options.json):
        request = _request(options)
        from core.cli.listening import listened
        from core.jobs.bench import run

        kept = (
            f"what was measured is in {request.rows}; the same command goes on" if request.rows else "nothing is kept"
        )
        with listened(options.json, f"Stopped; {kept}.", "rows") as listener:
            result = run(request, ModelStore.default(), listener)
    if options.json:
        print_json(result)
    else:
        print_result(result)


def _request(options: BenchOptions) -> ModelBenchRequest:
    more: dict[str, object] = {}
    if options.seeds is not None:
        chosen = parse_frames(options.seeds, "--seeds", "item")
        more["seeds"] = (chosen.start, 40 if chosen.stop is None else chosen.stop)
    if options.doses:
        more["doses"] = options.doses
    return ModelBenchRequest.model_validate(
        {
            "models": options.names,
            "filters": options.filters,
            "sets": options.sets,
            "clean": tuple(str(path) for path in options.clean),
            "quick": options.quick,
            "device": options.device,
            "rows": None if options.rows is None else str(options.rows),
            **more,
        }
    )


def print_result(result: ModelBenchResult) -> None:
    """Print the table and what to beware of."""
    out = stdout()
    out.print(result.table)
    out.print("")
    for caveat in result.caveats:
        out.print(f"{'Beware':<12}{caveat}", style="yellow")
    out.print(f"{'Bench':<12}version {result.version}, {len(result.rows)} rows, {result.seconds:.0f} s")
