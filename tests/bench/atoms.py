"""How well columns are found and fitted: python -m tests.bench.atoms [clean] [noisy] [nothing] [--rows FILE]

Clean: noise-free dark-field images of the fast column model (core.simulation.stem), with a surface across them, over px
sizes; distance from the true columns in pm. Noisy: development items (HAADF, HRTEM; never the benchmark), a part of 192
px, as counts at 0.5 to 20 electrons a px, raw and denoised: precision, recall and F1 within 50 pm; positions (common
shift, spread) in pm and intensities in percent. Truth is what is found in the clean part with the same search (whose
recall of the true columns is told): in HRTEM a column's image may lie beside it. Nothing: pure counting noise.
--rows keeps the rows of "noisy" in a file, lines of JSON, and goes on where it ended.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import QuietContext
from core.denoising.denoiser import Denoiser
from core.denoising.methods.registry import find_method
from core.denoising.planning import prepare
from core.measures.atoms.fit import FittedColumns
from core.measures.atoms.locate import Search, locate_columns
from core.measures.atoms.match import match, quantities
from core.models import ModelStore
from core.simulation.benchmark import development_item
from core.simulation.crystals import CATALOGUE, fill, small_tilt, zone_rotation
from core.simulation.item import Item
from core.simulation.specimens import Specimen
from core.simulation.stem import stem_columns, stem_image
from core.simulation.stem_optics import StemOptics
from core.simulation.truth import Columns
from tests.bench.kept import keep, kept_rows
from tests.bench.report import arguments, report, say

Array = npt.NDArray[np.float64]

CRYSTALS = (
    ("Au", (1, 1, 0)),
    ("Au", (1, 0, 0)),
    ("Pt", (1, 1, 1)),
    ("SrTiO3", (1, 0, 0)),
    ("Si", (1, 1, 0)),
    ("GaAs", (1, 1, 0)),
    ("CeO2", (1, 1, 0)),
)
PIXELS = (0.05, 0.08, 0.12, 0.16, 0.2, 0.25)
DOSES = (0.5, 2.0, 8.0, 20.0)
# Of development items: HRTEM, HAADF.
SEEDS = (1001, 1000, 1005, 1002)
_PART, _LEAST_COLUMNS = 192, 10
_RIM, _SIDE = 6.0, 42.0


def half_crystal(name: str, zone: tuple[int, int, int], box: float) -> Specimen:
    """A crystal 3 nm thick that ends at a surface across the box, and before the box's border."""
    atoms, elements = fill(CATALOGUE[name], small_tilt(0, 0, 0.2) @ zone_rotation(CATALOGUE[name], zone), box, 15.0)
    keep = atoms[:, :2] @ np.array([np.cos(1.0), np.sin(1.0)]) < 0.15 * box
    atoms = atoms + np.array([box / 2, box / 2, 0.0])
    keep &= np.all((atoms[:, :2] > _RIM) & (atoms[:, :2] < box - _RIM), axis=1)
    return Specimen(name, atoms[keep], elements[keep], box)


def scene(name: str, zone: tuple[int, int, int], pixel: float) -> tuple[Array, Columns]:
    """The clean image and its true columns."""
    size = round(_SIDE / pixel) if pixel >= 0.1 else round(30.0 / pixel)
    specimen = half_crystal(name, zone, size * pixel)
    optics = StemOptics()
    return stem_image(specimen, pixel, size, optics).astype(np.float64), stem_columns(specimen, pixel, size, optics)


def clean(
    crystals: tuple[tuple[str, tuple[int, int, int]], ...], pixels: tuple[float, ...]
) -> dict[str, float | int | str]:
    """Distances from the truth without noise."""
    say(f"{'crystal':<14}{'px (A)':>8}{'true':>6}{'found':>6}{'median pm':>11}{'worst pm':>10}{'s':>6}")
    worst, medians = [], []
    for name, zone in crystals:
        for pixel in pixels:
            image, true = scene(name, zone, pixel)
            began = time.process_time()
            found = locate_columns(image, Search(pixel_nm=pixel / 10)).columns
            took = time.process_time() - began
            pairs = match(true.positions, found.positions, 0.5 / pixel)
            off = found.positions[pairs.found] - true.positions[pairs.true]
            far = np.hypot(off[:, 0], off[:, 1]) * pixel * 100
            if not len(far):
                say(f"{name} {''.join(map(str, zone))}: nothing found")
                continue
            worst.append(far.max())
            medians.append(np.median(far))
            label = f"{name} {''.join(map(str, zone))}"
            row = f"{label:<14}{pixel:>8}{len(true):>6}{len(found):>6}{np.median(far):>11.3f}{far.max():>10.3f}"
            say(f"{row}{took:>6.1f}")
    return {
        "columns without noise: worst of all, pm": float(max(worst)),
        "columns without noise: median of medians, pm": float(np.median(medians)),
        "columns without noise: median of worsts, pm": float(np.median(worst)),
    }


def noisy(path: Path | None) -> dict[str, float | int | str]:
    """Precision, recall, F1, positions and intensities over doses."""
    methods = denoisers()
    rows = [NoisyRow(**row) for row in kept_rows(path)]
    for seed in SEEDS:
        missing = {(dose, name) for dose in DOSES for name in methods}
        missing -= {(row.dose, row.method) for row in rows if row.seed == seed}
        scene = _to_be_seen(seed) if missing else None
        if scene is None:
            continue
        item, clean, dark, true = scene
        for dose in DOSES:
            counts = np.random.default_rng(seed).poisson(clean * dose / clean.mean()).astype(np.float32)
            for name, method in methods.items():
                if (dose, name) not in missing:
                    continue
                result = denoise_array(method, counts[None], item.pixel_nm)[0] if method else counts
                began = time.process_time()
                found = _judged(result, item.pixel_nm, dark)
                took = time.process_time() - began
                figures = _figures(true, found, clean.mean() / dose, clean.shape, item.pixel_nm)
                row = NoisyRow(seed, item.name, item.modality, dose, name, took, **figures)
                rows.append(row)
                keep(path, asdict(row))
                say(row.line)
    return _means(rows)


@dataclass(frozen=True)
class NoisyRow:
    """Columns found by one method in one noisy image, against those of the clean one; without pairs there is no pm."""

    seed: int
    item: str
    modality: str
    dose: float
    method: str
    seconds: float
    precision: float
    recall: float
    f1: float
    shift_pm: float | None = None
    spread_pm: float | None = None
    intensity_bias: float | None = None
    intensity_spread: float | None = None

    @property
    def line(self) -> str:
        """For people."""
        head = f"  {self.dose:>5} {self.method:<16}{self.precision:>6.2f}{self.recall:>7.2f}{self.f1:>6.2f}"
        if self.shift_pm is None:
            return head + f"{'-':>10}{'-':>8}{'-':>8}{'-':>8}{self.seconds:>6.1f}"
        away = f"{self.shift_pm:>10.1f}{self.spread_pm:>8.1f}{self.intensity_bias:>+8.0f}{self.intensity_spread:>8.0f}"
        return head + away + f"{self.seconds:>6.1f}"


def _to_be_seen(seed: int) -> tuple[Item, Array, bool, FittedColumns] | None:
    """An item, its part with columns, whether these are dark, and those that the search finds without noise."""
    item = development_item(seed, "image")
    image = part_of(item)
    if image is None:
        say(f"{item.name}: no columns in a part of {_PART} px")
        return None
    clean, columns = image
    signs = (False,) if item.modality == "HAADF" else (False, True)
    for_true = [_judged(clean, item.pixel_nm, dark) for dark in signs]
    recalls = [match(columns, one.positions, 0.05 / item.pixel_nm).f1 for one in for_true]
    dark = recalls[-1] > recalls[0]
    true = for_true[int(dark)]
    say(
        f"{item.name}, {item.kind}, {item.pixel_nm * 1000:.1f} pm a px: {len(columns)} columns, {len(true)} "
        f"{'dark' if dark else 'bright'} ones to be seen (F1 {max(recalls):.2f})"
    )
    say(f"  {'e/px':>5} {'method':<16}{'prec.':>6}{'recall':>7}{'F1':>6}{'shift pm':>10}{'spread':>8}", end="")
    say(f"{'int. %':>8}{'spread':>8}{'s':>6}")
    return item, clean, dark, true


def _means(rows: list[NoisyRow]) -> dict[str, float | int | str]:
    """F1 and spread in pm of each method and dose, means over items."""
    out: dict[str, float | int | str] = {"items with noise": len({row.seed for row in rows})}
    for dose in DOSES:
        for method in dict.fromkeys(row.method for row in rows):
            here = [row for row in rows if (row.dose, row.method) == (dose, method)]
            spreads = [row.spread_pm for row in here if row.spread_pm is not None]
            if here:
                out[f"{method}, {dose:g} e/px, F1"] = float(np.mean([row.f1 for row in here]))
            if spreads:
                out[f"{method}, {dose:g} e/px, spread pm"] = float(np.mean(spreads))
    return out


def _judged(image: Array, pixel_nm: float, dark: bool) -> FittedColumns:
    return locate_columns(image, Search(pixel_nm=pixel_nm, dark=dark)).columns


def _figures(
    true: FittedColumns, found: FittedColumns, scale: float, shape: tuple[int, int], pixel_nm: float
) -> dict[str, float]:
    """Figures of columns that lie well inside."""
    margin = 0.15 / pixel_nm
    inner = [
        one.chosen(np.all((one.positions > rim) & (one.positions < np.array(shape) - 1 - rim), axis=1))
        for one, rim in ((true, margin), (found, margin), (true, 0.0), (found, 0.0))
    ]
    radius = 0.05 / pixel_nm
    # A column just inside may have its partner just outside.
    seen, drawn = (
        match(inner[0].positions, inner[3].positions, radius),
        match(inner[2].positions, inner[1].positions, radius),
    )
    recall, precision = len(seen.true) / max(1, len(inner[0])), len(drawn.found) / max(1, len(inner[1]))
    f1 = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    out = {"precision": precision, "recall": recall, "f1": f1}
    figures = quantities(
        inner[0].positions, inner[3].positions, seen, pixel_nm, inner[0].volumes, inner[3].volumes * scale
    )
    if figures is None or figures.intensity_bias is None or figures.intensity_spread is None:
        return out
    return out | {
        "shift_pm": float(np.hypot(*figures.bias_pm)),
        "spread_pm": figures.spread_pm,
        "intensity_bias": figures.intensity_bias,
        "intensity_spread": figures.intensity_spread,
    }


def denoisers() -> dict[str, Denoiser | None]:
    """The methods that are compared, by name; None is the raw image."""
    out: dict[str, Denoiser | None] = {"raw": None}
    store, context = ModelStore.default(), QuietContext()
    counts = np.ones((1, 64, 64), np.float32)
    for name in ("gaussian", "lattice-filter", "lattice-general"):
        out[name] = prepare(ArrayMovie(counts, 0.02), find_method(name, store), "cpu", None, context)[0].denoiser
    return out


def part_of(item: Item) -> tuple[Array, Array] | None:
    """The part with the most columns, and where these lie in it; None if there are less than ten."""
    columns = item.frame_columns[0] if item.frame_columns else None
    if columns is None or len(columns) < _LEAST_COLUMNS:
        return None
    clean = item.clean[0].astype(np.float64)
    places = columns.select(columns.heights > 0.15 * columns.heights.max()).positions
    best = (0, 0, 0)
    for y in range(0, clean.shape[0] - _PART + 1, 32):
        for x in range(0, clean.shape[1] - _PART + 1, 32):
            inside = np.all((places >= [y, x]) & (places < [y + _PART, x + _PART]), axis=1)
            best = max(best, (int(inside.sum()), y, x))
    count, y, x = best
    if count < _LEAST_COLUMNS:
        return None
    inside = np.all((places >= [y, x]) & (places < [y + _PART, x + _PART]), axis=1)
    return clean[y : y + _PART, x : x + _PART], places[inside] - [y, x]


def nothing() -> None:
    """Columns found where there is nothing but counting noise."""
    say(f"{'e/px':>6}{'images':>8}{'columns an image':>18}")
    for dose in (0.02, 0.05, 0.1, 0.3, 1.0, 4.0, 20.0):
        rng = np.random.default_rng(0)
        found = [len(locate_columns(rng.poisson(dose, (128, 128)), Search(pixel_nm=0.02)).columns) for _ in range(50)]
        say(f"{dose:>6}{len(found):>8}{np.mean(found):>18.2f}")


def main() -> None:
    """Measure what is asked for, all of it by default."""
    parser = arguments(__doc__)
    parser.add_argument("wanted", nargs="*", metavar="clean|noisy|nothing")
    parser.add_argument("--rows", type=Path, help="lines of JSON: kept as they come, and not measured again")
    options = parser.parse_args()
    if options.quick:
        report(clean(CRYSTALS[:1], PIXELS[-1:]))
        return
    wanted = options.wanted or ["clean", "noisy", "nothing"]
    figures: dict[str, float | int | str] = {}
    if "clean" in wanted:
        figures |= clean(CRYSTALS, PIXELS)
    if "noisy" in wanted:
        figures |= noisy(options.rows)
    if "nothing" in wanted:
        nothing()
    report(figures)


if __name__ == "__main__":
    main()
