from __future__ import annotations

import numpy as np
import pytest

from core.denoising.context import QuietContext
from core.simulation.spike_ins import Recording
from core.trust.null_test import null_test, poisson_interval
from core.trust.spike_in import Recovery, SpikeIn, spike_in
from core.trust.subject import LEAST, Subject, atoms_of, recording_of
from core.trust.verdicts import verdicts
from core.trust.would_it_come_back import erase, would_it_come_back
from tests.unit.trust.methods import SIDE, SIGMA, SPACING, Made, inventor, lattice, mean_of_frames, smooth, subject_of

ATOMS = 8 * 4


def at(rates, strength=LEAST):
    return next(one for one in rates if one.strength == strength)


def test_atoms_of_a_movie_are_known_by_their_look() -> None:
    subject = subject_of(Made(smooth))
    assert not subject.atoms.dark
    assert subject.atoms.spacing == pytest.approx(SPACING, abs=0.7)
    # As blurred as the method blurs them.
    assert subject.atoms.width == pytest.approx(np.hypot(SIGMA, 1.5), rel=0.35)


def test_atoms_are_measured_in_the_raw_movie_not_in_the_blurred_one() -> None:
    atoms = subject_of(Made(smooth), frames=8).atoms
    assert atoms.raw_width == pytest.approx(SIGMA, rel=0.12)
    assert atoms.raw_height == pytest.approx(14.0, rel=0.12)
    # The blur lets neighbours overlap, which a single Gaussian takes for its level.
    assert atoms.confirmed == pytest.approx(1.0, abs=0.3)


def test_peaks_of_noise_do_not_vouch_for_themselves() -> None:
    atoms = subject_of(Made(smooth), frames=8, height=0.0).atoms
    assert atoms.confirmed is not None
    assert abs(atoms.confirmed) < 0.2
    assert subject_of(Made(smooth), frames=1, height=0.0).atoms.confirmed is None


def test_dark_atoms_are_told_from_bright_ones() -> None:
    bright = np.stack([5 + 3 * lattice()]).astype(np.float32)
    assert not atoms_of(bright).dark
    assert atoms_of(10 - bright).dark


def test_an_honest_method_draws_few_atoms_in_noise() -> None:
    found = null_test(subject_of(Made(smooth)), frames=12, seed=0)
    assert found.frames == 12
    assert at(found.real).value == pytest.approx(ATOMS, rel=0.1)
    assert at(found.flat).high < 0.05 * ATOMS
    assert at(found.shaded).value < 0.05 * ATOMS


def test_a_method_that_invents_atoms_is_caught() -> None:
    found = null_test(subject_of(Made(inventor)), frames=6, seed=0)
    assert at(found.flat).value == pytest.approx(ATOMS)
    assert at(found.shaded).value == pytest.approx(ATOMS)


def test_the_same_seed_gives_the_same_figures() -> None:
    subject = subject_of(Made(smooth), frames=2)
    assert null_test(subject, 2, seed=1) == null_test(subject, 2, seed=1)
    assert spike_in(subject, 3, seed=1) == spike_in(subject, 3, seed=1)
    assert would_it_come_back(subject, 3, 3, seed=1) == would_it_come_back(subject, 3, 3, seed=1)


def test_erased_atoms_stay_away_with_an_honest_method_and_come_back_with_an_inventor() -> None:
    honest = would_it_come_back(subject_of(Made(smooth)), atoms=4, repeats=10, seed=0)
    assert len(honest.atoms) >= 2
    assert honest.came_back is not None
    assert honest.came_back < 0.1
    assert honest.drawn is not None
    assert honest.drawn > 0.75
    inventing = would_it_come_back(subject_of(Made(inventor)), atoms=4, repeats=4, seed=0)
    assert inventing.came_back == 1.0


def test_methods_over_time_are_erased_in_all_their_frames() -> None:
    found = would_it_come_back(subject_of(Made(mean_of_frames, 2, 2)), atoms=4, repeats=5, seed=0)
    assert found.came_back is not None
    assert found.came_back < 0.1


def test_a_hole_is_filled_from_around_it() -> None:
    y, x = np.mgrid[:60, :60]
    ramp = 3.0 + 0.1 * y + 0.05 * x
    spot = np.exp(-((y - 30.4) ** 2 + (x - 20.2) ** 2) / (2 * 2.0**2))
    filled = erase(ramp + 5 * spot, np.array([[30.4, 20.2]]), 6.5)
    assert np.abs(filled - ramp).max() < 0.2
    assert np.array_equal(filled[:20], (ramp + 5 * spot)[:20])
    # One at the border is filled too, one beyond it is nobody's.
    assert np.isfinite(erase(ramp, np.array([[0.0, 0.0], [-30.0, 5.0]]), 4.0)).all()


def test_spikes_are_recovered_by_an_honest_method_and_wiped_out_by_an_inventor() -> None:
    honest = spike_in(subject_of(Made(smooth), height=20.0), places=3, seed=0)
    whole = honest.recoveries[0]
    assert whole.strength == 1.0
    assert whole.found > 0.8
    assert whole.position_px is not None
    assert whole.position_px < 1.5
    assert abs(whole.intensity_bias) < 35
    assert honest.smear_frames == pytest.approx(0, abs=1e-6)
    wiped = spike_in(subject_of(Made(inventor)), places=3, seed=0)
    assert wiped.recoveries[0].found == 0
    assert wiped.recoveries[0].intensity_bias == pytest.approx(-100, abs=10)


def test_a_mean_over_frames_smears_an_event_by_a_quarter_of_its_length_on_each_side() -> None:
    method = Made(mean_of_frames, 2, 2)
    found = spike_in(subject_of(method, frames=24, height=20.0), places=4, seed=0)
    assert found.first == 12
    # Five frames: shares 1/5 and 2/5 before, and 2/5 and 1/5 missing after.
    assert found.smear_frames == pytest.approx(1.2, abs=0.3)
    assert found.response[10] == pytest.approx(0.2, abs=0.12)
    assert found.response[11] == pytest.approx(0.4, abs=0.12)
    assert found.response[9] == pytest.approx(0, abs=1e-6)


def test_dark_spikes_are_taken_out_of_the_counts() -> None:
    clean = np.broadcast_to(40 - 20 * lattice(), (4, SIDE, SIDE))
    counts = np.random.default_rng(0).poisson(clean).astype(np.float32)
    subject = Subject.of(Made(smooth), counts, Recording(), QuietContext(), dark=True)
    found = spike_in(subject, places=3, seed=0)
    assert found.recoveries[0].found > 0.7
    assert abs(found.recoveries[0].intensity_bias) < 40


def test_one_frame_has_no_step() -> None:
    found = spike_in(subject_of(Made(smooth), frames=1), places=2, seed=0)
    assert found.response == ()
    assert found.smear_frames is None
    assert found.recoveries[0].looks == 2


def test_noise_of_an_integrating_detector_is_matched() -> None:
    rng = np.random.default_rng(0)
    from core.simulation.detectors.transfer import spread

    expected = np.full((6, 128, 128), 9.0)
    profile = ((1.0, 0.7),)
    blurred = np.stack([spread(one, profile) for one in rng.poisson(expected).astype(float)])
    # Scaled so that the variance of a px is its mean, as an estimated gain does.
    electrons = (9 + (blurred - 9) * 3.0 / blurred.std()).astype(np.float32)
    recording = recording_of(electrons, counts=False)
    again = recording.fresh(expected, "float32", rng)
    assert again.std() == pytest.approx(3.0, rel=0.05)

    def neighbours(movie):
        one = movie - movie.mean()
        return float((one[..., 1:] * one[..., :-1]).mean() / one.var())

    assert neighbours(again) == pytest.approx(neighbours(electrons), abs=0.06)


def test_read_noise_is_what_goes_beyond_counting() -> None:
    rng = np.random.default_rng(0)
    electrons = (rng.poisson(4.0, (6, 96, 96)) + rng.normal(0, 1.5, (6, 96, 96))).astype(np.float32)
    assert recording_of(electrons, counts=False).read_noise == pytest.approx(1.5, rel=0.1)
    assert recording_of(electrons, counts=True).counts


def test_intervals_are_garwoods() -> None:
    assert poisson_interval(0, 10) == (0.0, 0.0, pytest.approx(0.3689, abs=1e-3))
    assert poisson_interval(10, 5) == (2.0, pytest.approx(4.795 / 5, abs=1e-3), pytest.approx(18.39 / 5, abs=1e-2))


def test_verdicts_name_the_inventor_and_praise_the_honest() -> None:
    good = subject_of(Made(smooth), height=20.0)
    bad = subject_of(Made(inventor))
    said = [
        verdicts(one.atoms, null_test(one, 6, 0), would_it_come_back(one, 3, 4, 0), spike_in(one, 2, 0))
        for one in (good, bad)
    ]
    assert said[0][1] == "Good: of the drawn atoms' mean strength, other frames show 100 %."
    assert said[0][0].startswith("Good")
    assert said[0][2].startswith("Good")
    assert said[1][0].startswith("Not to be believed")
    assert not any(one.startswith("Good") for one in said[1][:3])
    assert said[1][2].startswith("Drawn from its surroundings")


def test_atoms_that_were_wiped_out_earn_no_praise_for_their_timing() -> None:
    one = subject_of(Made(smooth), height=20.0)
    rest = (one.atoms, null_test(one, 2, 0), would_it_come_back(one, 1, 2, 0))
    told = {}
    for found in (0.0, 1.0):
        recovery = Recovery(1.0, 2, 8, found, None, 100 * (found - 1), 1.0)
        told[found] = any("in time" in line for line in verdicts(*rest, SpikeIn((recovery,), (0.0, 1.0), 1, 0.0)))
    assert told == {0.0: False, 1.0: True}
