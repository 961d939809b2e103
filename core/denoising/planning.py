"""The plan of a run: chosen once, stored with the result, used again by resume and rerun."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from core.denoising.context import RunContext
from core.denoising.denoiser import Denoiser, Geometry, State
from core.denoising.devices import Device, free_bytes, pick_device, pick_threads
from core.denoising.errors import DenoiseError, denoise_error
from core.denoising.memory import tile_budget
from core.denoising.methods.registry import Method
from core.denoising.source import RequestMovie
from core.denoising.tiling import Tile, fit_tile, make_grid, tile_of_side
from core.protocol.denoise import DeviceChoice, Notice, Plan, Region

_EXACT_IN_BFLOAT16 = 256.0
_BATCH_MOST = 16
_SKIP = 4


@dataclass(frozen=True)
class Prepared:
    """A method ready to run by its plan."""

    plan: Plan
    method: Method
    denoiser: Denoiser
    state: State

    @property
    def tile(self) -> Tile:
        """The plan's tile."""
        return Tile(self.plan.tile_height, self.plan.tile_width, self.plan.halo)


def prepare(
    movie: RequestMovie,
    method: Method,
    choice: DeviceChoice,
    region: Region | None,
    context: RunContext,
    side: int | None = None,
    given: Plan | None = None,
) -> tuple[Prepared, tuple[Notice, ...]]:
    """Make a method ready, by a plan of its own or by one that is given.

    Parameters
    ----------
    side : int, optional
        Side of a tile with its halo, in px, as typed by the user.
    given : Plan, optional
        The plan of an earlier run, to be followed exactly.

    Raises
    ------
    DenoiseError
        A device that was asked for can't be used, or the given plan is not one for this method.
    """
    if given is not None:
        _refuse_other_weights(given, method, movie)
    device, precision, threads, notices = _circumstances(movie, method, choice, given)
    # Also before preparing: what is chosen there depends on it.
    torch.set_num_threads(threads)
    denoiser = method.make(device, precision)
    _refuse_unmet_needs(denoiser, movie)
    state = denoiser.prepare(movie, context, None if given is None else given.parameters)
    notices += state.notices
    if given is not None:
        return Prepared(given, method, denoiser, state), tuple(notices)
    budget = tile_budget(device.kind, free_bytes(device))
    tile, batch, told = _tile(movie, state.geometry, region, budget, side, device.kind)
    notices += told
    plan = Plan(
        device=device.kind,
        device_name=device.name,
        dtype="bfloat16" if precision == "bfloat16" else "float32",
        tile_height=tile.height,
        tile_width=tile.width,
        halo=tile.halo,
        batch=batch,
        threads=threads,
        model=method.name,
        model_version=method.version,
        weights_sha256=method.weights_sha256,
        parameters=state.parameters,
        scale=movie.scale,
    )
    return Prepared(plan, method, denoiser, state), tuple(notices)


def _circumstances(
    movie: RequestMovie, method: Method, choice: DeviceChoice, given: Plan | None
) -> tuple[Device, str, int, list[Notice]]:
    """Return device, precision, threads, and what is to be told of them."""
    if given is not None:
        device, _ = pick_device(_as_choice(given.device) if method.on_torch else "cpu")
        return device, given.dtype, given.threads, []
    device, passed = pick_device(choice if method.on_torch else "cpu")
    told = [] if passed is None else [Notice(level="warning", code="device", text=passed)]
    return device, _precision(method, device, movie), pick_threads(), told


def prepare_again(prepared: Prepared, movie: RequestMovie, region: Region | None, context: RunContext) -> Prepared:
    """Use a method again that is ready for this movie, for another region and another context: nothing is read."""
    plan = prepared.plan
    torch.set_num_threads(plan.threads)
    state = prepared.denoiser.prepare(movie, context, plan.parameters)
    device, _ = pick_device(_as_choice(plan.device))
    budget = tile_budget(device.kind, free_bytes(device))
    tile, batch, _ = _tile(movie, state.geometry, region, budget, None, device.kind)
    sizes = {"tile_height": tile.height, "tile_width": tile.width, "halo": tile.halo, "batch": batch}
    return Prepared(plan.model_copy(update=sizes), prepared.method, prepared.denoiser, state)


def smaller(plan: Plan, geometry: Geometry, height: int, width: int, region: Region | None) -> Plan | None:
    """Return a plan that needs less memory: half the tile, then half the batch; None if there is none smaller."""
    tile = fit_tile(height, width, region, geometry, plan.tile_height * plan.tile_width // 2)
    if tile.height * tile.width < plan.tile_height * plan.tile_width:
        return plan.model_copy(update={"tile_height": tile.height, "tile_width": tile.width})
    if plan.batch > 1:
        return plan.model_copy(update={"batch": plan.batch // 2})
    return None


def _tile(
    movie: RequestMovie, geometry: Geometry, region: Region | None, budget: int, side: int | None, kind: str
) -> tuple[Tile, int, list[Notice]]:
    pixels = max(1, int(budget / geometry.bytes_per_pixel))
    notices = []
    if side is None:
        tile = fit_tile(movie.height, movie.width, region, geometry, pixels)
    else:
        tile = tile_of_side(movie.height, movie.width, geometry, side)
        if max(tile.height, tile.width) > side and geometry.halo is not None:
            text = (
                f"Tiles of {side} px are too small for this method, which looks {geometry.halo} px to each side; "
                f"{tile.height} x {tile.width} px are used."
            )
            notices.append(Notice(level="info", code="tile", text=text))
    if kind == "cpu":
        return tile, 1, notices
    # What the network sees of a frame at once; on a GPU several frames go through it together.
    seen = max(window.pixels for window in make_grid(movie.height, movie.width, region, geometry, tile).windows)
    return tile, max(1, min(_BATCH_MOST, pixels // seen, movie.frames)), notices


def _precision(method: Method, device: Device, movie: RequestMovie) -> str:
    """Choose bfloat16 where it is fast, and where it holds the electron counts exactly if they are lowered too."""
    if not method.on_torch or not device.fast_bfloat16:
        return "float32"
    if not method.whole_network_lowered:
        return "bfloat16"
    electrons = movie.block(0, 1).electrons[0, ::_SKIP, ::_SKIP]
    return "bfloat16" if float(np.quantile(electrons, 0.999)) <= _EXACT_IN_BFLOAT16 else "float32"


def _refuse_other_weights(given: Plan, method: Method, movie: RequestMovie) -> None:
    if (given.model, given.weights_sha256) != (method.name, method.weights_sha256):
        raise denoise_error(
            "no-model",
            f"The plan was made for the model {given.model} {given.model_version}, with other weights than the "
            f"{method.name} {method.version} that is installed.",
            movie.meta.path,
            "Install that model, or run without the plan.",
        )


def _refuse_unmet_needs(denoiser: Denoiser, movie: RequestMovie) -> None:
    needs = denoiser.needs
    if needs.times and movie.meta.times is None and movie.meta.frame_interval_s is None:
        raise _unmet(denoiser, movie, "the time of each frame", "Choose another method.")
    if needs.counts and not (movie.scale.gain == 1.0 and movie.scale.offset == 0.0):
        raise _unmet(denoiser, movie, "whole electron counts", "Choose another method, or use the unscaled movie.")


def _unmet(denoiser: Denoiser, movie: RequestMovie, what: str, advice: str) -> DenoiseError:
    return denoise_error(
        "bad-request", f"{denoiser.name} needs {what}, which this movie doesn't tell.", movie.meta.path, advice
    )


def _as_choice(kind: str) -> DeviceChoice:
    if kind == "cuda":
        return "cuda"
    return "mps" if kind == "mps" else "cpu"
