"""Reference images in a denoise and in drafts: what is corrected, masked, left alone, and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.denoising.run import KeptDraft, denoise_movie, draft
from core.denoising.source import RequestMovie, select
from core.models import ModelStore
from core.movies import open_movie
from core.movies.writers import read_provenance
from core.noise.errors import NoiseError
from core.noise.references import load_correction
from core.protocol.clean_up import CleanUp
from core.protocol.denoise import DraftRequest, FrameRange, IntensityScale, Scratch

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
    movie = _Array(frames)
    correction = None if clean_up is None else load_correction(clean_up, *frames.shape[1:])
    chosen = select(movie.meta, FrameRange(), summed)
    one = RequestMovie(movie, chosen, IntensityScale(gain=1.0, source="typed"), correction)
    return [one.read(number).hot for number in range(one.frames)]


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
