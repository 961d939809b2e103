"""One damaged file: opened, listed, read, and judged."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

from core.movies import Movie, MovieError, list_datasets, open_movie

CPU_LIMIT_S = 2.0
GROWTH_LIMIT = 64 << 20
_MOST_DATASETS = 4


@dataclass(frozen=True)
class Outcome:
    """What happened: `signature` groups alike outcomes, `problem` says what must not happen (or is empty)."""

    signature: str
    problem: str = ""


@dataclass(frozen=True)
class Sound:
    """The undamaged movie: its frames' hashes."""

    frames: tuple[str, ...]


def sound(path: Path) -> Sound:
    """Read a seed as it is; it must open."""
    with open_movie(path) as movie:
        return Sound(tuple(_hash(movie, index) for index in range(movie.meta.frames)))


def judge(path: Path, seed: Sound | None) -> Outcome:
    """Open, list and read a file that may be damaged.

    `seed` is given where bytes were only cut off its end: with as many frames and no warning it must then be whole.
    """
    before, began = peak_bytes(), time.process_time()
    try:
        signature, problem = _read(path, seed)
    except MovieError as error:
        info = error.info
        signature = f"{type(error).__name__} {info.code} {re.sub(r'[0-9.]+', '#', info.what)[:80]}"
        problem = "" if info.what.endswith((".", "!")) else f"the sentence has no end: {info.what}"
    except Exception as error:  # noqa: BLE001 - whatever comes is what is looked for
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        line = f"{where.tb_frame.f_code.co_name}:{where.tb_lineno}" if where is not None else ""
        signature = f"{type(error).__name__} {line}"
        problem = f"untyped {type(error).__name__} in {line}: {error}"
    spent, grown = time.process_time() - began, peak_bytes() - before
    if not problem and spent > CPU_LIMIT_S:
        problem = f"took {spent:.1f} s"
    if not problem and grown > GROWTH_LIMIT:
        problem = f"grew by {grown >> 20} MB"
    return Outcome(signature, problem)


def _read(path: Path, seed: Sound | None) -> tuple[str, str]:
    datasets = list_datasets(path)
    parts = []
    problem = ""
    for info in [info for info in datasets if info.refusal is None][:_MOST_DATASETS]:
        with open_movie(path, info.key) as movie:
            meta = movie.meta
            issues = ",".join(sorted({issue.code for issue in meta.issues}))
            parts.append(f"{meta.format} {meta.frames == meta.declared_frames} [{issues}] {meta.pixel_unit}")
            told = [issue for issue in meta.issues if issue.level != "info"]
            if meta.frames > meta.declared_frames or meta.frames < 1:
                problem = f"{meta.frames} frames of {meta.declared_frames}"
            for index in sorted({0, meta.frames // 2, meta.frames - 1}):
                _look(movie, index)
            if seed is not None and len(datasets) == 1 and not told and meta.frames == len(seed.frames):
                found = tuple(_hash(movie, index) for index in range(meta.frames))
                if found != seed.frames:
                    problem = "a cut file reads as whole, with other pixels"
            movie.tags()
    return f"{len(datasets)} datasets: {'; '.join(parts)}", problem


def _look(movie: Movie, index: int) -> None:
    """A frame has the promised form, or its error is typed."""
    try:
        frame = movie.frame(index)
    except MovieError:
        return
    assert frame.shape == movie.shape[1:], "a frame of another shape"
    assert frame.dtype == movie.dtype, "a frame of another type"


def _hash(movie: Movie, index: int) -> str:
    return hashlib.sha256(movie.frame(index).tobytes()).hexdigest()


def peak_bytes() -> int:
    """The most memory that this process has held so far."""
    try:
        import resource
    except ImportError:
        import psutil

        return int(getattr(psutil.Process().memory_info(), "peak_wset", 0))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
