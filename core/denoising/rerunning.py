"""A result made again from the provenance inside it, and compared pixel by pixel with what lies there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

import core
from core.denoising.beginning import make_ready, tell_issues
from core.denoising.checksums import of_all
from core.denoising.comparing import Comparison
from core.denoising.context import RunContext
from core.denoising.devices import pick_device, pick_threads
from core.denoising.errors import DenoiseError, denoise_error
from core.denoising.making import NoLedger, Run
from core.denoising.methods.registry import Method, find_method
from core.denoising.opening import as_long_as, open_asked
from core.denoising.output import check_output
from core.denoising.planning import prepare, prepare_again
from core.denoising.provenance import calibration, make_provenance, versions
from core.denoising.source import Selection, select
from core.denoising.telling import Told
from core.models import ModelStore
from core.movies import Movie, open_movie
from core.movies.writers import create_writer, read_provenance
from core.movies.writers.provenance import DENOISED, lineage
from core.protocol.denoise import DenoiseRequest, DeviceChoice, FrameRange, Notice, Plan, Provenance
from core.protocol.rerun import RerunRequest, RerunResult
from core.views import display_range

# Codes of the notices that name a reference image with its checksum.
_REFERENCES = {"dark", "gain-reference", "defects", "pattern"}
Write = Callable[[int, npt.NDArray[Any]], None]


@dataclass(frozen=True)
class _Stretch:
    """Frames of the result, and the plan to make them by here."""

    frames: range
    plan: Plan
    same_device: bool
    same_kind: bool


def rerun_result(request: RerunRequest, store: ModelStore, context: RunContext) -> RerunResult:
    """Make a result again by its own plan, and compare.

    On the same kind of device the two agree bit for bit; elsewhere the largest difference is judged by the tolerance.
    Nothing is written unless `output` is given. Whether the movie is still the one that was denoised is told by the
    checksums of the frames that are read.

    Raises
    ------
    Cancelled, DenoiseError, MovieError, ModelError
        It can't be made again: no provenance, no movie, no such model.
    """
    began = time.monotonic()
    told = Told(context)
    provenance = provenance_of(request.result)
    asked = _asked(request, provenance)
    method = find_method(provenance.plan.model, store, provenance.plan.model_version)
    with open_movie(request.result) as first, open_asked(asked) as movie:
        tell_issues(movie, told)
        as_long_as(movie, provenance.movie_frames)
        selection = select(movie.meta, asked.frames, asked.sum_frames)
        stretches = _stretches(provenance, len(selection.starts), request.device, method, told)
        run = _run(asked, movie, selection, method, stretches[0], told)
        _refuse_other_size(run, first, request)
        if movie.meta.fingerprint != provenance.source_fingerprint:
            text = "The movie's file is not quite what it was; the checksums of its frames will tell."
            told.tell(Notice(level="warning", code="source-changed", text=text))
        comparison = Comparison(first, provenance.plan.stored)
        context.started(stretches[0].plan, run.movie.frames)
        with _writing(request, asked, run, comparison, told) as write:
            for stretch in stretches:
                _follow(run, stretch, method, asked, told)
                run.all_frames(write, stretch.frames)
        same_source = _judge_source(run, movie, provenance, told)
        _judge_references(provenance, told)
        _judge_result(comparison, provenance, told)
    relative = comparison.relative
    return RerunResult(
        result=request.result,
        output=request.output,
        frames=run.movie.frames,
        identical=comparison.identical,
        same_device=all(stretch.same_device for stretch in stretches),
        same_source=same_source,
        different_frames=comparison.different_frames,
        largest_difference=comparison.largest,
        relative=relative,
        tolerance=request.tolerance,
        within=comparison.identical or (relative <= request.tolerance and not comparison.only_in_one),
        seconds=time.monotonic() - began,
        notices=tuple(told.notices),
    )


def provenance_of(result: str) -> Provenance:
    """Return the provenance inside a result.

    Raises
    ------
    MovieError
        The file can't be read.
    DenoiseError
        It holds none, or one that this version doesn't understand.
    """
    found = read_provenance(result)
    if found is None:
        raise denoise_error(
            "no-provenance",
            "The file doesn't say how it was made, so it can't be made again.",
            result,
            "Choose a result of Quietbeam as it was written: other programs drop this record, and that of an MRC file "
            "lies beside it, in NAME.mrc.json.",
        )
    steps = lineage(found)
    if steps and not steps[0].startswith(DENOISED):
        raise denoise_error(
            "no-provenance",
            f"This file was {steps[0]}; nothing was denoised in that step.",
            result,
            "Choose the result that came out of the denoising itself.",
        )
    try:
        return Provenance.model_validate(found)
    except ValidationError as error:
        raise denoise_error(
            "no-provenance",
            f"How the result was made is not understood ({error.errors()[0]['msg']}).",
            result,
            "It may come from a newer version of Quietbeam: install that.",
        ) from error


def _asked(request: RerunRequest, provenance: Provenance) -> DenoiseRequest:
    """Return the request of the first run, for the movie where it is now, and for the frames that it had then."""
    start, stop = provenance.source_frames
    return provenance.request.model_copy(
        update={
            "source": _source(request, provenance),
            "output": request.output or request.result,
            "frames": FrameRange(start=start, stop=stop),
            "overwrite": request.overwrite,
            "resume": False,
        }
    )


def _source(request: RerunRequest, provenance: Provenance) -> str:
    if request.source is not None:
        return request.source
    beside = Path(request.result).absolute().parent / Path(provenance.source).name
    for place in (Path(provenance.source), beside):
        if place.exists():
            return str(place)
    raise denoise_error(
        "not-found",
        "The movie that this result was made of is not where it was.",
        provenance.source,
        "Say where it is now: --source FILE.",
    )


def _stretches(
    provenance: Provenance, frames: int, choice: DeviceChoice, method: Method, told: Told
) -> tuple[_Stretch, ...]:
    """Return what the first run did, in order, on the devices that are here."""
    bounds = [*((one.stop, one.plan) for one in provenance.earlier_plans), (frames, provenance.plan)]
    out, start = [], 0
    for stop, plan in bounds:
        out.append(_here(range(start, stop), plan, choice, method))
        start = stop
    if not all(one.same_device for one in out):
        was, now = provenance.plan.device_name or provenance.plan.device, out[-1].plan.device_name
        text = f"The result was made on {was}, this is {now}: "
        if any(plan.dtype == "bfloat16" for _, plan in bounds):
            text += "its half precision (bfloat16) rounds otherwise, by some hundredths of a standard deviation."
        else:
            text += "the last bits may differ."
        told.tell(Notice(level="info", code="other-device", text=text))
    then, here = (
        {"Quietbeam": provenance.version, **provenance.versions},
        {"Quietbeam": core.__version__, **versions()},
    )
    others = [f"{name} {was} (here {here.get(name)})" for name, was in then.items() if here.get(name) != was]
    if others:
        text = f"The result was made with {', '.join(others)}: the last bits may differ."
        told.tell(Notice(level="info", code="other-versions", text=text))
    return tuple(out)


def _here(frames: range, plan: Plan, choice: DeviceChoice, method: Method) -> _Stretch:
    """Put a plan onto a device of this computer: its own kind unless another is asked for, or there is none."""
    if not method.on_torch:
        choice = "cpu"
    try:
        device, _ = pick_device(_kind(plan.device) if choice == "auto" else choice)
    except DenoiseError:
        if choice != "auto":
            raise
        device, _ = pick_device("auto")
    same_kind = device.kind == plan.device
    same = same_kind and plan.device_name in ("", device.name)
    lowered = plan.dtype == "bfloat16" and (same_kind or device.fast_bfloat16)
    changes: dict[str, object] = {
        "device": device.kind,
        "device_name": device.name,
        "dtype": "bfloat16" if lowered else "float32",
    }
    if not same_kind:
        changes["threads"] = pick_threads()
    return _Stretch(frames, plan.model_copy(update=changes), same, same_kind)


def _run(
    asked: DenoiseRequest, movie: Movie, selection: Selection, method: Method, stretch: _Stretch, told: Told
) -> Run:
    one, prepared = make_ready(asked, movie, selection, method, stretch.plan, told)
    return Run(asked, one, prepared, NoLedger(), told)


def _follow(run: Run, stretch: _Stretch, method: Method, asked: DenoiseRequest, told: Told) -> None:
    """Make the run ready for a stretch; a device of another kind gets tiles of its own size."""
    if run.prepared.plan != stretch.plan:
        prepared, _ = prepare(
            run.movie, method, asked.device, asked.region, told.context, asked.tile, given=stretch.plan
        )
        run.prepared = prepared
    if not stretch.same_kind:
        again = prepare_again(run.prepared, run.movie, asked.region, told.context)
        run.prepared = replace(again, plan=again.plan.model_copy(update={"stored": stretch.plan.stored}))


@contextmanager
def _writing(
    request: RerunRequest, asked: DenoiseRequest, run: Run, comparison: Comparison, told: Told
) -> Iterator[Write]:
    """Hand over what takes the frames: the comparison, and the new result where one is wanted."""
    if request.output is None:
        yield comparison.add
        return
    check_output(Path(asked.source), Path(request.output), request.overwrite)
    if Path(request.output).absolute() == Path(request.result).absolute():
        raise denoise_error(
            "output-exists",
            "The new result has the name of the one that it is compared with.",
            request.output,
            "Choose another name for the output.",
        )
    plan, selection = run.prepared.plan, run.movie.selection
    scale = calibration(asked, run.movie.meta, selection, plan)
    with create_writer(
        request.output, run.shape, run.dtype, scale=scale, resume=False, overwrite=request.overwrite
    ) as writer:

        def both(frame: int, stored: npt.NDArray[Any]) -> None:
            writer.write(frame, stored)
            comparison.add(frame, stored)

        try:
            yield both
        except BaseException:
            # Nothing goes on from it: a rerun keeps no list of its frames.
            writer.close()
            _discard(writer.partial)
            raise
        record = make_provenance(run, run.prepared.plan, run.judge(), told.notices)
        writer.finish(record.model_dump_json(), display_range(writer.read(run.shape[0] // 2)))


def _discard(partial: Path) -> None:
    if partial.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
    else:
        partial.unlink(missing_ok=True)


def _refuse_other_size(run: Run, first: Movie, request: RerunRequest) -> None:
    if first.shape == run.shape and first.dtype == np.dtype(run.dtype):
        return
    raise denoise_error(
        "bad-request",
        f"The result holds {_size(first.shape)} {first.dtype}, but made again from this movie it would hold "
        f"{_size(run.shape)} {run.dtype}.",
        request.result,
        "Give the movie that it was made of (--source), and the result as it was written.",
    )


def _size(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]} frames of {shape[1]} x {shape[2]} px"


def _judge_source(run: Run, movie: Movie, provenance: Provenance, told: Told) -> bool:
    """Tell whether the frames that were read are those of the first run."""
    read = of_all(one.source for _, one in sorted(run.done.items()))
    if not provenance.source_sha256:
        return movie.meta.fingerprint == provenance.source_fingerprint
    if read == provenance.source_sha256:
        return True
    text = f"The frames of {movie.meta.path} are not those that the result was made of: their checksum differs."
    told.tell(Notice(level="error", code="source-changed", text=text))
    return False


def _judge_references(provenance: Provenance, told: Told) -> None:
    """Tell of a reference image that is another one than then: its notice names its checksum."""
    for notice in told.notices[:]:
        if notice.code in _REFERENCES and notice not in provenance.notices:
            text = f"A reference image is not the one of the first run. {notice.text}"
            told.tell(Notice(level="error", code="source-changed", text=text))


def _judge_result(comparison: Comparison, provenance: Provenance, told: Told) -> None:
    """Tell whether the result is still as it was written."""
    if provenance.result_sha256 and comparison.checksum() != provenance.result_sha256:
        text = "The pixels of the result are not those that were written: the file was changed or damaged since."
        told.tell(Notice(level="error", code="result-changed", text=text))
    if comparison.only_in_one:
        text = f"{comparison.only_in_one} pixels hold a number in only one of the two results."
        told.tell(Notice(level="warning", code="not-finite", text=text))


def _kind(kind: str) -> DeviceChoice:
    if kind == "cuda":
        return "cuda"
    return "mps" if kind == "mps" else "cpu"
