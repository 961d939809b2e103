"""The benchmark's images and movies: fidelity by modality, and what real cameras cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.denoising.context import RunContext
from core.protocol.bench import BenchSet
from core.scoring.recorded import as_seen, best_gaussian, fidelity_of, ideal_counts, middle_of, noise_factor
from core.scoring.trial import Contender, Judge, Judged, Trial
from core.simulation.benchmark import (
    FIRST_DEVELOPMENT_SEED,
    MOTION,
    SEEDS,
    SIDES,
    VERSION,
    Part,
    benchmark_item,
    development_item,
    name_of,
    view_of,
)
from core.simulation.item import Item

_QUICK_SIDE, _QUICK_FRAMES = 128, 3
_QUICK_CAMERA = 1


@dataclass(frozen=True)
class _Spec:
    """Which item, and how much of it."""

    part: Part
    seed: int
    side: int
    frames: int

    @property
    def quick(self) -> bool:
        return self.seed >= FIRST_DEVELOPMENT_SEED

    @property
    def key(self) -> str:
        size = f"{self.side}px" + (f" {self.frames} frames" if self.part == "movie" else "")
        origin = "development" if self.quick else f"benchmark {VERSION}"
        name = f"{self.part}-{self.seed}" if self.quick else name_of(self.seed, self.part)
        return f"{origin} {name} {size}"

    def make(self, context: RunContext) -> Item:
        if self.quick:
            return development_item(self.seed, self.part)
        return benchmark_item(self.seed, self.part, context.check)


def item_trials(part: Part, seeds: range, quick: bool) -> list[Trial]:
    """List the trials of the benchmark's images, or of its movies."""
    name: BenchSet = "images" if part == "image" else "movies"
    return [Trial(name, one.key, _fidelity(one), moving=part == "movie") for one in _specs(part, seeds, quick)]


def camera_trials(seeds: range, quick: bool) -> list[Trial]:
    """List the trials of the images that were not recorded by an ideal counter."""
    specs = _specs("image", seeds, quick, _QUICK_CAMERA)
    chosen = [one for one in specs if one.quick or not view_of(one.seed, "image", 0.5).counted]
    return [Trial("cameras", one.key, _camera(one)) for one in chosen]


def _specs(part: Part, seeds: range, quick: bool, first: int = 0) -> list[_Spec]:
    if quick:
        seed = FIRST_DEVELOPMENT_SEED + first
        return [_Spec(part, seed, _QUICK_SIDE, 1 if part == "image" else _QUICK_FRAMES)]
    frames = 1 if part == "image" else MOTION.frames
    return [_Spec(part, seed, SIDES[part], frames) for seed in seeds if seed in SEEDS]


def groups_of(item: Item) -> tuple[str, ...]:
    """What an item counts for: its modality, and whether there is a lattice in it."""
    modality = "STEM" if item.modality in ("HAADF", "ABF") else item.modality
    lattice = "lattice" if item.periodic else "no lattice"
    return (modality, lattice, "counts" if item.counts else "camera", "all")


def _fidelity(spec: _Spec) -> Callable[[RunContext], Judge]:
    def begin(context: RunContext) -> Judge:
        item = spec.make(context)
        noisy = middle_of(as_seen(item), spec.side, spec.frames)
        clean = middle_of(item.clean, spec.side, spec.frames)
        gaussian = best_gaussian(clean, noisy)

        def judge(contender: Contender, context: RunContext) -> Judged:
            result = contender.denoise(noisy, item.pixel_nm, context)
            values = fidelity_of(clean, result.electrons)
            values |= {"gain": values["psnr"] - gaussian, "gaussian": gaussian, "dose": item.dose}
            return Judged.of(groups_of(item), values, result)

        return judge

    return begin


def _camera(spec: _Spec) -> Callable[[RunContext], Judge]:
    def begin(context: RunContext) -> Judge:
        item = spec.make(context)
        noisy = middle_of(as_seen(item), spec.side, spec.frames)
        clean = middle_of(item.clean, spec.side, spec.frames)
        factor = noise_factor(clean, noisy)
        fewer, counts = ideal_counts(clean, factor, spec.seed)

        def judge(contender: Contender, context: RunContext) -> Judged:
            result = contender.denoise(noisy, item.pixel_nm, context)
            ideal = contender.denoise(counts, item.pixel_nm, context)
            here, there = fidelity_of(clean, result.electrons), fidelity_of(fewer, ideal.electrons)
            values = {
                "psnr": here["psnr"],
                "ideal": there["psnr"],
                "loss": there["psnr"] - here["psnr"],
                "noise_factor": factor,
            }
            return Judged.of(("all", str(item.settings["detector"])), values, result)

        return judge

    return begin
