"""Lattice-corrected networks in the pipeline: binning once a movie, the whole frame's mean in every tile."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import Cancelled, QuietContext
from core.denoising.devices import Device
from core.denoising.methods.registry import find_method
from core.denoising.run import denoise_movie
from core.models import ModelStore
from core.movies import open_movie
from core.noise.spectrum import NoiseSpectrum
from core.protocol.denoise import Region

from .helpers import Listener, install, lattice, request, write_movie


@pytest.fixture
def store(tmp_path):
    return install(tmp_path / "models", "lattice", "lattice-corrected", {"channels": [4, 4], "windows": [16]})


def read(path) -> np.ndarray:
    with open_movie(path) as movie:
        return movie.region(slice(None))


def test_tiles_and_regions_give_what_the_whole_frame_gives(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=1, size=(331, 150))
    whole = denoise_movie(request(source, "lattice", output=str(tmp_path / "whole.tif")), store, Listener())
    expected = read(whole.output)
    tolerance = 1e-4 if whole.plan.dtype == "float32" else 0.02
    tiled = denoise_movie(request(source, "lattice", output=str(tmp_path / "t.tif"), tile=260), store, Listener())
    assert tiled.plan.tile_height < 331
    assert np.allclose(read(tiled.output), expected, atol=tolerance * expected.max())
    region = Region(y0=201, y1=300, x0=11, x1=60)
    part = denoise_movie(request(source, "lattice", output=str(tmp_path / "p.tif"), region=region), store, Listener())
    assert np.allclose(read(part.output), expected[:, 201:300, 11:60], atol=tolerance * expected.max())


def test_the_binning_is_chosen_once_recorded_and_followed(tmp_path, store):
    source = write_movie(tmp_path / "a.tif", frames=3, size=(96, 96))
    first = denoise_movie(request(source, "lattice"), store, Listener())
    chosen = first.plan.parameters["binning"]
    assert chosen in {1, 2, 4, 8}
    other = first.plan.model_copy(update={"parameters": {"binning": 2 if chosen != 2 else 1}})
    again = denoise_movie(request(source, "lattice", output=str(tmp_path / "b.tif"), plan=other), store, Listener())
    assert again.plan == other
    assert not np.array_equal(read(again.output), read(first.output))


def test_the_binning_of_least_error_is_found_without_the_truth():
    rows, columns = np.mgrid[:256, :256]
    clean = 0.15 * (1 + 0.4 * np.cos(2 * np.pi * rows / 21) * np.cos(2 * np.pi * columns / 24))
    counts = np.random.default_rng(1).poisson(clean).astype(np.float32)[None]
    method = find_method("lattice-general", ModelStore.default()).make(Device("cpu", "CPU", False), "float32")
    chosen = method.prepare(ArrayMovie(counts), QuietContext())
    errors = {binning: float(np.square(_result(method, counts, binning) - clean).mean()) for binning in (1, 2, 4, 8)}
    assert errors[int(chosen.parameters["binning"])] <= 1.1 * min(errors.values())


def _result(method, counts, binning):
    movie = ArrayMovie(counts)
    return denoise_array(method, counts, state=method.prepare(movie, QuietContext(), {"binning": binning}))


def test_a_cancel_is_asked_for_within_a_frame_between_all_its_steps(tmp_path, store):
    """One window of one frame: a slow network on a large tile must not hold up a cancel."""
    source = write_movie(tmp_path / "a.tif", frames=1, size=(96, 96))
    asked = Listener()
    denoise_movie(request(source, "lattice"), store, asked)
    assert asked.checks > 100
    late = Listener(lambda self: self.checks >= asked.checks // 2)
    with pytest.raises(Cancelled):
        denoise_movie(request(source, "lattice", output=str(tmp_path / "b.tif")), store, late)
    assert late.checks == asked.checks // 2


@pytest.mark.parametrize("size", [(1, 1), (5, 9), (31, 64)])
def test_small_frames_pass(tmp_path, store, size):
    source = write_movie(tmp_path / "a.tif", frames=1, size=size)
    result = denoise_movie(request(source, "lattice"), store, Listener())
    assert read(result.output).shape == (1, *size)
    assert np.isfinite(read(result.output)).all()


def test_behind_a_camera_it_measures_the_noise_and_is_shown_counts():
    """A scintillator: at low frequencies the noise is two and a half times the counts' own, at high ones damped."""
    camera = NoiseSpectrum(0.1, 2.4, 0.2, 0.2, 2.0)
    truth = lattice(128, 128, 6.0, 12.0)[None]
    noise = np.random.default_rng(5).standard_normal(truth.shape).astype(np.float32)
    noisy = (truth + camera.colour(noise * np.float32(6.0**0.5))).astype(np.float32)
    method = find_method("lattice-general", ModelStore.default()).make(Device("cpu", "CPU", False), "float32")
    told = method.prepare(ArrayMovie(noisy), QuietContext())
    assert told.parameters["factor"] == pytest.approx(2.5, rel=0.4)
    again = method.prepare(ArrayMovie(noisy), QuietContext(), json.loads(json.dumps(told.parameters)))
    assert again.parameters == told.parameters
    unaware = method.prepare(ArrayMovie(noisy), QuietContext(), {"binning": told.parameters["binning"]})
    error, blind = (
        float(np.mean((denoise_array(method, noisy, state=state) - truth) ** 2)) for state in (again, unaware)
    )
    assert error < 0.7 * blind
    # The whole frame's mean goes with a part of it, and the halo covers what whitening looks at.
    assert told.geometry.halo > unaware.geometry.halo
