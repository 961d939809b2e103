"""Does a result show what its movie shows: the same places, the same instants, and nothing besides?

With f the result and y the raw frame, both without their local mean, y = x + n:

    slope = <f, y> / <f, f>.

A filter with weights h between 0 and 1 has ``<f, y> - <f, f> = sum h (1 - h) <y, y> >= 0``, whatever noise it kept and
whatever signal it lost: the slope is 1 or more. What was drawn and isn't in the movie is in <f, f> alone, so the slope
is below 1, in the place where it was drawn. It needs no neighbours, no gain and no truth.

Where the slope is below 1 all over, the result shows something else: its frames are tried against the frames beside,
moved by whole px, mirrored and inverted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.ndimage import gaussian_filter, uniform_filter

from core.measures.blobs import Blob, added_blobs
from core.measures.clips import Clip

Array = npt.NDArray[np.float64]

_PLACE = 32
_DETAIL_SIGMA = 8.0
_LEAST_FRAMES = 6
# Standard errors, and share of a place's own power, by which a result draws more than its movie shows.
_SURE, _SHARE = 6.0, 0.3
# Share of the result's power in an average place below which a place is empty.
_EMPTY = 0.05
# A wide blur leaves no detail to compare but what it does at the frame's border.
_LEAST_DETAIL = 0.05
_EVERYWHERE = 0.35
_LAGS = (-3, -2, -1, 1, 2, 3)
_LATE_SURE, _LATE_SHARE, _LATE_SLOPE = 5.0, 0.01, 0.995
_TURNED_SURE, _TURNED_SHARE, _TURNED_SLOPE = 3.5, 0.2, 0.85
# How far a result lies beside the movie for sure, px, and how finely places within a px are tried.
_BESIDE, _REACH, _STEP = 0.2, 1.0, 0.1
# Which frame is shown can be told only of a picture that goes at least so far, px.
_LEAST_WAY = 1.0
# Repeated frames are lost ones only if they are few: a picture that stands still repeats itself.
_FEW = 0.25


@dataclass(frozen=True)
class Belonging:
    """What was found.

    Attributes
    ----------
    slope : float
        <f, y> / <f, f> over everything; NaN where the result is flat.
    added : tuple of (int, int)
        Centres (y, x) of the places that draw what the movie doesn't show, strongest first.
    added_share : float
        Share of the worst place's power that the movie doesn't show.
    mismatch : str
        Empty, or how the result would fit better.
    repeated : tuple of int
        Frames of the clips that are the same as the one before, though the raw ones are not.
    blobs : tuple of Blob
        Single blobs that the movie doesn't show, the surest first; weaker ones than `added` sees.
    """

    slope: float
    added: tuple[tuple[int, int], ...]
    added_share: float
    mismatch: str
    repeated: tuple[int, ...]
    blobs: tuple[Blob, ...] = ()


def belonging(clips: Sequence[Clip]) -> Belonging:
    """Compare the result with its own frames, place by place."""
    shown: list[Array] = []
    drawn: list[Array] = []
    for clip in clips:
        raw, result = _detail(clip.raw), _detail(clip.result)
        for f, y in zip(result, raw, strict=True):
            shown.append(_place_sums(f * (f - y)))
            drawn.append(_place_sums(f * f))
    beyond, power = np.stack(shown), np.stack(drawn)
    frames = len(beyond)
    total = float(power.sum())
    whole = sum(float(np.square(one.result - one.result.mean(), dtype=np.float64).sum()) for one in clips)
    covered = 4 if min(clips[0].raw.shape[1:]) > _PLACE else 1  # places overlap by half both ways
    if not total > covered * _LEAST_DETAIL * whole:
        return Belonging(float("nan"), (), 0.0, "", _repeated(clips))
    slope = 1 - float(beyond.sum()) / total
    by_frame = beyond.sum(axis=(1, 2))
    slope_deviation = float(by_frame.std()) * np.sqrt(frames) / total
    places, share, part = _added(beyond, power)
    mismatch = ""
    everywhere = slope < 1 - _SHARE and 1 - slope > _LATE_SURE * slope_deviation and part > _EVERYWHERE
    if everywhere or slope < -_SHARE / 2:
        mismatch = _how(clips)
    # A filter never has a slope below 1.
    elif slope < _LATE_SLOPE:
        mismatch = (_late(clips, slope) if _moves(clips) else "") or _beside(clips)
    if mismatch:
        return Belonging(slope, (), share, mismatch, _repeated(clips))
    blobs = sorted((one for clip in clips for one in added_blobs(clip)), key=lambda one: -one.surety)
    return Belonging(slope, places, share, "", _repeated(clips), tuple(blobs))


def _detail(frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(frames - gaussian_filter(frames, (0, _DETAIL_SIGMA, _DETAIL_SIGMA), mode="nearest"))


def _place_sums(values: npt.NDArray[np.float32]) -> Array:
    """Sums over places of 32 x 32 px that overlap by half."""
    side = min(_PLACE, *values.shape)
    step = max(1, side // 2)
    means = uniform_filter(values.astype(np.float64), side, mode="constant")
    return np.asarray(means[side // 2 :: step, side // 2 :: step] * side**2)


def _added(beyond: Array, power: Array) -> tuple[tuple[tuple[int, int], ...], float, float]:
    """Places that draw more than is shown, the share of the worst, and the part of all that are such."""
    frames = len(beyond)
    if frames < _LEAST_FRAMES:
        return (), 0.0, 1.0
    sums, sizes = beyond.sum(axis=0), power.sum(axis=0)
    spread = np.square(beyond - beyond.mean(axis=0)).sum(axis=0) * frames / (frames - 1)
    # The noise that enters a place's sum goes with the power of what is drawn there.
    typical = float(np.median(spread / np.maximum(sizes, 1e-300)))
    deviation = np.sqrt(np.maximum(spread, typical * sizes))
    filled = sizes > _EMPTY * sizes.mean()
    share = np.where(filled, sums / np.maximum(sizes, 1e-300), 0.0)
    sure = filled & (sums > _SURE * deviation) & (share > _SHARE)
    order = sorted(zip(*np.nonzero(sure), strict=True), key=lambda at: -share[at])
    places = tuple((int((y + 1) * _PLACE // 2), int((x + 1) * _PLACE // 2)) for y, x in order)
    return places, float(share[sure].max()) if sure.any() else 0.0, float((share > _SHARE).sum() / max(filled.sum(), 1))


def _moves(clips: Sequence[Clip]) -> bool:
    return max(float(np.ptp(clip.shifts, axis=0).max()) for clip in clips) >= _LEAST_WAY


def _late(clips: Sequence[Clip], slope: float) -> str:
    """Whether the results fit another frame, or a place some px away, better than their own, for sure."""
    best, found = 0.0, ""
    for lag in _LAGS:
        gains, sizes = [], []
        for clip in clips:
            raw, result = _contrast(clip.raw), _detail(clip.result)
            for frame in range(max(0, -lag), clip.frames - max(0, lag)):
                gains.append(float((result[frame] * (raw[frame + lag] - raw[frame])).sum()))
                sizes.append(float((result[frame] * raw[frame + lag]).sum()))
        gain, surety = _sure(gains, sizes)
        if surety > _LATE_SURE and gain > max(best, _LATE_SHARE):
            best, found = gain, f"Its frames fit the raw frames {abs(lag)} {'later' if lag > 0 else 'earlier'} better."
    return (_turned(clips) if slope < _TURNED_SLOPE else "") or found


def _beside(clips: Sequence[Clip]) -> str:
    """Whether the results fit the raw frames better a part of a px away, for sure."""
    clip = max(clips, key=lambda one: one.frames)
    raw, result = _detail(clip.raw), _detail(clip.result)
    shape = clip.raw.shape[1:]
    rows, columns = fft.fftfreq(shape[0])[None], fft.rfftfreq(shape[1])[:, None]
    # Of a real picture's spectrum one half is kept; its other columns count twice.
    twice = np.where((columns == 0) | (columns == 0.5), 1.0, 2.0).T / (shape[0] * shape[1])
    crosses = [twice * fft.rfft2(f) * fft.rfft2(y).conj() for f, y in zip(result, raw, strict=True)]

    def fits(y: Array, x: Array, cross: npt.NDArray[np.complexfloating]) -> Array:
        """<f, raw moved by (y, x)> for all pairs of places."""
        return np.asarray((np.exp(2j * np.pi * y[:, None] * rows) @ cross @ np.exp(2j * np.pi * columns * x)).real)

    steps = np.round(np.arange(-_REACH, _REACH + _STEP / 2, _STEP), 2) + 0.0
    tried = fits(steps, steps, np.sum(crosses, axis=0))
    y, x = (float(steps[place]) for place in np.unravel_index(int(np.argmax(tried)), tried.shape))
    if np.hypot(y, x) < _BESIDE:
        return ""
    here, there = ([float(fits(*place, one)[0, 0]) for one in crosses] for place in (_at(0, 0), _at(y, x)))
    gain, surety = _sure([b - a for a, b in zip(here, there, strict=True)], there)
    if surety < _LATE_SURE or gain < _LATE_SHARE:
        return ""
    return f"It lies {y:+.1f} rows and {x:+.1f} columns away from the movie."


def _at(y: float, x: float) -> tuple[Array, Array]:
    return np.array([y]), np.array([x])


def _turned(clips: Sequence[Clip]) -> str:
    """Whether frames in reverse order fit far better."""
    gains, sizes = [], []
    for clip in clips:
        raw, result = _contrast(clip.raw), _detail(clip.result)
        for frame, other in zip(range(clip.frames), range(clip.frames - 1, -1, -1), strict=True):
            gains.append(float((result[frame] * (raw[other] - raw[frame])).sum()))
            sizes.append(float((result[frame] * raw[other]).sum()))
    gain, surety = _sure(gains, sizes)
    return "Its frames are in reverse order." if surety > _TURNED_SURE and gain > _TURNED_SHARE else ""


def _contrast(frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The detail of each frame over its mean: a beam that grows makes no later frame fit better."""
    means = frames.mean(axis=(1, 2), keepdims=True)
    return np.asarray(_detail(frames) / np.where(means > 0, means, 1), dtype=np.float32)


def _sure(gains: Sequence[float], sizes: Sequence[float]) -> tuple[float, float]:
    """The gain over the size, and in standard errors."""
    if len(gains) < _LEAST_FRAMES:
        return 0.0, 0.0
    values = np.array(gains)
    deviation = float(values.std(ddof=1)) * np.sqrt(len(values))
    size = float(np.sum(sizes))
    if not size > 0 or not deviation > 0:
        return 0.0, 0.0
    return float(values.sum()) / size, float(values.sum()) / deviation


def _how(clips: Sequence[Clip]) -> str:
    """How a result that doesn't fit would fit."""
    clip = max(clips, key=lambda one: one.frames)
    raw, result = _detail(clip.raw), _detail(clip.result)
    tried = {
        "Its frames are in reverse order.": result[::-1],
        "It is mirrored top to bottom.": result[:, ::-1],
        "It is mirrored left to right.": result[:, :, ::-1],
        "Its contrast is inverted.": -result,
    }
    fits = {text: float((one * raw).sum()) for text, one in tried.items()}
    move, fit = _best_move(raw, result)
    fits[f"It lies {move[0]:+d} rows and {move[1]:+d} columns away from the movie."] = fit if any(move) else 0.0
    text = max(fits, key=lambda one: fits[one])
    size = float(np.square(result, dtype=np.float64).sum())
    return text if fits[text] > 0.5 * size else "It shows another picture, or far more contrast, than the movie."


def _best_move(raw: npt.NDArray[np.float32], result: npt.NDArray[np.float32]) -> tuple[tuple[int, int], float]:
    shape = raw.shape[1:]
    both = (fft.rfft2(result) * fft.rfft2(raw).conj()).sum(axis=0)
    every = fft.irfft2(both, s=shape)
    y, x = (int(one) for one in np.unravel_index(int(np.argmax(every)), shape))
    move = (y - shape[0] if y > shape[0] // 2 else y, x - shape[1] if x > shape[1] // 2 else x)
    return move, float(every.max())


def _repeated(clips: Sequence[Clip]) -> tuple[int, ...]:
    same, pairs, before = [], 0, 0
    for clip in clips:
        for frame in range(1, clip.frames):
            pairs += 1
            alike = np.array_equal(clip.result[frame], clip.result[frame - 1])
            if alike and not np.array_equal(clip.raw[frame], clip.raw[frame - 1]):
                same.append(before + frame)
        before += clip.frames
    return tuple(same) if len(same) <= _FEW * pairs else ()
