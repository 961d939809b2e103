"""Methods on arrays: a movie in memory, in electrons, denoised whole; for scores, null tests and tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.denoising.context import QuietContext, RunContext
from core.denoising.denoiser import Block, Denoiser, Frames, State
from core.protocol.denoise import IntensityScale
from core.protocol.movie import MovieMeta


@dataclass(frozen=True)
class ArrayMovie:
    """A movie (T, H, W) in electrons, as `prepare` may look at it (`ElectronMovie`).

    Attributes
    ----------
    electrons : float32 (T, H, W)
    pixel_nm : float, optional
        Size of a px; None is unknown.
    interval_s : float, optional
        From one frame to the next.
    """

    electrons: Frames
    pixel_nm: float | None = None
    interval_s: float | None = None

    @property
    def meta(self) -> MovieMeta:
        """What a file would say."""
        return MovieMeta(
            path="",
            format="array",
            frames=self.frames,
            height=self.height,
            width=self.width,
            dtype="float32",
            pixel_size=None if self.pixel_nm is None else (self.pixel_nm, self.pixel_nm),
            pixel_unit=None if self.pixel_nm is None else "nm",
            frame_interval_s=self.interval_s,
            declared_frames=self.frames,
        )

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.electrons)

    @property
    def height(self) -> int:
        """Rows of a frame."""
        return int(self.electrons.shape[1])

    @property
    def width(self) -> int:
        """Columns of a frame."""
        return int(self.electrons.shape[2])

    @property
    def segments(self) -> tuple[tuple[int, int], ...]:
        """All frames belong together."""
        return ((0, self.frames),)

    @property
    def scale(self) -> IntensityScale:
        """Electrons are electrons."""
        return IntensityScale(gain=1.0, source="typed")

    def block(self, start: int, stop: int) -> Block:
        """Frames ``start:stop``, all of them wanted."""
        return self.around(start, stop, 0, 0)

    def around(self, start: int, stop: int, before: int, after: int) -> Block:
        """Frames ``start:stop`` to be denoised, with those to be looked at before and after them."""
        first, last = max(0, start - before), min(self.frames, stop + after)
        frames = np.ascontiguousarray(self.electrons[first:last], dtype=np.float32)
        return Block(
            electrons=frames,
            frames=np.arange(first, last),
            wanted=(start - first, stop - first),
            dose=frames.mean(axis=(1, 2), dtype=np.float64),
        )


def denoise_array(
    denoiser: Denoiser,
    electrons: Frames,
    pixel_nm: float | None = None,
    context: RunContext | None = None,
    state: State | None = None,
    frames: Sequence[int] | None = None,
) -> Frames:
    """Denoise a movie (T, H, W) in electrons, whole frame by whole frame; returns electrons (T, H, W) float32.

    Parameters
    ----------
    state
        What `prepare` found out on another movie of the same kind; None: it looks at this one.
    frames
        Which frames are wanted; None: all. The others are looked at by methods that use time.
    """
    movie = ArrayMovie(np.asarray(electrons, dtype=np.float32), pixel_nm)
    if state is None:
        state = denoiser.prepare(movie, context or QuietContext())
    parts = []
    for frame in range(movie.frames) if frames is None else frames:
        if context is not None:
            context.check()
        block = _padded(movie.around(frame, frame + 1, denoiser.frames_before, denoiser.frames_after), state)
        parts.append(denoiser.apply(state, block).electrons[:, : movie.height, : movie.width])
    return np.concatenate(parts)


def _padded(block: Block, state: State) -> Block:
    """Continue the frames to a multiple of what the method asks for, as the pipeline does."""
    divisor = state.geometry.size_divisor
    below, beside = (-length % divisor for length in block.electrons.shape[1:])
    if not below and not beside:
        return block
    frames = np.pad(block.electrons, ((0, 0), (0, below), (0, beside)), mode="edge")
    return Block(frames, block.frames, block.wanted, block.dose)
