"""Figures of the bench: means of its rows by set and group, and the table that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.protocol.bench import BenchFigure, BenchRow, BenchSet

CAVEATS = (
    "PSNR(255) is the published convention: a constant image of the right brightness scores 24 to 26 dB in it.",
    "The best Gaussian knows the truth: no user has it. Gains over it are small on purpose.",
    "Simulated images are not real ones: look at the model's result beside the raw frame as well.",
    "One missing or invented atom hardly shows in PSNR: look at the surface atoms and the empty frames.",
    "Cameras are held against ideal counts with as much noise at low frequencies; what a camera blurs is lost in both.",
    "Of a noisy film no method knows the speckle exactly: read its false atoms beside the best linear estimate's.",
    "In empty frames a method that keeps hardly any noise is held against hardly any: read the shares beside the peak.",
)
# Counts, which are told a megapixel.
_COUNTS = {
    "false_atoms": "false_per_megapixel",
    "best_false_atoms": "best_false_per_megapixel",
    "sure_atoms": "sure_per_megapixel",
    "unmatched_atoms": "unmatched_per_megapixel",
}


@dataclass(frozen=True)
class _Line:
    """A line of the table: what is tested, which rows count, and how a cell is written from their means."""

    title: str
    set: BenchSet
    group: str
    write: Callable[[dict[str, float]], str]
    wanted: str = ""


def figures_of(rows: Sequence[BenchRow]) -> tuple[BenchFigure, ...]:
    """Return the means of every measure, group and method, over trials that every method of the set went through.

    Whatever is told a megapixel is the total over the total.
    """
    out: list[BenchFigure] = []
    for part in dict.fromkeys(row.set for row in rows):
        kept = complete([row for row in rows if row.set == part])
        groups = dict.fromkeys(group for row in kept for group in row.groups)
        for group in groups:
            for method in dict.fromkeys(row.method for row in kept):
                mine = [row for row in kept if row.method == method and group in row.groups]
                out += [
                    BenchFigure(set=part, group=group, measure=name, method=method, value=value, items=len(mine))
                    for name, value in (_means(mine) if mine else {}).items()
                ]
    return tuple(out)


def complete(rows: Iterable[BenchRow]) -> list[BenchRow]:
    """Leave out trials that not every method went through: means over unlike trials are no comparison."""
    rows = list(rows)
    methods = {row.method for row in rows}
    seen: dict[str, set[str]] = {}
    for row in rows:
        seen.setdefault(row.key, set()).add(row.method)
    return [row for row in rows if seen[row.key] == methods]


def table_of(figures: Sequence[BenchFigure], methods: Sequence[str]) -> str:
    """Return the table in Markdown: a line a test, a column a method; empty cells were not measured."""
    values: dict[tuple[str, str, str], dict[str, float]] = {}
    counts: dict[tuple[str, str], int] = {}
    for one in figures:
        values.setdefault((one.set, one.group, one.method), {})[one.measure] = one.value
        counts[one.set, one.group] = one.items
    lines = ["| Test | " + " | ".join(f"`{method}`" for method in methods) + " | wanted |"]
    lines.append("|---" * (len(methods) + 2) + "|")
    for line in _lines(figures):
        known = [values.get((line.set, line.group, method)) for method in methods]
        if any(known):
            cells = " | ".join("" if one is None else line.write(one) for one in known)
            lines.append(f"| {line.title} ({counts[line.set, line.group]}) | {cells} | {line.wanted} |")
    return "\n".join(lines)


def _lines(figures: Sequence[BenchFigure]) -> list[_Line]:
    def groups(part: BenchSet) -> list[str]:
        return list(dict.fromkeys(one.group for one in figures if one.set == part))

    lines = [
        _Line(
            f"Clean images, {group}: PSNR(255) in dB, SSIM; PSNR in dB, SSIM over the clean range",
            "clean",
            group,
            _published,
        )
        for group in groups("clean")
    ]
    parts: tuple[tuple[BenchSet, str], ...] = (("images", "Images"), ("movies", "Movies"))
    for part, title in parts:
        wanted = {"STEM": "best filter + 1 dB", "SEM": "best filter + 1 dB"} if part == "images" else {}
        lines += [
            _Line(
                f"{title}, {group}: PSNR in dB, SSIM, gain over the best Gaussian in dB",
                part,
                group,
                _gain,
                wanted.get(group, ""),
            )
            for group in _ORDER
            if group in groups(part)
        ]
    lines += [
        _Line(f"Surface atoms, {group}: F1 (position alone; all columns)", "atoms", group, _f1, "0.95 at s = 1")
        for group in groups("atoms")
    ]
    empty = [group for group in groups("empty") if " " in group]
    lines += [
        _Line(
            f"False atoms a megapixel{'' if 'vacuum' in group else _OF_FILMS}, {group}", "empty", group, _false, "< 0.1"
        )
        for group in empty
    ]
    lines += [
        _Line(f"Lattice peak ({chance}), of the counting noise, rms, {group}", "empty", group, _peak, "1.1")
        for group, chance in ((one, "by chance" if "vacuum" in one else "best linear") for one in empty)
    ]
    lines.append(_Line("Cameras: dB lost against ideal counts", "cameras", "all", _loss, "< 1"))
    lines += [_Line(f"CPU-s a megapixel, {part}", part, "all", _cost) for part in ("images", "movies")]
    return lines


_OF_FILMS = " (best linear; beyond its chance; without a peak in the film)"
_ORDER = ("HRTEM", "STEM", "SEM", "TEM", "lattice", "no lattice", "counts", "camera", "all")


def _means(rows: Sequence[BenchRow]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row.values)
    out = {
        name: float(np.mean([row.values[name] for row in rows if name in row.values]))
        for name in names
        if name not in _COUNTS and name != "megapixels"
    }
    for name in names:
        if name in _COUNTS:
            counted = [row.values for row in rows if name in row.values]
            out[_COUNTS[name]] = sum(one[name] for one in counted) / max(
                sum(one["megapixels"] for one in counted), 1e-9
            )
    area = max(sum(row.megapixels for row in rows), 1e-9)
    out["cpu_s_per_megapixel"] = sum(row.seconds for row in rows) / area
    out["tuning_s"] = float(np.mean([row.tuning_s for row in rows]))
    return out


def _published(one: dict[str, float]) -> str:
    return f"{one['psnr_255']:.2f}, {one['ssim_255']:.3f}; {one['psnr']:.2f}, {one['ssim']:.3f}"


def _gain(one: dict[str, float]) -> str:
    return f"{one['psnr']:.2f}, {one['ssim']:.3f}, {one['gain']:+.2f}"


def _f1(one: dict[str, float]) -> str:
    return f"{one['f1']:.3f} ({one['beside_f1']:.3f}; {one['all_f1']:.3f})"


def _false(one: dict[str, float]) -> str:
    told = f"{one['false_per_megapixel']:.2g}"
    if "sure_per_megapixel" in one:
        others = ("best_false_per_megapixel", "sure_per_megapixel", "unmatched_per_megapixel")
        told += f" ({'; '.join(f'{one[name]:.2g}' for name in others)})"
    return told


def _peak(one: dict[str, float]) -> str:
    peak = f"{one['lattice_peak']:.3g} ({one.get('best_lattice_peak', one['lattice_peak_expected']):.3g})"
    return f"{peak}, {one['lattice_percent']:.2g} %, {one['rms_percent']:.2g} %"


def _loss(one: dict[str, float]) -> str:
    return f"{one['loss']:+.2f}"


def _cost(one: dict[str, float]) -> str:
    return f"{one['cpu_s_per_megapixel']:.2f} + {one['tuning_s']:.1f} s a movie"
