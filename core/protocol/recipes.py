"""Training recipes: everything needed to train a model again."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from core.protocol.base import Record


class LibraryRecipe(Record):
    """Which clean images are simulated.

    Attributes
    ----------
    structures, optics : int
        Number of specimens by multislice, and of imaging conditions each.
    columns : int
        Number of dark-field STEM specimens.
    held_out : int
        Specimens of either sort that only validate.
    size : int
        Side of an image in binned px.
    pixel_angstrom : tuple of float
        Range of the binned px, log-uniform.
    """

    structures: int = Field(gt=0)
    optics: int = Field(gt=0)
    columns: int = Field(ge=0)
    held_out: int = Field(gt=0)
    size: int = Field(ge=64)
    pixel_angstrom: tuple[float, float]


class ScenesRecipe(Record):
    """Scenes of all modalities to train on besides the library.

    Attributes
    ----------
    recipe : str
        A `simulate` recipe of clean images: a TOML file, or the name of one that comes with the program.
    structures : int
        How many of its structures are taken, from the first.
    share : float
        Of the patches.
    binnings : tuple of int
        Px are summed by one of these, each as often.
    binned_nm : tuple of float
        Those binnings alone that bring px of images with atoms into this range, if there are any.
    dose : tuple of float
        Mean electrons a px before the binning, log-uniform.
    """

    recipe: str
    structures: int = Field(gt=0)
    share: float = Field(gt=0, le=1)
    binnings: tuple[int, ...] = (1, 2, 4)
    binned_nm: tuple[float, float] = (0.012, 0.07)
    dose: tuple[float, float] = (0.1, 20.0)


class ScheduleRecipe(Record):
    """How the network is trained.

    Attributes
    ----------
    steps, decay_steps, warmup_steps : int
        The rate rises over `warmup_steps`, stays, and falls to zero as a cosine over the last `decay_steps`.
    batch, patch : int
        Patches a step and their side in binned px; a patch's border is a frame's edge to the network.
    passes : int
        How often each noisy patch is used, turned or mirrored anew.
    dose_tem, dose_stem : tuple of float
        Mean counts a binned px, log-uniform.
    stem_share, blank_share : float
        Shares of the patches.
    """

    steps: int = Field(gt=0)
    decay_steps: int = Field(gt=0)
    warmup_steps: int = Field(ge=0)
    batch: int = Field(gt=0)
    patch: int = Field(ge=32)
    passes: int = Field(default=1, ge=1)
    rate: float = Field(gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=0.5, gt=0)
    average: float = Field(default=0.998, ge=0, lt=1)
    dose_tem: tuple[float, float]
    dose_stem: tuple[float, float]
    stem_share: float = Field(ge=0, le=1)
    blank_share: float = Field(ge=0, le=1)
    validate_every: int = Field(gt=0)
    checkpoint_every: int = Field(gt=0)

    @model_validator(mode="after")
    def _phases_fit(self) -> ScheduleRecipe:
        if self.warmup_steps + self.decay_steps > self.steps:
            raise ValueError("warmup_steps + decay_steps is more than steps")
        if self.stem_share + self.blank_share > 1:
            raise ValueError("stem_share + blank_share is more than 1")
        return self


class NetworkRecipe(Record):
    """Which network: a key of `core.networks`, its arguments, and the installed model whose weights it begins with."""

    architecture: str
    config: dict[str, Any] = {}
    start: str | None = None


class CardRecipe(Record):
    """What the trained model's card will say that the training cannot know."""

    title: str
    version: str
    modality: tuple[str, ...]
    pixel_size_nm: tuple[float, float] | None = None
    dose_range_e_px: tuple[float, float]
    caveats: tuple[str, ...] = ()


class TrainRecipe(Record):
    """A whole training: simulated library, network, schedule, seed."""

    kind: Literal["supervised"] = "supervised"
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = 0
    library: LibraryRecipe
    scenes: ScenesRecipe | None = None
    network: NetworkRecipe
    schedule: ScheduleRecipe
    card: CardRecipe
