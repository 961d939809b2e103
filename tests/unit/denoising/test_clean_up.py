"""Reference images in a denoise and in drafts: what is corrected, masked, left alone, and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.denoising.cleaning import CleanFrame
from core.denoising.run import KeptDraft, denoise_movie, draft
from core.denoising.source import RequestMovie, select
from core.models import ModelStore
from core.movies import open_movie
from core.movies.writers import read_provenance
from core.noise.errors import NoiseError
from core.noise.references import Correction, load_correction
from core.protocol.clean_up import CleanUp
from core.protocol.denoise import DraftRequest, FrameRange, IntensityScale, Scratch
from tests.unit.noise.cameras import spots

from .helpers import Listener, lattice, request

SIZE = (48, 64)
STORE = ModelStore((), ())


def image(path: Path, values: np.ndarray) -> str:
    tifffile.imwrite(path, values, photometric="minisblack")
    return str(path)


def camera(folder: Path, frames: int = 5) -> tuple[Path, CleanUp, np.ndarray]:
    """A movie of a camera with a pedestal, a gain and two bad pixels; its references; and the electrons' mean."""
    rng = np.random.default_rng(3)
    truth = lattice(*SIZE)
    dark = rng.normal(100, 5, SIZE)
    gain = rng.uniform(0.8, 1.2, SIZE)
    gain /= gain.mean()
    stored = rng.poisson(truth, (frames, *SIZE)) * 10 * gain + dark
    mask = np.zeros(SIZE, np.uint8)
    mask[10, 10], mask[30, 40] = 1, 4
    stored[:, 10, 10], stored[:, 30, 40] = 0, 30_000
    source = folder / "camera.tif"
    tifffile.imwrite(source, stored.astype(np.float32), imagej=True, metadata={"axes": "TYX"})
    references = CleanUp(
        dark=image(folder / "dark.tif", dark.astype(np.float32)),
        gain=image(folder / "gain.tif", (3 * gain).astype(np.float32)),
        defects=image(folder / "mask.tif", mask),
    )
    return source, references, truth


def test_a_denoise_with_references_keeps_the_electrons_and_says_all(tmp_path: Path) -> None:
    source, references, truth = camera(tmp_path)
    listener = Listener()
    asked = request(source, clean_up=references, counts_per_electron=10.0)
    result = denoise_movie(asked, STORE, listener)
    values = tifffile.imread(result.output)
    # Without a black level: it is gone with the dark reference.
    assert values.mean() == pytest.approx(10 * truth.mean(), rel=0.02)
    assert abs(values[:, 10, 10].mean() - values[:, 8:13, 8:13].mean()) < 40
    assert abs(values[:, 30, 40].mean() - values[:, 28:33, 38:43].mean()) < 40
    assert {"dark", "gain-reference", "defects"} <= set(listener.codes)
    assert result.quality.worst_local_mean < 4
    assert result.quality.hot_pixels == 0
    record = read_provenance(result.output)
    assert "gain-reference" in str(record)
    assert references.dark in str(record)
    with open_movie(result.output) as movie:
        assert movie.meta.black_level in (None, 0.0)


def test_gain_is_estimated_on_corrected_good_pixels(tmp_path: Path) -> None:
    source, references, _ = camera(tmp_path)
    result = denoise_movie(request(source, clean_up=references), STORE, Listener())
    assert result.plan.scale.source == "estimated"
    assert result.plan.scale.gain == pytest.approx(10, rel=0.15)
    assert result.plan.scale.offset == 0.0


def test_a_draft_shows_what_the_run_makes_and_reads_references_once(tmp_path: Path) -> None:
    source, references, _ = camera(tmp_path)
    result = denoise_movie(request(source, clean_up=references, counts_per_electron=10.0), STORE, Listener())
    made = tifffile.imread(result.output)
    kept = KeptDraft()
    scratch = Scratch(path=str(tmp_path / "scratch"), slot_bytes=4 * 48 * 64, slots=1)
    asked = DraftRequest(
        source=str(source),
        frame=2,
        model="gaussian",
        device="cpu",
        counts_per_electron=10.0,
        clean_up=references,
        scratch=scratch,
    )
    first, shown = draft(asked, STORE, Listener(), kept)
    assert np.array_equal(shown, made[2])
    assert "dark" in {notice.code for notice in first.notices}
    Path(references.dark).unlink()
    _, again = draft(asked.model_copy(update={"frame": 3}), STORE, Listener(), kept)
    assert np.array_equal(again, made[3])


def test_a_reference_that_does_not_fit_stops_the_run_before_it_writes(tmp_path: Path) -> None:
    source, _, _ = camera(tmp_path)
    other = image(tmp_path / "other.tif", np.ones((64, 48), np.float32))
    asked = request(source, clean_up=CleanUp(gain=other))
    with pytest.raises(NoiseError, match="48 x 64 px, the movie 64 x 48 px"):
        denoise_movie(asked, STORE, Listener())
    assert not Path(asked.output).exists()


def hits_in(frames: np.ndarray, clean_up: CleanUp | None = None, summed: int = 1) -> list[int]:
    return [one.hot for one in cleaned(frames, clean_up, summed)]


def cleaned(
    frames: np.ndarray, clean_up: CleanUp | None = None, summed: int = 1, source: str = "typed"
) -> list[CleanFrame]:
    movie = _Array(frames)
    correction = None if clean_up is None else load_correction(clean_up, *frames.shape[1:])
    chosen = select(movie.meta, FrameRange(), summed)
    one = RequestMovie(movie, chosen, IntensityScale(gain=1.0, source=source), correction)
    return [one.read(number) for number in range(one.frames)]


class _Array:
    def __init__(self, frames: np.ndarray) -> None:
        from core.protocol.movie import MovieMeta

        facts = {"path": "array", "format": "array", "dtype": str(frames.dtype), "declared_frames": len(frames)}
        self.meta = MovieMeta(frames=len(frames), height=frames.shape[1], width=frames.shape[2], **facts)
        self._frames = frames

    def frame(self, index: int) -> np.ndarray:
        return self._frames[index]


def quiet(frames: int = 6) -> np.ndarray:
    return np.random.default_rng(0).poisson(2.0, (frames, 40, 40)).astype(np.uint16)


@pytest.mark.parametrize("frame", [0, 3, 5])
@pytest.mark.parametrize("summed", [1, 2])
def test_a_hit_of_one_frame_is_replaced(frame: int, summed: int) -> None:
    frames = quiet()
    frames[frame, 20, 20] = 2000
    assert sum(hits_in(frames, summed=summed)) == 1


@pytest.mark.parametrize("summed", [1, 2])
def test_a_reflection_of_one_pixel_that_stays_is_no_hit(summed: int) -> None:
    frames = quiet()
    frames[:, 20, 20] = np.random.default_rng(1).poisson(2000, 6)
    assert sum(hits_in(frames, summed=summed)) == 0


def test_hits_are_left_when_asked() -> None:
    frames = quiet()
    frames[3, 20, 20] = 2000
    assert sum(hits_in(frames, CleanUp(xrays=False))) == 0
    frames[:, 10, 10] = 2000
    assert sum(hits_in(frames, CleanUp(xrays=False))) == 0


@pytest.mark.parametrize("summed", [1, 2, 4])
@pytest.mark.parametrize("value", [200, 2000, 65535])
def test_a_stuck_pixel_is_replaced_in_every_frame(value: int, summed: int) -> None:
    frames = quiet(12)
    frames[:, 20, 20] = value
    assert hits_in(frames, summed=summed) == [1] * (12 // summed)
    assert all(one.mask[20, 20] and one.electrons[20, 20] < 10 * summed for one in cleaned(frames, summed=summed))


def test_a_weak_stuck_pixel_that_one_frame_does_not_tell_is_told_by_several() -> None:
    frames = np.random.default_rng(0).poisson(8.0, (12, 40, 40)).astype(np.uint16)
    frames[:, 20, 20] = 60
    assert hits_in(frames) == [1] * 12


def test_three_frames_are_enough_for_a_stuck_pixel_and_two_are_too_few_but_tell() -> None:
    frames = quiet(3)
    frames[:, 20, 20] = 2000
    assert hits_in(frames) == [1, 1, 1]
    assert hits_in(frames[:2]) == [0, 0]
    assert [one.left for one in cleaned(frames[:2])] == [1, 1]


def test_a_stuck_pixel_without_a_known_gain_is_replaced() -> None:
    frames = np.random.default_rng(0).poisson(50.0, (6, 40, 40)).astype(np.uint16)
    frames[:, 20, 20] = 5000
    assert [one.hot for one in cleaned(frames, source="unknown")] == [1] * 6


def test_what_stays_bright_and_scatters_is_left_and_told() -> None:
    frames = quiet(12)
    frames[:, 20, 20] = np.random.default_rng(1).poisson(2000, 12)
    found = cleaned(frames)
    assert not sum(one.hot for one in found)
    assert [one.left for one in found] == [1] * 12


@pytest.mark.parametrize("frame", [0, 3, 5])
@pytest.mark.parametrize("summed", [1, 2])
def test_a_wide_hit_of_one_frame_is_replaced_whole(frame: int, summed: int) -> None:
    frames = quiet()
    frames[frame, 20:22, 20:23] = 4000
    frames[(frame + 1) % 6, 5:9, 30:34] = 3000
    found = cleaned(frames, summed=summed)
    assert sum(one.hot for one in found) == 6 + 16
    assert max(one.electrons.max() for one in found) < 40
    assert not sum(one.left for one in found)


def test_a_wide_hit_in_a_single_frame_is_replaced_where_it_has_no_flanks() -> None:
    frames = quiet(1)
    frames[0, 20:22, 20:23] = 4000
    (found,) = cleaned(frames)
    assert found.hot == 6
    assert found.electrons.max() < 40
    assert found.left == 0


def test_a_bright_spot_with_flanks_in_a_single_frame_is_left_and_told() -> None:
    frames = quiet(1).astype(np.float64)
    frames[0] += spots(frames.shape[1], [(20.3, 20.4)], 0.7, [4000.0])
    (found,) = cleaned(np.rint(frames).astype(np.uint16))
    assert found.hot == 0
    assert found.left == 1


@pytest.mark.parametrize("sigma", [0.45, 0.7, 1.2])
@pytest.mark.parametrize("contrast", [1.0, 3.0])
def test_an_atom_of_one_frame_with_others_around_stays_as_it_is(sigma: float, contrast: float) -> None:
    rng = np.random.default_rng(4)
    others = spots(96, [(20.3, 20.4), (50.1, 30.5), (70.7, 71.2)], sigma, [300.0] * 3)
    movie = np.tile(4 + others, (9, 1, 1))
    movie[4] += spots(96, [(30.5, 70.0)], sigma, [contrast * 300.0])
    # Here the others are gone: they are in the frames around.
    movie[7] = 4 + spots(96, [(80.2, 15.5)], sigma, [contrast * 300.0])
    frames = rng.poisson(movie).astype(np.uint16)
    found = cleaned(frames)
    assert not sum(one.hot for one in found)
    assert not sum(one.left for one in found)
    assert all(np.array_equal(one.electrons, frame) for one, frame in zip(found, frames, strict=True))


def test_a_run_and_a_draft_tell_of_stuck_pixels_and_of_bright_ones_that_were_left(tmp_path: Path) -> None:
    frames = quiet(9)
    frames[:, 20, 20] = 2000
    frames[:, 30, 30] = np.random.default_rng(1).poisson(2000, 9)
    source = tmp_path / "stuck.tif"
    tifffile.imwrite(source, frames, photometric="minisblack")
    listener = Listener()
    result = denoise_movie(request(source, counts_per_electron=1.0), STORE, listener)
    assert result.quality.hot_pixels == 9
    assert {"hot-pixels", "bright-left"} <= set(listener.codes)
    made = tifffile.imread(result.output)
    assert made[:, 19:22, 19:22].max() < 20
    scratch = Scratch(path=str(tmp_path / "scratch"), slot_bytes=4 * 1600, slots=1)
    asked = DraftRequest(
        source=str(source), frame=4, model="gaussian", device="cpu", counts_per_electron=1.0, scratch=scratch
    )
    first, shown = draft(asked, STORE, Listener())
    assert np.array_equal(shown, made[4])
    assert {"hot-pixels", "bright-left"} <= {notice.code for notice in first.notices}


def test_looking_around_reads_no_frame_twice(tmp_path: Path) -> None:
    frames = quiet(30)
    frames[:, 20, 20] = 2000
    movie = _Array(frames)
    asked: list[int] = []
    movie.frame = lambda index: asked.append(index) or frames[index]
    one = RequestMovie(movie, select(movie.meta, FrameRange(), 1), IntensityScale(gain=1.0, source="typed"))
    assert [one.read(number).hot for number in range(30)] == [1] * 30
    assert sorted(asked) == list(range(30))


def test_offsets_of_lines_are_taken_out_or_kept_if_so_asked(tmp_path):
    rng = np.random.default_rng(8)
    frames = rng.normal(60.0, 4.0, (2, 96, 96)) + rng.normal(0, 3.0, (2, 1, 96))
    tifffile.imwrite(tmp_path / "lines.tif", frames.astype(np.float32), photometric="minisblack")
    with open_movie(str(tmp_path / "lines.tif")) as movie:
        scale = IntensityScale(gain=1.0, offset=0.0, source="typed")
        chosen = select(movie.meta, FrameRange(), 1)
        taken = RequestMovie(movie, chosen, scale).read(0)
        kept = RequestMovie(movie, chosen, scale, Correction(lines=False)).read(0)
    assert taken.lines == pytest.approx(3.0, rel=0.3)
    assert np.std(taken.electrons.mean(axis=0)) < 0.4 * np.std(kept.electrons.mean(axis=0))
    assert kept.lines == 0
    assert np.array_equal(kept.electrons, frames[0].astype(np.float32))


def test_electron_counts_have_no_lines(tmp_path):
    frames = np.random.default_rng(9).poisson(np.linspace(2, 9, 96), (2, 96, 96)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "counts.tif", frames, photometric="minisblack")
    with open_movie(str(tmp_path / "counts.tif")) as movie:
        scale = IntensityScale(gain=1.0, offset=0.0, source="typed")
        assert RequestMovie(movie, select(movie.meta, FrameRange(), 1), scale).read(0).lines == 0
