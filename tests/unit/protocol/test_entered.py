"""What the user types in place of what a file says."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.protocol.entered import Entered
from core.protocol.movie import MovieMeta

_META = MovieMeta(
    path="m.tif",
    format="TIFF",
    frames=3,
    height=4,
    width=5,
    dtype="uint16",
    declared_frames=3,
    times=(0.0, 1.0, 5.0),
    voltage_kv=200.0,
)


def test_nothing_typed_changes_nothing() -> None:
    assert Entered().applied_to(_META) is _META
    assert Entered().nothing


def test_typed_values_replace_the_files_and_are_named() -> None:
    meta = Entered(pixel_size=(0.1, 0.2), pixel_unit="nm", voltage_kv=300.0).applied_to(_META)
    assert (meta.pixel_size, meta.pixel_unit, meta.voltage_kv) == ((0.1, 0.2), "nm", 300.0)
    assert set(meta.entered) == {"pixel_size", "pixel_unit", "voltage_kv"}
    assert meta.times == _META.times


def test_typed_interval_replaces_the_times() -> None:
    meta = Entered(frame_interval_s=0.5).applied_to(_META)
    assert (meta.frame_interval_s, meta.times) == (0.5, None)


@pytest.mark.parametrize(
    "typed",
    [
        {"pixel_size": (0.1, 0.1)},
        {"pixel_unit": "nm"},
        {"pixel_size": (0.0, 0.1), "pixel_unit": "nm"},
        {"pixel_size": (0.1, float("nan")), "pixel_unit": "nm"},
        {"pixel_size": (0.1, 0.1), "pixel_unit": "furlong"},
        {"counts_per_electron": 0},
        {"frame_interval_s": -1},
        {"exposure_s": float("inf")},
    ],
)
def test_senseless_values_are_refused(typed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Entered.model_validate(typed)
