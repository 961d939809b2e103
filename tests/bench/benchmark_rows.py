"""Rows of methods on the benchmark's items: kept as lines of JSON, gathered from parts, printed as tables.

Not a bench itself. Methods are given what the program gives them: electrons by the true gain and black level, hot px
and hits replaced. PSNR is over the clean item's range, SSIM likewise and the mean over frames.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.denoising.methods.classical import CLASSICAL
from core.scoring.recorded import fidelity_of
from core.simulation.benchmark import FIRST_DEVELOPMENT_SEED, SEEDS, VERSION, Part, benchmark_item, development_item
from core.simulation.item import Item
from tests.bench.kept import keep, kept_rows
from tests.bench.report import say

NOISY = "noisy"
# As many items as the benchmark has, for tuning.
DEVELOPMENT = range(FIRST_DEVELOPMENT_SEED, FIRST_DEVELOPMENT_SEED + len(SEEDS))
GROUPS = ("HRTEM", "HAADF", "ABF", "SEM", "TEM", "lattice", "no lattice", "counts", "cameras", "all")
Frames = NDArray[np.floating]


@dataclass(frozen=True)
class Row:
    """One method on one item.

    Attributes
    ----------
    version : str
        Of the benchmark; figures are comparable within one only.
    periodic, counts : bool
        A lattice is in it; an ideal counter recorded it.
    side, frames : int
        How much of it was judged: px a side, frames.
    psnr, ssim : float
        Over the clean range; dB.
    tuning_s, frame_s : float
        CPU-seconds to look at the movie, and to denoise a frame.
    chosen : dict
        What the method tuned.
    """

    version: str
    part: str
    seed: int
    item: str
    modality: str
    kind: str
    periodic: bool
    counts: bool
    dose: float
    side: int
    frames: int
    method: str
    psnr: float
    ssim: float
    tuning_s: float = 0.0
    frame_s: float = 0.0
    chosen: dict[str, Any] | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """Which of `GROUPS` it counts for."""
        lattice = "lattice" if self.periodic else "no lattice"
        return (self.modality, lattice, "counts" if self.counts else "cameras", "all")


class Rows:
    """Rows that were made, and a file that keeps them as they come: what is in it is not made again."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        found = [Row(**row) for row in kept_rows(path)]
        self.rows = [row for row in found if row.version == VERSION]

    def missing(self, seed: int, methods: Sequence[str], side: int, frames: int) -> list[str]:
        """Return the methods that were not measured on an item in this way."""
        done = {row.method for row in self.rows if (row.seed, row.side, row.frames) == (seed, side, frames)}
        return [name for name in methods if name not in done]

    def add(self, row: Row) -> None:
        """Keep a row, and tell of it."""
        self.rows.append(row)
        keep(self._path, asdict(row))
        say(
            f"{row.item:<18}{row.kind:<20}{row.dose:6.2f} e/px  {row.method:<20}{row.psnr:6.2f} dB {row.ssim:6.3f}"
            f"{row.tuning_s:8.1f} s +{row.frame_s:6.2f} s a frame"
        )


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that all benches of benchmark items share."""
    parser.add_argument("--rows", type=Path, help="lines of JSON: kept as they come, and not measured again")
    parser.add_argument("--table", action="store_true", help="print the table of --rows, measure nothing")


def item_of(seed: int, part: Part) -> Item:
    """Make an item of the benchmark, or from seed 1000 on one that tuning may use."""
    return development_item(seed, part) if seed >= FIRST_DEVELOPMENT_SEED else benchmark_item(seed, part)


def row_of(item: Item, method: str, clean: Frames, result: Frames, **more: Any) -> Row:
    """Judge a result; clean frames and result (T, H, W) in electrons."""
    return Row(
        version=VERSION,
        part=item.name.partition("-")[0],
        seed=item.seed,
        item=item.name,
        modality=item.modality,
        kind=item.kind,
        periodic=item.periodic,
        counts=item.counts,
        dose=item.dose,
        side=clean.shape[-1],
        frames=len(clean),
        method=method,
        **fidelity_of(clean, result),
        **more,
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what it gives, and the CPU-seconds that it took."""
    began = time.process_time()
    return work(), time.process_time() - began


def table(rows: Iterable[Row]) -> str:
    """Return a table in Markdown: a line a method, a column a group; over those items that every method was run on.

    The last column tells on how many items a filter is the best of the filters.
    """
    kept = _complete(list(rows))
    winners = _winners(kept)
    methods = list(dict.fromkeys(row.method for row in kept))
    groups = [group for group in GROUPS if any(group in row.groups for row in kept)]
    counts = [len({row.seed for row in kept if group in row.groups}) for group in groups]
    head = " | ".join(f"{group} ({count})" for group, count in zip(groups, counts, strict=True))
    lines = [f"| Method | {head} | best filter on |", "|---" * (len(groups) + 2) + "|"]
    for method in methods:
        cells = [_mean([row for row in kept if row.method == method and group in row.groups]) for group in groups]
        cells.append(str(winners.count(method)) if method in CLASSICAL else "")
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _winners(rows: list[Row]) -> list[str]:
    """The filter of the highest PSNR on each item: what a network has to beat."""
    filters = [row for row in rows if row.method in CLASSICAL]
    items = {row.seed for row in filters}
    return [max((row for row in filters if row.seed == seed), key=lambda row: row.psnr).method for seed in items]


def print_table(rows: Iterable[Row]) -> None:
    """Write the table."""
    say(table(rows))


def figures_of(rows: Iterable[Row]) -> dict[str, float | int | str]:
    """Return means of PSNR and SSIM of each method and group."""
    kept = _complete(list(rows))
    out: dict[str, float | int | str] = {"benchmark version": VERSION, "items": len({row.seed for row in kept})}
    for group in GROUPS:
        for method in dict.fromkeys(row.method for row in kept):
            members = [row for row in kept if row.method == method and group in row.groups]
            if members:
                out[f"{method}, {group}, dB"] = float(np.mean([row.psnr for row in members]))
                out[f"{method}, {group}, SSIM"] = float(np.mean([row.ssim for row in members]))
    return out


def _complete(rows: list[Row]) -> list[Row]:
    methods = {row.method for row in rows}
    seen: dict[int, set[str]] = {}
    for row in rows:
        seen.setdefault(row.seed, set()).add(row.method)
    return [row for row in rows if seen[row.seed] == methods]


def _mean(rows: list[Row]) -> str:
    return f"{np.mean([row.psnr for row in rows]):.1f} / {np.mean([row.ssim for row in rows]):.3f}".replace(" 0.", " .")
