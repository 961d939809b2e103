"""The job ``model_bench``: models and filters scored on the standard sets, row by row."""

from __future__ import annotations

import time
from pathlib import Path

from core.denoising.context import RunContext
from core.denoising.devices import Device, pick_device
from core.denoising.methods.classical import CLASSICAL
from core.denoising.methods.registry import find_method
from core.denoising.telling import Told
from core.jobs.errors import job_error
from core.measures.fidelity import VACUUM
from core.models import ModelStore
from core.protocol.bench import BENCH_SETS, BenchRow, BenchSet, ModelBenchRequest, ModelBenchResult
from core.protocol.denoise_parts import Notice
from core.scoring import atoms, benchmark_items, clean_images
from core.scoring.rows import KeptRows
from core.scoring.table import CAVEATS, figures_of, table_of
from core.scoring.trial import Contender, Judge, Trial
from core.simulation.benchmark import VERSION as ITEMS_VERSION
from core.simulation.library import simulate_structure

VERSION = f"1.{ITEMS_VERSION}.{atoms.VERSION}"
_QUICK_DOSE = 5.0


def run(request: ModelBenchRequest, store: ModelStore, context: RunContext) -> ModelBenchResult:
    """Score models; what the file of rows holds is not measured again.

    Raises
    ------
    Cancelled
        Rows that were finished are in their file, and the same request goes on.
    JobError, ModelError, DenoiseError
        A model or device that can't be used, nothing to score.
    ScoringError
        A clean image or the file of rows can't be used.
    """
    began = time.monotonic()
    told = Told(context)
    kept = KeptRows.open(None if request.rows is None else Path(request.rows))
    device, _ = pick_device(request.device)
    contenders = _contenders(request, store, device)
    trials = _trials(request, told)
    rows = _measured(trials, contenders, kept, context)
    figures = figures_of(rows)
    names = tuple(one.name for one in contenders)
    return ModelBenchResult(
        version=VERSION,
        methods=names,
        rows=tuple(rows),
        figures=figures,
        table="\n".join([table_of(figures, names), *_made_of(store, names)]),
        caveats=CAVEATS,
        notices=tuple(told.notices),
        seconds=time.monotonic() - began,
    )


def _contenders(request: ModelBenchRequest, store: ModelStore, device: Device) -> list[Contender]:
    names = list(request.models or dict.fromkeys(one.card.name for one in store.list()))
    if request.filters:
        names += [name for name in CLASSICAL if name not in names]
    if not names:
        raise job_error("no-model", "No model is installed.", None, "Score the filters: --filters.")
    made = []
    for name in dict.fromkeys(names):
        method = find_method(name, store)
        denoiser = method.make(device, "float32")
        made.append(Contender(method.name, method.version, method.weights_sha256, denoiser))
    return made


def _made_of(store: ModelStore, names: tuple[str, ...]) -> list[str]:
    """Lines of the table: what each model cost to train, and how large it is."""
    models = {one.card.name: one for one in reversed(store.list())}
    trained, size = [], []
    for name in names:
        model = models.get(name)
        record = None if model is None else model.card.training
        trained.append("" if record is None else f"{time_text(record.duration_s)} on {record.device}")
        size.append("" if model is None else f"{model.weights_path.stat().st_size / 1e6:.1f} MB")
    lines = (("Training", trained), ("Weights", size))
    return [f"| {title} | {' | '.join(cells)} | |" for title, cells in lines if any(cells)]


def time_text(seconds: float) -> str:
    """What a training took, in a table's cell: ``34 s``, ``2 min``, ``0.7 h``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 600 else f"{seconds / 3600:.1f} h"


def _trials(request: ModelBenchRequest, told: Told) -> list[Trial]:
    wanted = request.sets or tuple(one for one in BENCH_SETS if one != "clean" or request.clean or request.quick)
    trials = [trial for part in dict.fromkeys(wanted) for trial in _trials_of(part, request)]
    if not trials:
        raise job_error("bad-request", "There is nothing to score: no set has these seeds.", None, "Choose others.")
    if request.quick:
        text = "A quick run: a few small development items, whose figures say nothing of a model."
        told.tell(Notice(level="warning", code="quick", text=text))
    return trials


def _trials_of(part: BenchSet, request: ModelBenchRequest) -> list[Trial]:
    seeds, quick = range(*request.seeds), request.quick
    doses = (_QUICK_DOSE,) if quick else request.doses
    if part == "clean":
        return _clean_trials(request, doses)
    if part in ("images", "movies"):
        return benchmark_items.item_trials("image" if part == "images" else "movie", seeds, quick)
    if part == "cameras":
        return benchmark_items.camera_trials(seeds, quick)
    return (atoms.atom_trials if part == "atoms" else atoms.empty_trials)(seeds, doses, quick)


def _clean_trials(request: ModelBenchRequest, doses: tuple[float, ...]) -> list[Trial]:
    paths = clean_images.image_paths(request.clean)
    images = [(path.stem, clean_images.clean_image(path)) for path in paths]
    if not images and request.quick:
        images = [("simulated", VACUUM * simulate_structure(5, 2, 1, 128, (0.22, 0.28)).images[0].astype(float))]
    if not images:
        advice = "Name some, or a folder of them: --clean IMAGE.tif."
        raise job_error("bad-request", "No clean images were given.", None, advice)
    return clean_images.clean_trials(images, doses, 1 if request.quick else clean_images.TURNS)


def _measured(trials: list[Trial], contenders: list[Contender], kept: KeptRows, context: RunContext) -> list[BenchRow]:
    rows: list[BenchRow] = []
    pairs = [(trial, one) for trial in trials for one in contenders if trial.moving or not one.over_time]
    began, fresh = time.monotonic(), 0
    current: tuple[Trial, Judge] | None = None
    for number, (trial, one) in enumerate(pairs):
        context.check()
        found = kept.find(VERSION, trial.set, trial.key, one.name, one.version, one.weights_sha256)
        if found is None:
            rate = fresh / max(time.monotonic() - began, 1e-9)
            left = (len(pairs) - number) / rate if fresh else None
            context.progress(f"{trial.set}: {one.name}", number, len(pairs), left, rate or None)
            if current is None or current[0] is not trial:
                current = (trial, trial.begin(context))
            found = _row(trial, one, current[1], context)
            kept.add(found)
            fresh += 1
        rows.append(found)
    context.progress("scored", len(pairs), len(pairs), 0.0, None)
    return rows


def _row(trial: Trial, one: Contender, judge: Judge, context: RunContext) -> BenchRow:
    judged = judge(one, context)
    return BenchRow(
        version=VERSION,
        set=trial.set,
        key=trial.key,
        groups=judged.groups,
        method=one.name,
        method_version=one.version,
        weights_sha256=one.weights_sha256,
        values=judged.values,
        seconds=judged.seconds,
        tuning_s=judged.tuning_s,
        megapixels=judged.megapixels,
        chosen=judged.chosen,
    )
