"""The bench of models: what is asked for, and the rows and figures that come of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from core.protocol.base import Record
from core.protocol.denoise_parts import DeviceChoice, Notice

BenchSet = Literal["clean", "images", "movies", "atoms", "empty", "cameras"]
BENCH_SETS: tuple[BenchSet, ...] = ("clean", "images", "movies", "atoms", "empty", "cameras")
Dose = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]


class ModelBenchRequest(Record):
    """Score models on the standard sets.

    Attributes
    ----------
    models : tuple of str
        Names of models or filters; empty: every installed model.
    filters : bool
        The filters too.
    sets : tuple of str
        Empty: all; ``clean`` only with images.
    clean : tuple of str
        Clean images of the user's own (TIFF, brightness as electrons at s = 1), or folders of such.
    doses : tuple of float
        s: electrons a px are s times the clean image, whose vacuum is 0.45.
    seeds : tuple of int
        Items ``seeds[0]`` to ``seeds[1] - 1`` of each simulated set.
    quick : bool
        A few small development items: to see that it works; the figures say nothing.
    rows : str or None
        File of JSON lines: rows are kept there as they come, and what is in it is not measured again.
    """

    kind: Literal["model_bench"] = "model_bench"
    models: tuple[str, ...] = ()
    filters: bool = False
    sets: tuple[BenchSet, ...] = ()
    clean: tuple[str, ...] = ()
    doses: tuple[Dose, ...] = Field(default=(1.0, 5.0, 25.0), min_length=1)
    seeds: tuple[int, int] = (0, 40)
    quick: bool = False
    device: DeviceChoice = "cpu"
    rows: str | None = None


class BenchRow(Record):
    """One method on one trial.

    Attributes
    ----------
    version : str
        Of the bench and its items; figures are comparable within one only.
    key : str
        The trial, by everything that defines it.
    groups : tuple of str
        What it counts for, such as ``HRTEM``, ``lattice``, ``s=5``.
    values : dict
        Measures by name.
    seconds, tuning_s : float
        CPU-seconds to denoise, and to look at the movie before.
    megapixels : float
        That were denoised in `seconds`.
    chosen : dict
        What the method chose for itself.
    """

    version: str
    set: BenchSet
    key: str
    groups: tuple[str, ...]
    method: str
    method_version: str
    weights_sha256: str
    values: dict[str, float]
    seconds: float
    tuning_s: float
    megapixels: float
    chosen: dict[str, Any] = {}


class BenchFigure(Record):
    """The mean of one measure over `items` rows of a set and group, for one method."""

    set: BenchSet
    group: str
    measure: str
    method: str
    value: float
    items: int


class ModelBenchResult(Record):
    """What was measured. Figures are over the trials that every method went through; `table` is Markdown."""

    kind: Literal["model_bench"] = "model_bench"
    version: str
    methods: tuple[str, ...]
    rows: tuple[BenchRow, ...]
    figures: tuple[BenchFigure, ...]
    table: str
    caveats: tuple[str, ...]
    notices: tuple[Notice, ...] = ()
    seconds: float = 0.0
