"""The interface of every denoising method: networks and filters, one frame or many, local or of the whole movie.

Electrons in, electrons out. A method is prepared once a movie and then applied to blocks; the pipeline reads, cleans,
scales, cuts tiles with a halo, and puts the results together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from core.denoising.context import RunContext
from core.protocol.denoise import IntensityScale, Notice
from core.protocol.movie import MovieMeta

Frames = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Needs:
    """What a method can't do without.

    Attributes
    ----------
    counts : bool
        Whole electron counts, untouched by any scaling (thinning, binomial splits).
    gain : bool
        A gain that is known or could be estimated.
    times : bool
        The time of each frame.
    """

    counts: bool = False
    gain: bool = False
    times: bool = False


@dataclass(frozen=True)
class Geometry:
    """How a method sees a frame, in px.

    Attributes
    ----------
    halo : int or None
        How far an output pixel looks to any side; None: at the whole frame, which is then never cut.
    origin_divisor : int
        Tiles begin at multiples of it.
    size_divisor : int
        The frame is continued (its last row and column repeated) to a multiple of it.
    bytes_per_pixel : float
        Memory that one px of a tile costs while it is computed.
    """

    halo: int | None
    origin_divisor: int = 1
    size_divisor: int = 1
    bytes_per_pixel: float = 64.0


@dataclass(frozen=True)
class State:
    """What `prepare` found out about a movie.

    Attributes
    ----------
    geometry : Geometry
        Known only here: it may depend on the movie (binning).
    parameters : dict
        Choices made for this movie, plain JSON values; they go into the plan, and come back to `prepare` when a
        run is resumed or repeated, so that it makes the same choices.
    data : object
        Whatever else the method keeps (noise parameters, drift, a tuned filter, a basis of the whole movie).
    notices : tuple of Notice
        What the user should know of these choices.
    """

    geometry: Geometry
    parameters: dict[str, Any] = field(default_factory=dict)
    data: object = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class Block:
    """Neighbouring frames, or one tile of them, of one segment.

    Attributes
    ----------
    electrons : float32 (T, H, W)
        Finite everywhere: pixels under the mask hold a stand-in made of their neighbours.
    frames : int (T,)
        Which frames of the result these are.
    wanted : tuple of int
        Frames ``wanted[0]:wanted[1]`` of the T are to be denoised; the others are there to be looked at.
    dose : float (T,)
        Mean of each WHOLE frame in electrons a px, masked pixels left out; the same for every tile.
    gain : float
        Stored units an electron: what was divided out.
    times : float (T,) or None
        Start of each frame in s.
    mask : bool (T, H, W) or None
        True where the input is not to be trusted (hot, dead, not finite).
    origin : tuple of int
        Row and column of the block's first pixel in the frame.
    """

    electrons: Frames
    frames: npt.NDArray[np.int64]
    wanted: tuple[int, int]
    dose: npt.NDArray[np.float64]
    gain: float = 1.0
    times: npt.NDArray[np.float64] | None = None
    mask: Mask | None = None
    origin: tuple[int, int] = (0, 0)

    def denoised(self, electrons: Frames) -> Block:
        """Return the block of the wanted frames alone, with these pixels (T_out, H, W)."""
        first, last = self.wanted
        return replace(
            self,
            electrons=electrons,
            frames=self.frames[first:last],
            wanted=(0, last - first),
            dose=self.dose[first:last],
            times=None if self.times is None else self.times[first:last],
            mask=None if self.mask is None else self.mask[first:last],
        )


class ElectronMovie(Protocol):
    """A movie in electrons, cleaned, frames already summed and chosen: what `prepare` may look at."""

    @property
    def meta(self) -> MovieMeta:
        """What the file says of itself."""

    @property
    def frames(self) -> int:
        """Number of frames of the result."""

    @property
    def height(self) -> int:
        """Rows of a whole frame."""

    @property
    def width(self) -> int:
        """Columns of a whole frame."""

    @property
    def segments(self) -> tuple[tuple[int, int], ...]:
        """Frames of the result (start, stop) that belong together: nothing crosses a border."""

    @property
    def scale(self) -> IntensityScale:
        """How stored values became electrons."""

    def block(self, start: int, stop: int) -> Block:
        """Read whole frames ``start:stop`` of the result."""


class Denoiser(Protocol):
    """A denoising method. It is used from one thread."""

    @property
    def name(self) -> str:
        """Name of the model or the filter."""

    @property
    def frames_before(self) -> int:
        """Frames it looks at before the one it denoises."""

    @property
    def frames_after(self) -> int:
        """Frames it looks at after the one it denoises."""

    @property
    def needs(self) -> Needs:
        """What it can't do without."""

    def prepare(self, movie: ElectronMovie, context: RunContext, parameters: Mapping[str, Any] | None = None) -> State:
        """Look at the movie once. `parameters` are those of an earlier run that is to be repeated exactly."""

    def apply(self, state: State, block: Block) -> Block:
        """Denoise a block or a tile of one: the wanted frames, same height and width, electrons.

        Raises
        ------
        MemoryError
            If the tile is too large for the device; the pipeline then comes back with a smaller one.
        """
