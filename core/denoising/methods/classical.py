"""The classical methods by name: what `quietbeam models` lists and what a request may ask for.

Nothing heavy is imported until a method is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.denoising.denoiser import Denoiser
from core.protocol.model_card import ModelCard, TrainingRecord

ARCHITECTURE = "classical"
_ANY_DOSE = 1e9


@dataclass(frozen=True)
class Classical:
    """A method without weights.

    Attributes
    ----------
    name : str
        What a user types, and the plan keeps.
    version : str
        Grows when the same movie and parameters would give other values.
    title : str
        One line for lists.
    make : callable
        Makes the denoiser; it runs on the CPU.
    """

    name: str
    version: str
    title: str
    make: Callable[[], Denoiser]

    @property
    def card(self) -> ModelCard:
        """What lists of models show: a card without weights; its architecture is `ARCHITECTURE`."""
        return ModelCard(
            name=self.name,
            version=self.version,
            title=f"{self.name} (filter)",
            architecture=ARCHITECTURE,
            config={},
            modality=(),
            dose_range_e_px=(0.0, _ANY_DOSE),
            training=TrainingRecord(recipe="", data="", device="", duration_s=0, steps=0, seed=0),
            licence="BSD-3-Clause",
            author="Quietbeam contributors",
            weights_sha256="",
            created="",
            caveats=(f"{self.title[0].upper()}{self.title[1:]}. Nothing was trained; it tunes itself on the movie.",),
        )


def _gaussian() -> Denoiser:
    from core.denoising.methods.gaussian import GaussianDenoiser

    return GaussianDenoiser()


def _wiener() -> Denoiser:
    from core.denoising.methods.wiener import WienerDenoiser

    return WienerDenoiser()


def _wavelets() -> Denoiser:
    from core.denoising.methods.wavelets import WaveletDenoiser

    return WaveletDenoiser()


def _total_variation() -> Denoiser:
    from core.denoising.methods.total_variation import TotalVariationDenoiser

    return TotalVariationDenoiser()


def _nl_means() -> Denoiser:
    from core.denoising.methods.nl_means import NlMeansDenoiser

    return NlMeansDenoiser()


def _frame_average() -> Denoiser:
    from core.denoising.methods.frame_average import FrameAverageDenoiser

    return FrameAverageDenoiser()


def _space_time_gaussian() -> Denoiser:
    from core.denoising.methods.space_time_gaussian import SpaceTimeGaussianDenoiser

    return SpaceTimeGaussianDenoiser()


def _low_rank() -> Denoiser:
    from core.denoising.methods.low_rank import LowRankDenoiser

    return LowRankDenoiser()


def _lattice_filter() -> Denoiser:
    from core.denoising.methods.lattice_filter import LatticeFilterDenoiser

    return LatticeFilterDenoiser()


CLASSICAL: dict[str, Classical] = {
    one.name: one
    for one in (
        Classical("gaussian", "1", "Gaussian of the best width, frame by frame", _gaussian),
        Classical("wiener", "1", "local Wiener filter on summed px, frame by frame", _wiener),
        Classical("wavelets", "1", "wavelet thresholding on summed px, frame by frame", _wavelets),
        Classical("tv", "1", "total variation on summed px, frame by frame", _total_variation),
        Classical("nl-means", "1", "non-local means on summed px, frame by frame", _nl_means),
        Classical("lattice-filter", "1", "Fourier windows and Gaussians, the best of each place", _lattice_filter),
        Classical("frame-average", "1", "mean of neighbouring frames along the drift", _frame_average),
        Classical("space-time-gaussian", "1", "Gaussian in space and time along the drift", _space_time_gaussian),
        Classical("low-rank", "1", "patches of low rank through time along the drift", _low_rank),
    )
}
