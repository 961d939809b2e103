"""PGURE: an unbiased estimate of a method's error on the very frames that it denoises, without truth or reference.

Le Montagner, Angelini and Olivo-Marin, IEEE Trans. Image Process. 23 (2014), with the divergence measured by a random
probe (Ramani, Blu and Unser, IEEE Trans. Image Process. 17, 2008). It needs the method itself, to see how the result
answers to a change of its input, and the right gain and read noise: with wrong ones it is wrong, and says nothing.
For Poisson noise alone it is PURE.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.float32]


def pgure(
    denoise: Callable[[Frames], Frames],
    electrons: Frames,
    read_noise: float = 0.0,
    seed: int = 0,
    probes: int = 1,
    denoised: Frames | None = None,
) -> float:
    """Estimate the mean squared error of `denoise` on these frames, in electrons squared.

    mean[(f - y)^2] - mean[y + s^2] + 2 mean[(y + s^2) df/dy], with the last term by b (f(y + e b) - f(y)) / e for a
    probe b of random signs. The second-order term (2 s^2 d2f/dy2) is left out: it vanishes for smooth methods.

    Parameters
    ----------
    denoise
        Frames in, frames out, the same for the same input.
    electrons
        (T, H, W) or (H, W): electrons with Poisson noise and read noise.
    read_noise
        Standard deviation s of the read noise, in electrons.
    probes
        How many random probes are averaged; the error falls as 1 / sqrt(probes x px).
    denoised
        ``denoise(electrons)``, if it is there already.

    Raises
    ------
    ValueError
        Values are not finite, or the read noise is negative.
    """
    if not np.isfinite(electrons).all() or not read_noise >= 0:
        raise ValueError("PGURE needs finite values and a read noise of 0 or more")
    y = np.asarray(electrons, np.float32)
    f = denoise(y) if denoised is None else denoised
    noise = y.astype(np.float64) + read_noise**2
    step = np.float32(0.05 * max(float(np.std(y)), 1e-6))
    rng = np.random.default_rng(seed)
    answers = []
    for _ in range(probes):
        probe = rng.integers(0, 2, y.shape).astype(np.float32) * 2 - 1
        answer = (denoise(y + step * probe).astype(np.float64) - f) / float(step)
        answers.append(float(np.mean(probe * noise * answer)))
    residual = float(np.mean(np.square(f.astype(np.float64) - y)))
    return residual - float(noise.mean()) + 2 * float(np.mean(answers))
