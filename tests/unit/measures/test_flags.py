"""Which results are flagged, and for what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from core.measures.clips import Clip
from core.measures.judging import Known, flag, judge
from tests.unit.measures.drifting_scenes import Frames, Scene, mean_along_drift, mean_of_three, scene

DOSES = (0.5, 4.0, 20.0)


def codes(one: Scene, result: Frames) -> set[str]:
    return {found.code for found in flag([one.clip(result)])[0]}


@pytest.fixture(params=DOSES, ids=[f"{dose} e/px" for dose in DOSES])
def noisy(request: pytest.FixtureRequest) -> Scene:
    return scene(dose=float(request.param))


def test_the_truth_is_not_flagged(noisy: Scene) -> None:
    assert codes(noisy, noisy.clean) == set()


def test_the_best_gaussian_is_not_flagged(noisy: Scene) -> None:
    assert codes(noisy, noisy.blurred(noisy.best_sigma)) == set()


def test_identity_is_flagged(noisy: Scene) -> None:
    assert "identity" in codes(noisy, noisy.raw)


@pytest.mark.parametrize("dose", [4.0, 20.0])
def test_a_gaussian_too_wide_is_over_smoothed(dose: float) -> None:
    one = scene(dose=dose)
    assert codes(one, one.blurred(1.6 * one.best_sigma)) == {"over-smoothed"}


def test_exaggerated_contrast_is_not_called_smoothed(noisy: Scene) -> None:
    around = gaussian_filter(noisy.clean, (0, 8, 8))
    found = codes(noisy, noisy.clean + np.float32(0.4) * (noisy.clean - around))
    # Where noise leaves few places to judge by, the strongest of them speaks for all.
    assert found in ({"exaggerated"}, {"structure-added"})


def test_a_gaussian_too_narrow_is_over_fitted(noisy: Scene) -> None:
    assert codes(noisy, noisy.blurred(0.5 * noisy.best_sigma)) == {"over-fitted"}


def test_the_truth_with_a_third_of_the_noise_is_over_fitted(noisy: Scene) -> None:
    assert codes(noisy, noisy.clean + np.float32(0.3) * (noisy.raw - noisy.clean)) == {"over-fitted"}


def test_a_mean_of_three_drifting_frames_is_smeared(noisy: Scene) -> None:
    assert "temporally-smeared" in codes(noisy, mean_of_three(noisy.raw))


def test_a_mean_of_three_denoised_frames_is_smeared() -> None:
    one = scene(dose=20.0)
    assert "temporally-smeared" in codes(one, mean_of_three(one.blurred(one.best_sigma)))


@pytest.mark.parametrize("sigma", [2.0, 3.0])
def test_a_mean_of_three_wide_blurs_is_smeared(noisy: Scene, sigma: float) -> None:
    assert "temporally-smeared" in codes(noisy, mean_of_three(noisy.blurred(sigma)))


def test_a_mean_of_three_is_smeared_though_its_fine_noise_has_the_opposite_sign(noisy: Scene) -> None:
    # As networks do: what is fine comes through a little, and inverted.
    fine = noisy.blurred(0.7) - noisy.blurred(1.5)
    single = noisy.blurred(3.0) - np.float32(0.05) * fine
    assert "temporally-smeared" in codes(noisy, mean_of_three(single))
    assert "temporally-smeared" not in codes(noisy, single)


def test_a_mean_of_wide_blurs_along_the_drift_is_not_smeared(noisy: Scene) -> None:
    along = gaussian_filter(mean_along_drift(noisy), (0, 2.0, 2.0), mode="wrap")
    assert "temporally-smeared" not in codes(noisy, along)


def test_a_mean_that_follows_the_drift_is_not_smeared(noisy: Scene) -> None:
    assert "temporally-smeared" not in codes(noisy, mean_along_drift(noisy))


def test_a_mean_of_three_is_not_smeared_where_nothing_drifts() -> None:
    one = scene(step=0.0)
    assert "temporally-smeared" not in codes(one, mean_of_three(one.raw))


def test_smearing_is_not_claimed_where_the_drift_is_uncertain() -> None:
    one = scene()
    clip = Clip(one.raw, mean_of_three(one.raw), np.zeros_like(one.shifts), certain=False)
    assert "temporally-smeared" not in {found.code for found in flag([clip])[0]}
    assert "averaged-drift-unknown" in {notice.code for notice in judge([clip]).notices}


def test_nothing_is_said_of_averaging_where_single_frames_were_looked_at() -> None:
    one = scene()
    clip = Clip(one.raw, one.blurred(1.5), np.zeros_like(one.shifts), certain=False)
    assert "averaged-drift-unknown" not in {notice.code for notice in judge([clip]).notices}


def test_coarse_noise_that_was_kept_counts_in_full() -> None:
    # Nothing but noise: all of the error can be smoothed away, though cells of a scan's lines are not looked at.
    raw = np.random.default_rng(3).poisson(1.0, (16, 192, 192)).astype(np.float32)
    result = gaussian_filter(raw, (0, 6.0, 6.0), mode="wrap")
    _, values = flag([Clip(raw, result, np.zeros((16, 2)))])
    assert values["smoothed"] > 0.85


def test_a_result_that_lost_a_tenth_of_its_intensity_is_flagged() -> None:
    one = scene()
    assert "intensity" in codes(one, np.float32(0.9) * one.clean)


def test_a_result_of_other_units_is_judged_as_if_it_had_the_raw_ones() -> None:
    one = scene()
    normalised = (one.clean - one.clean.min()) / np.ptp(one.clean)
    assert codes(one, normalised) == set()
    wide = one.blurred(1.6 * one.best_sigma)
    assert codes(one, (wide - wide.min()) / np.ptp(wide)) == {"over-smoothed"}


@settings(max_examples=8, deadline=None)
@given(gain=st.floats(0.01, 1000), seed=st.integers(0, 10))
def test_flags_do_not_depend_on_the_gain(gain: float, seed: int) -> None:
    one = scene(seed=seed, side=64)
    result = one.blurred(1.3 * one.best_sigma)
    plain = flag([one.clip(result)])[1]
    scaled = flag([Clip(one.raw * np.float32(gain), result * np.float32(gain), one.shifts)])[1]
    for name in ("put_back", "smoothed", "own_noise", "neighbours"):
        assert scaled[name] == pytest.approx(plain[name], rel=1e-2, abs=1e-3)


def test_two_frames_are_enough_to_see_that_nothing_was_done() -> None:
    one = scene(frames=2, side=128)
    assert codes(one, one.raw) == {"identity"}
    assert codes(one, one.clean) == set()


def test_a_camera_that_blurs_its_noise_is_judged_like_a_counter() -> None:
    from scipy.ndimage import gaussian_filter

    one = scene(dose=4.0)

    def seen(frames: Frames) -> Frames:
        return np.asarray(gaussian_filter(frames, (0, 0.6, 0.6), mode="wrap"), dtype=np.float32)

    camera = Scene(seen(one.raw), seen(one.clean), one.shifts)
    assert codes(camera, camera.clean) == set()
    assert codes(camera, camera.raw) == {"identity"}
    assert codes(camera, camera.blurred(camera.best_sigma)) == set()
    assert "over-smoothed" in codes(camera, camera.blurred(1.6 * camera.best_sigma))


def torn(dose: float = 20.0, frames: int = 12, side: int = 96) -> Scene:
    """A scanned lattice whose lines are shifted anew in each frame."""
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:side, :side].astype(np.float64)
    moved_x = x + rng.normal(0, 0.9, (frames, side, 1))
    clean = dose * (1 + 0.5 * np.cos(2 * np.pi * moved_x / 7) + 0.4 * np.cos(2 * np.pi * y / 9))
    return Scene(rng.poisson(clean).astype(np.float32), clean.astype(np.float32), np.zeros((frames, 2)))


def test_scan_jitter_in_the_truth_is_not_called_noise() -> None:
    one = torn()
    found = judge([one.clip(one.clean)])
    assert found.measures["own_noise"].value > 0.5
    assert found.flags == []
    assert "frames-differ" in {notice.code for notice in found.notices}


def test_a_torn_movie_that_was_hardly_denoised_is_still_called_so() -> None:
    one = torn()
    assert "identity" in codes(one, one.raw)
    assert "identity" in codes(one, one.blurred(0.4))
    assert codes(one, one.clean + np.float32(0.6) * (one.raw - one.clean)) & {"identity", "over-fitted"}
    assert codes(one, one.clean + np.float32(0.3) * (one.raw - one.clean)) & {"identity", "over-fitted"}
    # Where the gain isn't known, noise can't be told from what changes.
    assert {found.code for found in judge([one.clip(one.clean)], Known(gain=False)).flags} == {"over-fitted"}
