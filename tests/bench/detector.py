"""How many defects of a camera are found, and what is taken for one without being one.

    python -m tests.bench.detector [--quick] [--images N] [--frames N]

Pictures: columns as sharp as sigma 0.4 px on square lattices, bright and dark; simulated structures (TEM) and columns
(STEM); the mean of the sample movie; real images, where ../shared/data lies beside the checkout. Each at rest and
drifting by 6 px, at several doses, seen by a counting and by an integrating camera (gain 40, black level 100, read
noise 3, blurred by 0.6 px). First as it is: everything found is false. Then with 20 of each kind: dead; hot (as bright
as 50 electrons more, hardly scattering); unstable (100 electrons more in 30 % of the frames); hits (200 electrons).
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage

from core.movies import open_movie
from core.noise.defects import DEAD, HOT, UNSTABLE
from core.simulation.library import simulate_columns, simulate_structure
from tests.bench.report import arguments, report
from tests.unit.noise.cameras import columns, counted, hits, integrating, look, marked, with_defects

ROOT = Path(__file__).parents[2]
REAL = ("ser/data/hrstem_example.ser", "dm3/example_Se_implanted_MoS2.dm3", "emd/Camera_Ceta_Imaging_Micro.emd")
SIDE, EACH = 256, 20
DOSES = (0.05, 0.5, 5.0, 50.0)
KINDS = ("dead", "hot", "unstable", "hits")


def pictures(images: int) -> Iterator[tuple[str, np.ndarray]]:
    """Name and mean intensity (H, W), mean 1."""
    for sigma in (0.4, 0.5, 0.7, 1.0):
        for period in (4.0, 7.3, 16.0, 64.0):
            yield f"bright columns {sigma} px, {period} px apart", columns(SIDE, period, sigma)
    for sigma in (0.5, 0.7):
        bright = columns(SIDE, 16, sigma, 0.0)
        yield f"dark columns {sigma} px", _scaled(1.05 - bright / bright.max())
    for index in range(images):
        yield f"structure {index}", _scaled(simulate_structure(5, index, 1, SIDE, (0.15, 0.7)).images[0])
        yield f"STEM {index}", _scaled(simulate_columns(5, index, SIDE, (0.2, 0.7)).images[0])
    sample = next((ROOT / "resources" / "samples").glob("*.tif"))
    yield "sample", _scaled(tifffile.imread(sample).mean(axis=0))
    files = ROOT.parent / "shared" / "data" / "files"
    for name in REAL:
        if (files / name).is_file():
            with open_movie(files / name) as movie:
                values = movie.frame(0)[:512, :512].astype(np.float64)
            # A tenth of the mean is added: a pixel that holds nothing at all would truly be dead.
            values = np.maximum(values - np.quantile(values, 0.001), 0)
            yield Path(name).name, _scaled(values + 0.1 * values.mean())


def _scaled(picture: np.ndarray) -> np.ndarray:
    picture = np.maximum(np.asarray(picture, dtype=np.float64), 0)
    return picture / picture.mean()


def seen(picture: np.ndarray, frames: int, dose: float, drift: float, integrates: bool) -> np.ndarray:
    """A movie of the picture."""
    movie = counted(picture, frames, dose, drift, seed=int(1000 * dose + 10 * drift))
    return integrating(ndimage.gaussian_filter(movie, (0, 0.6, 0.6))) if integrates else movie


def main() -> None:
    """Count what is found and what is false."""
    parser = arguments(__doc__)
    parser.add_argument("--images", type=int, default=6)
    parser.add_argument("--frames", type=int, default=40)
    options = parser.parse_args()
    every = list(pictures(0 if options.quick else options.images))
    false: dict[str, list[int]] = defaultdict(list)
    found: dict[str, list[float]] = defaultdict(list)
    for name, picture in every[4:5] if options.quick else every:
        for dose in DOSES[2:3] if options.quick else DOSES:
            for drift in (0.0, 6.0):
                for integrates in (False, True):
                    camera = f"{'integrating' if integrates else 'counting'} {dose:g} e, {'drift' if drift else 'rest'}"
                    clean = seen(picture, options.frames, dose, drift, integrates)
                    _count_false(name, camera, clean, drift, false)
                    black, electron = (100.0, 40.0) if integrates else (0.0, 1.0)
                    broken, truth = with_defects(clean, black, 50 * electron, EACH)
                    statistics, defects = look(broken, _drift(options.frames, drift))
                    share = (
                        len(marked(defects, DEAD) & set(truth.dead)),
                        len(marked(defects, HOT) & set(truth.hot)),
                        len(marked(defects, UNSTABLE) & set(truth.unstable)),
                        len(hits(statistics) & set(truth.hits)),
                    )
                    for kind, number in zip(KINDS, share, strict=True):
                        found[f"{camera}: {kind} found %"].append(100 * number / EACH)
    figures: dict[str, float | int | str] = {"pictures": len(every), "movies": len(false["movies"])}
    figures |= {f"false {kind}": sum(false[kind]) for kind in KINDS}
    figures |= {"doubtful, left alone": sum(false["doubtful"]), "movies with too many": sum(false["too many"])}
    report(figures | {name: float(np.mean(values)) for name, values in found.items()})


def _count_false(name: str, camera: str, clean: np.ndarray, drift: float, false: dict[str, list[int]]) -> None:
    statistics, defects = look(clean, _drift(len(clean), drift))
    counts = (defects.count(DEAD), defects.count(HOT), defects.count(UNSTABLE), len(hits(statistics)))
    for kind, number in zip(KINDS, counts, strict=True):
        false[kind].append(number)
    false["doubtful"].append(defects.doubtful)
    false["too many"].append(int(defects.too_many))
    false["movies"].append(1)
    if any(counts):
        sys.stderr.write(f"false in {name}, {camera}: {dict(zip(KINDS, counts, strict=True))}\n")


def _drift(frames: int, length: float) -> np.ndarray | None:
    if not length:
        return None
    return np.arange(frames)[:, None] / frames * np.array([length, 0.6 * length])


if __name__ == "__main__":
    main()
