"""The movie model: long windows where nothing changes, short ones where something does, and no window too far."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import Cancelled, QuietContext, RunContext
from core.denoising.denoiser import ElectronMovie, Frames, Geometry, State
from core.denoising.devices import pick_device
from core.denoising.methods import time_mixture
from core.denoising.methods.lattice import Recorded
from core.denoising.methods.lattice_movie import LatticeMovieDenoiser
from core.denoising.methods.movie_choice import reaches_of
from core.denoising.methods.registry import find_method
from core.denoising.run import denoise_movie
from core.models import ModelStore
from core.networks.lattice_movie import LatticeMovieNet
from core.networks.registry import build

from .helpers import Listener, install, request
from .test_over_time import Parted, counts, drift, error, scene

FRAMES, SIDE, DOSE = 12, 56, 3.0


class Blur:
    """A stand-in for the network: a Gaussian, the narrower the more electrons there are."""

    def __init__(self) -> None:
        self.passes = 0
        self.widest = 1.6

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        return State(Geometry(8, origin_divisor=4, bytes_per_pixel=40.0), {"binning": 1, **(parameters or {})})

    def run(self, electrons: Frames, dose: Any, binning: int, recorded: Recorded, context: RunContext) -> Frames:
        context.check()
        self.passes += len(electrons)
        sigma = self.widest * (DOSE / max(float(dose[0]), 1e-3)) ** 0.25
        return ndimage.gaussian_filter(electrons, (0, sigma, sigma), mode="reflect", truncate=3.0)


def model(*reaches: int) -> LatticeMovieDenoiser:
    return LatticeMovieDenoiser("movie", Blur(), reaches or (1, 2, 4))


def alone(electrons: np.ndarray) -> np.ndarray:
    context = QuietContext()
    return np.stack([Blur().run(one[None], np.array([one.mean()]), 1, Recorded(), context)[0] for one in electrons])


@pytest.fixture(scope="module")
def still() -> tuple[np.ndarray, np.ndarray]:
    clean = scene(np.zeros((FRAMES, 2)), DOSE, SIDE)
    return clean, counts(clean)


def test_frames_of_a_still_scene_help_each_other(still):
    clean, noisy = still
    result = denoise_array(model(), noisy)
    assert error(result, clean) < 0.4 * error(alone(noisy), clean)


def test_drift_is_followed():
    clean = scene(drift(FRAMES, (0.6, -0.4)), 8.0, 96)
    noisy = counts(clean)
    denoiser = model()
    state = denoiser.prepare(ArrayMovie(noisy), QuietContext())
    assert state.parameters["drift"]
    result = denoise_array(denoiser, noisy, state=state)
    assert error(result, clean) < 0.6 * error(alone(noisy), clean)
    # Told that it stands still, it can't be as good.
    unaware = denoiser.prepare(ArrayMovie(noisy), QuietContext(), {**state.parameters, "drift": []})
    assert error(result, clean) < 0.8 * error(denoise_array(denoiser, noisy, state=unaware), clean)


@pytest.mark.parametrize("there", [(5, 8), (8, 9)])
def test_an_atom_that_hops_survives_in_its_own_frames_and_appears_in_no_other(there):
    bare = scene(np.zeros((FRAMES, 2)), 10.0, SIDE)
    y, x = np.mgrid[:SIDE, :SIDE]
    atom = 14.0 * np.exp(-((y - 8) ** 2 + (x - SIDE + 10) ** 2) / (2 * 1.8**2))
    inside = np.zeros(FRAMES, dtype=bool)
    inside[slice(*there)] = True
    noisy = counts(bare + inside[:, None, None] * atom)
    result = denoise_array(model(), noisy)
    # As much of it as there is in a frame denoised alone, and in none.
    seen = ((result - bare) * atom).sum((1, 2)) / ((alone(bare + atom) - alone(bare))[0] * atom).sum()
    assert seen[inside].min() > 0.7
    assert seen[~inside].max() < 0.35
    assert np.abs(seen[~inside]).mean() < 0.1


def test_a_beam_that_flickers_is_followed(still):
    clean, _ = still
    level = np.where(np.arange(FRAMES) % 3 == 0, 0.6, 1.2)[:, None, None]
    noisy = counts(clean * level)
    result = denoise_array(model(), noisy)
    assert np.allclose(result.mean((1, 2)), noisy.mean((1, 2)), rtol=0.02)
    assert error(result, clean * level) < 0.5 * error(alone(noisy), clean * level)


def test_a_single_frame_is_denoised_as_by_the_network_alone(still):
    noisy = still[1][:1]
    assert np.allclose(denoise_array(model(), noisy), alone(noisy), rtol=1e-5)


def test_two_frames_are_enough_for_a_window(still):
    clean, noisy = still[0][:2], still[1][:2]
    assert error(denoise_array(model(), noisy), clean) < 0.8 * error(alone(noisy), clean)


def test_a_frame_without_beam_stays_empty(still):
    noisy = still[1].copy()
    noisy[5] = 0
    result = denoise_array(model(), noisy)
    assert not result[5].any()
    assert error(result[6], still[0][6]) < 0.6 * error(alone(noisy)[6], still[0][6])


def test_hits_are_taken_out_of_frames_before_they_are_summed(still):
    class Hit(Blur):
        """Knows by how much a hit exceeds its surroundings."""

        def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Any = None) -> State:
            return super().prepare(movie, context, {"spike": 40.0, **(parameters or {})})

    clean, noisy = still
    hit = noisy.copy()
    hit[4, 20, 30] = 400
    denoiser = LatticeMovieDenoiser("movie", Hit(), (1, 2, 4))
    result = denoise_array(denoiser, hit, frames=[3, 4])
    assert np.abs(result - clean[3:5])[:, 15:26, 25:36].max() < 2.5


def test_nothing_crosses_a_gap():
    """Two scenes that have nothing in common, with a gap between them: the other one's frames are never looked at."""
    first = counts(scene(np.zeros((8, 2)), DOSE, SIDE))
    second = counts(scene(np.zeros((8, 2)), DOSE, SIDE)[:, ::-1, ::-1], 1)
    movie = Parted(np.concatenate([first, second]), parts=((0, 8), (8, 16)))
    denoiser = model()
    state = denoiser.prepare(movie, QuietContext())
    result = denoiser.apply(state, movie.around(7, 8, 7, 8)).electrons
    other = Parted(np.concatenate([first, 0 * second]), parts=((0, 8), (8, 16)))
    assert np.array_equal(denoiser.apply(state, other.around(7, 8, 7, 8)).electrons, result)


def test_tiles_equal_the_whole_frame(monkeypatch):
    monkeypatch.setattr(time_mixture, "_FIT", 8.0)
    side = 256
    noisy = counts(scene(drift(6, (0.5, 0.3)), 8.0, side))
    movie = ArrayMovie(noisy)
    denoiser = model(1, 2)
    state = denoiser.prepare(movie, QuietContext())
    block = movie.around(3, 4, 4, 4)
    whole = denoiser.apply(state, block).electrons[0]
    halo, divisor = state.geometry.halo, state.geometry.origin_divisor
    assert halo is not None
    corner = (side - 64 - halo) // divisor * divisor
    assert corner > 0, "the frame is too small to be cut"
    part = replace(block, electrons=block.electrons[:, corner:, corner:], origin=(corner, corner))
    tile = denoiser.apply(state, part).electrons[0]
    assert np.allclose(tile[halo:, halo:], whole[corner + halo :, corner + halo :], rtol=1e-3, atol=1e-3)


def test_neighbouring_frames_share_their_sums(still):
    noisy = still[1]
    blur = Blur()
    denoiser = LatticeMovieDenoiser("movie", blur, (1, 2, 4))
    state = denoiser.prepare(ArrayMovie(noisy), QuietContext())
    blur.passes = 0
    denoise_array(denoiser, noisy, state=state)
    assert blur.passes < 4 * FRAMES


def test_sums_of_another_movie_are_not_taken_for_its_own(still):
    noisy = still[1]
    denoiser = model()
    state = denoiser.prepare(ArrayMovie(noisy), QuietContext())
    first = denoise_array(denoiser, noisy, state=state)
    turned = denoise_array(denoiser, noisy[:, ::-1].copy(), state=state)
    assert not np.allclose(first, turned)
    assert np.array_equal(denoise_array(denoiser, noisy, state=state), first)


def test_parameters_bring_the_same_result_back(still):
    noisy = still[1]
    first = model()
    state = first.prepare(ArrayMovie(noisy), QuietContext())
    kept = json.loads(json.dumps(state.parameters))
    again = model()
    repeated = again.prepare(ArrayMovie(noisy), QuietContext(), kept)
    assert repeated.geometry == state.geometry
    assert (again.frames_before, again.frames_after) == (first.frames_before, first.frames_after)
    one = denoise_array(first, noisy, state=state, frames=[3])
    assert np.array_equal(denoise_array(again, noisy, state=repeated, frames=[3]), one)


@pytest.mark.parametrize(
    ("frames", "most", "wanted"),
    [(40, 80, (0, 1, 2, 4, 8, 16)), (40, 2, (0, 1)), (40, 1, (0, 1)), (5, 80, (0, 1, 2, 4)), (1, 80, (0,))],
    ids=["long", "large frames", "huge frames", "short", "one frame"],
)
def test_windows_are_as_long_as_movie_and_memory_allow(frames, most, wanted):
    movie = ArrayMovie(np.zeros((frames, 8, 8), dtype=np.float32))
    assert reaches_of(movie, (1, 2, 4, 8, 16), most) == wanted


def test_it_stops_when_asked(still):
    class Impatient(QuietContext):
        """Stops at the first question."""

        def check(self) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        model().prepare(ArrayMovie(still[1]), Impatient())


def test_a_model_of_the_zoo_denoises_a_file_and_says_what_it_did(tmp_path):
    config = {"reaches": [1], "channels": [4, 4], "windows": [16], "mixture": False}
    store = install(tmp_path / "models", "tiny-movie", "lattice-movie", config)
    values = counts(scene(drift(4), 3.0, 48)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, metadata={"axes": "TYX"}, photometric="minisblack")
    result = denoise_movie(request(tmp_path / "a.tif", "tiny-movie"), store, Listener())
    assert result.frames == 4
    assert any(notice.code == "averaged" for notice in result.notices)
    assert len(result.plan.parameters["levels"]) == 2
    assert np.isfinite(tifffile.imread(result.output)).all()


@pytest.mark.parametrize("reaches", [(2, 1), (0, 1), (1, 1), (1.5,), (1, 65)])
def test_senseless_reaches_are_refused(reaches):
    with pytest.raises(ValueError, match="reaches"):
        build("lattice-movie", {"reaches": reaches})


def test_weights_of_the_single_frame_network_fit():
    config = {"channels": [4, 4], "windows": [16], "mixture": False}
    movie, single = build("lattice-movie", {"reaches": [1, 2], **config}), build("lattice-corrected", config)
    movie.load_state_dict(single.state_dict())
    assert isinstance(movie, LatticeMovieNet)
    assert build("lattice-movie", movie.config).config == movie.config


def test_model_that_comes_with_the_program_is_one_for_movies():
    method = find_method("lattice-movie", ModelStore.default())
    denoiser = method.make(pick_device("cpu")[0], "float32")
    assert isinstance(denoiser, LatticeMovieDenoiser)
    assert not method.whole_network_lowered
