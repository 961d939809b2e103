"""Real files must read as two or more independent readers agree that they read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.movies import Unsupported, list_datasets, open_movie

_TRUTH = Path(__file__).parents[4] / "shared" / "data" / "truth.json"
_OURS = ("dm3/", "dm4/", "ser/", "tiff/", "mrc/", "mib/", "tvips/", "emd/", "hspy/")
_LENGTHS_NM = {"m": 1e9, "mm": 1e6, "µm": 1e3, "um": 1e3, "nm": 1.0, "A": 0.1, "pm": 1e-3}
_INVERSE = {"1/nm", "1 / nm"}
# Without the .emi, the witness takes 1/m for m here.
_WITNESS_WRONG = {"ser/new/128x128x5-diffraction_preview_1.ser"}
# No witness gives this one's calibration; its own JSON says 5.302 nm.
_WITNESS_SILENT = {"emd/EMDReader_SpectrumImage_Si.emd"}


def _files() -> dict[str, Any]:
    if not _TRUTH.is_file():
        return {}
    found: dict[str, Any] = json.loads(_TRUTH.read_text(encoding="utf-8"))["files"]
    return found


def _rows(*starts: str) -> list[Any]:
    rows = [name for name in sorted(_files()) if name.startswith(starts)]
    return rows or [pytest.param("", marks=pytest.mark.skip(reason="no shared/data/truth.json beside the checkout"))]


def _refused(image: dict[str, Any]) -> bool:
    units = [unit for row in image["pixel_by_reader"].values() for unit in (row[0]["units"] or []) if unit]
    dtype = np.dtype(image["dtype"])
    squeezed = [size for size in image["shape"] if size != 1]
    colour = len(image["shape"]) > 2 and image["shape"][-1] in (3, 4) and image["shape"] not in ([2, 1, 3], [2, 3, 3])
    return dtype.kind == "c" or "eV" in units or len(squeezed) == 1 or colour


def _expected_pixel(image: dict[str, Any]) -> tuple[tuple[float, float], str] | None:
    """The size of a pixel as a witness gives it, in canonical form; None where the readers know none."""
    for reader in ("rsciio", "raw", "ncem"):
        row = image["pixel_by_reader"].get(reader)
        if not row or not row[0]["scale"] or (reader == "rsciio" and row[0]["units"][-1] in (None, "", "nm^-1")):
            continue
        scales, units = row[0]["scale"][-2:], row[0]["units"][-2:]
        if any(scale <= 0 for scale in scales) or len(units) < 2:
            return None
        if all(unit in _INVERSE for unit in units):
            return (scales[0], scales[1]), "1/nm"
        if any(unit not in _LENGTHS_NM for unit in units):
            return None
        return (scales[0] * _LENGTHS_NM[units[0]], scales[1] * _LENGTHS_NM[units[1]]), "nm"
    return None


@pytest.mark.parametrize("name", _rows(*_OURS))
def test_real_file_reads_as_its_row_of_the_truth_says(name: str) -> None:
    path = _TRUTH.parent / "files" / name
    keys = [info.key for info in list_datasets(path) if "/Spectrum" not in info.key]
    images = _files()[name]["images"]
    assert len(keys) == len(images)
    for key, image in zip(keys, images, strict=True):
        if _refused(image):
            with pytest.raises(Unsupported):
                open_movie(path, key)
            continue
        with open_movie(path, key) as movie:
            pixels = movie.region(slice(None))
            wanted = np.dtype(image["dtype"])
            assert pixels.shape == movie.shape
            assert np.squeeze(pixels).shape == tuple(size for size in image["shape"] if size != 1)
            assert pixels.dtype == wanted.newbyteorder("=")
            assert hashlib.md5(pixels.astype(wanted).tobytes()).hexdigest() == image["md5"]
            if name not in _WITNESS_WRONG | _WITNESS_SILENT:
                _assert_pixel(movie.meta.pixel_size, movie.meta.pixel_unit, _expected_pixel(image))


def _assert_pixel(
    size: tuple[float, float] | None, unit: str | None, expected: tuple[tuple[float, float], str] | None
) -> None:
    if expected is None:
        assert size is None
        assert unit is None
    else:
        assert unit == expected[1]
        assert size == pytest.approx(expected[0], rel=1e-4)


def test_diffraction_series_is_calibrated_in_inverse_nanometres(shared_files: Path) -> None:
    with open_movie(shared_files / "files" / "ser" / "new" / "128x128x5-diffraction_preview_1.ser") as movie:
        assert movie.meta.pixel_unit == "1/nm"
        assert movie.meta.pixel_size == pytest.approx((0.04246413461271668,) * 2)


def test_every_given_file_of_our_formats_opens_or_says_why(shared_files: Path) -> None:
    for path in sorted((shared_files / "files").rglob("*.*")):
        if path.suffix.lower() not in (".dm3", ".dm4", ".ser", ".emi", ".tif", ".mrc", ".mrcs", ".map"):
            continue
        for info in list_datasets(path):
            if info.refusal is None:
                with open_movie(path, info.key) as movie:
                    assert movie.frame(0).shape == movie.shape[1:]
            else:
                assert info.refusal.endswith(".")


def test_velox_movie_tells_its_camera_clock_and_gain(shared_files: Path) -> None:
    with open_movie(shared_files / "files" / "emd" / "fei_example_tem_stack.emd") as movie:
        meta = movie.meta
        assert meta.format == "Velox EMD"
        assert meta.detector == "BM-Ceta"
        assert meta.scanned is False
        assert meta.frame_interval_s == pytest.approx(0.8, rel=1e-3)
        assert meta.exposure_s == 0.8
        assert meta.voltage_kv == 300
        assert meta.magnification == pytest.approx(1271519.155)
        assert meta.counts_per_electron == pytest.approx(1 / 0.835766)
        assert meta.date == "2019-12-05T10:03:46+00:00"
        assert movie.tags()["Instrument"]["InstrumentClass"] == "Titan"


def test_spectrum_image_of_velox_gives_its_images_and_refuses_its_spectra(shared_files: Path) -> None:
    path = shared_files / "files" / "emd" / "EMDReader_SpectrumImage_Si.emd"
    infos = list_datasets(path)
    assert [info.title for info in infos] == ["HAADF", "SpectrumImage", "SpectrumStream"]
    assert [info.refusal is None for info in infos] == [True, False, False]
    with pytest.raises(Unsupported, match="EDS"):
        open_movie(path, infos[1].key)
    with open_movie(path) as movie:
        assert movie.meta.pixel_size == pytest.approx((5.302414837991601,) * 2)
        assert movie.meta.scanned is True
        assert movie.meta.frame_interval_s == pytest.approx(0.0416)


def test_detectors_of_a_scan_are_listed_by_name(shared_files: Path) -> None:
    infos = list_datasets(shared_files / "files" / "emd" / "STEM_HAADF-DF4-DF2-BF_Diffraction_Micro.emd")
    assert [info.title for info in infos] == ["HAADF", "DF2", "BF", "DF4"]


def test_dm5_reads_with_its_tags(shared_files: Path) -> None:
    with open_movie(shared_files / "files" / "dm5" / "ref_T_0_2.dm5") as movie:
        assert movie.meta.format == "DM5"
        np.testing.assert_array_equal(movie.region(slice(None)), np.arange(60, dtype=np.float32).reshape(3, 4, 5))
        assert movie.meta.intensity_scale == 5
        assert movie.meta.intensity_origin == pytest.approx(-0.8)
        assert movie.meta.pixel_size is None
        assert movie.tags()["ImageList.0.ImageTags.Timezone"] == "Europe/London"
