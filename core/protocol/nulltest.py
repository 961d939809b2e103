"""Null and spike-in tests of a method on a user's own movie: what is asked for, and what is answered."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.protocol.base import Record
from core.protocol.denoise_parts import DeviceChoice, FrameRange, Notice, Region
from core.protocol.entered import Entered


class NullTestRequest(Record):
    """Test how far the atoms that `model` draws in a movie can be believed.

    A piece of the movie is looked at: `region` (None: the 256 px with the most structure) of `frames` (None: some from
    the middle). `dark` None: bright or dark atoms, whichever stand out more. `noise_frames` of each kind of noise are
    denoised; up to `atoms` atoms are erased, and looked for in `repeats` fresh noises.
    """

    kind: Literal["nulltest"] = "nulltest"
    source: str
    dataset: str | None = None
    model: str
    device: DeviceChoice = "auto"
    frames: FrameRange | None = None
    region: Region | None = None
    dark: bool | None = None
    noise_frames: int = Field(default=16, ge=1)
    atoms: int = Field(default=12, ge=1)
    repeats: int = Field(default=50, ge=2)
    seed: int = Field(default=0, ge=0)
    counts_per_electron: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    black_level: float | None = Field(default=None, allow_inf_nan=False)
    entered: Entered | None = None


class AtomRate(Record):
    """Atoms a frame at least `strength` times as high as a typical one, with a 95 % interval."""

    strength: float
    per_frame: float
    low: float
    high: float


class NullAtoms(Record):
    """What was taken for an atom: sigma and spacing in px, height of a typical one in electrons a px.

    The raw ones are before any method blurred it, by the mean of many atoms. `confirmed` is what another frame, whose
    noise had no part in drawing them, shows of the drawn atoms: 1 is all of it, 0 nothing; None with too few frames.
    """

    dark: bool
    width_px: float
    spacing_px: float | None
    typical_height: float
    raw_width_px: float | None
    raw_height: float | None
    confirmed: float | None


class ErasedAtom(Record):
    """An atom that was erased: row and column in the movie's px, and the share of repeats in which it came back."""

    y: float
    x: float
    came_back: float


class SpikeRecovery(Record):
    """Atoms that were put in, at one strength relative to a typical atom of the movie.

    `found` is the share that was drawn; `position_error_px` (and pm, where the px size is known) is along one axis;
    `intensity_bias_percent` is -100 for an atom wiped out, with its standard error.
    """

    strength: float
    places: int
    looks: int
    found: float
    position_error_px: float | None
    position_error_pm: float | None
    intensity_bias_percent: float
    intensity_error_percent: float


class NullTestResult(Record):
    """What the tests found; every figure is to be read with `caveats`.

    Attributes
    ----------
    frames, region
        The piece that was looked at.
    real, flat, shaded : tuple of AtomRate
        Atoms a frame in the denoised movie, in denoised flat noise, and in noise with the movie's slow shading.
    came_back, drawn : float or None
        Share of fresh noises in which erased atoms were drawn again, and in which atoms left in place were drawn.
    response : tuple of float
        Strength of atoms that appear in frame `response_from` of the piece, frame by frame, relative to later;
        `smear_frames` is how many frames' worth lies on the wrong side.
    verdicts : tuple of str
        The same in words.
    """

    kind: Literal["nulltest"] = "nulltest"
    source: str
    model: str
    model_version: str
    frames: tuple[int, int]
    region: Region
    pixel_nm: float | None
    atoms: NullAtoms
    noise_frames: int
    real: tuple[AtomRate, ...]
    flat: tuple[AtomRate, ...]
    shaded: tuple[AtomRate, ...]
    repeats: int
    erased: tuple[ErasedAtom, ...]
    came_back: float | None
    drawn: float | None
    spikes: tuple[SpikeRecovery, ...]
    response: tuple[float, ...]
    response_from: int
    smear_frames: float | None
    verdicts: tuple[str, ...]
    caveats: tuple[str, ...]
    notices: tuple[Notice, ...] = ()
    seconds: float = 0.0
