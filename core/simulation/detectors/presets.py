"""Named detectors: those that training may use, and those kept for the benchmark. No setting is in both.

The figures are of the kind that makers and papers give for such cameras (MTF and DQE at Nyquist, gain, read noise),
not the calibration of one of them; `k3-like` and so on say which kind is meant.
"""

from __future__ import annotations

from dataclasses import replace

from core.simulation.detectors.arrivals import (
    CoincidenceCounting,
    Counting,
    Efficiency,
    Photomultiplier,
    Scintillator,
    SecondaryElectrons,
    Spot,
)
from core.simulation.detectors.camera import Camera, Family
from core.simulation.detectors.defects import DarkResidue, DeadPixels, GainResidue, Hits, HotPixels
from core.simulation.detectors.effect import Effect
from core.simulation.detectors.lines import Afterglow, Hum, LostLines
from core.simulation.detectors.reading import DarkCurrent, LineNoise, ReadNoise
from core.simulation.detectors.storing import Digitise, EightBit, Jpeg
from core.simulation.detectors.transfer import Localisation, Profile

_FILL = 0.85  # of the range of a scanning detector: its operator turns the gain down for bright scenes

# It has no setting that could be kept apart, so it is in neither list.
IDEAL_COUNTER = Camera("ideal counter", "TEM", (Counting(),))


def _counter(name: str, blur: float, efficiency: float) -> Camera:
    """Counting without losses: a hybrid-pixel or counting CMOS camera at a low rate."""
    return Camera(name, "TEM", (Efficiency(efficiency), Localisation(((1.0, blur),)), Counting()))


def _fast_counter(name: str, blur: float, efficiency: float, rate: float, residue: float) -> Camera:
    """Counting with coincidence loss, stored as whole numbers; a weak fixed pattern before the counting."""
    pattern = GainResidue(residue, smooth=residue)
    steps = (Efficiency(efficiency), Localisation(((0.93, blur), (0.07, 1.2))), pattern, CoincidenceCounting(rate))
    return Camera(name, "TEM", steps)


def _scintillator(near: Profile, far: Profile, far_share: float, brighter: float, fluctuation: float) -> Scintillator:
    """Most electrons pass straight, a share scatters widely and leaves more light."""
    return Scintillator((Spot(1 - far_share, 1.0, near), Spot(far_share, brighter, far)), fluctuation)


def _cmos(name: str, light: Scintillator, read: tuple[float, ...], defects: tuple[Effect, ...], to: Digitise) -> Camera:
    """Scintillator, fibres and CMOS sensor; `read` is read noise, rows, columns in electrons of the beam."""
    steps = (Efficiency(0.9), light, DarkCurrent(4.0, 90.0), ReadNoise(read[0]), LineNoise(read[1], read[2]), *defects)
    return Camera(name, "TEM", steps, to)


def _scanning(
    name: str, family: Family, arrival: Effect, glow: float, read: float, hum: tuple[float, float], to: Digitise
) -> Camera:
    """A photomultiplier behind a scintillator: pulses, afterglow, hum, read noise, lost lines."""
    electronics = (Hum(*hum), ReadNoise(read), LineNoise(rows=0.4 * read))
    steps = (arrival, Afterglow(glow), *electronics, LostLines(repeated=0.001))
    return Camera(name, family, steps, replace(to, fill=_FILL))


_TRAINING = (
    _counter("counter-sharp", 0.15, 0.95),
    _counter("counter-soft", 0.45, 0.8),
    _fast_counter("k3-like", 0.30, 0.87, 0.010, 0.004),
    _fast_counter("k2-like", 0.40, 0.80, 0.025, 0.006),
    _cmos(
        "oneview-like",
        _scintillator(((0.86, 0.42), (0.11, 1.5), (0.03, 6.0)), ((0.5, 1.0), (0.4, 2.8), (0.1, 9.0)), 0.2, 1.6, 0.35),
        (0.06, 0.01, 0.015),
        (GainResidue(0.006, 0.004), DarkResidue(0.01, 0.025, 0.003), DeadPixels(2e-5), HotPixels(3e-5, 4.0), Hits(6.0)),
        Digitise(38.0, 0.0, "int16"),
    ),
    _cmos(
        "ceta-like",
        _scintillator(((0.80, 0.55), (0.15, 1.8), (0.05, 7.0)), ((0.4, 1.2), (0.5, 3.2), (0.1, 12.0)), 0.25, 1.8, 0.45),
        (0.25, 0.03, 0.05),
        (
            GainResidue(0.010, 0.008, 0.003),
            DarkResidue(0.02, 0.10, 0.01),
            DeadPixels(5e-5, 2e-4),
            HotPixels(1e-4, 6.0),
            Hits(12.0),
        ),
        Digitise(28.0, 110.0, "uint16"),
    ),
    _cmos(
        "rio-like",
        _scintillator(((0.84, 0.48), (0.13, 1.6), (0.03, 5.0)), ((0.5, 1.1), (0.5, 3.0)), 0.22, 1.5, 0.4),
        (0.12, 0.02, 0.02),
        (GainResidue(0.008, 0.005), DarkResidue(0.015, 0.05, 0.006), DeadPixels(3e-5), HotPixels(6e-5, 5.0), Hits(8.0)),
        Digitise(15.5, 0.0, "int16"),
    ),
    Camera(
        "slow-scan CCD",
        "TEM",
        (
            _scintillator(
                ((0.68, 0.60), (0.24, 2.0), (0.08, 10.0)), ((0.3, 1.3), (0.5, 4.0), (0.2, 15.0)), 0.3, 2.0, 0.5
            ),
            DarkCurrent(20.0, 60.0),
            ReadNoise(0.35),
            GainResidue(0.012, 0.012),
            DarkResidue(0.05, 0.02),
            DeadPixels(5e-5, 5e-4),
            Hits(40.0, electrons=60.0),
        ),
        Digitise(12.0, 300.0, "uint16"),
    ),
    Camera(
        "video camera",
        "TEM",
        (
            _scintillator(((0.75, 0.70), (0.25, 1.8)), ((0.5, 1.5), (0.5, 3.5)), 0.25, 1.5, 0.5),
            ReadNoise(0.5),
            LineNoise(0.05, 0.05),
            GainResidue(0.02, 0.02),
        ),
        Digitise(10.0, 50.0, "uint16"),
        (EightBit(), Jpeg(90)),
    ),
    _scanning("haadf-fast", "STEM", Photomultiplier(0.6), 0.5, 0.15, (0.03, 0.013), Digitise(220.0, 3000.0, "uint16")),
    _scanning("haadf-slow", "STEM", Photomultiplier(0.4), 0.2, 0.05, (0.02, 1.0), Digitise(90.0, 800.0, "uint16")),
    _scanning("bf-stem", "STEM", Photomultiplier(0.5), 0.35, 0.1, (0.03, 0.6), Digitise(60.0, 1500.0, "int16")),
    _scanning(
        "etd", "SEM", SecondaryElectrons(0.25, 0.4), 0.4, 0.2, (0.05, 0.8), Digitise(6.0, 12.0, "uint8", 0.0, 255.0)
    ),
    _scanning("in-lens", "SEM", SecondaryElectrons(0.5, 0.3), 0.25, 0.1, (0.02, 1.0), Digitise(700.0, 2500.0)),
)

_BENCHMARK = (
    _counter("counter-medium", 0.30, 0.9),
    _counter("counter-blurred", 0.60, 0.7),
    _fast_counter("falcon-like", 0.35, 0.92, 0.006, 0.005),
    _fast_counter("fast counter, high rate", 0.25, 0.85, 0.018, 0.003),
    _cmos(
        "fibre CMOS, sharp",
        _scintillator(((0.88, 0.38), (0.09, 1.4), (0.03, 5.5)), ((0.55, 0.9), (0.35, 2.5), (0.1, 8.0)), 0.18, 1.7, 0.3),
        (0.09, 0.012, 0.01),
        (
            GainResidue(0.007, 0.003),
            DarkResidue(0.012, 0.035, 0.004),
            DeadPixels(3e-5),
            HotPixels(4e-5, 5.0),
            Hits(9.0),
        ),
        Digitise(51.0, 0.0, "int16"),
    ),
    _cmos(
        "fibre CMOS, wide",
        _scintillator(
            ((0.82, 0.52), (0.13, 2.0), (0.05, 8.0)), ((0.45, 1.3), (0.45, 3.5), (0.1, 11.0)), 0.28, 1.6, 0.4
        ),
        (0.2, 0.025, 0.04),
        (
            GainResidue(0.009, 0.009, 0.002),
            DarkResidue(0.025, 0.08, 0.012, 64),
            DeadPixels(4e-5, 1e-4),
            HotPixels(8e-5, 7.0),
            Hits(15.0),
        ),
        Digitise(21.0, 97.0, "uint16"),
    ),
    Camera(
        "lens-coupled CCD",
        "TEM",
        (
            _scintillator(
                ((0.65, 0.65), (0.27, 1.9), (0.08, 9.0)), ((0.35, 1.2), (0.45, 3.6), (0.2, 13.0)), 0.26, 1.9, 0.6
            ),
            DarkCurrent(15.0, 40.0),
            ReadNoise(0.4),
            GainResidue(0.015, 0.01),
            DarkResidue(0.06, 0.03),
            DeadPixels(6e-5, 4e-4),
            Hits(30.0, electrons=50.0),
        ),
        Digitise(9.0, 250.0, "uint16"),
    ),
    Camera(
        "8-bit recording",
        "TEM",
        (
            _scintillator(((0.78, 0.62), (0.22, 1.7)), ((0.5, 1.4), (0.5, 3.0)), 0.22, 1.4, 0.45),
            ReadNoise(0.3),
            LineNoise(0.04, 0.03),
            GainResidue(0.015, 0.015),
        ),
        Digitise(14.0, 80.0, "uint16"),
        (EightBit(0.002, 0.998), Jpeg(80)),
    ),
    _scanning(
        "adf, 12-bit", "STEM", Photomultiplier(0.55), 0.3, 0.1, (0.02, 0.9), Digitise(40.0, 210.0, "uint16", 0, 4095)
    ),
    _scanning("adf, noisy", "STEM", Photomultiplier(0.7), 0.6, 0.2, (0.04, 0.017), Digitise(310.0, 5200.0, "uint16")),
    _scanning("abf segment", "STEM", Photomultiplier(0.45), 0.4, 0.08, (0.03, 0.7), Digitise(75.0, 1100.0, "int16")),
    _scanning(
        "etd, slow",
        "SEM",
        SecondaryElectrons(0.3, 0.5),
        0.3,
        0.25,
        (0.04, 0.9),
        Digitise(5.0, 20.0, "uint8", 0.0, 255.0),
    ),
    _scanning("through-lens", "SEM", SecondaryElectrons(0.4, 0.35), 0.2, 0.15, (0.03, 0.7), Digitise(450.0, 1800.0)),
)

TRAINING_DETECTORS: dict[str, Camera] = {camera.name: camera for camera in _TRAINING}
BENCHMARK_DETECTORS: dict[str, Camera] = {camera.name: camera for camera in _BENCHMARK}


def detector(name: str) -> Camera:
    """Return a detector of either list by its name; raises KeyError."""
    return ({IDEAL_COUNTER.name: IDEAL_COUNTER} | TRAINING_DETECTORS | BENCHMARK_DETECTORS)[name]
