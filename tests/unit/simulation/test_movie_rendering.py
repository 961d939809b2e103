from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.simulation.detectors.presets import IDEAL_COUNTER, TRAINING_DETECTORS
from core.simulation.dynamics.course import Course, Dynamics
from core.simulation.dynamics.drift import Drift
from core.simulation.dynamics.events import Cast, SurfaceEvents
from core.simulation.dynamics.placing import posed
from core.simulation.imaging import Optics, image
from core.simulation.movie import ImageOf, Rendered, record, render, render_picture
from core.simulation.multislice import exit_wave
from core.simulation.scan.displacement import MainsSway, RowJitter
from core.simulation.scan.scan import Scan
from core.simulation.specimens import Specimen
from tests.unit.simulation.test_dynamics import particle

RNG = np.random.default_rng
SIZE, MARGIN, PIXEL = 60, 10, 0.75
BOX = (SIZE + 2 * MARGIN) * PIXEL
STILL = Dynamics(exposure=0.0)


class _Spots:
    """Dark-field images of Gaussian columns, exact at every place; counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, specimen: Specimen, defocus: float) -> np.ndarray:
        self.calls += 1
        grid = round(specimen.box / PIXEL)
        px = np.arange(grid) * PIXEL
        sigma = 1.1 + abs(defocus) / 100
        rows = np.exp(-((px[None] - specimen.positions[:, 1:2]) ** 2) / (2 * sigma**2))
        columns = np.exp(-((px[None] - specimen.positions[:, 0:1]) ** 2) / (2 * sigma**2))
        return 0.05 + rows.T @ columns


def _bright_field(optics: Optics, grid: int, wave_size: int) -> ImageOf:
    """HRTEM images of a whole box."""

    def image_of(specimen: Specimen, defocus: float) -> np.ndarray:
        wave = exit_wave(specimen.positions, specimen.elements, specimen.box, wave_size, optics.kilovolt)
        at = replace(optics, defocus=optics.defocus + defocus)
        return image(wave, specimen.box, at, grid).double().numpy()

    return image_of


def _still(specimen: Specimen, frames: int) -> Cast:
    return SurfaceEvents().play(specimen, frames, RNG(0))


def _with(course: Course, **what: np.ndarray) -> Course:
    return Course(**{**course.__dict__, **what})


def test_drift_moves_the_image_as_if_its_atoms_had_moved() -> None:
    specimen = particle(BOX, 12.0)
    # Half px of the image are whole px of the wave, so that both waves are sampled alike. Waves at Nyquist can't move.
    shifts = np.array([[0.0, 0.0], [1.5, -2.5]])
    course = _with(STILL.course(2, RNG(0)), shifts=shifts)
    image_of = _bright_field(Optics(defocus=50.0), SIZE + 2 * MARGIN, 2 * (SIZE + 2 * MARGIN))
    rendered = render(_still(specimen, 2), course, image_of, SIZE, PIXEL)
    elsewhere = specimen.positions + np.append(shifts[1, ::-1] * PIXEL, 0.0)
    there = Specimen("p", elsewhere, specimen.elements, BOX)
    again = render(_still(there, 1), STILL.course(1, RNG(0)), image_of, SIZE, PIXEL)
    np.testing.assert_allclose(rendered.images[1], again.images[0], atol=0.01)
    assert np.abs(rendered.images[1] - rendered.images[0]).max() > 0.2


def test_what_drifts_during_the_exposure_is_smeared_along_its_way() -> None:
    course = _with(STILL.course(1, RNG(0)), smears=np.array([[0.0, 3.0]]))
    smeared = render(_still(_lonely(), 1), course, _Spots(), SIZE, PIXEL).images[0]
    sharp = render(_still(_lonely(), 1), STILL.course(1, RNG(0)), _Spots(), SIZE, PIXEL).images[0]
    assert smeared.max() < 0.9 * sharp.max()
    np.testing.assert_allclose(smeared.sum(1), sharp.sum(1), rtol=1e-3)


def test_turned_atoms_are_projected_anew() -> None:
    specimen = particle(BOX, 12.0)
    course = _with(STILL.course(2, RNG(0)), turns=np.array([0.0, 0.2]))
    image_of = _bright_field(Optics(), SIZE + 2 * MARGIN, 128)
    rendered = render(_still(specimen, 2), course, image_of, SIZE, PIXEL)
    whole = image_of(posed(specimen, 0.2, np.zeros(2)), 0.0)
    np.testing.assert_allclose(rendered.images[1], whole[MARGIN:-MARGIN, MARGIN:-MARGIN], atol=1e-5)


def test_an_image_is_computed_once_as_long_as_only_the_drift_changes() -> None:
    specimen = particle(BOX, 12.0)
    spots = _Spots()
    course = Dynamics(Drift(0.3), flicker=0.1).course(6, RNG(1))
    render(_still(specimen, 6), course, spots, SIZE, PIXEL)
    assert spots.calls == 1
    spots = _Spots()
    focus = _with(course, defocus=np.array([0, 0, 5.0, 5.0, 0, 0]))
    rendered = render(_still(specimen, 6), focus, spots, SIZE, PIXEL)
    assert spots.calls == 3
    assert len({id(s) for s in rendered.specimens}) == 1


def _centroids(image: np.ndarray, spots: np.ndarray) -> np.ndarray:
    found = []
    for y, x in np.rint(spots).astype(int):
        part = image[y - 4 : y + 5, x - 4 : x + 5]
        weights = np.maximum(part - part.min(), 0)
        at = np.mgrid[y - 4 : y + 5, x - 4 : x + 5]
        found.append((at * weights).sum((1, 2)) / weights.sum())
    return np.array(found)


def _lonely(seed: int = 3) -> Specimen:
    """Single columns far apart, some of several atoms."""
    rng = RNG(seed)
    places = np.stack(np.meshgrid(np.arange(14, 46, 9.0), np.arange(14, 46, 9.0)), -1).reshape(-1, 2)
    places = places + rng.uniform(-1, 1, places.shape)
    positions = np.concatenate([np.column_stack([places, np.full(len(places), z)]) for z in (0.0, 3.0)])
    return Specimen("lonely", positions, np.full(len(positions), "Au"), BOX)


def _off(rendered: Rendered, frame: int) -> np.ndarray:
    columns = rendered.columns(frame)
    inner = columns.select(np.all((columns.positions > 5) & (columns.positions < SIZE - 6), axis=1))
    assert len(inner) >= 6
    return _centroids(rendered.images[frame], inner.positions) - inner.positions


def test_the_columns_of_a_frame_lie_where_it_shows_them() -> None:
    dynamics = Dynamics(Drift(1.0, "random walk"), turning=0.02, tilt_wander=0.01, exposure=1.0)
    rendered = render(_still(_lonely(), 5), dynamics.course(5, RNG(2)).limited(8.0), _Spots(), SIZE, PIXEL)
    for frame in range(5):
        assert np.abs(_off(rendered, frame)).max() < 0.05


def test_the_columns_of_a_scanned_frame_lie_where_the_probe_met_them() -> None:
    scan = Scan("s", (RowJitter(0.3, 0.1, 30.0), MainsSway(0.5, 1.0, 0.01)))
    course = Dynamics(Drift(1.0, "steady")).course(3, RNG(2))
    rendered = render(_still(_lonely(), 3), course, _Spots(), SIZE, PIXEL, scan, RNG(5))
    assert rendered.fields is not None
    assert np.abs(rendered.fields).max() > 0.5
    for frame in range(3):
        assert np.sqrt((_off(rendered, frame) ** 2).mean()) < 0.2


def test_events_change_only_their_frames() -> None:
    specimen = particle(BOX, 12.0)
    cast = SurfaceEvents(0.03, 3.0).play(specimen, 10, RNG(4))
    rendered = render(cast, STILL.course(10, RNG(0)), _Spots(), SIZE, PIXEL)
    assert cast.events
    for frame in range(1, 10):
        same = (cast.alive[frame] == cast.alive[frame - 1]).all()
        assert same == np.array_equal(rendered.images[frame], rendered.images[frame - 1])
    assert len(rendered.columns(0)) != len(rendered.columns(cast.events[0].start)) or cast.events[0].what == "hop"


def test_a_drift_that_leaves_the_picture_is_refused() -> None:
    course = Dynamics(Drift(5.0)).course(10, RNG(1))
    with pytest.raises(ValueError, match="margin of 10 px"):
        render(_still(_lonely(), 10), course, _Spots(), SIZE, PIXEL)
    render(_still(_lonely(), 10), course.limited(MARGIN), _Spots(), SIZE, PIXEL)
    with pytest.raises(ValueError, match="margin of -2 px"):
        render_picture(np.ones((60, 60)), STILL.course(1, RNG(0)), 64)


def test_scans_are_drawn_and_movies_need_their_atoms() -> None:
    with pytest.raises(ValueError, match="generator"):
        render_picture(np.ones((60, 60)), STILL.course(1, RNG(0)), 50, Scan("s"))
    with pytest.raises(ValueError, match="3 frames"):
        render(_still(_lonely(), 2), STILL.course(3, RNG(0)), _Spots(), SIZE, PIXEL)


def test_pictures_drift_and_turn_without_atoms() -> None:
    picture = _Spots()(_lonely(), 0.0)
    course = Dynamics(Drift(0.5), turning=0.01).course(4, RNG(1))
    rendered = render_picture(picture, course, SIZE)
    assert rendered.images.shape == (4, SIZE, SIZE)
    assert rendered.specimens == ()
    assert np.abs(rendered.images[3] - rendered.images[0]).max() > 0.1


def test_a_recorded_movie_has_its_dose_and_follows_the_beam() -> None:
    course = _with(STILL.course(4, RNG(0)), beam=np.array([0.5, 1.5, 1.0, 1.0]))
    rendered = render(_still(_lonely(), 4), course, _Spots(), SIZE, PIXEL)
    exposure = record(rendered, 3.0, IDEAL_COUNTER, RNG(1))
    assert exposure.expected.mean() == pytest.approx(3.0)
    assert exposure.values.mean() == pytest.approx(3.0, rel=0.02)
    means = exposure.expected.mean((1, 2))
    np.testing.assert_allclose(means / means.mean(), course.beam)
    with pytest.raises(ValueError, match="dose"):
        record(rendered, 0.0, IDEAL_COUNTER, RNG(1))


def test_a_movie_is_seeded_from_drift_to_detector() -> None:
    def movie(seed: int) -> np.ndarray:
        rng = RNG(seed)
        cast = SurfaceEvents(0.05).play(particle(BOX, 12.0), 3, rng)
        course = Dynamics(Drift(0.5), flicker=0.05).course(3, rng)
        scan = Scan("s", (RowJitter(0.2),))
        rendered = render(cast, course, _Spots(), SIZE, PIXEL, scan, rng)
        return record(rendered, 2.0, TRAINING_DETECTORS["haadf-slow"], rng).values

    np.testing.assert_array_equal(movie(1), movie(1))
    assert (movie(1) != movie(2)).any()
