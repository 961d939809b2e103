"""Reference images of a camera: dark, gain, defects and fixed pattern, read, judged, and put to use.

Corrected = (stored - dark) / (gain / mean gain) - pattern. Bad pixels keep their values here and are marked; whoever
reads the frame gives them a stand-in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.movies import open_movie
from core.movies.errors import unreadable
from core.noise.errors import NoiseError, noise_error
from core.protocol.clean_up import CleanUp
from core.protocol.denoise_parts import Notice

Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Frame = npt.NDArray[np.generic]

# Frames of a reference movie that are averaged at most.
_MOST_FRAMES = 200
# A mask that hides more than this is a picture, or upside down.
_MOST_BAD = 0.25
_STRIP = 256
_SIZE_ADVICE = "Record it again with the settings of the movie, or crop it to the same pixels."


@dataclass(frozen=True)
class Correction:
    """What is done to each stored frame. None: nothing of that kind.

    Attributes
    ----------
    dark, pattern : float32 (H, W) or None
        Subtracted, in stored units of a single frame.
    gain : float32 (H, W) or None
        Divided by; its mean over good pixels is 1.
    bad : bool (H, W) or None
        Pixels that are not to be trusted.
    xrays : bool
        Whether hits of single frames get a stand-in.
    lines : bool
        Whether offsets that rows or columns share are subtracted.
    notices : tuple of Notice
        What the user is told: nothing is applied in silence. Each file's SHA-256 is among it.
    """

    dark: Image | None = None
    gain: Image | None = None
    bad: Mask | None = None
    pattern: Image | None = None
    xrays: bool = True
    lines: bool = True
    notices: tuple[Notice, ...] = ()

    @property
    def changes_values(self) -> bool:
        """Whether a frame's values become others."""
        return self.dark is not None or self.gain is not None or self.pattern is not None

    def apply(self, frame: Frame, summed: int = 1) -> Frame:
        """Correct a stored frame (H, W), or a sum of several; without anything to do the frame itself is returned.

        The result is float32; values that are not finite stay so.
        """
        if not self.changes_values:
            return frame
        out = np.empty(frame.shape, dtype=np.float32)
        for top in range(0, frame.shape[0], _STRIP):
            rows = slice(top, top + _STRIP)
            with np.errstate(over="ignore", invalid="ignore"):
                values = frame[rows].astype(np.float64)
                if self.dark is not None:
                    values -= summed * self.dark[rows].astype(np.float64)
                if self.gain is not None:
                    values /= self.gain[rows]
                if self.pattern is not None:
                    values -= summed * self.pattern[rows].astype(np.float64)
                out[rows] = values
        return out

    def apply_at(
        self,
        values: npt.NDArray[np.float64],
        rows: npt.NDArray[np.intp],
        columns: npt.NDArray[np.intp],
        summed: int = 1,
    ) -> npt.NDArray[np.float64]:
        """Correct the stored values (N,) of single pixels."""
        if self.dark is not None:
            values = values - summed * self.dark[rows, columns]
        if self.gain is not None:
            values = values / self.gain[rows, columns]
        if self.pattern is not None:
            values = values - summed * self.pattern[rows, columns]
        return np.asarray(values, dtype=np.float64)

    def without_bad(self, frame: Frame) -> Frame:
        """Return a frame whose bad pixels hold NaN, so that no measure counts them; the same one if there is none."""
        if self.bad is None or not self.bad.any():
            return frame
        out = frame.astype(np.float32 if frame.dtype.itemsize <= 2 else np.float64)
        out[self.bad] = np.nan
        return out


def load_correction(clean_up: CleanUp, height: int, width: int, check_gain: bool = True) -> Correction:
    """Read the reference images of a movie of `height` x `width` px.

    Raises
    ------
    NoiseError
        One of another size, with pixels that hold no number, or a gain that can't be divided by.
    MovieError
        One that can't be read.
    """
    shape = (height, width)
    bad = None if clean_up.defects is None else load_mask(clean_up.defects, shape)
    dark = None if clean_up.dark is None else load_reference(clean_up.dark, shape, "dark reference")
    gain = None
    if clean_up.gain is not None:
        gain = load_reference(clean_up.gain, shape, "gain reference")
        if check_gain:
            gain = _divisor(gain, bad, clean_up.gain)
    pattern = None if clean_up.pattern is None else load_reference(clean_up.pattern, shape, "fixed pattern")
    return Correction(dark, gain, bad, pattern, clean_up.xrays, clean_up.lines, _told(clean_up, bad))


def load_reference(path: str, shape: tuple[int, int], name: str) -> Image:
    """Read a reference image, the mean of a movie of many, as float32 (H, W).

    Raises
    ------
    NoiseError
        Its size is another, or it holds NaN or infinite values.
    MovieError
        It can't be read.
    """
    with open_movie(path) as movie:
        found = (movie.meta.height, movie.meta.width)
        if found != shape:
            raise _other_size(path, name, found, shape)
        wanted = np.unique(np.linspace(0, movie.meta.frames - 1, _MOST_FRAMES).astype(int))
        total = np.zeros(shape, dtype=np.float64)
        for number in wanted:
            total += movie.frame(int(number))
    image = np.asarray(total / len(wanted))
    strange = ~np.isfinite(image)
    if strange.any():
        what = f"The {name} holds {_some(strange)} without a number (NaN or infinite)."
        raise noise_error("bad-request", what, path, "Give these pixels a value, and mark them as defects.")
    if name == "dark reference" and movie.meta.frames == 1 and image.size > 1 and np.ptp(image) == 0 and image[0, 0]:
        what = f"The dark reference is {image[0, 0]:g} everywhere: that is a number, not an image."
        raise noise_error("bad-request", what, path, "Type it as the black level instead.")
    return image.astype(np.float32)


def load_mask(path: str, shape: tuple[int, int]) -> Mask:
    """Read a mask of defects, TIFF, PNG or any movie of one frame: True where a pixel is above 0.

    Raises
    ------
    NoiseError
        Its size is another, it has several frames, or marks so much that it can't be a mask of defects.
    MovieError
        It can't be read.
    """
    if Path(path).suffix.lower() == ".png":
        values = _png(path, shape)
    else:
        with open_movie(path) as movie:
            found = (movie.meta.height, movie.meta.width)
            if found != shape:
                raise _other_size(path, "mask of defects", found, shape)
            if movie.meta.frames != 1:
                what = f"The mask of defects has {movie.meta.frames} frames; it must be one image."
                raise noise_error("bad-request", what, path, "Give one image, whose pixels above 0 are bad.")
            values = np.asarray(movie.frame(0), dtype=np.float64)
    if not np.isfinite(values).all():
        strange = f"{_some(~np.isfinite(values))} without a number (NaN or infinite)"
        raise noise_error("bad-request", f"The mask of defects holds {strange}.", path, "Write 0 or 1 instead.")
    bad = np.greater(values, 0)
    share = float(np.count_nonzero(bad)) / bad.size
    if share > _MOST_BAD:
        what = f"The mask marks {100 * share:.0f} % of all pixels as bad."
        raise noise_error("bad-request", what, path, "Pixels above 0 are bad; perhaps it is inverted.")
    return bad


def _png(path: str, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    from PIL import Image as Pictures

    try:
        # A picture that claims to be huge is refused by its header, before a pixel of it is unpacked.
        with Pictures.open(path, formats=("PNG",)) as picture:
            found = (picture.height, picture.width)
            if found != shape:
                raise _other_size(path, "mask of defects", found, shape)
            if picture.mode not in {"1", "L", "I", "I;16"}:
                what = f"The mask of defects is a picture of kind {picture.mode}; grey or black and white is needed."
                raise noise_error("bad-request", what, path, "Save it as a greyscale PNG or TIFF.")
            return np.asarray(picture.convert("L") if picture.mode == "1" else picture, dtype=np.float64)
    except Pictures.DecompressionBombError as error:
        raise noise_error("bad-request", "The mask of defects is far too large.", path, _SIZE_ADVICE) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (SyntaxError, ValueError) as error:
        raise noise_error("malformed", "The mask of defects is damaged.", path, "Save it again.") from error


def _divisor(gain: Image, bad: Mask | None, path: str) -> Image:
    """Return the gain over its mean; refuse one with a good pixel at or below 0."""
    good = np.ones(gain.shape, dtype=np.bool_) if bad is None else ~bad
    dark = good & (gain <= 0)
    if dark.any():
        what = f"The gain reference holds {_some(dark)} at 0 or below, by which nothing can be divided."
        advice = "Give a mask that marks them as defects (quietbeam detector finds them), or another gain reference."
        raise noise_error("bad-request", what, path, advice)
    out = gain / np.float32(gain.mean(dtype=np.float64, where=good))
    out[~good] = 1.0
    return np.asarray(out, dtype=np.float32)


def _other_size(path: str, name: str, found: tuple[int, int], wanted: tuple[int, int]) -> NoiseError:
    what = (
        f"The {name} has {found[1]} x {found[0]} px, the movie {wanted[1]} x {wanted[0]} px (width x height): "
        "they can't be of the same detector and binning."
    )
    return noise_error("bad-request", what, path, _SIZE_ADVICE)


def _some(where: Mask) -> str:
    row, column = (int(v) for v in np.argwhere(where)[0])
    count = int(np.count_nonzero(where))
    return f"{count} pixel{'s' if count > 1 else ''} (the first in row {row}, column {column})"


def _told(clean_up: CleanUp, bad: Mask | None) -> tuple[Notice, ...]:
    out = []
    marked = 0 if bad is None else int(np.count_nonzero(bad))
    words = {
        "dark": (clean_up.dark, "The dark reference {} is subtracted; no electron is 0 from there on"),
        "gain-reference": (clean_up.gain, "Each frame is divided by the gain reference {}"),
        "defects": (clean_up.defects, f"{marked} pixels that {{}} marks as defects get a stand-in of their neighbours"),
        "pattern": (clean_up.pattern, "The fixed pattern {} is subtracted"),
    }
    for code, (path, text) in words.items():
        if path is not None:
            said = f"{text.format(Path(path).name)} (SHA-256 {_sha256(path)[:16]})."
            out.append(Notice(level="info", code=code, text=said))
    if not clean_up.xrays:
        text = "X-ray hits are left as they are, as asked."
        out.append(Notice(level="info", code="xrays-kept", text=text))
    if not clean_up.lines:
        text = "Offsets that rows or columns share are left as they are, as asked."
        out.append(Notice(level="info", code="lines-kept", text=text))
    return tuple(out)


def _sha256(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        # A folder of frames, say: named, but without a sum.
        if Path(path).is_dir():
            return "unknown"
        raise unreadable(path, error) from error
