"""Training recipes: everything needed to train a model again."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from core.protocol.base import Record
from core.protocol.card_rules import card_flaw
from core.protocol.simulation import Modality


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 < value[0] <= value[1] < math.inf:
        raise ValueError(f"must rise from above 0: [lowest, highest], not [{value[0]:g}, {value[1]:g}]")
    return value


# What is drawn from, log-uniform.
Range = Annotated[tuple[float, float], AfterValidator(_rising)]
# Folders of a training that no model may take.
_TAKEN = ("library", "scenes")


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
    pixel_angstrom: Range


class ScenesRecipe(Record):
    """Scenes to train on, of one modality or several, alone or besides the library.

    Attributes
    ----------
    recipe : str, optional
        A `simulate` recipe of clean images: a TOML file, or the name of one that comes with the program. Without one
        the folder is taken as it is.
    structures : int, optional
        How many of its structures are taken, from the first; without a number, all.
    folder : str, optional
        Where they lie, or will be made, as seen from the training's own folder: several trainings may share one.
    modalities : tuple of str
        Scenes of these alone are taken; empty takes all. So trainings may share a set, each with its part of it.
    share : float
        Of the patches, where there is a library too.
    binnings : tuple of int
        Px are summed by one of these, each as often.
    binned_nm : tuple of float
        Those binnings alone that bring px of images with atoms into this range, if there are any.
    dose : tuple of float
        Mean electrons a px before the binning, log-uniform.
    softened : float
        Share of the TEM images whose contrast is lowered: thick crystals have more of it here than in a microscope.
    """

    recipe: str | None = None
    structures: int | None = Field(default=None, gt=0)
    folder: str = "scenes"
    modalities: tuple[Modality, ...] = ()
    share: float = Field(default=1.0, gt=0, le=1)
    binnings: tuple[Annotated[int, Field(gt=0)], ...] = Field(default=(1, 2, 4), min_length=1)
    binned_nm: Range = (0.012, 0.07)
    dose: Range = (0.1, 20.0)
    softened: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _there_is_a_place(self) -> ScenesRecipe:
        if self.recipe is None and self.folder == "scenes":
            raise ValueError("without a recipe, the folder with the scenes must be named")
        return self


class ImagesRecipe(Record):
    """Clean images of a folder to train on, such as photographs, with Gaussian noise of one deviation everywhere.

    Attributes
    ----------
    folder : str
        PNG, JPEG or TIFF of 8 bit, as seen from the recipe; colours are averaged. White is 1.
    held_out : int
        How many of them, the last by name, only validate.
    noise : tuple of float
        Standard deviation in steps of 8 bit, log-uniform.
    """

    folder: str
    held_out: int = Field(default=2, gt=0)
    noise: Range


class ScheduleRecipe(Record):
    """How the network is trained.

    Attributes
    ----------
    steps, decay_steps, warmup_steps : int
        The rate rises over `warmup_steps`, stays, and falls to zero as a cosine over the last `decay_steps`.
    loss : str
        ``log-error`` (every dose and specimen counts alike), ``poisson`` (likelihood of the clean image's electrons),
        ``l2`` or ``l1``.
    precision : str
        ``auto``: bfloat16 where it is fast.
    batch, patch : int
        Patches a step and their side in binned px; a patch's border is a frame's edge to the network.
    passes : int
        How often each noisy patch is used, turned or mirrored anew.
    dose_tem, dose_stem : tuple of float
        Mean counts a binned px, log-uniform.
    stem_share, blank_share : float
        Shares of the patches.
    patience : int, optional
        Stop after so many validations in a row without a gain. The best weights are what is written then, whether it
        stopped early or not; without patience they are the last ones.
    plateau : int, optional
        Halve the rate after so many validations in a row without a gain.
    least_gain : float
        What counts as a gain, dB of the mean over the groups of held-out structures.
    rollbacks : int
        When the loss is no longer a number, go back to the last good checkpoint at half the rate, so many times.
    """

    steps: int = Field(gt=0)
    decay_steps: int = Field(ge=0)
    warmup_steps: int = Field(ge=0)
    batch: int = Field(gt=0, le=4096)
    patch: int = Field(ge=32, le=4096)
    passes: int = Field(default=1, ge=1)
    rate: float = Field(gt=0, allow_inf_nan=False)
    weight_decay: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    clip: float = Field(default=0.5, gt=0, allow_inf_nan=False)
    average: float = Field(default=0.998, ge=0, lt=1)
    loss: Literal["log-error", "poisson", "l2", "l1"] = "log-error"
    precision: Literal["auto", "float32"] = "auto"
    dose_tem: Range = (1.5, 600.0)
    dose_stem: Range = (1.5, 200.0)
    stem_share: float = Field(default=0.0, ge=0, le=1)
    blank_share: float = Field(default=0.0, ge=0, le=1)
    validate_every: int = Field(gt=0)
    checkpoint_every: int = Field(gt=0)
    patience: int | None = Field(default=None, gt=0)
    plateau: int | None = Field(default=None, gt=0)
    least_gain: float = Field(default=0.01, ge=0)
    rollbacks: int = Field(default=4, ge=0)

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
    """What the trained model's card will say that the training cannot know.

    What no model can be installed with is refused here, before hours of training.
    """

    title: str
    version: str
    modality: tuple[str, ...]
    pixel_size_nm: tuple[float, float] | None = None
    dose_range_e_px: tuple[float, float]
    frames: int = 1
    series: str = ""
    author: str = ""
    licence: str = ""
    caveats: tuple[str, ...] = ()

    @field_validator("*")
    @classmethod
    def _can_be_installed(cls, value: Any, info: ValidationInfo) -> Any:
        return _told_by_card(info.field_name, value)


class TrainRecipe(Record):
    """A whole training: where the images come from, network, schedule, seed.

    Attributes
    ----------
    library : LibraryRecipe, optional
        Small images of atoms on the binned grid.
    scenes : ScenesRecipe, optional
        Scenes by a `simulate` recipe. Library, scenes or both.
    images : ImagesRecipe, optional
        A folder of clean images, instead of these.
    """

    kind: Literal["supervised"] = "supervised"
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    seed: int = Field(default=0, ge=0, lt=1 << 62)
    library: LibraryRecipe | None = None
    scenes: ScenesRecipe | None = None
    images: ImagesRecipe | None = None
    network: NetworkRecipe
    schedule: ScheduleRecipe
    card: CardRecipe

    @field_validator("name")
    @classmethod
    def _can_be_installed(cls, value: str, info: ValidationInfo) -> str:
        if value in _TAKEN:
            raise ValueError(f"must be another than {value!r}, a folder of every training")
        return str(_told_by_card(info.field_name, value))

    @model_validator(mode="after")
    def _something_to_train_on(self) -> TrainRecipe:
        simulated = self.library is not None or self.scenes is not None
        if simulated == (self.images is not None):
            raise ValueError("give [library] or [scenes] or both, or [images] alone")
        if self.library is not None and self.schedule.patch > self.library.size:
            patch, size = self.schedule.patch, self.library.size
            raise ValueError(f"schedule.patch is {patch}, more than library.size, which is {size}")
        return self


def _told_by_card(key: str | None, value: Any) -> Any:
    flaw = card_flaw(key or "", value)
    if flaw is not None:
        raise ValueError(flaw)
    return value
