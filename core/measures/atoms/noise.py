"""What the noise of an image can do: the height of a peak that pure noise hardly ever reaches.

A matched filter's answer to counting noise isn't Gaussian where electrons are few: three of them side by side look like
a blob. The threshold comes from the tail of the sum of k_i n_i, n_i Poisson of mean L, by its cumulant function
K(t) = L sum(exp(t k_i) - 1 - t k_i) and the saddlepoint approximation (Lugannani and Rice, Adv. Appl. Prob. 12, 1980):
P = exp(K - t K') / (t sqrt(2 pi K'')) for the height K'(t). The chance is shared among the independent
places of an image: a Gaussian field with the spectrum of a Laplacian of a Gaussian of scale s has 0.095 u exp(-u^2 / 2)
maxima above u standard deviations in an area of s^2 (Adler, The Geometry of Random Fields, 1981).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.stats import norm

from core.measures.atoms.peaks import response, sharpened

Array = npt.NDArray[np.float64]

# False peaks an image.
_FALSE_ALARMS = 0.03
# Independent places in s^2 px, where the threshold is about 4.7 standard deviations.
_PLACES = 5.3
# How far around a place the mean number of electrons is looked at, in widths of a column.
_AROUND = 3.0
_AROUND_PX = 8.0
_FEWEST_ELECTRONS = 3.0
# The filter [1 -2 1] along both axes: the sum of its squares.
_POWER = 36.0
# Variance over mean of what passes for counts: a lattice of coarse px adds to it, lost coincidences take from it.
_COUNTS = (0.8, 1.5)


@dataclass(frozen=True)
class ImageNoise:
    """Noise of an image that is known: electrons are counted, spread by the detector, and read.

    Attributes
    ----------
    gain : float
        Image units an electron.
    black : float
        Image value where no electron fell.
    read_noise : float
        Its standard deviation in image units.
    spread_px : float
        Sigma of the Gaussian over which the detector spreads an electron (its MTF); 0: noise is white.
    """

    gain: float = 1.0
    black: float = 0.0
    read_noise: float = 0.0
    spread_px: float = 0.0


@dataclass(frozen=True)
class NoiseMap:
    """The noise about each px of an image.

    Attributes
    ----------
    variance : (H, W)
        Of an electron's whole intensity a px, in image units squared, smooth.
    quantum : float
        What one electron adds; 0: noise is Gaussian. Negative where columns are dark and the image was turned over.
    spread_px : float
        As in `ImageNoise`.
    """

    variance: Array
    quantum: float = 0.0
    spread_px: float = 0.0

    @property
    def middle(self) -> float:
        """Typical variance of a px."""
        return float(self.variance.mean())

    def binned(self, factor: int) -> NoiseMap:
        """The noise of means of `factor` x `factor` px."""
        if factor == 1:
            return self
        rows, cols = (length // factor for length in self.variance.shape)
        cut = self.variance[: rows * factor, : cols * factor]
        means = cut.reshape(rows, factor, cols, factor).mean(axis=(1, 3))
        return NoiseMap(means / factor**2, self.quantum / factor**2, self.spread_px / factor)

    def raised(self, model: Array) -> NoiseMap:
        """The noise where a model (H, W) of the image's varying part says more than what is around."""
        return NoiseMap(np.maximum(self.variance, abs(self.quantum) * model), self.quantum, self.spread_px)

    def kernel(self, sigma: float) -> Array:
        """What one electron adds to `sharpened`, for a whole intensity of 1."""
        reach = int(np.ceil(5 * np.hypot(sigma, self.spread_px))) + 1
        spike = np.zeros((2 * reach + 1, 2 * reach + 1))
        spike[reach, reach] = 1.0
        if self.spread_px > 0:
            spike = ndimage.gaussian_filter(spike, self.spread_px, truncate=5.0)
        return sharpened(spike, sigma)

    def deviation(self, width: float, sigma: float) -> Array:
        """Standard deviation (H, W) of the heights that `find_peaks` gives."""
        power = float(np.square(self.kernel(sigma)).sum())
        return np.asarray(np.sqrt(self.variance * power) / response(width, sigma))

    def least(self, width: float, sigma: float) -> Array:
        """Heights (H, W) that peaks of pure noise reach less than once in ten images."""
        chance = min(_FALSE_ALARMS / max(_PLACES * self.variance.size / sigma**2, 1.0), 0.01)
        if self.quantum == 0:
            return np.asarray(norm.isf(chance) * self.deviation(width, sigma))
        electrons = np.maximum(self.variance / self.quantum**2, _FEWEST_ELECTRONS / self.variance.size)
        grid = np.geomspace(float(electrons.min()), 1.0001 * float(electrons.max()), 24)
        tail = np.array(_tails(np.sign(self.quantum) * self.kernel(sigma).ravel(), grid, np.log(chance)))
        height = np.exp(np.interp(np.log(electrons), np.log(grid), np.log(tail)))
        return np.asarray(abs(self.quantum) * height / response(width, sigma))


def _tails(kernel: Array, electrons: Array, log_chance: float) -> list[float]:
    """Sum of kernel times counts that is exceeded with this chance, for some means of electrons a px."""
    steps = np.geomspace(1e-4, 30.0, 160) / float(kernel.max())
    zeroth, first, second = np.zeros(len(steps)), np.zeros(len(steps)), np.zeros(len(steps))
    for index, t in enumerate(steps):
        grown = np.expm1(t * kernel)
        zeroth[index] = np.sum(grown - t * kernel)
        first[index] = np.sum(kernel * grown)
        second[index] = np.sum(kernel**2 * (grown + 1))
    out = []
    for mean in electrons:
        logs = mean * (zeroth - steps * first) - np.log(np.maximum(steps * np.sqrt(2 * np.pi * mean * second), 1.0))
        out.append(mean * float(np.exp(np.interp(-log_chance, -logs, np.log(first)))))
    return out


def noise_of(image: Array, known: ImageNoise | None, dark: bool, width: float) -> NoiseMap:
    """Say what the noise of an image (H, W) is: what is known, that of counts if it holds counts, or what is seen.

    What is seen is the mean square of the second differences along both axes, near each place: Gaussian and white. It
    is too little where noise is smooth, as in denoised images.
    """
    if known is None and holds_counts(image):
        known = ImageNoise()
    if known is None:
        power = ndimage.gaussian_filter(_roughness(image), max(_AROUND * width, _AROUND_PX))
        return NoiseMap(power)
    mean = ndimage.gaussian_filter(image, _AROUND * width) - known.black
    variance = known.gain * np.maximum(mean, 0.0) + known.read_noise**2
    return NoiseMap(variance, -known.gain if dark else known.gain, known.spread_px)


def holds_counts(image: Array) -> bool:
    """Whether an image (H, W) holds whole numbers that scatter as electron counts do."""
    if image.min() < 0 or not np.array_equal(image, np.rint(image)):
        return False
    return _COUNTS[0] < float(_roughness(image).mean()) / float(image.mean()) < _COUNTS[1]


def _roughness(image: Array) -> Array:
    """Squares of the second differences along both axes (H, W); their mean is the variance of white noise."""
    second = [1.0, -2.0, 1.0]
    rough = ndimage.correlate1d(ndimage.correlate1d(image, second, axis=0), second, axis=1)
    return np.asarray(rough**2 / _POWER)
