"""Results that draw what the movie doesn't show, don't belong to it, or were made of its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from core.measures.clips import Clip
from core.measures.judging import Known, flag, judge
from core.measures.with_truth import truth_measures
from tests.unit.measures.drifting_scenes import Frames, Scene, mean_along_drift, moved, scene


def codes(one: Scene, result: Frames) -> set[str]:
    return {found.code for found in flag([one.clip(result)])[0]}


def with_atoms(one: Scene, atoms: int, height: float) -> Frames:
    """The truth and atoms of `height` times its mean that are not there."""
    rng = np.random.default_rng(4)
    side = one.clean.shape[1]
    y, x = np.mgrid[:side, :side]
    drawn = np.zeros((side, side))
    for row, column in rng.uniform(12, side - 12, (atoms, 2)):
        drawn += np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 2.0**2))
    return np.asarray(one.clean + height * one.clean.mean() * drawn, dtype=np.float32)


@pytest.mark.parametrize("dose", [1.0, 4.0])
def test_invented_atoms_are_added_structure_and_no_smoothing(dose: float) -> None:
    one = scene(dose=dose)
    found = codes(one, with_atoms(one, 5, 1.5))
    assert "structure-added" in found
    assert "over-smoothed" not in found


@pytest.mark.parametrize(
    "spoil",
    [
        lambda clean: clean[::-1],
        lambda clean: clean[:, ::-1],
        lambda clean: 2 * clean.mean() - clean,
        lambda clean: np.roll(clean, 5, axis=2),
    ],
    ids=["reversed", "flipped", "inverted", "shifted"],
)
def test_what_does_not_belong_is_a_mismatch_and_not_over_smoothed(spoil: object) -> None:
    one = scene(dose=4.0, step=0.8)
    found = codes(one, spoil(one.clean))  # type: ignore[operator]
    assert "mismatch" in found
    assert not found & {"over-smoothed", "over-fitted"}


def test_frames_that_come_one_too_late_are_a_mismatch() -> None:
    one = scene(dose=20.0, step=0.8)
    assert "mismatch" in codes(one, np.concatenate([one.clean[:1], one.clean[:-1]]))


def test_a_frame_that_repeats_the_one_before_is_told() -> None:
    one = scene()
    result = one.clean.copy()
    result[7] = result[6]
    assert "repeated-frames" in codes(one, result)


@pytest.mark.parametrize("frames", [12, 15])
def test_a_mean_over_all_frames_is_smeared(frames: int) -> None:
    one = scene(dose=4.0, step=0.8, frames=frames)
    result = np.repeat(one.raw.mean(axis=0, keepdims=True), frames, axis=0)
    assert "temporally-smeared" in codes(one, result)


def test_a_long_running_mean_is_smeared() -> None:
    one = scene(dose=4.0, frames=32)
    result = np.stack([one.raw[max(0, t - 7) : t + 8].mean(axis=0) for t in range(32)])
    assert "temporally-smeared" in codes(one, result)


def test_an_error_is_never_negative_when_the_neighbours_are_in_the_result() -> None:
    one = scene(dose=2.0, step=0.0, frames=12)
    result = np.repeat(one.raw.mean(axis=0, keepdims=True), 12, axis=0)
    judgement = judge([one.clip(result)])
    assert judgement.measures["error_over_noise"].value is None
    assert "quietbeam thin" in judgement.measures["error_over_noise"].caveat
    assert judgement.measures["upsnr"].value is None
    assert "neighbours-in-result" in {notice.code for notice in judgement.notices}


def test_a_running_mean_is_measured_by_frames_beyond_its_window() -> None:
    one = scene(dose=2.0, frames=32)
    judgement = judge([one.clip(mean_along_drift(one))])
    value = judgement.measures["error_over_noise"].value
    assert value is not None
    assert value > 0


@pytest.mark.parametrize("factor", [0.6, 0.9, 1.1, 1.3, 2.0, 3.0])
def test_every_change_of_the_mean_is_flagged(factor: float) -> None:
    one = scene()
    assert codes(one, np.float32(factor) * one.clean) & {"intensity", "units"}


def test_an_offset_is_flagged() -> None:
    one = scene()
    assert "units" in codes(one, one.clean + 5)


def test_clipped_highlights_are_flagged() -> None:
    one = scene(dose=20.0)
    top = float(np.percentile(one.clean, 80))
    assert "clipped" in codes(one, np.minimum(one.clean, np.float32(top)))


def test_a_single_clean_frame_is_not_the_identity() -> None:
    one = scene(dose=20.0)
    flags, _ = flag([Clip(one.raw[:1], one.blurred(0.8)[:1], one.shifts[:1])])
    judgement = judge([Clip(one.raw[:1, :20, :20], one.blurred(0.8)[:1, :20, :20], one.shifts[:1])])
    assert "identity" not in {found.code for found in [*flags, *judgement.flags]}


def test_a_raw_single_frame_is_the_identity() -> None:
    one = scene(dose=4.0)
    judgement = judge([Clip(one.raw[:1], one.raw[:1], one.shifts[:1])])
    assert "identity" in {found.code for found in judgement.flags}


def test_a_dependent_reference_and_a_wrong_fraction_are_told() -> None:
    one = scene(dose=4.0)
    other = np.random.default_rng(9).poisson(one.clean).astype(np.float32)

    def told(reference: Frames) -> set[str]:
        return {notice.code for notice in judge([one.clip(one.clean)], Known(references=[reference])).notices}

    assert not told(other) & {"reference-dose", "reference-dependent"}
    assert "reference-dose" in told(other / 2)
    assert "reference-dependent" in told(one.raw)


def test_psnr_is_taken_after_the_line_of_the_units() -> None:
    one = scene(dose=4.0)
    plain = truth_measures([one.clip(one.blurred(2.0))], [one.clean])["psnr"]
    double = truth_measures([one.clip(2 * one.blurred(2.0))], [one.clean])["psnr"]
    assert plain.value is not None
    assert double.value == pytest.approx(plain.value, abs=3)
    assert "x result" in double.caveat


def test_a_very_wide_blur_is_no_mismatch() -> None:
    one = scene(dose=1.0)
    result = gaussian_filter(one.raw, (0, 24, 24), mode="nearest")
    assert not codes(one, result) & {"mismatch", "structure-added"}


def test_frames_in_reverse_order_are_a_mismatch_however_unevenly_the_picture_drifts() -> None:
    one = scene(dose=6.0, step=1.0, frames=12, seed=2)
    order = np.array([0, 2, 3, 3, 4, 4, 7, 7, 8, 8, 9, 11])
    raw = np.random.default_rng(3).poisson(one.clean[order]).astype(np.float32)
    uneven = Scene(raw, one.clean[order], one.shifts[order])
    assert "mismatch" in codes(uneven, uneven.clean[::-1])
    assert codes(uneven, uneven.clean) == set()


def test_an_even_background_at_the_top_is_not_clipped() -> None:
    one = scene(dose=20.0)
    top = np.float32(np.percentile(one.clean, 80))
    clean = np.minimum(one.clean, top)
    raw = np.random.default_rng(5).poisson(clean).astype(np.float32)
    assert "clipped" not in codes(Scene(raw, clean, one.shifts), clean)


def fine(dose: float = 20.0, frames: int = 12, side: int = 96) -> Scene:
    """A picture with detail of a few px that rests."""
    texture = gaussian_filter(np.random.default_rng(2).normal(size=(side, side)), 1.0, mode="wrap")
    clean = np.repeat(dose * np.clip(1 + 0.3 * texture / texture.std(), 0.05, None)[None], frames, axis=0)
    raw = np.random.default_rng(3).poisson(clean)
    return Scene(raw.astype(np.float32), clean.astype(np.float32), np.zeros((frames, 2)))


@pytest.mark.parametrize(("rows", "columns"), [(0.5, 0.0), (0.0, -0.5), (0.4, 0.4)])
def test_a_result_that_lies_half_a_px_beside_its_movie_is_a_mismatch(rows: float, columns: float) -> None:
    one = fine()
    beside = np.stack([moved(frame, np.array([rows, columns])) for frame in one.clean])
    found = judge([one.clip(beside)])
    assert [flag.code for flag in found.flags] == ["mismatch"]
    assert f"{rows:+.1f} rows and {columns:+.1f} columns away" in found.flags[0].text


def test_contrast_that_was_exaggerated_lies_beside_nothing() -> None:
    one = fine()
    found = judge([one.clip(one.clean + np.float32(0.25) * (one.clean - one.clean.mean()))])
    codes = {flag.code for flag in found.flags}
    assert codes
    assert "mismatch" not in codes
