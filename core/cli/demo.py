"""``quietbeam demo``: the sample movie, denoised, compared and shown."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

from rich.console import Console

from core.cli.denoise import compute, model_for, print_result
from core.cli.info import pixel_size
from core.cli.reporting import errors_told, stdout
from core.jobs.errors import job_error
from core.models import ModelStore
from core.movies import open_movie
from core.protocol.denoise import DenoiseRequest, DeviceChoice

_MOVIES = {".tif", ".tiff", ".dm3", ".dm4", ".ser", ".mrc"}


def run_demo(output: Path, device: DeviceChoice, no_window: bool) -> None:
    """Denoise each sample with the built-in model, write a before/after picture, and open the window."""
    out = stdout()
    made: list[Path] = []
    with errors_told():
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"The folder can't be made ({error.strerror})."
            raise job_error("no-permission", what, str(output), "Choose another folder with -o.") from error
        store = ModelStore.default()
        for sample in _samples():
            made += [sample, _one(out, sample, output, store, device)]
    if not no_window:
        _open_window(out, made)


def _samples() -> list[Path]:
    folder = Path(str(resources.files("resources"))) / "samples"
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in _MOVIES)
    if not found:
        raise job_error("not-found", "There is no sample movie.", str(folder), "Install Quietbeam again.")
    return found


def _one(out: Console, sample: Path, folder: Path, store: ModelStore, device: DeviceChoice) -> Path:
    result_path = folder / f"{sample.stem}_denoised.tif"
    with open_movie(sample) as movie:
        meta = movie.meta
    out.print(f"{'Movie':<12}{sample}")
    size = f"{meta.frames} frames of {meta.width} x {meta.height} px, {meta.dtype}"
    out.print(f"{'':<12}{size}, pixel size {pixel_size(meta)}")
    request = DenoiseRequest(
        source=str(sample),
        output=str(result_path),
        model=model_for(sample),
        device=device,
        overwrite=True,
        resume=False,
    )
    print_result(out, compute(request, store))
    from core.cli.before_after import write_before_after

    picture = folder / f"{sample.stem}_before_after.png"
    shown = write_before_after(sample, result_path, picture)
    out.print(f"{'Picture':<12}{picture}")
    out.print(f"{'':<12}{shown}")
    return result_path


def _open_window(out: Console, paths: list[Path]) -> None:
    """Open the window in a child of its own, whose failure is only told: a broken DISPLAY aborts a Qt program."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        out.print(f"{'Window':<12}not opened: there is no display. Open it with: quietbeam FILE")
        return
    command = [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-P", "-m", "app"]
    out.print(f"{'Window':<12}opening; close it to end the demo")
    try:
        done = subprocess.run([*command, *map(str, paths)], check=False)
    except OSError as error:
        out.print(f"The window could not be opened: {error.strerror or error}.")
        return
    if done.returncode:
        out.print(f"The window ended with code {done.returncode}. The movie was denoised all the same.")
