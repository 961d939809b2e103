"""The published table again: networks of growing field of view on lattices, and on photographs where it hardly matters.

    python -m tests.bench.sbd_table --folder DIR [--scale cpu-small|full] [--device auto|cpu|cuda] [--parts ...]
                                    [--networks ...] [--methods ...] [--structures N] [--steps N] [--patch PX]
                                    [--table]

Mohan et al., IEEE Trans. Comput. Imaging 8 (2022). The networks are trained by the recipes sbd-*, which differ in the
network alone, on one simulated set (the recipe `sbd` of `quietbeam simulate`), and judged on structures kept apart, one
Poisson draw an image, beside the filters and the model that comes with the program, which other simulations taught.
PSNR and SSIM in the published convention (times 255, clamped) and over the clean range, averaged over the views of a
structure first. Parts: `lattice`; `photographs` (the same schedule on scikit-image's own, with Gaussian noise of 30 and
70); `generalisation` (trained on one class of images, judged on the other). All that was trained and measured stays in
the folder: the same command goes on, --table prints what is there.
With --quick two tiny networks for three steps, whose scores mean nothing.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from core.denoising.arrays import denoise_array
from core.denoising.denoiser import Denoiser
from core.denoising.devices import pick_device
from core.denoising.methods.network import NetworkDenoiser
from core.denoising.methods.registry import find_method
from core.measures.fidelity import psnr, psnr_over_range, ssim
from core.models import ModelStore
from core.networks.registry import build, load
from core.protocol.model_card import ModelCard
from core.protocol.recipes import ImagesRecipe, NetworkRecipe, TrainRecipe
from core.training.recipe_file import load_recipe
from core.training.supervised import train
from tests.bench.kept import keep, kept_rows
from tests.bench.report import arguments, report
from tests.bench.sbd_sets import (
    PROPERTIES,
    Picture,
    tested_photographs,
    views_of,
    write_photographs,
    write_subset,
)

NETWORKS = ("dncnn", "small-unet", "unet-102k", "unet-352k", "unet-1m4", "unet-5m6", "unet-70m")
PHOTOGRAPH_NETWORKS = ("unet-102k", "unet-352k", "unet-4m4")
NOISY = "noisy"
METHODS = (NOISY, "gaussian", "wiener", "wavelets", "tv", "nl-means", "lattice-filter", "lattice-general")
PARTS = ("lattice", "photographs", "generalisation")
NOISES = (30.0, 70.0)
_GENERALISED = "unet-352k"
_UNET_4M4 = NetworkRecipe(architecture="unet", config={"scales": 6, "channels": 32})


@dataclass(frozen=True)
class Scale:
    """How much is made: None leaves what the recipes say."""

    networks: tuple[str, ...]
    methods: tuple[str, ...]
    photographs: tuple[str, ...]
    tested_views: int
    structures: int | None = None
    views: int | None = None
    side: int | None = None
    split: float | None = None
    schedule: dict[str, int] = field(default_factory=dict)


SCALES = {
    "quick": Scale(
        ("small-unet", "unet-102k"),
        ("gaussian",),
        ("unet-102k",),
        1,
        structures=8,
        views=1,
        side=112,
        split=0.25,
        schedule={"steps": 3, "batch": 1, "patch": 32, "warmup_steps": 1, "validate_every": 3, "checkpoint_every": 3},
    ),
    "cpu-small": Scale(
        ("dncnn", "small-unet", "unet-102k", "unet-352k", "unet-1m4"),
        METHODS,
        ("unet-102k", "unet-352k"),
        2,
        structures=150,
        views=6,
        side=256,
        split=0.1,
        schedule={
            "steps": 2000,
            "decay_steps": 800,
            "warmup_steps": 50,
            "batch": 4,
            "patch": 192,
            "validate_every": 250,
            "checkpoint_every": 250,
        },
    ),
    "full": Scale(NETWORKS, METHODS, PHOTOGRAPH_NETWORKS, 4),
}


@dataclass(frozen=True)
class Row:
    """One method on one image.

    Attributes
    ----------
    part, trained_on
        One of `PARTS`; of the generalisation, the class that it was trained on.
    image, group
        Its name, and the structure or noise that it belongs to.
    classes
        By property.
    psnr, ssim, psnr_range
        In the published convention; PSNR over the clean range besides.
    steps, train_s
        Of the training; 0 for filters.
    """

    scale: str
    part: str
    method: str
    trained_on: str
    image: str
    group: str
    psnr: float
    ssim: float
    psnr_range: float
    weights: int = 0
    steps: int = 0
    train_s: float = 0.0
    classes: dict[str, str] = field(default_factory=dict)


class Table:
    """Rows in a file of lines of JSON, which a later run goes on with."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.rows = [Row(**row) for row in kept_rows(path)]

    def has(self, part: str, method: str, trained_on: str, image: str) -> bool:
        """Whether this was measured."""
        wanted = (part, method, trained_on, image)
        return any((row.part, row.method, row.trained_on, row.image) == wanted for row in self.rows)

    def add(self, row: Row) -> None:
        """Keep a row."""
        self.rows.append(row)
        keep(self._path, asdict(row))


@dataclass(frozen=True)
class Trained:
    """A trained network, ready to denoise."""

    denoiser: Denoiser
    weights: int
    steps: int
    seconds: float


class Bench:
    """One run of the bench in its folder."""

    def __init__(self, folder: Path, name: str, device: str, scale: Scale) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name, self.scale = folder, name, scale
        self.device = pick_device(device)[0]  # type: ignore[arg-type]
        self.table = Table(folder / "rows.jsonl")
        self._simulation = self._simulation_recipe()

    def _simulation_recipe(self) -> str:
        """Return the recipe that simulates: the shipped one, or a smaller copy of it in the folder."""
        if self.scale.side is None:
            return "sbd"
        text = resources.files("resources").joinpath("recipes", "simulate", "sbd.toml").read_text(encoding="utf-8")
        for key, value in (("views", self.scale.views), ("side", self.scale.side)):
            text = "\n".join(f"{key} = {value}" if line.startswith(f"{key} =") else line for line in text.splitlines())
        text = text.split("[split]")[0] + f"[split]\nvalidation = {self.scale.split}\ntest = {self.scale.split}\n"
        path = self.folder / "simulate.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def recipe(self, network: str) -> TrainRecipe:
        """Return the shipped recipe of a network, at this scale."""
        shipped = network if network in NETWORKS else _GENERALISED
        path = Path(str(resources.files("resources").joinpath("recipes", f"sbd-{shipped}.toml")))
        made = load_recipe(path)
        assert made.scenes is not None
        scenes = made.scenes.model_copy(
            update={"recipe": self._simulation, "structures": self.scale.structures, "folder": "../sbd-scenes"}
        )
        schedule = made.schedule.model_copy(update=self.scale.schedule)
        update = {"scenes": scenes, "schedule": schedule, "name": f"sbd-{network}"}
        if network not in NETWORKS:
            update["network"] = _UNET_4M4
        return made.model_copy(update=update)

    def trained(self, recipe: TrainRecipe, out: Path) -> Trained:
        """Train by a recipe, or take what was trained."""
        card_path = out / recipe.name / "card.json"
        if not card_path.exists():
            began = time.monotonic()
            train(recipe, out, lambda share, words: _tell(out.name, share, words, began), device=self.device.kind)
        card = ModelCard.model_validate_json(card_path.read_text(encoding="utf-8"))
        network = load(card.architecture, card.config, load_file(card_path.parent / "weights.safetensors"))
        weights = sum(parameter.numel() for parameter in build(card.architecture, card.config).parameters())
        denoiser = NetworkDenoiser(card.name, network, self.device, "float32")
        return Trained(denoiser, weights, card.training.steps, card.training.duration_s)

    def lattice(self, networks: Sequence[str], methods: Sequence[str]) -> None:
        """Judge networks and filters on the simulated test set."""
        for network in networks:
            self._judge_views("lattice", network, self.trained(self.recipe(network), self.folder / f"sbd-{network}"))
        for method in methods:
            self._judge_views("lattice", method, None)

    def generalisation(self) -> None:
        """Train on one class of each property, and judge on all."""
        scenes = self.folder / "sbd-scenes"
        if not (scenes / "train").exists():
            self.trained(self.recipe(_GENERALISED), self.folder / f"sbd-{_GENERALISED}")
        for name, values in PROPERTIES.items():
            for value in values[:2]:
                label = f"{name}: {value}"
                out = self.folder / "subsets" / label.replace(": ", "-").replace(" ", "-")
                count = write_subset(scenes, (name, value), out) if not out.exists() else 1
                if count == 0 or not any((out / "validation").iterdir()):
                    sys.stderr.write(f"{label}: too few images\n")
                    continue
                recipe = self.recipe(_GENERALISED)
                assert recipe.scenes is not None
                subset = recipe.scenes.model_copy(
                    update={"recipe": None, "structures": None, "folder": out.resolve().as_posix()}
                )
                recipe = recipe.model_copy(update={"scenes": subset})
                made = self.trained(recipe, self.folder / f"generalisation-{out.name}")
                self._judge_views("generalisation", _GENERALISED, made, label)

    def _judge_views(self, part: str, method: str, made: Trained | None, trained_on: str = "") -> None:
        recipe = self.recipe(_GENERALISED)
        assert recipe.scenes is not None
        dose = recipe.scenes.dose[0]
        for view in views_of(self.folder / "sbd-scenes" / "test", self.scale.tested_views):
            image = f"{view.structure:06d}-{view.number:02d}"
            if self.table.has(part, method, trained_on, image):
                continue
            clean = view.clean * np.float32(dose)
            rng = np.random.default_rng([view.structure, view.number, 77])
            noisy = rng.poisson(clean).astype(np.float32)
            result = noisy
            if method != NOISY:
                denoiser = self._installed(method) if made is None else made.denoiser
                result = _denoised(denoiser, noisy, view.pixel_nm)
            self._add(part, method, trained_on, image, image[:6], clean, result, made, view.classes)

    def _installed(self, method: str) -> Denoiser:
        return find_method(method, ModelStore.default()).make(self.device, "float32")

    def photographs(self, networks: Sequence[str]) -> None:
        """Train on photographs by the same schedule, and judge on others."""
        folder = self.folder / "photographs"
        write_photographs(folder)
        images = ImagesRecipe(folder=folder.resolve().as_posix(), held_out=2, noise=(NOISES[0], NOISES[-1]))
        for network in networks:
            recipe = self.recipe(network).model_copy(
                update={"scenes": None, "images": images, "name": f"photographs-{network}"}
            )
            # The least of the photographs has a side of 300 px; four scales need a multiple of 16.
            least = recipe.schedule.model_copy(update={"patch": min(recipe.schedule.patch, 256)})
            made = self.trained(recipe.model_copy(update={"schedule": least}), self.folder / recipe.name)
            for noise in NOISES:
                for number, (name, clean) in enumerate(tested_photographs()):
                    image = f"{name}, {noise:g}"
                    if self.table.has("photographs", network, "", image):
                        continue
                    rng = np.random.default_rng([number, int(noise), 78])
                    noisy = clean + rng.normal(0, noise / 255, clean.shape).astype(np.float32)
                    result = _denoised(made.denoiser, noisy.astype(np.float32), None)
                    self._add("photographs", network, "", image, f"noise {noise:g}", clean, result, made, {})

    def _add(
        self,
        part: str,
        method: str,
        trained_on: str,
        image: str,
        group: str,
        clean: Picture,
        result: Picture,
        made: Trained | None,
        classes: dict[str, str],
    ) -> None:
        cost = (made.weights, made.steps, made.seconds) if made is not None else (0, 0, 0.0)
        scores = (psnr(clean, result), ssim(clean, result), psnr_over_range(clean, result))
        self.table.add(Row(self.name, part, method, trained_on, image, group, *scores, *cost, classes))


def _denoised(denoiser: Denoiser, noisy: Picture, pixel_nm: float | None) -> Picture:
    return denoise_array(denoiser, noisy[None], pixel_nm)[0]


def _tell(what: str, share: float, words: str, began: float) -> None:
    sys.stderr.write(f"{what:<34}{100 * share:5.1f} %  {words}, {time.monotonic() - began:.0f} s\n")


def tables(rows: Sequence[Row]) -> str:
    """Return the tables of all parts in Markdown."""
    made = [_lattice_table(rows), _class_table(rows), _photograph_table(rows), _generalisation_table(rows)]
    return "\n\n".join(one for one in made if one)


def _by_structure(rows: Iterable[Row], what: str) -> np.ndarray:
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(getattr(row, what))
    return np.array([np.mean(values) for values in groups.values()])


def _spread(values: np.ndarray, digits: int = 2) -> str:
    return f"{values.mean():.{digits}f} ± {values.std():.{digits}f}" if len(values) else "-"


def _lattice_table(rows: Sequence[Row]) -> str:
    part = [row for row in rows if row.part == "lattice"]
    lines = ["| Method | Weights | Steps | Training | PSNR(255) | SSIM | PSNR over the range |", "|---" * 7 + "|"]
    for method in dict.fromkeys(row.method for row in part):
        mine = [row for row in part if row.method == method]
        one = mine[0]
        cost = f"{one.weights:,} | {one.steps} | {one.train_s / 60:.0f} min" if one.weights else "- | - | -"
        scores = (_spread(_by_structure(mine, what)) for what in ("psnr", "ssim", "psnr_range"))
        lines.append(f"| {method} | {cost} | " + " | ".join(scores) + " |")
    return "\n".join(lines) if part else ""


def _class_table(rows: Sequence[Row]) -> str:
    part = [row for row in rows if row.part == "lattice"]
    pairs = [(name, value) for name, values in PROPERTIES.items() for value in values]
    here = [(name, value) for name, value in pairs if any(row.classes.get(name) == value for row in part)]
    lines = ["| PSNR(255) | " + " | ".join(f"{a}: {b}" for a, b in here) + " |", "|---" * (len(here) + 1) + "|"]
    for method in dict.fromkeys(row.method for row in part):
        mine = [row for row in part if row.method == method]
        cells = (_by_structure([row for row in mine if row.classes.get(a) == b], "psnr").mean() for a, b in here)
        lines.append(f"| {method} | " + " | ".join(f"{cell:.1f}" for cell in cells) + " |")
    return "\n".join(lines) if here else ""


def _photograph_table(rows: Sequence[Row]) -> str:
    part = [row for row in rows if row.part == "photographs"]
    heads = [f"{what}, noise {noise:g}" for what in ("PSNR", "SSIM") for noise in NOISES]
    lines = ["| Method | Weights | Steps | " + " | ".join(heads) + " |", "|---" * (len(heads) + 3) + "|"]
    for method in dict.fromkeys(row.method for row in part):
        mine = [row for row in part if row.method == method]
        cells = [
            _spread(np.array([getattr(row, what) for row in mine if row.group == f"noise {noise:g}"]))
            for what in ("psnr", "ssim")
            for noise in NOISES
        ]
        lines.append(f"| {method} | {mine[0].weights:,} | {mine[0].steps} | " + " | ".join(cells) + " |")
    return "\n".join(lines) if part else ""


def _generalisation_table(rows: Sequence[Row]) -> str:
    part = [row for row in rows if row.part == "generalisation"]
    lines = ["| Trained on | Judged on the same | Judged on the other |", "|---|---|---|"]
    for label in dict.fromkeys(row.trained_on for row in part):
        name, value = label.split(": ")
        mine = [row for row in part if row.trained_on == label]
        other = next(one for one in PROPERTIES[name][:2] if one != value)
        cells = (_spread(_by_structure([r for r in mine if r.classes.get(name) == c], "psnr")) for c in (value, other))
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) if part else ""


def figures_of(rows: Sequence[Row]) -> dict[str, float | int | str]:
    """Return the mean PSNR and SSIM of each method in each part."""
    out: dict[str, float | int | str] = {"rows": len(rows)}
    for part in PARTS:
        for key in dict.fromkeys((row.method, row.trained_on) for row in rows if row.part == part):
            mine = [row for row in rows if (row.part, row.method, row.trained_on) == (part, *key)]
            name = ", ".join(word for word in (part, *key) if word)
            out[f"{name}, dB"] = float(_by_structure(mine, "psnr").mean())
            out[f"{name}, SSIM"] = float(_by_structure(mine, "ssim").mean())
    return out


def _run(folder: Path, name: str, device: str, scale: Scale, parts: Sequence[str]) -> list[Row]:
    bench = Bench(folder, name, device, scale)
    if "lattice" in parts:
        bench.lattice(scale.networks, scale.methods)
    if "photographs" in parts:
        bench.photographs(scale.photographs)
    if "generalisation" in parts:
        bench.generalisation()
    return bench.table.rows


def _chosen(options: object, scale: Scale) -> Scale:
    """Return a scale with what the command line says of it."""
    given = vars(options)
    known = dict(vars(scale))
    if given["networks"]:
        known["networks"] = tuple(n for n in given["networks"] if n in NETWORKS)
        known["photographs"] = tuple(n for n in given["networks"] if n in PHOTOGRAPH_NETWORKS)
    if given["methods"] is not None:
        known["methods"] = tuple(given["methods"])
    if given["structures"]:
        known["structures"] = given["structures"]
    if given["steps"]:
        steps = given["steps"]
        decay = min(scale.schedule.get("decay_steps", 0), steps // 2)
        known["schedule"] = {**scale.schedule, "steps": steps, "decay_steps": decay}
    if given["patch"]:
        known["schedule"] = {**known["schedule"], "patch": given["patch"]}
    return Scale(**known)


def main() -> None:
    """Train, judge, and print the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--folder", type=Path, help="keeps what is simulated, trained and measured")
    parser.add_argument("--scale", choices=("cpu-small", "full"), default="cpu-small")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["lattice", "photographs"])
    parser.add_argument("--networks", nargs="+", choices=(*NETWORKS, "unet-4m4"))
    parser.add_argument("--methods", nargs="*", choices=METHODS)
    parser.add_argument("--structures", type=int, help="of the simulated set, from the first")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--patch", type=int, help="side in px; smaller ones cost a network of small view nothing")
    parser.add_argument("--table", action="store_true", help="print what was measured, make nothing")
    options = parser.parse_args()
    if options.quick:
        torch.set_num_threads(1)
        with tempfile.TemporaryDirectory() as folder:
            rows = _run(Path(folder), "quick", "cpu", SCALES["quick"], PARTS)
    elif options.folder is None:
        parser.error("give a folder, or --quick")
    elif options.table:
        rows = Table(options.folder / "rows.jsonl").rows
    else:
        scale = _chosen(options, SCALES[options.scale])
        rows = _run(options.folder, options.scale, options.device, scale, options.parts)
    sys.stdout.write(tables(rows) + "\n")
    report(figures_of(rows))


if __name__ == "__main__":
    main()
