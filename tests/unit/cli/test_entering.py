"""Calibration typed on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cli.entering import entered_from
from core.jobs.errors import JobError
from core.protocol.entered import Entered
from tests.unit.cli.conftest import Quietbeam


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (None, None),
        ([], None),
        (["pixel=0.02nm"], Entered(pixel_size=(0.02, 0.02), pixel_unit="nm")),
        (["pixel=0.5,0.25A"], Entered(pixel_size=(0.05, 0.025), pixel_unit="nm")),
        (["pixel_size=0.1 1/nm"], Entered(pixel_size=(0.1, 0.1), pixel_unit="1/nm")),
        (["interval=0.1", "voltage=300"], Entered(frame_interval_s=0.1, voltage_kv=300.0)),
        (["detector=K3 = in-situ"], Entered(detector="K3 = in-situ")),
        (["start=1970-01-02T01:00:00+01:00"], Entered(start_unix_s=86400.0)),
        (["start=12.5"], Entered(start_unix_s=12.5)),
        (["black=-12"], Entered(black_level=-12.0)),
    ],
)
def test_settings_become_calibration(settings: list[str] | None, expected: Entered | None) -> None:
    found = entered_from(settings)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.model_dump(exclude={"pixel_size"}) == expected.model_dump(exclude={"pixel_size"})
        assert (found.pixel_size or ()) == pytest.approx(expected.pixel_size or ())


@pytest.mark.parametrize(
    "setting",
    [
        "pixel",
        "pixel=0.02",
        "pixel=0nm",
        "pixel=a,bnm",
        "furlong=3",
        "interval=-1",
        "gain=often",
        "pixel_unit=nm",
        "start=noon",
    ],
)
def test_senseless_settings_are_refused_in_words(setting: str) -> None:
    with pytest.raises(JobError) as caught:
        entered_from([setting])
    assert "--set" in caught.value.info.what
    assert caught.value.info.advice


def test_info_shows_what_was_typed(quietbeam: Quietbeam, movie: Path) -> None:
    said = quietbeam("info", movie, "--set", "pixel=0.02nm", "--set", "dose_rate=50")
    assert "0.02 nm (typed)" in said.out
    assert "50 e/Å²/s" in said.out
    assert "(as typed)" in said.out
    assert quietbeam("info", movie, "--set", "pixel=0.02nm", "--json").json["entered"] == ["pixel_size", "pixel_unit"]


def test_wrong_setting_is_exit_code_2(quietbeam: Quietbeam, movie: Path) -> None:
    assert quietbeam("info", movie, "--set", "pixel=big").code == 2
