"""What the tests are done to: a method on a piece of a movie, with that movie's noise and its atoms."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from core.denoising.arrays import ArrayMovie, denoise_array
from core.denoising.context import RunContext
from core.denoising.denoiser import Denoiser, Frames, State
from core.measures.atoms.peaks import Peaks, apart, blob_width, find_peaks, typical_height
from core.simulation.detectors.transfer import spread as spread_of
from core.simulation.spike_ins import Recording

Array = npt.NDArray[np.float64]

# An atom is a peak at least this high, relative to a typical one of the movie.
LEAST = 0.5
# Finer than the atoms, so that close ones are told apart.
_FILTER = 0.75
_NEAREST = 1.2
# Ripples of a few percent of the image's noise-free range are no atoms.
_FAINTEST = 0.05


@dataclass(frozen=True)
class Atoms:
    """What counts as an atom in a denoised frame.

    Attributes
    ----------
    dark : bool
        Atoms are darker than what is around them.
    width : float
        Their sigma in px.
    typical : float
        Height of a typical one in electrons a px; 0 if the movie seems to hold none.
    spacing : float
        Typical distance of neighbours in px; infinite with fewer than two.
    raw_width, raw_height : float
        The same of a typical atom in the raw movie, before any method blurred it: by the mean of many of them. 0 if
        that shows none.
    confirmed : float or None
        What another frame, whose noise had no part, shows of the drawn atoms: 1 is all of it, 0 is nothing (they were
        noise). None with too few frames.
    """

    dark: bool
    width: float
    typical: float
    spacing: float
    raw_width: float = 0.0
    raw_height: float = 0.0
    confirmed: float | None = None

    def peaks(self, frame: npt.ArrayLike, least: float) -> Peaks:
        """Find what is at least `least` electrons a px high in a frame (H, W)."""
        image = np.asarray(frame, dtype=np.float64)
        found = find_peaks(-image if self.dark else image, self.width, _FILTER * self.width, least)
        keep = apart(found.positions, _NEAREST * self.width)
        return Peaks(found.positions[keep], found.heights[keep])


@dataclass(frozen=True)
class Subject:
    """A method on a piece of a movie.

    Attributes
    ----------
    denoiser : Denoiser
        Prepared on `electrons`, with `state`.
    electrons, denoised : float32 (T, H, W)
        What was measured, and what the method made of it.
    recording : Recording
        The noise, in electrons.
    atoms : Atoms
        What counts as one.
    shifts : (T, 2)
        Where the picture lies in each frame, px.
    pixel_nm : float or None
    """

    denoiser: Denoiser
    state: State
    electrons: Frames
    denoised: Frames
    recording: Recording
    atoms: Atoms
    shifts: Array
    pixel_nm: float | None
    context: RunContext

    @classmethod
    def of(
        cls,
        denoiser: Denoiser,
        electrons: Frames,
        recording: Recording,
        context: RunContext,
        pixel_nm: float | None = None,
        dark: bool | None = None,
        shifts: Array | None = None,
        parameters: dict[str, object] | None = None,
    ) -> Subject:
        """Prepare and denoise a piece (T, H, W); `dark` None: the stronger of bright and dark blobs are the atoms."""
        movie = ArrayMovie(np.asarray(electrons, dtype=np.float32), pixel_nm)
        state = denoiser.prepare(movie, context, parameters)
        denoised = denoise_array(denoiser, movie.electrons, pixel_nm, context, state)
        moves = np.zeros((len(denoised), 2)) if shifts is None else shifts
        atoms = in_the_raw(atoms_of(denoised, pixel_nm, dark), movie.electrons, denoised, moves, reach_of(denoiser))
        return cls(denoiser, state, movie.electrons, denoised, recording, atoms, moves, pixel_nm, context)

    @property
    def single_frame(self) -> bool:
        """Whether the method looks at one frame alone."""
        return self.denoiser.frames_before == 0 and self.denoiser.frames_after == 0

    def again(self, electrons: Frames, frames: Sequence[int] | None = None) -> Frames:
        """Denoise another movie of the same noise, with the choices that were made for this one."""
        self.context.check()
        movie = ArrayMovie(np.asarray(electrons, dtype=np.float32), self.pixel_nm)
        # What a method keeps of a movie (drift, a basis) must be this movie's; its choices stay.
        state = self.denoiser.prepare(movie, self.context, self.state.parameters)
        return denoise_array(self.denoiser, movie.electrons, self.pixel_nm, self.context, state, frames)

    def progress(self, stage: str, done: int, total: int, began: float) -> None:
        """Tell how far a test is that began at `began` (time.monotonic)."""
        eta = (time.monotonic() - began) / done * (total - done) if done else None
        self.context.progress(stage, done, total, eta, None)

    def noise_on(self, expected: npt.ArrayLike, rng: np.random.Generator) -> Frames:
        """Record expected electrons anew, with this movie's noise; float32."""
        fresh = self.recording.fresh(np.asarray(expected, dtype=np.float64), "float32", rng)
        return np.asarray(fresh, dtype=np.float32)


def atoms_of(denoised: Frames, pixel_nm: float | None = None, dark: bool | None = None) -> Atoms:
    """Say what the atoms of a denoised movie (T, H, W) look like, by its middle frame.

    Bright or dark, unless told: where the Laplacian's peaks are higher against the background between them.
    """
    frame = np.asarray(denoised[len(denoised) // 2], dtype=np.float64)
    looks = []
    for sign in (False, True) if dark is None else (dark,):
        image = -frame if sign else frame
        width = blob_width(image, pixel_nm)
        found = find_peaks(image, width, _FILTER * width, _FAINTEST * float(np.std(image)))
        keep = apart(found.positions, _NEAREST * width)
        heights = found.heights[keep]
        looks.append(
            (typical_height(heights), sign, width, found.positions[keep][heights > 0.5 * typical_height(heights)])
        )
    typical, sign, width, places = max(looks, key=lambda one: one[0])
    spacing = float("inf")
    if len(places) >= 2:
        from scipy.spatial import cKDTree

        spacing = float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))
    return Atoms(sign, width, typical, spacing)


def reach_of(denoiser: Denoiser) -> int:
    """How many frames further a frame's noise is no longer in a method's result."""
    return max(denoiser.frames_before, denoiser.frames_after) + 1


def in_the_raw(atoms: Atoms, electrons: Frames, denoised: Frames, shifts: Array, reach: int) -> Atoms:
    """Measure the typical atom in the raw electrons: the mean of all atoms, a Gaussian on a level fitted to it.

    Where each atom is was seen in the denoised frame; it is measured `reach` frames away, whose noise had no part in
    finding it (a peak of noise would otherwise vouch for itself). With too few frames it is measured where it was seen.
    """
    if atoms.typical <= 0:
        return atoms
    half = int(np.ceil(min(3.5 * atoms.width, 0.75 * atoms.spacing)))
    side = 2 * half + 1
    raw, drawn, count, elsewhere = np.zeros((side, side)), np.zeros((side, side)), 0, True
    frames = len(electrons)
    for t, frame in enumerate(denoised):
        other = t + reach if t + reach < frames else t - reach
        if not 0 <= other < frames:
            other, elsewhere = t, False
        move = shifts[other] - shifts[t]
        for place in atoms.peaks(frame, LEAST * atoms.typical).positions:
            here, there = np.rint(place).astype(int) - half, np.rint(place + move).astype(int) - half
            if min(*here, *there) >= 0 and np.all(np.maximum(here, there) <= np.array(frame.shape) - side):
                raw += electrons[other, there[0] : there[0] + side, there[1] : there[1] + side]
                drawn += frame[here[0] : here[0] + side, here[1] : here[1] + side]
                count += 1
    if not count:
        return atoms
    sign = -1.0 if atoms.dark else 1.0
    width, height = _gaussian_of(sign * raw / count, atoms.width)
    drawn_width, drawn_height = _gaussian_of(sign * drawn / count, atoms.width)
    volume, drawn_volume = height * width**2, drawn_height * drawn_width**2
    confirmed = volume / drawn_volume if elsewhere and drawn_volume > 0 else None
    if height <= 0:
        return replace(atoms, confirmed=confirmed)
    # The rounding of the places widens the mean by 1/12 px squared.
    narrow = float(np.sqrt(max(width**2 - 1 / 12, 0.25)))
    return replace(atoms, raw_width=narrow, raw_height=volume / narrow**2, confirmed=confirmed)


def _gaussian_of(mean: Array, width: float) -> tuple[float, float]:
    """Fit sigma and height of a Gaussian on a level to a square image of an atom at its centre."""
    half = mean.shape[0] // 2
    far = np.hypot(*(np.mgrid[: mean.shape[0], : mean.shape[0]] - half))
    near = far <= half
    best = (np.inf, 0.0, 0.0)
    for one in np.geomspace(0.35, 1.4, 29) * width:
        shape = np.exp(-(far[near] ** 2) / (2 * one**2))
        design = np.stack([shape, np.ones_like(shape)], axis=1)
        answer, _, _, _ = np.linalg.lstsq(design, mean[near], rcond=None)
        best = min(best, (float(np.sum((mean[near] - design @ answer) ** 2)), float(one), float(answer[0])))
    return best[1], best[2]


def recording_of(electrons: Frames, counts: bool) -> Recording:
    """Describe the noise of a piece of a movie (T, H, W) in electrons, whose gain is known.

    Counts carry Poisson's noise. Otherwise the spread of an electron is a Gaussian whose width follows from the noise's
    correlation between neighbours r, in the difference of neighbouring frames: r = exp(-1 / (4 s^2)); and read noise is
    what the variance has beyond the mean. The excess makes up for what the spread averages away, so that a px has the
    variance that it was scaled by: mean electrons.
    """
    if counts or len(electrons) < 2:
        return Recording(counts=counts)
    difference = np.diff(electrons, axis=0).astype(np.float64) / np.sqrt(2.0)
    high = difference - ndimage.uniform_filter(difference, size=(1, 15, 15))
    variance = float(np.mean(high**2))
    if not variance > 0:
        return Recording(counts=False)
    near = [float(np.mean(high[:, 1:] * high[:, :-1])), float(np.mean(high[..., 1:] * high[..., :-1]))]
    correlation = float(np.clip(np.mean(near) / variance, 0.0, 0.9))
    mean = max(float(electrons.mean(dtype=np.float64)), 0.0)
    if correlation < 0.03:
        return Recording(counts=False, read_noise=float(np.sqrt(max(variance - mean, 0.0))))
    spread = float(np.sqrt(-1 / (4 * np.log(correlation))))
    spike = np.zeros((41, 41))
    spike[20, 20] = 1.0
    kept = float(np.square(spread_of(spike, ((1.0, spread),))).sum())
    return Recording(counts=False, profile=((1.0, spread),), excess=max(1.0, 1 / kept))
