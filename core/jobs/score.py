"""The job ``score``: judge a result of any program against the movie that it was made from."""

from __future__ import annotations

from contextlib import ExitStack

import numpy as np

from core.denoising.context import RunContext
from core.denoising.scaling import Scaling, choose_scale
from core.denoising.source import RequestMovie, sample_frames, select
from core.denoising.telling import Told
from core.jobs.errors import job_error
from core.jobs.score_files import (
    Frames,
    Part,
    check_frames,
    middle,
    part_of,
    read_raw,
    read_values,
    stored_scale,
    stretches,
)
from core.measures.alignment import shifts_of
from core.measures.clips import Clip
from core.measures.columns_kept import column_measures
from core.measures.intensity import match
from core.measures.judging import Judgement, Known, judge
from core.measures.with_truth import truth_measures
from core.movies import Movie, open_movie
from core.protocol.denoise import IntensityScale
from core.protocol.denoise_parts import Notice, Region
from core.protocol.score import Flag, ScoreRequest, ScoreResult


def run(request: ScoreRequest, context: RunContext) -> ScoreResult:
    """Read stretches of frames, judge them, and say what is wrong.

    Raises
    ------
    Cancelled
        It was stopped.
    JobError, MovieError, DenoiseError
        The movies don't belong together, can't be read, or hold no picture.
    """
    told = Told(context)
    with ExitStack() as stack:
        raw = stack.enter_context(open_movie(request.raw, request.raw_dataset))
        result = stack.enter_context(open_movie(request.result, request.result_dataset))
        part = part_of(raw, result)
        others = [
            None if path is None else stack.enter_context(open_movie(path))
            for path in (request.truth, request.reference)
        ]
        for other in others:
            if other is not None:
                _same_shape(other, result)
        reading = _Reading(request, raw, result, part, others, context, told)
        clips, used = reading.clips()
        rescaled = (_eight_bits(result) and not _eight_bits(raw)) or reading.normalised
        known = Known(reading.gain_known, reading.references, reading.reference_excess, rescaled)
        judgement = judge(clips, known, context.check)
        judgement.measures |= column_measures(match(clips, rescaled)[0], _pixel_nm(raw), context.check)
        if reading.truths:
            judgement.measures |= truth_measures(clips, reading.truths)
    flags = list(judgement.flags)
    if reading.bad_share:
        text = (
            f"{100 * reading.bad_share:.3g} % of the result's pixels hold no number; the raw movie's stood in for them."
        )
        flags.insert(0, Flag(code="not-finite", text=text, value=reading.bad_share, limit=0.0))
    _tell(told, judgement)
    return ScoreResult(
        raw=request.raw,
        result=request.result,
        frames_used=used,
        measures=judgement.measures,
        flags=tuple(flags),
        notices=tuple(told.notices),
    )


def _tell(told: Told, judgement: Judgement) -> None:
    told.tell(*judgement.notices)


def _pixel_nm(movie: Movie) -> float | None:
    """Size of a px where it is known, square and in nm."""
    sizes = movie.meta.pixel_size
    if sizes is None or movie.meta.pixel_unit != "nm" or sizes[0] != sizes[1]:
        return None
    return sizes[0]


def _eight_bits(movie: Movie) -> bool:
    return np.dtype(movie.meta.dtype) == np.uint8


def _same_shape(other: Movie, result: Movie) -> None:
    if other.meta.shape != result.meta.shape:
        raise job_error(
            "bad-request",
            f"This movie has {other.meta.frames} frames of {other.meta.height} x {other.meta.width} px, the result "
            f"{result.meta.frames} of {result.meta.height} x {result.meta.width} px.",
            other.meta.path,
            "Give a truth or a reference of the result's own frames and region.",
        )


class _Reading:
    """Reads what is judged, stretch by stretch."""

    def __init__(
        self,
        request: ScoreRequest,
        raw: Movie,
        result: Movie,
        part: Part,
        others: list[Movie | None],
        context: RunContext,
        told: Told,
    ) -> None:
        self._request, self._result, self._part = request, result, part
        self._truth, self._reference = others
        self._context, self._told = context, told
        selection = select(raw.meta, part.frames, part.summed)
        samples = sample_frames(raw, selection)
        scale, notices = choose_scale(raw.meta, samples, request.counts_per_electron, request.black_level)
        told.tell(*notices)
        self.gain_known = scale.source != "unknown"
        self._raw = RequestMovie(raw, selection, scale)
        self._line = Scaling.of(scale, part.summed)
        self._stored = stored_scale(result)
        self._frames, region = check_frames(request, result)
        self._region = middle(region)
        if self._region != region:
            text = f"The middle {_size(self._region)} px of {_size(region)} were judged; --region chooses another part."
            told.tell(Notice(level="info", code="sampled", text=text))
        self.truths: list[Frames] = []
        self.references: list[Frames] | None = None if self._reference is None else []
        self.reference_excess = 1.0
        self.bad_share = 0.0
        self.normalised = False

    def clips(self) -> tuple[list[Clip], int]:
        """Read all of them; returns how many frames that are, too."""
        chosen = stretches(self._frames, self._raw.selection, self._region)
        total = sum(len(one) for one in chosen)
        if total < len(self._frames):
            text = f"{total} of {len(self._frames)} frames were judged, in stretches that are evenly spread."
            self._told.tell(Notice(level="info", code="sampled", text=text))
        out, bad, pixels = [], 0, 0
        for done, frames in enumerate(chosen):
            self._context.progress("reading", done, len(chosen), None, None)
            self._context.check()
            raw = read_raw(self._raw, frames, self._region, self._part.region)
            result = read_values(self._result, frames, self._region, self._stored, self._line)
            finite = np.isfinite(result)
            self._see_range(frames, raw)
            bad, pixels = bad + int(finite.size - np.count_nonzero(finite)), pixels + finite.size
            shifts, certain = shifts_of(raw, self._context.check)
            out.append(Clip(raw, np.where(finite, result, raw), shifts, certain))
            self._read_others(frames, raw)
        self._refuse_empty(out, bad, pixels)
        self.bad_share = bad / pixels
        self._context.progress("judging", len(chosen), len(chosen), None, None)
        return out, total

    def _see_range(self, frames: range, raw: Frames) -> None:
        """Whether the stored values run from 0 to 1, and the raw movie's don't."""
        plain = Scaling.of(IntensityScale(gain=1.0, source="typed"))
        values = read_values(self._result, frames[:1], self._region, None, plain)
        low, high = float(np.nanmin(values, initial=np.inf)), float(np.nanmax(values, initial=-np.inf))
        self.normalised = self._stored is None and low >= 0 and 0.5 < high <= 1 and float(raw.max()) > 2

    def _read_others(self, frames: range, raw: Frames) -> None:
        if self._truth is not None:
            self.truths.append(self._in_electrons(self._truth, frames, raw))
        if self._reference is not None and self.references is not None:
            fraction = self._request.reference_fraction or 1.0
            values = read_values(self._reference, frames, self._region, None, self._line)
            self.references.append(np.asarray(np.nan_to_num(values) / np.float32(fraction), dtype=np.float32))
            self.reference_excess = 1 / fraction

    def _in_electrons(self, movie: Movie, frames: range, raw: Frames) -> Frames:
        """A truth may be in electrons already, or in the raw movie's units: what lies nearer to the raw mean."""
        plain = Scaling.of(IntensityScale(gain=1.0, source="typed"))
        options = [read_values(movie, frames, self._region, None, line) for line in (plain, self._line)]
        mean = float(raw.mean(dtype=np.float64))
        return min(options, key=lambda one: abs(float(np.nanmean(one, dtype=np.float64)) - mean))

    def _refuse_empty(self, clips: list[Clip], bad: int, pixels: int) -> None:
        if bad == pixels:
            raise job_error(
                "bad-request",
                "The result holds no number at all.",
                self._request.result,
                "Denoise the movie again; the program that made this failed.",
            )
        if all(np.ptp(clip.raw) == 0 for clip in clips):
            raise job_error(
                "bad-request",
                "Every frame of the raw movie is constant, or holds no number: there is nothing to judge by.",
                self._request.raw,
                "Give the movie that the result was made from.",
            )


def _size(region: Region) -> str:
    return f"{region.y1 - region.y0} x {region.x1 - region.x0}"
