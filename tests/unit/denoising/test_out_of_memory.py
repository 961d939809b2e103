"""When memory runs out, the run goes on with less, and says so."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from core.denoising.denoiser import Geometry
from core.denoising.devices import Device
from core.denoising.errors import DenoiseError
from core.denoising.memory import queue_length, tile_budget
from core.denoising.methods.network import NetworkDenoiser
from core.denoising.methods.torch_runner import TorchRunner, memory_errors
from core.denoising.planning import smaller
from core.denoising.run import denoise_movie
from core.movies import open_movie
from core.protocol.denoise import IntensityScale, Plan

from .helpers import Listener, request, tiny_unet, write_movie

CPU = Device("cpu", "a CPU", False)


@pytest.fixture
def store(tmp_path):
    return tiny_unet(tmp_path / "models")


def limit(monkeypatch, most: int, error: type[Exception] = torch.OutOfMemoryError, spare: int = 0):
    """Make every network call on more than `most` px fail as torch does, after `spare` calls that pass."""
    run = TorchRunner.__call__
    calls = []

    def limited(self, frames, *others):
        calls.append(frames.shape)
        if frames.size > most and len(calls) > spare:
            with memory_errors(self._device):
                raise error("DefaultCPUAllocator: not enough memory: you tried to allocate 999 bytes.")
        return run(self, frames, *others)

    monkeypatch.setattr(TorchRunner, "__call__", limited)
    return calls


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_smaller_tiles_give_the_same_result_and_are_told_and_recorded(tmp_path, store, monkeypatch, error):
    source = write_movie(tmp_path / "a.tif", frames=3, size=(160, 200))
    whole = denoise_movie(request(source, "tiny", output=str(tmp_path / "whole.tif")), store, Listener())
    limit(monkeypatch, 12_000, error)
    listener = Listener()
    result = denoise_movie(request(source, "tiny"), store, listener)
    assert result.plan.tile_height * result.plan.tile_width <= 12_000
    assert listener.codes.count("out-of-memory") >= 1
    assert any(str(result.plan.tile_height) in notice.text for notice in result.notices)
    with open_movie(whole.output) as one, open_movie(result.output) as other:
        expected, got = one.region(slice(None)), other.region(slice(None))
    tolerance = 1e-5 if result.plan.dtype == "float32" else 0.02
    assert np.allclose(got, expected, atol=tolerance * expected.max())


def test_frames_finished_before_are_kept(tmp_path, store, monkeypatch):
    source = write_movie(tmp_path / "a.tif", frames=5, size=(160, 200))
    calls = limit(monkeypatch, 12_000, spare=2)
    listener = Listener()
    denoise_movie(request(source, "tiny"), store, listener)
    # Two whole frames pass; the third fails, and is made of smaller tiles with the two that follow.
    assert calls[:3] == [(1, 160, 200)] * 3
    assert sorted(listener.frames) == [0, 1, 2, 3, 4]


def test_a_resumed_run_keeps_the_smaller_tiles(tmp_path, store, monkeypatch):
    source = write_movie(tmp_path / "a.tif", frames=5, size=(160, 200))
    from core.denoising.context import Cancelled

    with monkeypatch.context() as patch:
        limit(patch, 12_000)
        with pytest.raises(Cancelled):
            denoise_movie(request(source, "tiny"), store, Listener(lambda self: len(self.frames) >= 2))
    result = denoise_movie(request(source, "tiny"), store, Listener())
    assert result.resumed_frames == 2
    assert result.plan.tile_height * result.plan.tile_width <= 12_000


def test_when_not_even_the_smallest_tile_fits_the_error_says_what_to_do(tmp_path, store, monkeypatch):
    source = write_movie(tmp_path / "a.tif", frames=1, size=(160, 200))
    limit(monkeypatch, 10)
    with pytest.raises(DenoiseError) as caught:
        denoise_movie(request(source, "tiny"), store, Listener())
    assert caught.value.info.code == "out-of-memory"
    assert "Close other programs" in caught.value.info.advice


def test_the_cpu_goes_on_where_a_gpu_is_too_small(tmp_path, store, monkeypatch):
    source = write_movie(tmp_path / "a.tif", frames=2, size=(40, 40))
    listener = Listener()
    small_gpu = denoise_movie(request(source, "tiny", output=str(tmp_path / "x.tif")), store, Listener()).plan
    failed = []
    apply = NetworkDenoiser.apply

    def first_fails(self, state, block):
        if len(failed) < 1:
            failed.append(block)
            raise MemoryError("CUDA out of memory")
        return apply(self, state, block)

    monkeypatch.setattr(NetworkDenoiser, "apply", first_fails)
    plan = small_gpu.model_copy(update={"device": "cuda", "device_name": "a small GPU"})
    monkeypatch.setattr("core.denoising.planning.pick_device", lambda choice: (CPU, None))
    result = denoise_movie(request(source, "tiny", plan=plan), store, listener)
    assert result.plan.device == "cpu"
    assert any("a small GPU is too small" in notice.text for notice in result.notices)


def test_other_errors_of_torch_are_not_taken_for_memory():
    with pytest.raises(RuntimeError, match="shape"), memory_errors(CPU):
        raise RuntimeError("shape mismatch")


def test_a_plan_gives_way_first_in_tile_then_in_batch_then_not_at_all():
    geometry = Geometry(16, 16, 16)
    plan = Plan(
        device="cuda",
        dtype="float32",
        tile_height=512,
        tile_width=512,
        halo=16,
        batch=4,
        threads=1,
        model="m",
        model_version="1",
        weights_sha256="",
        scale=IntensityScale(gain=1, source="tag"),
    )
    sizes, batches = [plan.tile_height * plan.tile_width], [plan.batch]
    while (less := smaller(plan, geometry, 512, 512, None)) is not None:
        plan = less
        sizes.append(plan.tile_height * plan.tile_width)
        batches.append(plan.batch)
    assert all(after <= before for before, after in pairwise(sizes))
    assert sizes[1] <= sizes[0] / 2
    assert sizes[-1] == 48 * 48
    assert batches[-3:] == [4, 2, 1]


def test_budgets_are_bounded():
    gigabyte = 1 << 30
    assert tile_budget("cpu", 100 * gigabyte) <= 600 << 20
    assert tile_budget("cpu", gigabyte) == gigabyte // 4
    assert tile_budget("cuda", 80 * gigabyte) == 40 * gigabyte
    assert queue_length(1) == 4
    assert queue_length(10 * gigabyte) == 1
