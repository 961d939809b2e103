"""``quietbeam nulltest``: how far the atoms that a method draws can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from core.cli.entering import entered_from
from core.cli.parsing import parse_frames, parse_region
from core.cli.reporting import errors_told, print_json, stdout
from core.protocol.denoise_parts import DeviceChoice
from core.protocol.nulltest import AtomRate, NullTestRequest, NullTestResult


@dataclass(frozen=True)
class NullTestOptions:
    """What was typed."""

    file: Path
    model: str | None = None
    device: DeviceChoice = "auto"
    frames: str | None = None
    region: str | None = None
    atoms: Literal["auto", "bright", "dark"] = "auto"
    noise_frames: int = 16
    repeats: int = 50
    seed: int = 0
    gain: float | None = None
    black_level: float | None = None
    dataset: str | None = None
    settings: tuple[str, ...] = ()
    json: bool = False


def run_nulltest(options: NullTestOptions) -> None:
    """Test a method on a movie and say what was found; JSON is a `NullTestResult`."""
    with errors_told(options.json):
        from core.cli.denoise import model_for

        entered = entered_from(options.settings)
        request = NullTestRequest(
            source=str(options.file),
            dataset=options.dataset,
            model=options.model or model_for(options.file, options.dataset, entered),
            device=options.device,
            frames=None if options.frames is None else parse_frames(options.frames),
            region=None if options.region is None else parse_region(options.region),
            dark=None if options.atoms == "auto" else options.atoms == "dark",
            noise_frames=options.noise_frames,
            repeats=options.repeats,
            seed=options.seed,
            counts_per_electron=options.gain,
            black_level=options.black_level,
            entered=entered,
        )
        result = _tested(request, options.json)
    if options.json:
        print_json(result)
    else:
        print_result(stdout(), result)


def _tested(request: NullTestRequest, as_json: bool) -> NullTestResult:
    from core.movies import open_movie

    # What is wrong with the file is told before torch is loaded, which takes seconds.
    open_movie(request.source, request.dataset).close()

    from core.cli.listening import listened
    from core.jobs.nulltest import run
    from core.models import ModelStore

    with listened(as_json, "Stopped; nothing was written.", "noises") as listener:
        return run(request, ModelStore.default(), listener)


def print_result(out: Console, result: NullTestResult) -> None:
    """Say what was tested, the figures, the verdicts and what to beware of."""
    region, atoms = result.region, result.atoms
    kind = "dark" if atoms.dark else "bright"
    spacing = "" if atoms.spacing_px is None else f", {atoms.spacing_px:.1f} px apart"
    out.print(f"{result.model} {result.model_version} on {result.source}", style="bold")
    where = f"rows {region.y0}:{region.y1}, columns {region.x0}:{region.x1}"
    looks = f"{kind}, sigma {atoms.width_px:.1f} px{spacing}, typically {atoms.typical_height:.2g} electrons a px high"
    rows = [("Piece", f"frames {result.frames[0]} to {result.frames[1] - 1}, {where}"), ("Atoms", looks)]
    for name, value in rows:
        out.print(f"{name:<12}{value}")
    out.print("")
    out.print(f"{'Atoms a frame':<28}" + "".join(f"{f'>= {one.strength:g} typical':>24}" for one in result.real))
    for name, rates in (
        ("in the movie", result.real),
        (f"in flat noise ({result.noise_frames})", result.flat),
        (f"in shaded noise ({result.noise_frames})", result.shaded),
    ):
        out.print(f"{name:<28}" + "".join(f"{_rate(one):>24}" for one in rates))
    out.print("")
    for verdict in result.verdicts:
        out.print(verdict)
    for caveat in result.caveats:
        out.print(f"{'Beware':<12}{caveat}", style="yellow")


def _rate(one: AtomRate) -> str:
    return f"{_number(one.per_frame)} ({_number(one.low)} to {_number(one.high)})"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
