"""Our multislice beside abTEM's, where a developer has it (it is GPL: a yardstick, never a dependency)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.simulation.crystals import CATALOGUE, Array, fill, small_tilt, zone_rotation
from core.simulation.imaging import Optics, image
from core.simulation.multislice import exit_wave, wave_size
from core.simulation.specimens import Specimen
from core.simulation.stem_multislice import scan_probes
from core.simulation.stem_optics import StemOptics

pytestmark = pytest.mark.filterwarnings("ignore")
_BOX, _B = 40.0, 0.5


def _platinum_on_ceria() -> tuple[Array, Array]:
    ceria, platinum = CATALOGUE["CeO2"], CATALOGUE["Pt"]
    base, base_elements = fill(ceria, zone_rotation(ceria, (1, 1, 0)), 30, 15)
    kept = (base[:, 1] < -6) & np.all(np.abs(base[:, :2]) < 18, axis=1)
    turn = small_tilt(0.03, 0.02, 0.2) @ zone_rotation(platinum, (1, 1, 0))
    particle, particle_elements = fill(platinum, turn, 11, 11)
    particle += [0, 4, 0]
    above = particle[:, 1] > -4.5
    atoms = np.concatenate([base[kept], particle[above]])
    return atoms, np.concatenate([base_elements[kept], particle_elements[above]])


def _tilted(name: str, zone: tuple[int, int, int]) -> tuple[Array, Array]:
    crystal = CATALOGUE[name]
    return fill(crystal, small_tilt(0.01, 0.005, 0.4) @ zone_rotation(crystal, zone), 14, 20)


def _carbon() -> tuple[Array, Array]:
    atoms = np.random.default_rng(1).uniform(-0.5, 0.5, (3000, 3)) * [_BOX, _BOX, 30.0]
    return atoms, np.full(3000, "C")


_SPECIMENS = {
    "Pt on CeO2": _platinum_on_ceria,
    "SrTiO3": lambda: _tilted("SrTiO3", (1, 0, 0)),
    "Au": lambda: _tilted("Au", (1, 0, 0)),
    "Si": lambda: _tilted("Si", (1, 1, 0)),
    "carbon": _carbon,
}


def _abtem_images(positions: Array, elements: Array, kilovolt: float, optics: list[Optics], thickness: float) -> Array:
    """Images of a heated specimen (its potential blurred by B) focused on the plane of the last atom."""
    reason = "abTEM and ASE, the yardstick of multislice, are not installed"
    abtem, ase = pytest.importorskip("abtem", reason=reason), pytest.importorskip("ase", reason=reason)
    abtem.config.set({"dask.lazy": False})
    height = positions[:, 2].max()
    slices = int(np.ceil((height + 1e-3) / thickness))
    atoms = ase.Atoms(
        [str(e) for e in elements], positions + np.array([0, 0, 1e-4]), cell=[_BOX, _BOX, slices * thickness], pbc=True
    )
    built = abtem.Potential(
        atoms, gpts=800, slice_thickness=thickness, parametrization="kirkland", projection="infinite"
    ).build()
    q = np.fft.fftfreq(800, d=_BOX / 800)
    heat = np.exp(-_B * (q[:, None] ** 2 + q[None] ** 2) / 4)
    warm = np.fft.ifft2(np.fft.fft2(built.array) * heat).real.astype(np.float32)
    potential = abtem.potentials.iam.PotentialArray(warm, built.slice_thickness, extent=(_BOX, _BOX))
    wave = abtem.PlaneWave(energy=kilovolt * 1e3).multislice(potential)
    # abTEM's slices act from their front, and it stops at the end of the cell.
    beyond = slices * thickness + thickness / 2 - height
    images = []
    for one in optics:
        ctf = abtem.CTF(
            energy=kilovolt * 1e3,
            C10=one.defocus - beyond,
            C12=one.astigmatism,
            phi12=one.astigmatism_angle,
            C21=one.coma,
            phi21=one.coma_angle,
            C23=one.threefold,
            phi23=one.threefold_angle,
            C30=one.spherical,
            C50=one.fifth,
            angular_spread=1e3 * one.convergence,
            focal_spread=one.focal_spread,
        )
        images.append(wave.apply_ctf(ctf).intensity().array.T)
    return np.stack(images)


@pytest.mark.parametrize(
    ("name", "kilovolt"),
    [("Pt on CeO2", 300.0), ("Pt on CeO2", 80.0), ("SrTiO3", 300.0), ("Au", 300.0), ("Si", 200.0), ("carbon", 80.0)],
)
def test_images_are_those_of_abtem(name: str, kilovolt: float) -> None:
    positions, elements = _SPECIMENS[name]()
    positions = positions + np.array([_BOX / 2, _BOX / 2, -positions[:, 2].min()])
    chosen = {"spherical": -1.3e5, "focal_spread": 40.0, "blur": 0.0, "kilovolt": kilovolt}
    optics = [
        Optics(defocus=-60.0, **chosen),
        Optics(defocus=60.0, **chosen),
        Optics(
            defocus=20.0,
            astigmatism=30.0,
            astigmatism_angle=0.4,
            coma=1500.0,
            coma_angle=1.2,
            threefold=900.0,
            threefold_angle=0.5,
            fifth=1e7,
            convergence=4e-4,
            **chosen,
        ),
    ]
    theirs = _abtem_images(positions, elements, kilovolt, optics, 1.0)
    size = wave_size(_BOX, 320, 0.1)
    wave = exit_wave(positions, elements, _BOX, size, kilovolt, slice_thickness=1.0, debye_waller=_B)
    for one, reference in zip(optics, theirs, strict=True):
        ours = image(wave, _BOX, one, 320).double().numpy()
        # Both over our px: abTEM's finer image passes through our area sums.
        spectrum = torch.fft.fft2(torch.as_tensor(reference, dtype=torch.float64))
        q = np.fft.fftfreq(800, d=_BOX / 800)
        area = np.sinc(q * _BOX / 320)
        keep = np.r_[0:160, 800 - 160 : 800]
        summed = spectrum.numpy() * area[:, None] * area[None]
        matched = np.fft.ifft2(summed[keep][:, keep]).real * (320 / 800) ** 2
        assert np.corrcoef(ours.ravel(), matched.ravel())[0, 1] >= 0.999
        assert np.abs(ours - matched).std() < 0.03 * matched.std() + 1e-3


def test_scanned_probes_give_the_shares_of_abtem() -> None:
    reason = "abTEM and ASE, the yardstick of multislice, are not installed"
    abtem, ase = pytest.importorskip("abtem", reason=reason), pytest.importorskip("ase", reason=reason)
    abtem.config.set({"dask.lazy": False})
    crystal, box, gpts = CATALOGUE["SrTiO3"], 3.905 * 3, 480
    positions, elements = fill(crystal, zone_rotation(crystal, (0, 0, 1)), 20, 12)
    inside = np.all((positions[:, :2] > -1e-3) & (positions[:, :2] < box - 1e-3), axis=1) & (positions[:, 2] > -1e-3)
    atoms = np.clip(positions[inside], 0, None)
    specimen = Specimen("SrTiO3", atoms, elements[inside], box)
    optics = StemOptics(inner=0.08, outer=0.12, source=0.0, focal_spread=0.0, debye_waller=0.0, defocus=20.0)
    rings = [(0.08, 0.12), (0.04, 0.12), (0.011, 0.022)]
    points = np.array([[0.0, 0.0], [0.0, 1.95], [1.95, 1.95], [1.0, 0.5], [0.5, 1.4]])
    ours = scan_probes(specimen, points, gpts, optics, rings, [30.0], phonons=1, slice_thickness=1.0)[:, 0]
    height = float(atoms[:, 2].max())
    cell = [box, box, height + 1.0]
    there = ase.Atoms([str(e) for e in specimen.elements], atoms + np.array([0, 0, 1e-4]), cell=cell, pbc=True)
    potential = abtem.Potential(
        there, gpts=gpts, slice_thickness=3.905 / 4, parametrization="lobato", projection="infinite"
    )
    # Layers lie on the fronts of abTEM's slices, where these act.
    probe = abtem.Probe(energy=200e3, semiangle_cutoff=25, C10=20.0, soft=False)
    probe.grid.match(potential)
    # At rest on a column: there abTEM differs from itself by a fifth over its grids and tables, at high angles.
    for number, ((inner, outer), near) in enumerate(zip(rings, (0.25, 0.15, 0.05), strict=True)):
        detector = abtem.AnnularDetector(inner=1e3 * inner, outer=1e3 * outer)
        scan = abtem.CustomScan(points[:, ::-1])
        theirs = np.asarray(probe.scan(potential, scan=scan, detectors=detector).array)
        np.testing.assert_allclose(ours[:, number], theirs, rtol=near, atol=5e-4)
