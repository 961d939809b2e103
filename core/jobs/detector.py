"""The job ``detector``: look for a detector's defects, in the movie and in its reference images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

import core
from core.denoising.context import RunContext
from core.denoising.telling import Told
from core.denoising.wanted import wanted_frames
from core.jobs.detector_files import DetectorFiles, DetectorRecord, write_image, write_table
from core.motion.drift import Drift, estimate_drift
from core.movies import Movie, open_movie
from core.noise.camera import Fill, defects_of_references, small_picture, standing_out
from core.noise.defects import DEAD, FEW, HOT, UNSTABLE, Defects, find_defects
from core.noise.fixed_pattern import FixedPattern, measure_pattern
from core.noise.references import Correction, load_correction
from core.noise.sampling import Sample, choose_frames
from core.noise.temporal import Image, Statistics, centre_frames, gather
from core.protocol.clean_up import CleanUp, DetectorRequest, DetectorResult
from core.protocol.denoise_parts import Notice
from core.protocol.movie import MovieMeta

# Fewer frames tell nothing of a pixel's scatter.
_FEWEST = 3
# Dead lines that are named.
_NAMED = 12
_VERDICTS = {
    "still": "The specimen moves too little, or not clearly enough, to tell a fixed pattern of the camera from it.",
    "mixed": "Something rests in the picture as strongly as the specimen moves: it may be part of the specimen, so it "
    "is not called a pattern of the camera. A gain reference tells.",
    "smooth": "What rests in the picture is smooth, as a specimen is: it is not called a pattern of the camera. "
    "A gain reference tells.",
    "lattice": "What rests in the picture has few frequencies, as a lattice has: it is not called a pattern of the "
    "camera. A gain reference tells.",
    "local": "What rests in the picture lies in one part of it, as a particle does: it is not called a pattern of the "
    "camera. A gain reference tells.",
}


def run(request: DetectorRequest, context: RunContext) -> DetectorResult:
    """Look for defects, hits and a fixed pattern; write them if a folder is given.

    Raises
    ------
    Cancelled
        Nothing is written then.
    JobError, DenoiseError, NoiseError, MovieError
        Bad frames or folders, reference images that don't fit, a movie that can't be read.
    """
    told = Told(context)
    with open_movie(request.source, request.dataset) as movie:
        if request.entered is not None:
            movie.meta = request.entered.applied_to(movie.meta)
        meta = movie.meta
        files = None
        if request.output is not None:
            files = DetectorFiles.of(request.source, request.output, request.overwrite)
        sample = _sample(request, meta)
        references = CleanUp(dark=request.dark, gain=request.gain)
        correction = load_correction(references, meta.height, meta.width, check_gain=False)
        told.tell(*correction.notices)
        known, correction = defects_of_references(correction)
        _tell_limits(meta, sample, told)
        look = _Look(movie, sample, correction, context)
        statistics, defects, pattern = look.all(meta)
    found = defects if known is None else replace(defects, mask=defects.mask | known)
    _tell_found(found, pattern, statistics, told)
    lens = not (meta.pixel_unit or "").startswith("1/")
    result = _result(statistics, found, pattern, len(sample.frames), lens)
    if files is not None and statistics is not None:
        result = _written(result, files, statistics, found, pattern, request, told, sample)
    return result.model_copy(update={"notices": tuple(told.notices)})


def _sample(request: DetectorRequest, meta: MovieMeta) -> Sample:
    wanted_frames(request.frames, meta)
    return choose_frames(meta, request.frames, request.frames_used)


def _tell_limits(meta: MovieMeta, sample: Sample, told: Told) -> None:
    """Say beforehand what can't be told."""
    count = len(sample.frames)
    if meta.scanned:
        text = (
            "This is a scanned image: its pixels are moments, not places on a camera, so it has no dead or hot pixels "
            "and no fixed pattern. Nothing was looked for."
        )
        told.tell(Notice(level="warning", code="scanned", text=text))
    elif count < _FEWEST:
        text = f"{count} frames are too few to tell a defect from the specimen; nothing was looked for in them."
        told.tell(Notice(level="warning", code="few-frames", text=text))
    elif count < FEW:
        text = (
            f"{count} frames are too few to tell a defect from the specimen; only hits, pixels that are stuck, and "
            f"what reference images show were looked for. {FEW} frames or more are needed, 40 or more are good."
        )
        told.tell(Notice(level="warning", code="few-frames", text=text))
    if (meta.pixel_unit or "").startswith("1/"):
        text = (
            "This is diffraction, where a lone bright pixel may be a reflection: only dead pixels were looked for. A "
            "dark reference shows the hot ones."
        )
        told.tell(Notice(level="info", code="diffraction", text=text))
    if count < meta.frames:
        text = f"{count} of {meta.frames} frames were read, evenly spread."
        told.tell(Notice(level="info", code="sampled", text=text))


def _tell_found(defects: Defects, pattern: FixedPattern, statistics: Statistics | None, told: Told) -> None:
    """Say what was left alone, and why."""
    if statistics is None:
        return
    if statistics.line is None:
        text = (
            "The frames hold no noise, or too few electrons: a pixel that doesn't behave like the others can't be told."
        )
        told.tell(Notice(level="warning", code="no-noise", text=text))
    strange = int(np.count_nonzero(~statistics.usable))
    if strange:
        text = f"{strange} pixels hold no number (NaN or infinite) in one frame or more: nothing can be told of them."
        told.tell(Notice(level="warning", code="not-finite", text=text))
    for name, numbers in (("row", defects.lines.rows), ("column", defects.lines.columns)):
        if numbers:
            text = f"Dead from one end to the other: {_listed(name, numbers)}, counted from 0."
            told.tell(Notice(level="info", code="dead-lines", text=text))
    if defects.too_many:
        text = (
            "So many pixels stand out of their surroundings that it must be the specimen (a very sharp lattice, "
            "reflections): no single one was called a defect. Reference images tell."
        )
        told.tell(Notice(level="warning", code="too-many", text=text))
    if defects.doubtful:
        text = (
            f"{defects.doubtful} lone bright pixels do scatter, so they may be atoms or reflections, and were left. "
            "A dark reference would show which of them are hot."
        )
        told.tell(Notice(level="info", code="doubtful", text=text))
    if pattern.verdict in _VERDICTS:
        told.tell(Notice(level="info", code=f"pattern-{pattern.verdict}", text=_VERDICTS[pattern.verdict]))
    elif pattern.verdict == "nothing":
        text = f"No fixed pattern was found; one of {pattern.least:.3g} stored units or more would have been noticed."
        told.tell(Notice(level="info", code="pattern-nothing", text=text))


def _listed(name: str, numbers: Sequence[int]) -> str:
    """Name some lines, the first dozen of them."""
    some = ", ".join(str(number) for number in numbers[:_NAMED])
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    return f"{name}{'' if len(numbers) == 1 else 's'} {some}{more}"


def _result(
    statistics: Statistics | None, defects: Defects, pattern: FixedPattern, frames: int, lens: bool
) -> DetectorResult:
    hits: int | None = None
    share = None
    counts = {DEAD: defects.count(DEAD), HOT: defects.count(HOT), UNSTABLE: defects.count(UNSTABLE)}
    told: set[int] = set()
    if statistics is not None and statistics.usable.any():
        if lens:
            # A pixel that is hit again and again is counted once, as unstable.
            hits = sum(int(np.count_nonzero(defects.mask[hit.rows, hit.columns] == 0)) for hit in statistics.hits)
        if statistics.line is not None and frames >= FEW:
            told = {DEAD, HOT, UNSTABLE} if lens else {DEAD}
    if pattern.rms is not None and statistics is not None and statistics.line is not None:
        share = pattern.rms / max(statistics.line.typical**0.5, 1e-300)
    # None isn't the same as "not one": what was found counts, whatever else could not be told.
    dead, hot, unstable = (count if count or kind in told else None for kind, count in counts.items())
    return DetectorResult(
        frames=frames,
        dead=dead,
        hot=hot,
        unstable=unstable,
        hits=hits,
        hits_per_frame=None if hits is None else hits / max(1, frames),
        pattern_rms=pattern.rms,
        pattern_share=share,
    )


def _written(
    result: DetectorResult,
    files: DetectorFiles,
    statistics: Statistics,
    defects: Defects,
    pattern: FixedPattern,
    request: DetectorRequest,
    told: Told,
    sample: Sample,
) -> DetectorResult:
    """Write mask and table, and the pattern if there is one."""
    record = DetectorRecord(
        version=core.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        request=request,
        frames=sample.frames,
        notices=tuple(told.notices),
    ).model_dump_json()
    write_image(files.mask, defects.mask, record)
    hits = (
        (sample.frames[hit.frame], int(row), int(column))
        for hit in statistics.hits
        for row, column in zip(hit.rows, hit.columns, strict=True)
        if not defects.mask[row, column]
    )
    write_table(files.table, defects.mask, statistics.mean, statistics.noise, hits)
    paths: dict[str, str] = {"mask": str(files.mask), "table": str(files.table)}
    if pattern.image is not None:
        write_image(files.pattern, pattern.image, record)
        paths["pattern"] = str(files.pattern)
    return result.model_copy(update=paths)


class _Look:
    """Reads the sample as often as it takes, and says how far it is."""

    def __init__(self, movie: Movie, sample: Sample, correction: Correction, context: RunContext) -> None:
        self._movie = movie
        self._sample = sample
        self._correction = correction
        self._context = context
        self._read_so_far = 0
        self._stage = ("", 0)

    def all(self, meta: MovieMeta) -> tuple[Statistics | None, Defects, FixedPattern]:
        """Statistics, defects and pattern; without the first where there is no camera or no time to speak of."""
        nothing = Defects(np.zeros((meta.height, meta.width), dtype=np.uint8))
        if meta.scanned:
            return None, nothing, FixedPattern("still")
        lens = not (meta.pixel_unit or "").startswith("1/")
        count = len(self._sample.frames)
        if count < _FEWEST:
            return None, nothing, FixedPattern("still")
        self._begin("measuring pixels", count + len(centre_frames(self._sample, meta.height * meta.width)))
        statistics = gather(self.read, self._sample, self._step, lens)
        drift = self._drift(statistics) if lens and count >= FEW else None
        shifts = drift.shifts if drift is not None and drift.certain else None
        defects = nothing
        if count >= FEW or lens:
            self._begin("judging pixels", count)
            defects = find_defects(statistics, self.read, self._step, shifts, lens)
        if shifts is None or drift is None or drift.extent < 1:
            return statistics, defects, FixedPattern("still")
        fill = Fill(defects.mask > 0 if self._correction.bad is None else (defects.mask > 0) | self._correction.bad)
        hits = {hit.frame: hit for hit in statistics.hits}
        self._begin("measuring the pattern", count)

        def filled(place: int) -> Image:
            hit = hits.get(place)
            return fill(self.read(place), None if hit is None else (hit.rows, hit.columns))

        return statistics, defects, measure_pattern(filled, shifts, self._step)

    def read(self, place: int) -> Image:
        """A frame of the sample (H, W), corrected; NaN where it holds no number."""
        frame = self._correction.apply(self._movie.frame(self._sample.frames[place]))
        values = np.asarray(frame, dtype=np.float32)
        if frame.dtype.kind == "f" and not np.isfinite(values).all():
            values = np.where(np.isfinite(values), values, np.float32(np.nan))
        return values

    def _drift(self, statistics: Statistics) -> Drift | None:
        self._begin("following the drift", len(self._sample.frames))
        pictures, factor = [], 1
        fill = Fill(standing_out(statistics))
        for place in range(len(self._sample.frames)):
            picture, factor = small_picture(fill(self.read(place)), statistics.mean)
            pictures.append(picture)
            self._step()
        found = estimate_drift(np.stack(pictures), self._context.check)
        return None if found is None else found.times(factor)

    def _begin(self, stage: str, frames: int) -> None:
        self._stage, self._read_so_far = (stage, frames), 0
        self._context.progress(stage, 0, frames, None, None)

    def _step(self) -> None:
        self._context.check()
        stage, frames = self._stage
        self._read_so_far = min(self._read_so_far + 1, frames)
        self._context.progress(stage, self._read_so_far, frames, None, None)
