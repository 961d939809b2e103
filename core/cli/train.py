"""``quietbeam train``: a model by a recipe, in this process."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path

from core.cli.reporting import errors_told, print_json, stdout
from core.models import ModelStore
from core.protocol.base import ErrorInfo
from core.protocol.denoise import DeviceChoice, TrainJobRequest, TrainJobResult


def run_train(recipe: Path, output: Path | None, device: DeviceChoice, resume: bool, as_json: bool) -> None:
    """Train and say where the model lies; JSON is a `TrainJobResult`. Of several processes, the first one speaks."""
    folder = output or Path(f"{recipe.stem}-training")
    request = TrainJobRequest(recipe=str(recipe), output=str(folder), device=device, resume=resume)
    with errors_told(as_json):
        result = _train(request, as_json)
    if _is_silent():
        return
    if as_json:
        print_json(result)
        return
    out = stdout()
    # PSNR, but for the rms of blank frames, whose names say their unit.
    units = {name: "" if name.endswith("%") else " dB" for name in result.scores}
    scores = ", ".join(f"{name} {value:.2f}{units[name]}" for name, value in result.scores.items())
    out.print(f"{'Steps':<12}{result.steps} in {time.strftime('%H:%M:%S', time.gmtime(result.seconds))}")
    out.print(f"{'Scores':<12}{scores}")
    out.print(f"{'Model':<12}{result.output}")
    # Of the other it was told before the training.
    if not ModelStore.default().comes_with_the_program(Path(result.output).name):
        out.print(
            f"{'Install it':<12}quietbeam models export {shlex.quote(result.output)}, then models install the file"
        )


def _is_silent() -> bool:
    """Whether torchrun started this process as one of several, and not the first."""
    return os.environ.get("RANK", "0") != "0"


def _train(request: TrainJobRequest, as_json: bool) -> TrainJobResult:
    from core.cli.listening import listened
    from core.jobs.train import run

    advice = "Run the same command with --resume to go on."
    info = ErrorInfo(code="cancelled", what="Stopped; what was learned is kept.", advice=advice)
    with listened(as_json, lambda _: info, "%", quiet=_is_silent()) as listener:
        return run(request, ModelStore.default(), listener)
