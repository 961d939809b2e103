"""What real DM and SER files tell of time, date, detector and dose; read by eye from their tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.movies import open_movie

# None is unknown, and must stay so.
_TOLD: dict[str, dict[str, Any]] = {
    "dm3/test_stackbuilder_imagestack.dm3": {
        "frame_interval_s": 2.1375,
        "voltage_kv": 200.0,
        "magnification": 200000.0,
        "detector": "DigiScan",
        "scanned": True,
        "date": "2015-05-17T17:00:16+02:00",
        "start_unix_s": None,
        "counts_per_electron": None,
        "black_level": 2228741.5,
    },
    "dm3/gms_2D_test_diffraction_pattern.dm3": {
        # The tag of the magnification holds the camera length.
        "magnification": None,
        "voltage_kv": 200.0,
        "exposure_s": 0.2,
        "detector": "BM-UltraScan",
        "scanned": False,
        "date": "2014-07-09T18:56:37+02:00",
        "start_unix_s": 1404924994.906,
        "frame_interval_s": None,
    },
    "dm3/Fei_HAADF-DE_location.dm3": {"date": "2016-08-27T20:54:33+01:00", "scanned": True},
    "dm3/example_Se_implanted_MoS2.dm3": {"date": "2016-07-03T18:20:54+01:00", "start_unix_s": 1467566412.0},
    "dm4/ref_T_0_2.dm4": {"date": "2019-11-19T19:39:47", "start_unix_s": None, "scanned": None},
    "ser/old/03_Scanning_Preview_1.ser": {
        "frame_interval_s": 0.23593,
        "exposure_s": None,
        "voltage_kv": 200.0,
        "magnification": 1300000.0,
        "scanned": True,
        "date": "2019-04-25T09:30:08-07:00",
        "start_unix_s": 1556209808.0,
    },
    "ser/old/64x64x5_TEM_preview_1.ser": {
        # All within a second, and the EMI gives the exposure only.
        "frame_interval_s": None,
        "exposure_s": 0.0625,
        "detector": "WA-Orius",
        "scanned": False,
        "date": "2016-02-21T17:49:05+01:00",
    },
}


@pytest.mark.parametrize("name", _TOLD)
def test_real_file_tells_what_its_tags_say(shared_files: Path, name: str) -> None:
    with open_movie(shared_files / "files" / name) as movie:
        meta = movie.meta
    for field, value in _TOLD[name].items():
        told = getattr(meta, field)
        # Scans note their start in whole seconds only.
        wanted = pytest.approx(value, abs=0.7 if field == "start_unix_s" else 1e-9) if type(value) is float else value
        assert told == wanted, field
    assert meta.segments == ()
