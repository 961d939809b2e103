"""Wiener, wavelets, total variation, non-local means and the lattice filter, in the pipeline and on arrays."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import Cancelled, QuietContext
from core.denoising.methods.classical import CLASSICAL
from core.denoising.methods.lattice_filter import LatticeFilterDenoiser
from core.denoising.methods.nl_means import NlMeansDenoiser
from core.denoising.methods.registry import find_method
from core.denoising.methods.stabilised import StabilisedDenoiser
from core.denoising.methods.total_variation import TotalVariationDenoiser
from core.denoising.methods.wavelets import WaveletDenoiser
from core.denoising.methods.wiener import WienerDenoiser
from core.denoising.run import denoise_movie
from core.models import ModelStore
from core.models.errors import ModelError
from core.movies import open_movie

from .helpers import Listener, lattice, request, write_movie

METHODS = ("wiener", "wavelets", "tv", "nl-means", "lattice-filter")
NO_MODELS = ModelStore((), ())
FIXED = {
    "wiener": {"window": 5, "strength": 1.25},
    "wavelets": {"threshold": 2.2},
    "tv": {"weight": 0.9},
    "nl-means": {"patch": 5, "h": 0.6, "distance": 7},
    "lattice-filter": {"prior": [0.1] * 12},
}


def read(path) -> np.ndarray:
    with open_movie(path) as movie:
        return movie.region(slice(None))


def counts(dose: float, size: int = 192, period: float = 12.0) -> tuple[np.ndarray, np.ndarray]:
    truth = lattice(size, size, dose, period)[None]
    return truth, np.random.default_rng(4).poisson(truth).astype(np.float32)


def prepared(name: str, electrons: np.ndarray, **parameters):
    method = CLASSICAL[name].make()
    given = {"variance": None, "binning": 2, **FIXED[name], **parameters}
    return method, method.prepare(ArrayMovie(electrons), QuietContext(), given)


@pytest.mark.parametrize(
    ("make", "left"),
    [
        (lambda: WienerDenoiser((2, 4)), 0.9),
        (lambda: WaveletDenoiser((2,)), 0.95),
        (lambda: TotalVariationDenoiser((2, 4)), 0.9),
        (lambda: NlMeansDenoiser((2,)), 0.7),
        (LatticeFilterDenoiser, 0.3),
    ],
)
def test_each_tunes_itself_to_less_error_than_the_mean_has_and_always_the_same(make, left):
    """At 2 e/px a px is nearly all noise, and a mean that removes it removes the lattice."""
    truth, noisy = counts(2.0, size=64)
    method = make()
    state = method.prepare(ArrayMovie(noisy), QuietContext())
    error = float(np.mean((denoise_array(method, noisy, state=state) - truth) ** 2))
    assert error < left * float(truth.var())
    again = make()
    assert again.prepare(ArrayMovie(noisy), QuietContext()).parameters == state.parameters
    taken = again.prepare(ArrayMovie(noisy[:, :40, :40]), QuietContext(), state.parameters)
    assert taken.parameters == state.parameters


@pytest.mark.parametrize("name", ["wiener", "wavelets", "nl-means"])
@pytest.mark.parametrize("binning", [1, 2])
def test_tiles_give_what_the_whole_frame_gives(name, binning):
    _, noisy = counts(3.0, size=96)
    wide = np.pad(noisy, ((0, 0), (0, 0), (0, 700)), mode="wrap")
    method, state = prepared(name, wide, binning=binning)
    whole = denoise_array(method, wide, state=state)
    halo, step = state.geometry.halo, state.geometry.origin_divisor
    assert step == binning
    assert halo < 360
    start = 400 // step * step
    tile = denoise_array(method, wide[:, :, start - -(-halo // step) * step :], state=state)
    assert np.allclose(tile[..., -(whole.shape[2] - start) :], whole[..., start:], atol=2e-3)


def test_tiles_of_the_lattice_filter_give_what_the_whole_frame_gives():
    _, noisy = counts(3.0, size=64)
    wide = np.tile(noisy, (1, 1, 10))
    method, state = prepared("lattice-filter", wide, binning=1)
    whole = denoise_array(method, wide, state=state)
    halo, step = state.geometry.halo, state.geometry.origin_divisor
    start = 320 // step * step
    origin = (start - halo) // step * step
    tile = denoise_array(method, wide[:, :, origin:], state=state)[..., start - origin :]
    assert np.abs(tile - whole[..., start:]).max() < 1e-3 * whole.max()


@pytest.mark.parametrize("name", ["wiener", "tv", "lattice-filter"])
def test_a_result_of_the_pipeline_is_that_of_the_array(name, tmp_path):
    source = write_movie(tmp_path / "a.tif", frames=2, size=(50, 57))
    result = denoise_movie(request(source, name), NO_MODELS, Listener())
    method = CLASSICAL[name].make()
    electrons = tifffile.imread(source).astype(np.float32)
    state = method.prepare(ArrayMovie(electrons), QuietContext(), result.plan.parameters)
    if result.plan.scale.source == "estimated" and result.plan.scale.gain == 1:
        assert np.allclose(read(result.output), denoise_array(method, electrons, state=state), rtol=1e-4, atol=1e-3)
    again = denoise_movie(
        request(source, name, output=str(tmp_path / "b.tif"), plan=result.plan), NO_MODELS, Listener()
    )
    assert np.array_equal(read(again.output), read(result.output))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("size", [(1, 1), (5, 9)])
def test_small_frames_pass(name, size):
    noisy = np.random.default_rng(1).poisson(3.0, (1, *size)).astype(np.float32)
    out = denoise_array(CLASSICAL[name].make(), noisy)
    assert out.shape == noisy.shape
    assert np.isfinite(out).all()


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_frames_without_noise_stay_what_they_are(name, value):
    """To a quarter of an electron a px: the way back takes values for means of noisy ones."""
    flat = np.full((1, 20, 20), value, dtype=np.float32)
    assert np.allclose(denoise_array(CLASSICAL[name].make(), flat), value, atol=0.26)


@pytest.mark.parametrize("name", ["wiener", "tv", "lattice-filter"])
def test_data_that_are_no_counts_are_tuned_too(name):
    truth, noisy = counts(30.0, size=64)
    noisy = noisy * np.float32(1.013) + np.float32(0.21)
    out = denoise_array(CLASSICAL[name].make(), noisy)
    assert float(np.mean((out - truth) ** 2)) < 0.35 * float(np.mean((noisy - truth) ** 2))


def test_noise_of_unknown_gain_is_taken_as_it_is_measured(tmp_path):
    """The deviation is 12 everywhere: by Poisson's law the bright half would look four times too clean."""
    rng = np.random.default_rng(2)
    truth = np.repeat(np.repeat(rng.uniform(10, 210, (1, 12, 12)), 8, axis=1), 8, axis=2).astype(np.float32)
    noisy = truth + 12 * rng.standard_normal(truth.shape).astype(np.float32)
    method = WienerDenoiser()
    state = method.prepare(
        ArrayMovie(noisy), QuietContext(), {"variance": 144.0, "binning": 1, "window": 5, "strength": 1.25}
    )
    error = np.abs(method.run(noisy, state.parameters) - truth)
    assert error.mean() < 0.9 * np.abs(noisy - truth).mean()


def test_tuning_can_be_cancelled():
    _, noisy = counts(2.0, size=96)
    late = Listener(lambda self: self.checks >= 4)
    with pytest.raises(Cancelled):
        CLASSICAL["wiener"].make().prepare(ArrayMovie(noisy), late)
    assert late.checks == 4


def test_parameters_of_another_method_are_not_taken():
    _, noisy = counts(2.0, size=64)
    state = CLASSICAL["wiener"].make().prepare(ArrayMovie(noisy), QuietContext(), {"sigma": 2.0})
    assert set(state.parameters) == {"variance", "binning", "window", "strength"}


@pytest.mark.parametrize("name", sorted(CLASSICAL))
def test_every_method_is_made_by_its_name_and_has_a_card(name):
    method = CLASSICAL[name].make()
    assert method.name == name
    assert CLASSICAL[name].card.name == name
    assert CLASSICAL[name].card.caveats


def test_a_name_that_is_neither_model_nor_filter_is_refused_with_those_there_are():
    with pytest.raises(ModelError) as caught:
        find_method("wienner", NO_MODELS)
    assert "wienner" in caught.value.info.what
    assert "wiener, wavelets" in caught.value.info.advice


@pytest.mark.parametrize("name", ["wiener", "wavelets", "tv", "nl-means"])
def test_a_search_begins_on_its_grid(name):
    method = CLASSICAL[name].make()
    assert isinstance(method, StabilisedDenoiser)
    assert all(method.start[key] in values for key, values in method.grid.items())
    assert all(list(values) == sorted(values) for values in method.grid.values())
