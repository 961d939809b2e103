"""The jobs ``simulate`` and ``benchmark``: sets of simulated images and movies, with their truth, in a folder."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from humanize import naturalsize

import core
from core.denoising.context import RunContext
from core.jobs.errors import job_error
from core.jobs.producing import Unit, produce
from core.protocol.denoise_parts import Notice
from core.protocol.simulation import BenchmarkRequest, SimulateRecipe, SimulateRequest, SimulateResult
from core.simulation import benchmark, clean_sets, generator, item_files, recipe_checks, recipe_files
from core.simulation.item import Item

_SPARE_BYTES = 50_000_000
_CUT = 0.99  # of the drift that was asked for; less is worth a word
_CLIPPED = 0.001  # share of the px
_ANOTHER = "Choose another folder with -o"
_ANOTHER_NAMED = "Name another folder"


def run_simulate(request: SimulateRequest, context: RunContext) -> SimulateResult:
    """Write the set of a recipe; what lies in the folder from an earlier run of the same recipe is kept.

    Raises
    ------
    Cancelled
        What was finished stays, and the same request goes on.
    SimulationError
        The recipe can't be used.
    JobError
        The folder holds something else, can't be written to, or the disk is too small.
    """
    began = time.monotonic()
    recipe = recipe_files.load_simulation(request.recipe)
    for name in recipe_checks.drawn_crystals(recipe):
        text = f"Of the partly occupied sites of {name} it is drawn who sits where."
        context.notice(Notice(level="info", code="occupancy", text=text))
    folder = _folder(request.output, {"recipe": recipe.model_dump(mode="json"), "version": generator.VERSION})
    count = recipe.structures if request.only is None else min(request.only, recipe.structures)
    parts = {index: generator.split_of(recipe, index) for index in range(count)}
    whole = clean_sets.is_whole if recipe.output == "clean" else _structure_is_whole
    missing = [index for index, part in parts.items() if not whole(folder / part, recipe, index)]
    size = clean_sets.structure_bytes(recipe) if recipe.output == "clean" else _structure_bytes(recipe)
    fewer = f"{_ANOTHER}, or make fewer with --only."
    _check_room(folder, size * len(missing), len(missing), count, context, fewer)
    for part in set(parts.values()):
        (folder / part).mkdir(exist_ok=True)
    remarks = _Remarks()
    units = [Unit(_maker(folder / parts[index], recipe, index, remarks)) for index in missing]
    made = _made(units, context, request.workers, folder, recipe.name)
    for notice in remarks.notices():
        context.notice(notice)
    sheets = _sheets(folder, recipe, request.contact_sheet)
    return _result(folder, recipe.name, generator.VERSION, made, began, sheets)


def run_benchmark(request: BenchmarkRequest, context: RunContext) -> SimulateResult:
    """Write the benchmark, or some of its seeds; raises as `run_simulate` does."""
    began = time.monotonic()
    stop = benchmark.SEEDS.stop if request.stop is None else request.stop
    if not request.first < stop <= benchmark.SEEDS.stop:
        what = f"Seeds {request.first} to {stop - 1} were asked for; the benchmark has 0 to {benchmark.SEEDS.stop - 1}."
        raise job_error("bad-request", what, None, "Give --seeds FIRST:STOP within them.")
    folder = _folder(request.output, {"recipe": "benchmark", "version": benchmark.VERSION}, _ANOTHER_NAMED)
    wanted = [(part, seed) for part in benchmark.PARTS for seed in range(request.first, stop)]
    missing = [
        (part, seed)
        for part, seed in wanted
        if not item_files.truth_path(folder / part, benchmark.name_of(seed, part)).exists()
    ]
    needed = sum(benchmark.item_bytes(part) for part, _ in missing)
    fewer = f"{_ANOTHER_NAMED}, or make fewer with --seeds."
    _check_room(folder, needed, len(missing), len(wanted), context, fewer)
    for part in benchmark.PARTS:
        (folder / part).mkdir(exist_ok=True)
    units = [Unit(_benchmark_maker(folder / part, seed, part)) for part, seed in missing]
    made = _made(units, context, request.workers, folder, "benchmark")
    sheets = _sheets(folder, None, request.contact_sheet)
    return _result(folder, "benchmark", benchmark.VERSION, made, began, sheets)


Make = Callable[[Callable[[], None]], int]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


class _Remarks:
    """What is worth a word about the items that were made, collected from all threads."""

    def __init__(self) -> None:
        self._cut: list[str] = []
        self._clipped: list[tuple[float, str]] = []

    def note(self, item: Item) -> None:
        """Look at an item."""
        drift, asked = (item.settings.get(key, 0.0) for key in ("drift_px", "asked_drift_px"))
        if drift < _CUT * asked:
            self._cut.append(f"{item.name}: {drift:.3g} instead of {asked:.3g} px a frame")
        if item.settings["clipped"] > _CLIPPED:
            self._clipped.append((item.settings["clipped"], item.name))

    def notices(self) -> list[Notice]:
        """Say it, once for all items."""
        told = []
        if self._cut:
            movies = _counted(len(self._cut), "movie")
            text = f"The drift of {movies} was cut, as only a margin is simulated around the frames"
            text = f"{text} ({min(self._cut)}). Fewer frames, a larger side or a smaller drift_px keep it whole."
            told.append(Notice(level="warning", code="drift-cut", text=text))
        if self._clipped:
            share, name = max(self._clipped)
            text = f"In {_counted(len(self._clipped), 'item')} px are cut off at the end of what the detector stores"
            text = f"{text} (up to {share:.0%}, {name}). Give a smaller dose, or other detectors."
            told.append(Notice(level="warning", code="clipped", text=text))
        return told


def _maker(folder: Path, recipe: SimulateRecipe, index: int, remarks: _Remarks) -> Make:
    def make(check: Callable[[], None]) -> int:
        if recipe.output == "clean":
            return clean_sets.write_structure(folder, recipe, index, check)
        check()
        structure, made = generator.draw_structure(recipe, index), 0
        for view in range(recipe.views):
            check()
            if not item_files.truth_path(folder, generator.name_of(recipe, index, view)).exists():
                item = structure.item(view, check)
                item_files.write_item(folder, item)
                remarks.note(item)
                made += 1
        return made

    return make


def _benchmark_maker(folder: Path, seed: int, part: benchmark.Part) -> Make:
    def make(check: Callable[[], None]) -> int:
        check()
        item_files.write_item(folder, benchmark.benchmark_item(seed, part, check))
        return 1

    return make


def _structure_is_whole(folder: Path, recipe: SimulateRecipe, index: int) -> bool:
    return all(
        item_files.truth_path(folder, generator.name_of(recipe, index, view)).exists() for view in range(recipe.views)
    )


def _structure_bytes(recipe: SimulateRecipe) -> int:
    frames = 1 if recipe.motion is None else recipe.motion.frames
    return item_files.recording_bytes(recipe.side, frames) * recipe.views


def _made(units: list[Unit], context: RunContext, workers: int, folder: Path, name: str) -> int:
    try:
        return produce(units, context, f"simulating {name}", workers)
    except OSError as error:
        what = f"The set can't be written ({error.strerror or error})."
        raise job_error("no-permission", what, str(folder), "Give another folder.") from error


def _folder(output: str, note: dict[str, Any], another: str = _ANOTHER) -> Path:
    """Make the folder, or find the same set in it; `another` is what to do where it can't be used."""
    folder = Path(output)
    path = folder / item_files.NOTE
    note = {**note, "made_by": f"quietbeam {core.__version__}"}
    if folder.exists() and not folder.is_dir():
        raise job_error("output-exists", "The output is a file, not a folder.", output, f"{another}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists() and any(folder.iterdir()):
            what = "The folder is not empty, and holds no set of this program."
            raise job_error("output-exists", what, output, f"{another}.")
        if path.exists() and _same(path) != {key: note[key] for key in ("recipe", "version")}:
            what = "The folder holds a set of another recipe or another version of the generator."
            raise job_error("output-exists", what, output, f"{another}, or remove that one.")
        if not path.exists():
            item_files.write_json(path, note)
    except OSError as error:
        what = f"The folder can't be used ({error.strerror or error})."
        raise job_error("no-permission", what, output, f"{another}.") from error
    return folder


def _same(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {key: document[key] for key in ("recipe", "version")}
    except (ValueError, KeyError, TypeError):
        return None


def _check_room(folder: Path, needed: int, missing: int, total: int, context: RunContext, fewer: str) -> None:
    """Tell the room that the set takes, and foresee a full disk."""
    free = shutil.disk_usage(folder).free
    if needed + _SPARE_BYTES > free:
        what = f"The set needs about {naturalsize(needed)} more, but only {naturalsize(free)} are free on this disk."
        raise job_error("disk-full", what, str(folder), f"Free some space. {fewer}")
    there = f" {total - missing} of {total} are there already." if missing < total else ""
    text = f"Writing about {naturalsize(needed)} into {folder} ({naturalsize(free)} free).{there}"
    context.notice(Notice(level="info", code="space", text=text))


def _sheets(folder: Path, recipe: SimulateRecipe | None, wanted: bool) -> tuple[str, ...]:
    if not wanted:
        return ()
    from core.simulation.sheets import write_conditions, write_sheets

    made = write_sheets(folder, recipe is not None and recipe.output == "clean")
    conditions = None if recipe is None else write_conditions(folder, recipe)
    return tuple(str(path) for path in (*made, conditions) if path is not None)


def _result(folder: Path, name: str, version: str, made: int, began: float, sheets: tuple[str, ...]) -> SimulateResult:
    items: dict[str, int] = {}
    size = 0
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            size += path.stat().st_size
            if path.suffix == ".json" and path.parent != folder:
                items[path.parent.name] = items.get(path.parent.name, 0) + 1
    return SimulateResult(
        name=name,
        version=version,
        output=str(folder),
        items=items,
        made=made,
        file_bytes=size,
        seconds=time.monotonic() - began,
        sheets=sheets,
    )
