"""Simulated sets of images and movies: their recipes, and the jobs that write them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from core.protocol.base import Record

Modality = Literal["HRTEM", "TEM", "HAADF", "ABF", "SEM"]
Walk = Literal["steady", "random walk", "jumps"]


def _rising(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] <= bounds[1]:
        raise ValueError("the range must rise: [lowest, highest]")
    return bounds


def _positive(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] <= 0:
        raise ValueError("a range that is drawn from log-uniformly must lie above 0")
    return _rising(bounds)


Finite = Annotated[float, Field(allow_inf_nan=False)]
Range = Annotated[tuple[Finite, Finite], AfterValidator(_rising)]
LogRange = Annotated[tuple[Finite, Finite], AfterValidator(_positive)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class LensRecipe(Record):
    """Imaging conditions of one scene, each drawn evenly from its range, anew for every view.

    What is not given is drawn as is usual for the modality (`core.simulation.lenses`).

    Attributes
    ----------
    kilovolt : tuple of float, optional
        One of these.
    defocus_nm, spherical_um, astigmatism_nm, focal_spread_nm : tuple of float, optional
        C10 (positive is overfocus), C30 and C12 of the lens, and its focal spread (TEM and STEM).
    coma_nm, threefold_nm : tuple of float, optional
        C21 and C23 (TEM).
    convergence_mrad : tuple of float, optional
        Half-angle of the illumination (TEM).
    semiangle_mrad, inner_mrad, outer_mrad : tuple of float, optional
        Of the probe, and of its annular detector (STEM).
    """

    kilovolt: tuple[Finite, ...] | None = Field(default=None, min_length=1)
    defocus_nm: Range | None = None
    spherical_um: Range | None = None
    astigmatism_nm: Range | None = None
    coma_nm: Range | None = None
    threefold_nm: Range | None = None
    focal_spread_nm: Range | None = None
    convergence_mrad: Range | None = None
    semiangle_mrad: Range | None = None
    inner_mrad: Range | None = None
    outer_mrad: Range | None = None


class SceneRecipe(Record):
    """A way of imaging, and what is imaged so.

    Attributes
    ----------
    modality : str
        ``HRTEM``, ``TEM`` (macromolecules in ice), ``HAADF``, ``ABF`` or ``SEM``.
    share : float
        How often, relative to the other scenes.
    kinds : tuple of str
        Kinds of structure; empty: all that the modality can image.
    materials, particles, supports : tuple of str
        Crystals that fill the frame or end in it, that particles are made of, and that carry them: names of the
        training list, or CIFs beside the recipe. Empty: all that the training list has for it; particles are of
        `materials` if only these are given.
    occupancy : str
        What to do with sites of a CIF that are occupied partly: ``refuse`` the CIF, or draw (``random``) who sits
        where.
    pixel_nm : tuple of float
        Size of a px, drawn log-uniformly.
    detectors : tuple of str
        Names of detector settings of the training list; empty: all that fit the modality.
    """

    modality: Modality
    share: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    kinds: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    particles: tuple[str, ...] = ()
    supports: tuple[str, ...] = ()
    occupancy: Literal["refuse", "random"] = "refuse"
    pixel_nm: LogRange
    detectors: tuple[str, ...] = ()
    lens: LensRecipe = LensRecipe()


class MotionRecipe(Record):
    """What moves and changes in a movie.

    Attributes
    ----------
    frames : int
        Of each movie.
    interval_s : float
        From one frame to the next.
    drift_px : tuple of float
        Mean drift a frame in px, log-uniform.
    walks : tuple of str
        How it drifts: one of these.
    events_share : float
        Share of the movies in which atoms hop, appear and vanish.
    events : tuple of float
        Share of the surface columns that begin a change in a frame, log-uniform.
    lifetime : tuple of float
        Mean number of frames until a change is undone, log-uniform.
    turning_share : float
        Share of the movies in which the specimen turns and tilts.
    turning_deg, tilt_deg : float
        How far it turns from first to last frame, and how far it tilts (standard deviation), at most.
    wander_nm : float
        Standard deviation of the defocus, at most (HRTEM).
    beam : float
        Standard deviation of the beam's slow changes, as a share, at most.
    dropped_share, dropped : float
        Share of the movies that lack frames, and the share of the frames that are missing then.
    """

    frames: int = Field(ge=2, le=10_000)
    interval_s: float = Field(default=0.05, gt=0, allow_inf_nan=False)
    drift_px: LogRange = (0.02, 1.0)
    walks: tuple[Walk, ...] = Field(default=("steady", "random walk", "jumps"), min_length=1)
    events_share: Share = 0.5
    events: LogRange = (0.002, 0.05)
    lifetime: LogRange = (2.0, 12.0)
    turning_share: Share = 0.2
    turning_deg: float = Field(default=2.0, ge=0, le=45)
    tilt_deg: float = Field(default=0.3, ge=0, le=10)
    wander_nm: float = Field(default=1.0, ge=0, le=100)
    beam: Share = 0.05
    dropped_share: Share = 0.1
    dropped: float = Field(default=0.1, ge=0, le=0.9)


class SplitRecipe(Record):
    """Shares of the structures kept for validation and test; no structure is on two sides."""

    validation: Share = 0.1
    test: Share = 0.1

    @model_validator(mode="after")
    def _something_left(self) -> SplitRecipe:
        if self.validation + self.test >= 1:
            raise ValueError("validation + test leave nothing to train on")
        return self


class SimulateRecipe(Record):
    """A set of simulated images or movies.

    Attributes
    ----------
    structures, views : int
        How many specimens, and how often each is imaged: with another lens, dose, detector and motion.
    side : int
        Of the square images, in px.
    dose : tuple of float
        Mean electrons a px and frame, log-uniform.
    counted : float
        Share of the views on an ideal counting detector.
    motion : MotionRecipe, optional
        Movies; without it, single images.
    output : str
        ``recordings``: for each view what the detector stored, the clean frames and the truth.
        ``clean``: for each structure one array of its clean images, float16; training draws the noise itself.
    """

    kind: Literal["simulate"] = "simulate"
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = Field(default=0, ge=0)
    structures: int = Field(gt=0, le=10_000_000)
    views: int = Field(default=1, gt=0, le=10_000)
    side: int = Field(default=512, ge=32, le=8192)
    dose: LogRange = (0.1, 20.0)
    counted: Share = 0.5
    scenes: tuple[SceneRecipe, ...] = Field(min_length=1)
    motion: MotionRecipe | None = None
    split: SplitRecipe = SplitRecipe()
    output: Literal["recordings", "clean"] = "recordings"

    @model_validator(mode="after")
    def _one_kind_of_output(self) -> SimulateRecipe:
        if self.output == "clean" and self.motion is not None:
            raise ValueError("output = 'clean' keeps single images: leave out [motion], or write recordings")
        return self


class SimulateRequest(Record):
    """Write the set of a recipe into a folder.

    Attributes
    ----------
    recipe : str
        A TOML file, or the name of one that comes with the program.
    only : int, optional
        Stop after so many structures.
    contact_sheet : bool
        Also make pictures of what was made.
    workers : int
        How many structures are made at once; 0: one a processor.
    """

    kind: Literal["simulate"] = "simulate"
    recipe: str
    output: str
    only: int | None = Field(default=None, gt=0)
    contact_sheet: bool = False
    workers: int = Field(default=0, ge=0)


class BenchmarkRequest(Record):
    """Write the benchmark, or the seeds ``first`` to ``stop - 1`` of it, into a folder."""

    kind: Literal["benchmark"] = "benchmark"
    output: str
    first: int = Field(default=0, ge=0)
    stop: int | None = Field(default=None, gt=0)
    contact_sheet: bool = False
    workers: int = Field(default=0, ge=0)


class SimulateResult(Record):
    """What lies in the folder now: `items` by part (``train``, ``validation``, ``test``; ``image``, ``movie``)."""

    kind: Literal["simulate"] = "simulate"
    name: str
    version: str
    output: str
    items: dict[str, int]
    made: int
    file_bytes: int
    seconds: float
    sheets: tuple[str, ...] = ()
