from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.simulation.contact_sheet import contact_sheet, sheet_picture, write_sheet
from core.simulation.crystals import CATALOGUE, fill, zone_rotation
from core.simulation.errors import OpticsError
from core.simulation.imaging import Optics, enough_foci, image
from core.simulation.multislice import exit_wave, wave_size
from core.simulation.specimens import Specimen

_BOX = 24.0


def _gold() -> Specimen:
    crystal = CATALOGUE["Au"]
    positions, elements = fill(crystal, zone_rotation(crystal, (1, 1, 0)), 8.0, 10.0)
    return Specimen("Au", positions + np.array([_BOX / 2, _BOX / 2, 0]), elements, _BOX)


def test_every_tile_is_the_image_of_its_own_conditions() -> None:
    gold = _gold()
    depth = gold.positions[:, 2] - gold.positions[:, 2].min()
    whole = float(depth.max())
    sheet = contact_sheet(gold, 0.3, 60, Optics(), [whole / 2, whole], [0.0, 0.03], [-60.0, 40.0])
    assert sheet.images.shape == (2, 2, 2, 60, 60)
    size = wave_size(_BOX, 80, 0.12)
    wave = exit_wave(gold.positions, gold.elements, _BOX, size, 300.0, tilt=(0.03, 0.0))
    alone = image(wave, _BOX, Optics(defocus=40.0), 80, enough_foci(Optics()))[10:70, 10:70].numpy()
    np.testing.assert_allclose(sheet.images[1, 1, 1], alone, atol=1e-3)
    assert np.abs(sheet.images[0] - sheet.images[1]).max() > 0.05
    assert np.abs(sheet.images[:, 0] - sheet.images[:, 1]).max() > 0.05


def test_a_sheet_is_written_with_a_tile_for_every_condition(tmp_path: Path) -> None:
    sheet = contact_sheet(_gold(), 0.4, 40, Optics(), [10.0, 20.0], [0.0, 0.02], [-50.0, 0.0, 50.0])
    write_sheet(sheet, tmp_path / "sheet.png", 64)
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.size == sheet_picture(sheet, 64).shape[::-1]
        assert picture.width > 6 * 64
        assert picture.height > 2 * 64


@pytest.mark.parametrize(
    ("size", "thicknesses", "tilts"), [(60, [], [0.0]), (100, [10.0], [0.0]), (60, [10.0] * 30, [0.0] * 30)]
)
def test_impossible_sheets_are_refused_in_words(size: int, thicknesses: list[float], tilts: list[float]) -> None:
    with pytest.raises(OpticsError) as refusal:
        contact_sheet(_gold(), 0.3, size, Optics(), thicknesses, tilts, [0.0])
    assert refusal.value.info.advice
