"""Methods over time: along the drift, tuned on the movie's own noise, within segments, the same bits each time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import tifffile

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import Cancelled, QuietContext
from core.denoising.denoiser import Block, Denoiser
from core.denoising.methods.classical import CLASSICAL
from core.denoising.methods.gaussian import GaussianDenoiser
from core.denoising.methods.where_to_look import structured_part
from core.denoising.run import denoise_movie, draft, estimate
from core.models import ModelStore
from core.movies import open_movie
from core.protocol.denoise import DraftRequest, Scratch

from .helpers import Listener, request

METHODS = ("frame-average", "space-time-gaussian", "low-rank")
NO_MODELS = ModelStore((), ())


@dataclass(frozen=True)
class Parted(ArrayMovie):
    """A movie of several stretches."""

    parts: tuple[tuple[int, int], ...] = ()

    @property
    def segments(self) -> tuple[tuple[int, int], ...]:
        return self.parts


def scene(shifts: np.ndarray, dose: float, side: int = 64) -> np.ndarray:
    """A lattice with a round edge that moves along, in electrons, without noise."""
    y, x = np.mgrid[:side, :side].astype(float)
    frames = []
    for down, across in shifts:
        v, u = y - down, x - across
        lattice = 0.25 * (np.cos(2 * np.pi * (u + 0.3 * v) / 11) + np.cos(2 * np.pi * (v - 0.2 * u) / 13))
        inside = 1 / (1 + np.exp((np.hypot(v - side / 2, u - side / 2) - side / 3) / 2))
        frames.append(dose * (1 + (lattice - 0.2) * inside))
    return np.array(frames)


def counts(clean: np.ndarray, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(clean).astype(np.float32)


def drift(frames: int, speed: tuple[float, float] = (0.3, -0.2)) -> np.ndarray:
    return np.arange(frames)[:, None] * np.array(speed)


def made(name: str) -> Denoiser:
    return CLASSICAL[name].make()


def error(result: np.ndarray, clean: np.ndarray) -> float:
    return float(np.mean(np.square(result - clean)))


@pytest.fixture(scope="module")
def drifting() -> tuple[np.ndarray, np.ndarray]:
    clean = scene(drift(24), 3.0)
    return clean, counts(clean)


@pytest.fixture
def source(tmp_path):
    """A small movie as a file."""
    values = counts(scene(drift(12), 3.0, 40)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, metadata={"axes": "TYX"}, photometric="minisblack")
    return tmp_path / "a.tif"


@pytest.mark.parametrize(("name", "gain_db"), [("space-time-gaussian", 6.0), ("low-rank", 3.0)])
def test_a_drifting_movie_gains_much_over_single_frames(drifting, name, gain_db):
    clean, noisy = drifting
    alone = error(denoise_array(GaussianDenoiser(), noisy), clean)
    assert 10 * np.log10(alone / error(denoise_array(made(name), noisy), clean)) > gain_db


def test_the_widths_are_nearly_the_best(drifting):
    clean, noisy = drifting
    method = made("space-time-gaussian")
    state = method.prepare(ArrayMovie(noisy), QuietContext())
    blind = error(denoise_array(method, noisy, state=state), clean)
    found = dict(state.parameters)
    for change in ({"sigma": found["sigma"] * 1.4}, {"sigma": found["sigma"] / 1.4}, {"duration": 2.0, "reach": 5}):
        other = method.prepare(ArrayMovie(noisy), QuietContext(), {**found, **change})
        assert blind < 1.1 * error(denoise_array(method, noisy, state=other), clean)


@pytest.mark.parametrize("name", METHODS)
def test_the_same_parameters_give_the_same_bits(drifting, name):
    _, noisy = drifting
    method = made(name)
    state = method.prepare(ArrayMovie(noisy), QuietContext())
    first = denoise_array(method, noisy, state=state)
    again = made(name)
    given = again.prepare(ArrayMovie(noisy), QuietContext(), state.parameters)
    assert given.parameters == state.parameters
    assert np.array_equal(denoise_array(again, noisy, state=given), first)


@pytest.mark.parametrize("name", METHODS)
def test_local_means_are_kept(drifting, name):
    _, noisy = drifting
    result = denoise_array(made(name), noisy)
    assert result.mean() == pytest.approx(noisy.mean(), rel=0.01)


@pytest.mark.parametrize("name", ["frame-average", "space-time-gaussian"])
def test_tiles_are_the_whole(drifting, name):
    _, noisy = drifting
    method = made(name)
    given = {"sigma": 1.2, "duration": 2.0, "before": 3, "beam": False, "drift": drift(24).tolist(), "reach": 4}
    movie = ArrayMovie(noisy)
    state = method.prepare(movie, QuietContext(), given)
    block = movie.around(10, 11, method.frames_before, method.frames_after)
    whole = method.apply(state, block).electrons
    halo = state.geometry.halo
    assert halo is not None
    assert halo < 24
    tile = Block(block.electrons[:, 24 - halo :, :], block.frames, block.wanted, block.dose, origin=(24 - halo, 0))
    assert np.allclose(method.apply(state, tile).electrons[:, halo:], whole[:, 24:], atol=1e-5)
    wrong = Block(block.electrons[:, 24:, :], block.frames, block.wanted, block.dose, origin=(24, 0))
    assert not np.allclose(method.apply(state, wrong).electrons, whole[:, 24:], atol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_nothing_crosses_a_border_of_segments(name):
    first, second = counts(scene(drift(6), 5.0)), counts(scene(drift(8), 5.0), 1)
    method = made(name)
    result = []
    for dark in (0.0, 3.0):
        movie = Parted(np.concatenate([first, second + np.float32(dark)]), parts=((0, 6), (6, 14)))
        parameters = {"sigma": 1.0, "duration": 2.0, "before": 3, "beam": False, "reach": 4}
        parameters |= {"binning": 2, "threshold": 1.0, "length": 8, "drift": []}
        state = method.prepare(movie, QuietContext(), parameters)
        # As the pipeline does.
        result.append(method.apply(state, movie.around(5, 6, 0, 0) if method.frames_before == 0 else _within(movie)))
    assert np.array_equal(result[0].electrons, result[1].electrons)


def _within(movie: Parted) -> Block:
    """Frame 5 with all that its segment has."""
    return Block(movie.electrons[:6], np.arange(6), (5, 6), movie.electrons[:6].mean(axis=(1, 2), dtype=np.float64))


@pytest.mark.parametrize("name", METHODS)
def test_parts_of_a_movie_that_differ_are_tuned_and_followed_apart(name):
    first, second = counts(scene(drift(6), 5.0)), counts(scene(drift(7), 5.0).transpose(0, 2, 1), 1)
    movie = Parted(np.concatenate([first, second]), parts=((0, 6), (6, 13)))
    method = made(name)
    state = method.prepare(movie, QuietContext())
    assert all(number >= 0 for number in (method.frames_before, method.frames_after))
    assert state.parameters["drift"] == [] or len(state.parameters["drift"]) == 13


def test_what_changes_fast_is_averaged_shortly():
    rng = np.random.default_rng(5)
    still = scene(np.zeros((24, 2)), 20.0)
    lively = still.copy()
    y, x = np.mgrid[:64, :64]
    for number in range(24):
        for _ in range(12):
            top, left = rng.uniform(8, 56, 2)
            lively[number] += 25 * np.exp(-((y - top) ** 2 + (x - left) ** 2) / 8)
    durations = []
    for clean in (still, lively):
        state = made("space-time-gaussian").prepare(ArrayMovie(counts(clean)), QuietContext())
        durations.append(state.parameters["duration"])
    assert durations[1] <= 2 < 8 <= durations[0]


def test_a_flickering_beam_is_followed():
    levels = np.random.default_rng(2).uniform(0.6, 1.4, 24)
    clean = scene(drift(24), 8.0) * levels[:, None, None]
    noisy = counts(clean)
    method = made("space-time-gaussian")
    state = method.prepare(ArrayMovie(noisy), QuietContext())
    assert state.parameters["beam"]
    result = denoise_array(method, noisy, state=state)
    assert result.mean(axis=(1, 2)) == pytest.approx(clean.mean(axis=(1, 2)), rel=0.03)


def test_large_frames_are_tuned_where_something_is_to_be_seen():
    clean = np.full((6, 360, 420), 4.0)
    clean[:, 250:330, 20:100] = scene(np.zeros((6, 2)), 4.0, 80)
    rows, columns = structured_part(ArrayMovie(counts(clean)), 100, QuietContext())
    assert rows.start <= 264
    assert rows.stop >= 316
    assert columns.start <= 34
    assert columns.stop >= 86
    assert (rows.stop - rows.start, columns.stop - columns.start) == (100, 100)


def test_an_uncertain_drift_is_told():
    noisy = counts(np.full((12, 48, 48), 0.2))
    state = made("space-time-gaussian").prepare(ArrayMovie(noisy), QuietContext())
    assert state.parameters["drift"] == []
    assert state.notices[0].code == "drift"
    assert "No drift" in state.notices[0].text


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_short_movies_are_denoised(name, frames):
    clean = scene(drift(frames), 10.0, 40)
    noisy = counts(clean)
    result = denoise_array(made(name), noisy)
    assert result.shape == noisy.shape
    assert np.isfinite(result).all()
    assert error(result, clean) <= 1.01 * error(noisy, clean)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_movies_stay_constant(name, value):
    noisy = np.full((6, 33, 41), value, dtype=np.float32)
    assert denoise_array(made(name), noisy) == pytest.approx(noisy, abs=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_a_dark_frame_does_no_harm(name):
    clean = scene(np.zeros((10, 2)), 20.0, 40)
    clean[4] = 0
    result = denoise_array(made(name), counts(clean))
    others = np.arange(10) != 4
    assert np.isfinite(result).all()
    assert result[others].mean() == pytest.approx(clean[others].mean(), rel=0.05)


@pytest.mark.parametrize("name", METHODS)
def test_a_cancelled_run_goes_on_to_the_same_bits(tmp_path, source, name):
    whole = denoise_movie(request(source, name, output=str(tmp_path / "whole.tif")), NO_MODELS, Listener())
    with pytest.raises(Cancelled):
        denoise_movie(request(source, name), NO_MODELS, Listener(lambda self: len(self.frames) >= 4))
    result = denoise_movie(request(source, name), NO_MODELS, Listener())
    assert result.resumed_frames >= 4
    with open_movie(result.output) as one, open_movie(whole.output) as other:
        assert np.array_equal(one.region(slice(None)), other.region(slice(None)))


@pytest.mark.parametrize("name", METHODS)
def test_a_draft_is_what_the_run_gives_there(tmp_path, source, name):
    whole = denoise_movie(request(source, name), NO_MODELS, Listener())
    asked = DraftRequest(
        source=str(source), model=name, device="cpu", frame=7, scratch=Scratch(path="", slot_bytes=1 << 20, slots=1)
    )
    _, array = draft(asked, NO_MODELS, Listener())
    with open_movie(whole.output) as movie:
        assert np.allclose(array, movie.frame(7), atol=1e-5)
    assert estimate(request(source, name, output=str(tmp_path / "b.tif")), NO_MODELS).seconds >= 0


@pytest.mark.parametrize("name", ["frame-average", "space-time-gaussian"])
def test_it_is_said_how_many_frames_go_into_one(drifting, name):
    state = made(name).prepare(ArrayMovie(drifting[1].astype(np.float32)), QuietContext())
    (told,) = [notice for notice in state.notices if notice.code == "averaged"]
    assert told.level == "warning"
    assert "faded or lost" in told.text
    one = made(name).prepare(ArrayMovie(drifting[1][:1].astype(np.float32)), QuietContext())
    assert "Hardly more than the frame itself" in one.notices[-1].text
