"""A made-up movie for the window's tests: atom columns that drift a little, counted with noise."""

from __future__ import annotations

import functools

import numpy as np

FRAMES, HEIGHT, WIDTH = 240, 512, 512
PIXEL_NM = 0.02


@functools.lru_cache(maxsize=4)
def clean(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Electrons a pixel without noise: a particle on a thin support in vacuum."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    cy, cx = height * 0.52, width * 0.48
    angle = np.arctan2(y - cy, x - cx)
    radius = np.hypot(y - cy, x - cx)
    edge = min(height, width) * (0.33 + 0.025 * np.cos(6 * angle) + 0.01 * np.cos(11 * angle))
    inside = 1 / (1 + np.exp((radius - edge) / 3))
    a = 11.3
    u = (x * np.cos(0.2) + y * np.sin(0.2)) / a * 2 * np.pi
    v = (-x * np.sin(0.2) + y * np.cos(0.2)) / a * 2 * np.pi
    columns = np.exp(2.2 * (np.cos(u) + np.cos(v)) - 4.4) + 0.35 * np.exp(
        2.2 * (np.cos(u + np.pi) + np.cos(v + np.pi)) - 4.4
    )
    support = 0.5 + 0.5 * np.tanh((y - height * 0.8 - 8 * np.sin(x / 50)) / 8)
    rng = np.random.default_rng(0)
    grain = rng.normal(size=(height // 4 + 1, width // 4 + 1)).repeat(4, 0).repeat(4, 1)[:height, :width]
    picture: np.ndarray = (1.0 + inside * (0.5 + 4.5 * columns) + support * (0.6 + 0.15 * grain)).astype(np.float32)
    return picture


def truth(frame: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """The frame without noise: moves by a pixel each 12 frames."""
    return np.roll(clean(height, width), frame // 12, axis=1)


@functools.lru_cache(maxsize=8)
def raw(frame: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """The frame as counted, in 20 counts an electron."""
    rng = np.random.default_rng(frame)
    return (rng.poisson(truth(frame, height, width)) * 20 + rng.normal(0, 4, (height, width))).astype(np.float32)


def denoised(frame: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """What a good denoiser would make of it: the truth with a rest of noise."""
    rng = np.random.default_rng(frame + 10_000)
    rest = rng.normal(0, 1, (height // 6 + 1, width // 6 + 1)).repeat(6, 0).repeat(6, 1)[:height, :width]
    return (truth(frame, height, width) * 20 + rest).astype(np.float32)


@functools.lru_cache(maxsize=2)
def mask(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A mask of 39 defects: 14 dead (1), 22 hot (2), 3 unstable pixels (4)."""
    rng = np.random.default_rng(5)
    found = np.zeros(height * width, np.float32)
    found[rng.choice(height * width, 39, replace=False)] = [1] * 14 + [2] * 22 + [4] * 3
    return found.reshape(height, width)
