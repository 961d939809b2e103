"""Clean images of the user's own, in the published convention.

Clean resized by 0.785, noisy = Poisson(clean * s) / s, PSNR and SSIM with the data range 255 after multiplying by 255
and clamping (arXiv:2010.12970); the mean over the eight turns and mirrorings, one draw each. A constant image of the
right brightness already scores 24 to 26 dB there, so PSNR and SSIM over the clean range stand beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
from scipy import ndimage

from core.denoising.context import RunContext
from core.measures.fidelity import clean_range, psnr, psnr_over_range, ssim, ssim_over_range
from core.scoring.errors import ScoringError
from core.scoring.trial import Contender, Judge, Judged, Trial

Image = npt.NDArray[np.float64]

RESIZE = 0.785
TURNS = 8
_LEAST_SIDE, _MOST_PX = 64, 64_000_000
_ENDINGS = (".tif", ".tiff")


def clean_image(path: Path) -> Image:
    """Read a clean image and resize it as the published evaluation does.

    Raises
    ------
    ScoringError
        It is no TIFF of one grey image, or can't be clean: negative or not finite.
    """
    try:
        image = np.asarray(tifffile.imread(path))
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise _refused(path, f"it can't be read ({error})") from error
    if image.ndim != 2 or image.dtype.kind not in "iuf" or min(image.shape) < _LEAST_SIDE or image.size > _MOST_PX:
        raise _refused(path, f"it is no grey image of {_LEAST_SIDE} px a side or more")
    values = np.asarray(image, np.float64)
    if not np.isfinite(values).all() or values.min() < 0 or clean_range(values) == 0:
        raise _refused(path, "it holds values below 0, none at all, or only one")
    return shrunk(values)


def shrunk(image: Image) -> Image:
    """Resize by 0.785 with a cubic spline, clipped to the image's own range: what scikit-image's `resize` does."""
    factors = [int(n * RESIZE) / n for n in image.shape]
    small = ndimage.zoom(image, factors, order=3, mode="mirror", grid_mode=True)
    return np.asarray(np.clip(small, image.min(), image.max()))


def turned(image: Image, number: int) -> Image:
    """Return one of the eight turns and mirrorings."""
    image = np.rot90(image, number % 4)
    return np.ascontiguousarray(image[:, ::-1] if number >= 4 else image)


def counts_of(truth: Image, number: int, turn: int, dose: float) -> npt.NDArray[np.float32]:
    """Draw the noisy counts of image `number` at dose s: the same for every method and bench."""
    rng = np.random.default_rng([number, turn, int(1000 * dose)])
    return rng.poisson(truth * dose).astype(np.float32)


def image_paths(named: tuple[str, ...]) -> list[Path]:
    """Return the images that were named, and the TIFFs of the folders that were named, in order.

    Raises
    ------
    ScoringError
        There is none of that name.
    """
    paths: list[Path] = []
    for name in named:
        path = Path(name)
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if one.suffix.lower() in _ENDINGS)
            if not inside:
                raise _refused(path, "no TIFF lies in this folder")
            paths += inside
        elif path.is_file():
            paths.append(path)
        else:
            raise ScoringError.of("not-found", "There is no such file.", name, "Check the name.")
    return paths


def clean_trials(images: list[tuple[str, Image]], doses: tuple[float, ...], turns: int = TURNS) -> list[Trial]:
    """List the trials of clean images, each with its name."""
    return [
        Trial("clean", f"{name} {_fingerprint(image)} turn {turn} s={dose:g}", _begin(image, number, turn, dose))
        for number, (name, image) in enumerate(images)
        for dose in doses
        for turn in range(turns)
    ]


def _begin(image: Image, number: int, turn: int, dose: float) -> Callable[[RunContext], Judge]:
    def begin(context: RunContext) -> Judge:
        truth = turned(image, turn)
        counts = counts_of(truth, number, turn, dose)[None]

        def judge(contender: Contender, context: RunContext) -> Judged:
            result = contender.denoise(counts, None, context)
            out = result.electrons[0].astype(np.float64) / dose
            values = {
                "psnr_255": psnr(truth, out),
                "ssim_255": ssim(truth, out),
                "psnr": psnr_over_range(truth, out),
                "ssim": ssim_over_range(truth, out),
            }
            return Judged.of((f"s={dose:g}",), values, result)

        return judge

    return begin


def _fingerprint(image: Image) -> str:
    return hashlib.sha256(np.ascontiguousarray(image, np.float32).tobytes()).hexdigest()[:8]


def _refused(path: Path, why: str) -> ScoringError:
    what = f"This can't be used as a clean image: {why}."
    return ScoringError.of("bad-request", what, str(path), "Choose another image.")
