"""Reference images of a camera: what they do, and which ones are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from core.movies.errors import MovieError
from core.noise.camera import defects_of_references
from core.noise.defects import DEAD, HOT
from core.noise.errors import NoiseError
from core.noise.references import load_correction, load_mask
from core.protocol.clean_up import CleanUp

SHAPE = (24, 32)


def tiff(path: Path, image: np.ndarray) -> str:
    tifffile.imwrite(path, image, photometric="minisblack")
    return str(path)


def dark_image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 2, SHAPE).astype(np.float32)


def test_a_frame_is_corrected_by_dark_gain_and_pattern_in_this_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    dark, gain = dark_image(), rng.uniform(0.8, 1.2, SHAPE).astype(np.float32)
    pattern = rng.normal(0, 1, SHAPE).astype(np.float32)
    electrons = rng.uniform(50, 60, SHAPE)
    flat = gain / gain.mean()
    stored = (electrons + pattern) * flat + dark
    asked = CleanUp(
        dark=tiff(tmp_path / "dark.tif", dark),
        gain=tiff(tmp_path / "gain.tif", 7 * gain),
        pattern=tiff(tmp_path / "pattern.tif", pattern),
    )
    correction = load_correction(asked, *SHAPE)
    assert correction.apply(stored) == pytest.approx(electrons, rel=1e-5)
    assert correction.apply(3 * stored, 3) == pytest.approx(3 * electrons, rel=1e-5)
    rows, columns = np.array([3, 20]), np.array([30, 1])
    assert correction.apply_at(stored[rows, columns], rows, columns) == pytest.approx(electrons[rows, columns])
    assert [notice.code for notice in correction.notices] == ["dark", "gain-reference", "pattern"]
    assert all("SHA-256" in notice.text for notice in correction.notices)


def test_a_reference_movie_is_averaged(tmp_path: Path) -> None:
    frames = np.stack([dark_image(seed) for seed in range(5)])
    path = tmp_path / "dark.tif"
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX"})
    correction = load_correction(CleanUp(dark=str(path)), *SHAPE)
    assert correction.dark == pytest.approx(frames.mean(0), rel=1e-6)


def test_nothing_asked_changes_nothing() -> None:
    correction = load_correction(CleanUp(), *SHAPE)
    frame = np.arange(24 * 32, dtype=np.uint16).reshape(SHAPE)
    assert correction.apply(frame) is frame
    assert correction.without_bad(frame) is frame
    assert not correction.notices


@pytest.mark.parametrize("name", ["dark", "gain", "defects", "pattern"])
def test_a_reference_of_another_size_is_refused_with_both_sizes(tmp_path: Path, name: str) -> None:
    path = tiff(tmp_path / "other.tif", np.ones((32, 24), np.float32))
    with pytest.raises(NoiseError, match="24 x 32 px, the movie 32 x 24 px") as raised:
        load_correction(CleanUp(**{name: path}), *SHAPE)
    assert raised.value.info.path == path
    assert raised.value.info.code == "bad-request"


@pytest.mark.parametrize("name", ["dark", "gain", "defects", "pattern"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_reference_without_numbers_is_refused_with_the_place(tmp_path: Path, name: str, value: float) -> None:
    image = np.zeros(SHAPE, np.float32) + (name != "defects")
    image[5, 7] = value
    path = tiff(tmp_path / "bad.tif", image)
    with pytest.raises(NoiseError, match="row 5, column 7"):
        load_correction(CleanUp(**{name: path}), *SHAPE)


def test_a_gain_of_zero_is_refused_unless_the_pixel_is_marked(tmp_path: Path) -> None:
    gain = np.full(SHAPE, 2.0, np.float32)
    gain[4, 4] = 0
    path = tiff(tmp_path / "gain.tif", gain)
    with pytest.raises(NoiseError, match=r"1 pixel .*row 4, column 4.* at 0 or below"):
        load_correction(CleanUp(gain=path), *SHAPE)
    mask = tiff(tmp_path / "mask.tif", (gain == 0).astype(np.uint8))
    correction = load_correction(CleanUp(gain=path, defects=mask), *SHAPE)
    assert np.all(correction.gain == 1)


def test_an_even_dark_image_is_refused_as_a_number(tmp_path: Path) -> None:
    path = tiff(tmp_path / "dark.tif", np.full(SHAPE, 100, np.uint16))
    with pytest.raises(NoiseError, match="black level"):
        load_correction(CleanUp(dark=path), *SHAPE)


def test_an_inverted_mask_and_a_movie_as_mask_are_refused(tmp_path: Path) -> None:
    mask = np.ones(SHAPE, np.uint8)
    mask[2, 2] = 0
    with pytest.raises(NoiseError, match="inverted"):
        load_mask(tiff(tmp_path / "inverted.tif", mask), SHAPE)
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, np.zeros((3, *SHAPE), np.uint8), imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(NoiseError, match="3 frames"):
        load_mask(str(path), SHAPE)


@pytest.mark.parametrize("mode", ["1", "L"])
def test_a_mask_may_be_a_png(tmp_path: Path, mode: str) -> None:
    mask = np.zeros(SHAPE, np.uint8)
    mask[3, 9] = 255
    Image.fromarray(mask).convert(mode).save(tmp_path / "mask.png")
    assert np.argwhere(load_mask(str(tmp_path / "mask.png"), SHAPE)).tolist() == [[3, 9]]


def test_a_coloured_a_damaged_and_a_missing_png_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", SHAPE[::-1]).save(tmp_path / "colour.png")
    with pytest.raises(NoiseError, match="RGB"):
        load_mask(str(tmp_path / "colour.png"), SHAPE)
    whole = (tmp_path / "colour.png").read_bytes()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)).save(tmp_path / "grey.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "grey.png").read_bytes()[:300])
    (tmp_path / "none.png").write_bytes(b"x" + whole)
    for name in ("cut.png", "none.png", "missing.png"):
        with pytest.raises((NoiseError, MovieError)) as raised:
            load_mask(str(tmp_path / name), SHAPE)
        assert raised.value.info.path == str(tmp_path / name)


def test_references_show_hot_pixels_in_the_dark_and_dead_ones_in_the_light(tmp_path: Path) -> None:
    dark, gain = dark_image(), np.random.default_rng(2).uniform(0.9, 1.1, SHAPE).astype(np.float32)
    dark[5, 6] = dark[5, 7] = 400
    gain[10, 11], gain[0, 0] = 0, -1
    asked = CleanUp(dark=tiff(tmp_path / "d.tif", dark), gain=tiff(tmp_path / "g.tif", gain))
    mask, correction = defects_of_references(load_correction(asked, *SHAPE, check_gain=False))
    assert {tuple(place) for place in np.argwhere(mask & HOT).tolist()} == {(5, 6), (5, 7)}
    assert {tuple(place) for place in np.argwhere(mask & DEAD).tolist()} == {(10, 11), (0, 0)}
    assert np.isfinite(correction.apply(dark)).all()


def test_a_dark_reference_that_shows_a_picture_gives_no_hot_pixels(tmp_path: Path) -> None:
    picture = np.full(SHAPE, 100.0, np.float32)
    picture[::3, ::3] = 500
    mask, _ = defects_of_references(load_correction(CleanUp(dark=tiff(tmp_path / "d.tif", picture)), *SHAPE))
    assert not mask.any()
