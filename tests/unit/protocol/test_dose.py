"""The dose in all its units, and when it is not told."""

from __future__ import annotations

import pytest

from core.protocol.dose import dose_of
from core.protocol.entered import Entered
from core.protocol.movie import MovieMeta


def _meta(**known: object) -> MovieMeta:
    return MovieMeta.model_validate(
        {"path": "m.dm4", "format": "DM4", "frames": 100, "height": 8, "width": 8, "dtype": "uint16"}
        | {"declared_frames": 100}
        | known
    )


def test_dose_of_a_tag_is_given_in_all_units() -> None:
    dose = dose_of(_meta(dose_e_per_a2=2.0, exposure_s=0.5, pixel_size=(0.05, 0.1), pixel_unit="nm"))
    assert dose.source == "tag"
    assert dose.per_frame_a2 == 2.0
    assert dose.rate_a2_s == 4.0
    assert dose.per_frame_px == pytest.approx(1.0)  # 0.5 A x 1 A a pixel
    assert dose.cumulative_a2 == 200.0
    assert dose.at(9) == 20.0


def test_typed_dose_rate_goes_before_the_files() -> None:
    meta = Entered(dose_rate_e_per_a2_s=10.0).applied_to(_meta(dose_e_per_a2=2.0, exposure_s=0.5))
    dose = dose_of(meta, mean_value=70.0)
    assert (dose.source, dose.per_frame_a2, dose.per_frame_px) == ("typed", 5.0, None)


def test_counts_tell_the_dose_only_with_a_gain() -> None:
    known = {"pixel_size": (0.1, 0.1), "pixel_unit": "nm", "exposure_s": 0.1}
    assert dose_of(_meta(**known), 50.0).source is None
    dose = dose_of(_meta(**known, counts_per_electron=5.0, black_level=10.0), 50.0)
    assert (dose.source, dose.per_frame_px) == ("counts", 8.0)
    assert dose.per_frame_a2 == pytest.approx(8.0)
    assert dose.rate_a2_s == pytest.approx(80.0)


def test_counts_of_a_scanning_detector_are_no_dose() -> None:
    assert dose_of(_meta(counts_per_electron=5.0, scanned=True), 50.0).source is None


def test_diffraction_has_no_dose_a_pixel_of_the_specimen() -> None:
    dose = dose_of(_meta(dose_e_per_a2=1.0, pixel_size=(0.1, 0.1), pixel_unit="1/nm"))
    assert (dose.per_frame_px, dose.per_frame_a2) == (None, 1.0)


def test_frame_interval_stands_in_for_an_unknown_exposure() -> None:
    assert dose_of(_meta(dose_rate_e_per_a2_s=3.0, frame_interval_s=2.0)).per_frame_a2 == 6.0
    assert dose_of(_meta(dose_rate_e_per_a2_s=3.0)).per_frame_a2 is None


def test_pause_between_exposures_is_told() -> None:
    known = {"dose_rate_e_per_a2_s": 50.0, "exposure_s": 0.08}
    dose = dose_of(_meta(**known, frame_interval_s=0.1))
    assert dose.per_frame_a2 == pytest.approx(4.0)
    assert dose.between == pytest.approx(1.25)
    assert dose_of(_meta(**known, frame_interval_s=0.08)).between == 1.0
    assert dose_of(_meta(**known)).between == 1.0
