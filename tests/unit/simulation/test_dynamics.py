from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.crystals import CATALOGUE, fill, zone_rotation
from core.simulation.dynamics.course import Course, Dynamics
from core.simulation.dynamics.drift import Drift, Walk, ornstein_uhlenbeck
from core.simulation.dynamics.events import Cast, SurfaceEvents
from core.simulation.dynamics.placing import moved, posed, turned
from core.simulation.specimens import Specimen
from core.simulation.truth import project_columns

RNG = np.random.default_rng


def particle(box: float = 60.0, radius: float = 16.0, height: float = 8.0) -> Specimen:
    """A disc of gold along [110] in the middle of an empty box."""
    crystal = CATALOGUE["Au"]
    positions, elements = fill(crystal, zone_rotation(crystal, (1, 1, 0)), radius, height)
    return Specimen("particle", positions + np.array([box / 2, box / 2, 0.0]), elements, box)


@given(
    shift=st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    more=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_moves_add_up_and_conserve_the_picture(
    shift: tuple[float, float], more: tuple[float, float], seed: int
) -> None:
    picture = _smooth(RNG(seed), 33)
    once = moved(picture, np.add(shift, more))
    np.testing.assert_allclose(moved(moved(picture, np.array(shift)), np.array(more)), once, atol=1e-9)
    assert once.sum() == pytest.approx(picture.sum())
    assert (once**2).sum() == pytest.approx((picture**2).sum())


def _smooth(rng: np.random.Generator, side: int) -> np.ndarray:
    return moved(rng.random((side, side)), np.zeros(2), np.array([2.0, 2.0]))


def test_a_move_by_whole_pixels_is_a_roll() -> None:
    picture = RNG(1).random((20, 31))
    np.testing.assert_allclose(moved(picture, np.array([3.0, -4.0])), np.roll(picture, (3, -4), (0, 1)), atol=1e-12)


def test_a_smear_is_the_mean_over_the_way() -> None:
    picture = _smooth(RNG(2), 32)
    smear = np.array([2.0, -1.0])
    steps = (np.arange(200) + 0.5) / 200 - 0.5
    mean = np.mean([moved(picture, step * smear) for step in steps], axis=0)
    np.testing.assert_allclose(moved(picture, np.zeros(2), smear), mean, atol=1e-5)


@pytest.mark.parametrize("angle", [-0.6, -0.05, 0.03, 0.3])
def test_a_picture_turns_as_atoms_do(angle: float) -> None:
    side = 64

    def picture(turn: float) -> np.ndarray:
        """Two spots about the middle; turned from x towards y."""
        out = np.zeros((side, side))
        y, x = np.mgrid[:side, :side] - (side - 1) / 2
        for distance, at in ((12.0, 0.4), (7.0, 2.5)):
            dx, dy = distance * np.cos(at + turn), distance * np.sin(at + turn)
            out += np.exp(-((y - dy) ** 2 + (x - dx) ** 2) / 8)
        return out

    np.testing.assert_allclose(turned(picture(0.0), angle), picture(angle), atol=2e-3)


def test_a_picture_is_not_turned_too_far() -> None:
    with pytest.raises(ValueError, match="45 degrees"):
        turned(np.zeros((8, 8)), 1.0)


def test_atoms_turn_from_x_towards_y_about_the_middle_and_leave_the_box() -> None:
    specimen = Specimen("s", np.array([[15.0, 10.0, 0.0], [19.9, 19.9, 0.0]]), np.array(["Au", "Au"]), 20.0)
    out = posed(specimen, np.pi / 2, np.zeros(2))
    np.testing.assert_allclose(out.positions[0], [10.0, 15.0, 0.0], atol=1e-9)
    assert len(posed(specimen, np.pi / 4, np.zeros(2)).positions) == 1
    assert posed(specimen, 0.0, np.zeros(2)) is specimen


def test_a_tilt_moves_the_top_against_the_bottom() -> None:
    specimen = Specimen("s", np.array([[10.0, 10.0, -5.0], [10.0, 10.0, 5.0]]), np.array(["Au", "Au"]), 20.0)
    out = posed(specimen, 0.0, np.array([0.1, 0.0]))
    assert abs(out.positions[0, 1] - out.positions[1, 1]) == pytest.approx(10 * np.sin(0.1))
    assert out.positions[0, 0] == pytest.approx(out.positions[1, 0])


@pytest.mark.parametrize("walk", ["steady", "random walk", "jumps"])
def test_a_drift_goes_its_step_a_frame_in_the_mean(walk: Walk) -> None:
    shifts, steps = Drift(0.7, walk).path(6000, RNG(4))
    np.testing.assert_allclose(np.diff(shifts, axis=0), steps[1:], atol=1e-9)
    assert np.hypot(*steps.T).mean() == pytest.approx(0.7, rel=0.12)
    assert (shifts[0] == 0).all()


def test_a_steady_drift_goes_on_and_a_jumping_one_rests() -> None:
    _, steady = Drift(1.0, "steady").path(100, RNG(1))
    assert np.hypot(*steady.sum(0)) > 80
    _, jumps = Drift(1.0, "jumps").path(200, RNG(1))
    assert (np.hypot(*jumps.T) == 0).mean() > 0.8


def test_wanders_have_their_spread_and_memory() -> None:
    out = ornstein_uhlenbeck(20000, 1, 3.0, 10.0, RNG(1))[:, 0]
    assert out.std() == pytest.approx(3.0, rel=0.1)
    assert np.corrcoef(out[10:], out[:-10])[0, 1] == pytest.approx(np.exp(-1), abs=0.08)


@given(frames=st.integers(1, 40), dropped=st.floats(0, 0.8), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_a_course_has_its_frames_whatever_was_dropped(frames: int, dropped: float, seed: int) -> None:
    dynamics = Dynamics(
        Drift(0.5, "random walk", 0.1), turn_wander=0.02, defocus_wander=20.0, tilt_wander=0.01, flicker=0.05,
        beam_wander=0.1, beam_steps=0.1, dropped=dropped,
    )  # fmt: skip
    course, again = dynamics.course(frames, RNG(seed)), dynamics.course(frames, RNG(seed))
    assert len(course) == len(course.turns) == len(course.tilts) == len(course.defocus) == len(course.beam) == frames
    assert course.times[0] == 0
    assert (np.diff(course.times) >= 1).all()
    assert course.beam.mean() == pytest.approx(1)
    assert (course.beam > 0).all()
    assert course.turns[0] == course.defocus[0] == 0
    np.testing.assert_array_equal(course.shifts, again.shifts)
    limited = course.limited(2.0)
    assert limited.reach <= 2.0 + 1e-9
    assert course.limited(course.reach) is course


def test_dropped_frames_leave_gaps_in_time_and_place() -> None:
    course = Dynamics(Drift(1.0, "steady"), dropped=0.5).course(200, RNG(3))
    assert course.times[-1] == pytest.approx(400, rel=0.25)
    gaps = np.diff(course.times)
    far = np.hypot(*np.diff(course.shifts, axis=0).T)
    assert np.corrcoef(gaps, far)[0, 1] > 0.95


def test_impossible_dynamics_are_refused() -> None:
    for make in (
        lambda: Drift(-1.0),
        lambda: Dynamics(dropped=1.0),
        lambda: Dynamics(exposure=2.0),
        lambda: Dynamics(defocus_wander=-1.0),
        lambda: Dynamics().course(0, RNG(0)),
        lambda: SurfaceEvents(share=-0.1),
        lambda: SurfaceEvents(lifetime=0.0),
    ):
        with pytest.raises(ValueError, match=r"\d"):
            make()


def test_a_still_course_is_still() -> None:
    course = Dynamics().course(5, RNG(1))
    assert course.reach == 0
    assert (course.beam == 1).all()
    assert not course.tilts.any()
    assert isinstance(course, Course)


def _played(seed: int = 1, share: float = 0.05) -> tuple[Specimen, Cast]:
    specimen = particle()
    return specimen, SurfaceEvents(share, 4.0).play(specimen, 20, RNG(seed))


def test_events_are_seeded_and_none_happen_without_a_share() -> None:
    specimen, cast = _played()
    _, again = _played()
    assert cast.events == again.events
    assert cast.events
    np.testing.assert_array_equal(cast.alive, again.alive)
    still = SurfaceEvents(0.0).play(specimen, 3, RNG(1))
    assert still.at(2).positions.shape == specimen.positions.shape
    assert not still.events


def test_only_columns_at_the_surface_change() -> None:
    specimen, cast = _played(share=0.2)
    middle = specimen.box / 2
    for event in cast.events:
        for place in (event.old, event.new):
            if place is not None:
                assert np.hypot(place[0] - middle, place[1] - middle) > 11.0


def test_an_event_holds_from_its_start_until_its_stop() -> None:
    _, cast = _played(share=0.1)
    kinds = {event.what for event in cast.events}
    assert kinds == {"hop", "appear", "vanish"}
    for event in cast.events:
        for frame in {0, event.start, event.stop - 1, min(event.stop, 19)}:
            during = event.start <= frame < event.stop
            spots = project_columns(cast.at(frame), 1.0, 60).positions
            if event.old is not None:
                assert (np.hypot(*(spots - event.old).T).min() > 0.6) == during
            if event.new is not None:
                assert (np.hypot(*(spots - event.new).T).min() < 0.3) == during


def test_what_appears_stands_where_the_lattice_goes_on() -> None:
    specimen, cast = _played(share=0.2)
    nearest = 2.49
    columns = project_columns(specimen, 1.0, 60).positions
    for event in cast.events:
        if event.new is not None:
            distance = np.hypot(*(columns - event.new).T).min()
            assert 0.9 * nearest < distance < 1.7 * nearest


def test_atoms_of_an_amorphous_film_stay() -> None:
    rng = RNG(5)
    positions = rng.uniform(0, 50, (5000, 3)) * [1, 1, 0.4]
    film = Specimen("film", positions, np.full(5000, "C"), 50.0)
    assert not SurfaceEvents(0.5).play(film, 10, rng).events


@pytest.mark.parametrize("count", [0, 1, 5])
def test_too_few_atoms_for_a_surface_give_no_events(count: int) -> None:
    few = Specimen("few", RNG(1).uniform(0, 20, (count, 3)), np.full(count, "Au"), 20.0)
    cast = SurfaceEvents(0.5).play(few, 4, RNG(2))
    assert not cast.events
    assert len(cast.at(3).positions) == count
