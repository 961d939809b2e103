"""How fast a movie is denoised from file to file, and with how much memory.

The movie is blank with Poisson counts: the network takes the same time whatever it sees.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from core.denoising.context import QuietContext
from core.denoising.run import denoise_movie
from core.models import ModelStore
from core.protocol.denoise import DenoiseRequest
from tests.bench.report import arguments, peak_mb, report


def main() -> None:
    """Denoise a movie once and report."""
    parser = arguments(__doc__)
    parser.add_argument("--model", help="default: the built-in one")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--frames", type=int)
    parser.add_argument("--side", type=int)
    options = parser.parse_args()
    frames = options.frames or (2 if options.quick else 16)
    side = options.side or (160 if options.quick else 1024)
    store = ModelStore.default()
    model = options.model or store.default_model()
    if model is None:
        parser.error("no model is installed")
    before = peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "movie.tif"
        movie = np.random.default_rng(1).poisson(2.0, (frames, side, side)).astype(np.uint8)
        tifffile.imwrite(source, movie, imagej=True, metadata={"axes": "TYX"})
        request = DenoiseRequest(
            source=str(source), output=str(Path(folder) / "clean.tif"), model=model, device=options.device
        )
        start = time.perf_counter()
        result = denoise_movie(request, store, QuietContext())
        seconds = time.perf_counter() - start
    report(
        {
            "model": model,
            "device": result.plan.device_name or result.plan.device,
            "frames": frames,
            "side px": side,
            "tile px": f"{result.plan.tile_height} x {result.plan.tile_width}, halo {result.plan.halo}",
            "seconds in all": seconds,
            "Mpx/s in all": frames * side * side / seconds / 1e6,
            "Mpx/s as reported": result.megapixels_per_s,
            "peak memory MB": peak_mb(),
            "of it before the run MB": before,
        }
    )


if __name__ == "__main__":
    main()
