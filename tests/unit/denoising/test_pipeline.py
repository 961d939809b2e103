"""The stream itself: blocks, segments, methods of many frames, masks, and how fast it stops."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from core.denoising.context import Cancelled, QuietContext
from core.denoising.denoiser import Geometry, Needs, State
from core.denoising.errors import DenoiseError
from core.denoising.pipeline import Job, plan_work, stream
from core.denoising.progress import Progress
from core.denoising.source import RequestMovie, select
from core.denoising.tiling import Tile, fit_tile, make_grid
from core.protocol.denoise import FrameRange, IntensityScale, Region
from core.protocol.movie import MovieMeta, Segment

from .helpers import Listener

SCALE = IntensityScale(gain=2.0, offset=1.0, source="typed")


class ArrayMovie:
    """A movie in memory with the face of `core.movies.Movie`."""

    def __init__(self, values: np.ndarray, **kwargs) -> None:
        frames, height, width = values.shape
        self.meta = MovieMeta(
            path="array", format="array", frames=frames, height=height, width=width, dtype=str(values.dtype),
            declared_frames=frames, **kwargs,
        )  # fmt: skip
        self._values = values
        self.read = []

    def frame(self, index: int) -> np.ndarray:
        self.read.append(index)
        return self._values[index]


class Mean:
    """The mean of a frame and its neighbours, as far as the block has them."""

    name = "mean"
    frames_before = 2
    frames_after = 1
    needs = Needs()

    def __init__(self, halo: int | None = 0) -> None:
        self.geometry = Geometry(halo)
        self.blocks = []

    def prepare(self, movie, context, parameters=None) -> State:
        return State(self.geometry)

    def apply(self, state, block):
        self.blocks.append(block)
        out = []
        for frame in range(*block.wanted):
            around = block.electrons[max(0, frame - self.frames_before) : frame + self.frames_after + 1]
            out.append(around.mean(axis=0))
        return block.denoised(np.stack(out).astype(np.float32))


def run(movie, method, tile=None, batch=1, region=None, frames=None, context=None, done=(), summed=1):
    chosen = select(movie.meta, frames or FrameRange(), summed)
    source = RequestMovie(movie, chosen, SCALE)
    context = context or QuietContext()
    state = method.prepare(source, context)
    region = region or Region(y0=0, y1=source.height, x0=0, x1=source.width)
    tile = tile or fit_tile(source.height, source.width, region, state.geometry, 1 << 30)
    grid = make_grid(source.height, source.width, region, state.geometry, tile)
    works = plan_work(chosen.segments, batch, method.frames_before, method.frames_after, lambda frame: frame in done)
    written = {}

    def sink(frame, array, quality, source):
        written[frame] = array.copy()

    stream(Job(source, method, state, region, grid), works, sink, context, Progress(context, source.frames, 0))
    return written


def values(frames=7, height=6, width=8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 50, (frames, height, width)).astype(np.int16)


def expected(data: np.ndarray, segments=((0, 7),)) -> np.ndarray:
    out = np.empty(data.shape)
    for start, stop in segments:
        for frame in range(start, stop):
            out[frame] = data[max(start, frame - 2) : min(stop, frame + 2)].mean(axis=0)
    return out


@pytest.mark.parametrize("batch", [1, 2, 3, 10])
@pytest.mark.parametrize("tile", [None, Tile(4, 4, 1)])
def test_a_method_of_many_frames_sees_its_neighbours_whatever_the_batch_and_the_tile(batch, tile):
    data = values()
    written = run(ArrayMovie(data), Mean(0 if tile is None else 1), tile, batch)
    assert np.allclose(np.stack([written[frame] for frame in range(7)]), expected(data), atol=1e-4)


@pytest.mark.parametrize("batch", [1, 4])
def test_nothing_crosses_a_segments_border(batch):
    data = values()
    segments = (Segment(start=0, stop=3, reason="gap"), Segment(start=3, stop=7))
    method = Mean()
    written = run(ArrayMovie(data, segments=segments), method, batch=batch)
    assert np.allclose(np.stack([written[f] for f in range(7)]), expected(data, ((0, 3), (3, 7))), atol=1e-4)
    for block in method.blocks:
        assert len({frame < 3 for frame in block.frames.tolist()}) == 1


def test_sums_do_not_cross_a_segments_border():
    segments = (Segment(start=0, stop=3), Segment(start=3, stop=7))
    chosen = select(ArrayMovie(values(), segments=segments).meta, FrameRange(), 2)
    assert chosen.starts == (0, 3, 5)
    assert chosen.segments == ((0, 1), (1, 3))
    assert chosen.left_over == 1


def test_each_frame_is_read_once():
    movie = ArrayMovie(values())
    run(movie, Mean(), batch=2)
    assert movie.read == list(range(7))


def test_a_block_carries_what_later_methods_need():
    data = values().astype(np.float32)
    data[2, 1, 1] = np.nan
    method = Mean(1)
    run(ArrayMovie(data, times=tuple(0.5 * n for n in range(7))), method, Tile(4, 4, 1), batch=2)
    block = next(
        block for block in method.blocks if block.frames.tolist() == [0, 1, 2, 3, 4] and block.origin == (0, 0)
    )
    assert block.wanted == (2, 4)
    assert block.times.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert block.gain == 2.0
    assert block.mask[2, 1, 1]
    assert block.mask.sum() == 1
    # The dose is the whole frame's, not the tile's.
    assert block.dose[0] == pytest.approx((data[0].mean() - 1) / 2)
    assert block.electrons[0, 0, 0] == pytest.approx((data[0, 0, 0] - 1) / 2)


def test_a_method_of_the_whole_frame_gets_it_even_for_a_region():
    method = Mean(None)
    written = run(ArrayMovie(values()), method, region=Region(y0=2, y1=4, x0=1, x1=7))
    assert all(block.electrons.shape[1:] == (6, 8) for block in method.blocks)
    assert written[0].shape == (2, 6)


def test_finished_blocks_are_not_computed_again_and_others_keep_their_place():
    method = Mean()
    written = run(ArrayMovie(values()), method, batch=2, done={0, 1, 3})
    # Frame 3 is computed again with 2: blocks always begin at the same frames.
    assert sorted(written) == [2, 3, 4, 5, 6]


def test_no_more_than_a_few_blocks_are_held():
    """A slow writer holds up the reader: the movie never piles up in memory."""
    movie = ArrayMovie(values(frames=60))
    chosen = select(movie.meta, FrameRange(), 1)
    source = RequestMovie(movie, chosen, SCALE)
    method = Mean()
    state = method.prepare(source, QuietContext())
    region = Region(y0=0, y1=6, x0=0, x1=8)
    job = Job(source, method, state, region, make_grid(6, 8, region, state.geometry, Tile(6, 8, 0)))
    written, ahead = [], []

    def slow(frame, array, quality, source):
        time.sleep(0.003)
        ahead.append(len(set(movie.read)) - len(written))
        written.append(frame)

    stream(
        job,
        plan_work(chosen.segments, 1, 2, 1, lambda frame: False),
        slow,
        QuietContext(),
        Progress(QuietContext(), 60, 0),
    )
    assert written == list(range(60))
    assert max(ahead) <= 4 + 4 + 4 + 1


@pytest.mark.parametrize("where", ["reading", "computing", "writing"])
def test_a_cancel_is_answered_within_a_second_wherever_the_run_waits(where):
    movie = ArrayMovie(values(frames=50))
    release = threading.Event()
    asked = []
    if where == "reading":
        movie.frame = lambda index: release.wait(30) and None
    began = time.monotonic()

    class Slow(Mean):
        def apply(self, state, block):
            if where == "computing":
                time.sleep(0.05)
            return super().apply(state, block)

    def cancel(listener) -> bool:
        if time.monotonic() - began > 0.3 and not asked:
            asked.append(time.monotonic())
        return bool(asked)

    chosen = select(movie.meta, FrameRange(), 1)
    source = RequestMovie(movie, chosen, SCALE)
    method = Slow()
    context = Listener(cancel)
    state = method.prepare(source, context)
    region = Region(y0=0, y1=6, x0=0, x1=8)
    job = Job(source, method, state, region, make_grid(6, 8, region, state.geometry, Tile(6, 8, 0)))
    slow_disk = (lambda *item: time.sleep(0.08)) if where == "writing" else (lambda *item: None)
    works = plan_work(chosen.segments, 1, 2, 1, lambda frame: False)
    with pytest.raises(Cancelled):
        stream(job, works, slow_disk, context, Progress(context, 50, 0))
    assert time.monotonic() - asked[0] < 1.0
    release.set()


@pytest.mark.parametrize(
    ("unit", "source", "excess", "hot"),
    [
        ("nm", "typed", 150, 1),
        ("nm", "unknown", 150, 0),
        ("nm", "unknown", 1000, 1),
        ("1/nm", "typed", 1000, 0),
        (None, "estimated", 150, 1),
    ],
)
def test_a_reflection_is_no_hot_pixel_and_an_unknown_gain_asks_for_more(unit, source, excess, hot):
    data = np.random.default_rng(0).poisson(5.0, (1, 32, 32)).astype(np.float32)
    data[0, 10, 10] += excess
    movie = ArrayMovie(data, pixel_size=(1.0, 1.0), pixel_unit=unit)
    scale = IntensityScale(gain=1.0, source=source)
    assert RequestMovie(movie, select(movie.meta, FrameRange(), 1), scale).read(0).hot == hot


def test_what_a_movie_does_not_tell_is_asked_for():
    from core.denoising.planning import _refuse_unmet_needs

    source = RequestMovie(ArrayMovie(values()), select(ArrayMovie(values()).meta, FrameRange(), 1), SCALE)
    for needs in (Needs(times=True), Needs(counts=True)):
        method = Mean()
        method.needs = needs
        with pytest.raises(DenoiseError):
            _refuse_unmet_needs(method, source)
    _refuse_unmet_needs(Mean(), source)


class NotANumber(Mean):
    """A method that gives no numbers in one px of one frame."""

    def apply(self, state, block):
        made = super().apply(state, block)
        for place in range(*block.wanted):
            if block.frames[place] == 3:
                made.electrons[place - block.wanted[0], 2, 2] = np.nan
        return made


def test_method_that_gives_no_numbers_is_an_error_not_a_result_with_fine_figures():
    with pytest.raises(DenoiseError, match="mean gave pixels that are no numbers, first in frame 3") as raised:
        run(ArrayMovie(values()), NotANumber(), batch=2)
    assert raised.value.info.code == "not-finite"
    assert raised.value.info.advice
