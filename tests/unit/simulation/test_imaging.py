from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.simulation.crystals import CATALOGUE, fill, zone_rotation
from core.simulation.errors import OpticsError
from core.simulation.imaging import Optics, enough_foci, image
from core.simulation.multislice import exit_wave, wavelength

_BOX = 24.0
_ANGLES = st.floats(-3.0, 3.0)


@pytest.fixture(scope="module")
def gold() -> torch.Tensor:
    crystal = CATALOGUE["Au"]
    positions, elements = fill(crystal, zone_rotation(crystal, (1, 1, 0)), 8.0, 8.0)
    return exit_wave(positions + np.array([_BOX / 2, _BOX / 2, 0]), elements, _BOX, 160, 300.0)


def _grid() -> tuple[torch.Tensor, torch.Tensor]:
    q = torch.linspace(-1, 1, 21, dtype=torch.float64)
    return q[None].expand(21, 21), q[:, None].expand(21, 21)


def test_the_phase_shift_is_the_textbooks() -> None:
    optics = Optics(kilovolt=200, defocus=-500.0, spherical=1.2e7, fifth=3e7)
    qx, qy = _grid()
    q2, lam = qx**2 + qy**2, wavelength(200)
    book = math.pi * lam * q2 * -500.0 + math.pi / 2 * 1.2e7 * lam**3 * q2**2 + math.pi / 3 * 3e7 * lam**5 * q2**3
    torch.testing.assert_close(optics.phase_shift(qx, qy), book)


@settings(max_examples=25, deadline=None)
@given(_ANGLES, _ANGLES, _ANGLES, st.floats(0, 6.28))
def test_turned_aberrations_turn_the_phase_shift(p12: float, p21: float, p23: float, turn: float) -> None:
    lengths = {"astigmatism": 40.0, "coma": 900.0, "threefold": 700.0}
    optics = Optics(**lengths, astigmatism_angle=p12, coma_angle=p21, threefold_angle=p23)
    turned = Optics(**lengths, astigmatism_angle=p12 + turn, coma_angle=p21 + turn, threefold_angle=p23 + turn)
    qx, qy = _grid()
    there = turned.phase_shift(math.cos(turn) * qx - math.sin(turn) * qy, math.sin(turn) * qx + math.cos(turn) * qy)
    torch.testing.assert_close(there, optics.phase_shift(qx, qy), atol=1e-9, rtol=1e-9)


def test_the_envelope_of_convergence_follows_the_slope_of_the_phase_shift() -> None:
    optics = Optics(
        defocus=300.0, spherical=5e6, astigmatism=80.0, astigmatism_angle=0.7, coma=4000.0, coma_angle=1.1,
        threefold=3000.0, threefold_angle=-0.4, fifth=2e7, focal_spread=0.0, convergence=5e-4,
    )  # fmt: skip
    qx, qy = (q.clone().requires_grad_() for q in _grid())
    optics.phase_shift(qx, qy).sum().backward()
    assert qx.grad is not None
    assert qy.grad is not None
    slope2 = (qx.grad**2 + qy.grad**2) / wavelength(300) ** 2
    torch.testing.assert_close(optics.damping(*_grid()), torch.exp(-(5e-4**2) / 4 * slope2))


def test_the_envelope_of_convergence_is_the_mean_over_tilted_beams() -> None:
    # Linear imaging: the diffractogram of a weak scatterer, averaged over beams of a Gaussian cone.
    optics, spread = Optics(defocus=400.0, spherical=0.0, focal_spread=0.0), 1e-3
    q = torch.tensor([0.4], dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64)
    angles = torch.linspace(-4, 4, 801, dtype=torch.float64) * spread
    weights = torch.exp(-((angles / spread) ** 2))
    slope = 2 * math.pi * 400.0 * q  # d chi / d angle of pure defocus
    mean = (weights * torch.cos(angles * slope)).sum() / weights.sum()
    assert float(Optics(**{**optics.__dict__, "convergence": spread}).damping(q, zero)) == pytest.approx(float(mean))


def test_a_tilted_beam_brings_coma_but_no_shift() -> None:
    tilted = Optics(defocus=0.0, spherical=1.2e7, beam_tilt_x=0.004, focal_spread=0.0)
    q = torch.tensor([0.3], dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64)
    lam, a, t = wavelength(300), wavelength(300) * 0.3, 0.004
    # (a + t)^4 / 4 less its constant and linear parts, times C30: defocus and astigmatism, coma, and the rest.
    along = 2 * math.pi / lam * 1.2e7 * (1.5 * a**2 * t**2 + a**3 * t + a**4 / 4)
    assert float(tilted.phase_shift(q, zero)) == pytest.approx(along)
    small = torch.tensor([1e-4], dtype=torch.float64)
    assert abs(float(tilted.phase_shift(small, zero) - tilted.phase_shift(-small, zero))) < 1e-6


def test_astigmatism_cancels_defocus_along_its_own_angle() -> None:
    # Defocus cancels the astigmatism along x: frequencies there keep the wave's own phase.
    optics = Optics(defocus=-50.0, astigmatism=50.0, spherical=0.0)
    q, zero = torch.linspace(-1, 1, 9), torch.zeros(9)
    assert float(optics.phase_shift(q, zero).abs().max()) < 1e-5
    assert float(optics.phase_shift(zero, q).abs().max()) > 1


def test_an_aperture_takes_electrons_away(gold: torch.Tensor) -> None:
    opened, closed = image(gold, _BOX, Optics(), 96), image(gold, _BOX, Optics(aperture=0.008), 96)
    assert 0.2 < float(closed.mean()) < float(opened.mean()) <= 1.001


def test_many_foci_agree_with_the_envelope_on_a_weak_object_only(gold: torch.Tensor) -> None:
    light = exit_wave(np.array([[12.0, 12.0, 0.0]]), np.array(["C"]), _BOX, 160, 300.0)
    weak = [image(light, _BOX, Optics(), 96, foci) for foci in (1, 11)]
    assert float((weak[0] - weak[1]).abs().max()) < 0.02 * float((weak[0] - 1).abs().max())
    foci = enough_foci(Optics())
    strong = [image(gold, _BOX, Optics(), 96, count).flatten().numpy() for count in (1, foci, 25)]
    assert np.corrcoef(strong[0], strong[2])[0, 1] < 0.95
    assert np.corrcoef(strong[1], strong[2])[0, 1] > 0.995


def test_larger_pixels_hold_the_mean_of_smaller_ones(gold: torch.Tensor) -> None:
    optics = Optics(blur=0.4)
    fine, coarse = image(gold, _BOX, optics, 144), image(gold, _BOX, optics, 48)
    around = torch.roll(fine, (1, 1), (0, 1)).reshape(48, 3, 48, 3).mean((1, 3))
    assert float((coarse - around).abs().max()) < 0.02 * float(fine.max() - fine.min())


@pytest.mark.parametrize(
    "wrong",
    [
        {"kilovolt": 0.0}, {"kilovolt": -300.0}, {"focal_spread": -1.0}, {"blur": -0.1}, {"convergence": -1e-3},
        {"aperture": 20.0}, {"defocus": math.nan}, {"spherical": math.inf}, {"beam_tilt_x": 5.0},
        {"kilovolt": 1.0}, {"defocus": 1e6}, {"spherical": 5e8},
    ],
)  # fmt: skip
def test_impossible_optics_are_refused_in_words(wrong: dict[str, float]) -> None:
    with pytest.raises(OpticsError) as refusal:
        Optics(**wrong)
    assert next(iter(wrong)) in str(refusal.value) or "kV" in str(refusal.value)
    assert refusal.value.info.advice


def test_a_wave_too_coarse_for_its_pixels_or_aperture_is_refused(gold: torch.Tensor) -> None:
    with pytest.raises(OpticsError, match="160 px can't fill an image of 200 px"):
        image(gold, _BOX, Optics(), 200)
    with pytest.raises(OpticsError, match="ends within the aperture"):
        image(gold, _BOX, Optics(aperture=0.1), 96)
