"""Named scans: those that training may use, and those kept for the benchmark. No setting is in both.

Sizes are those seen at atomic resolution and good (0.05 px) to poor (1 px) stability; the mains are 50 or 60 Hz with
lines of 0.5 to 20 ms.
"""

from __future__ import annotations

from core.simulation.scan.displacement import Bow, Flyback, MainsSway, ProbeWalk, RowJitter, Slips
from core.simulation.scan.scan import LineBrightness, Scan

STEADY_SCAN = Scan("steady")

_TRAINING = (
    Scan("quiet room", (RowJitter(0.08, 0.03), ProbeWalk(0.01)), LineBrightness(0.003)),
    Scan("fast frames", (RowJitter(0.25, 0.08, 1.5), Flyback(2.5, 12.0, 0.3, 0.05)), LineBrightness(0.005)),
    Scan("mains hum", (RowJitter(0.22, 0.07), MainsSway(0.25, 0.40, 0.82), ProbeWalk(0.02)), LineBrightness(0.005)),
    Scan("slow frames", (ProbeWalk(0.08), RowJitter(0.12, 0.06, 4.0), Slips(0.004, 1.0)), LineBrightness(0.01, 10.0)),
    Scan("poor", (RowJitter(0.5, 0.15), MainsSway(0.3, 0.6, 0.31), Flyback(4.0, 20.0, 0.5)), LineBrightness(0.03, 2.0)),
    Scan("torn lines", (RowJitter(0.9, 0.25), ProbeWalk(0.04)), LineBrightness(0.025, 0.5)),
    Scan("field emission", (RowJitter(0.1, 0.02), Bow(1.0)), LineBrightness(0.04, 5.0)),
)
_BENCHMARK = (
    Scan("calm", (RowJitter(0.06, 0.02), ProbeWalk(0.015)), LineBrightness(0.004)),
    Scan("quick", (RowJitter(0.3, 0.09, 1.0), Flyback(1.8, 16.0, 0.2, 0.08)), LineBrightness(0.006)),
    Scan("stray field", (RowJitter(0.28, 0.06), MainsSway(0.35, 0.25, 0.67), ProbeWalk(0.03)), LineBrightness(0.008)),
    Scan("creeping", (ProbeWalk(0.06), RowJitter(0.15, 0.05, 3.0), Slips(0.006, 0.7)), LineBrightness(0.012, 8.0)),
    Scan(
        "shaken", (RowJitter(0.4, 0.2), MainsSway(0.4, 0.4, 0.23), Flyback(3.0, 25.0, 0.4)), LineBrightness(0.02, 3.0)
    ),
    Scan("ragged", (RowJitter(0.7, 0.3), ProbeWalk(0.05)), LineBrightness(0.035, 0.6)),
    Scan("unsteady tip", (RowJitter(0.09, 0.025), Bow(0.7)), LineBrightness(0.05, 4.0)),
)

TRAINING_SCANS: dict[str, Scan] = {scan.name: scan for scan in _TRAINING}
BENCHMARK_SCANS: dict[str, Scan] = {scan.name: scan for scan in _BENCHMARK}
