"""What the tests of denoising share: tiny models, small movies, and a context that listens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
import torch
from safetensors.torch import save

from core.denoising.context import Cancelled
from core.models import ModelStore
from core.networks import registry
from core.protocol.denoise import DenoiseRequest

CARD = {
    "version": "1",
    "title": "Test",
    "modality": ["HRTEM"],
    "dose_range_e_px": [0.1, 100],
    "training": {"recipe": "", "data": "", "device": "", "duration_s": 0, "steps": 0, "seed": 0},
    "licence": "BSD-3-Clause",
    "author": "",
    "created": "",
}


def install(folder: Path, name: str, architecture: str, config: dict, seed: int = 0) -> ModelStore:
    """Install a network with random weights and return a store that has it."""
    torch.manual_seed(seed)
    network = registry.build(architecture, config)
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter)
    data = save({key: value.contiguous() for key, value in network.state_dict().items()})
    place = folder / name
    place.mkdir(parents=True)
    (place / "weights.safetensors").write_bytes(data)
    card = {
        **CARD,
        "name": name,
        "architecture": architecture,
        "config": config,
        "weights_sha256": hashlib.sha256(data).hexdigest(),
    }
    (place / "card.json").write_text(json.dumps(card))
    return ModelStore((folder,), ())


def tiny_unet(folder: Path, name: str = "tiny") -> ModelStore:
    """A UNet of two scales: 26 px of halo, origins on multiples of 4."""
    return install(folder, name, "unet", {"scales": 2, "channels": 4, "bias": True})


def lattice(height: int, width: int, dose: float = 20.0, period: float = 11.0) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return dose * (1 + 0.4 * np.cos(2 * np.pi * x / period) * np.cos(2 * np.pi * y / period))


def write_movie(path: Path, frames: int = 5, size: tuple[int, int] = (48, 64), dtype: str = "uint16", **kwargs) -> Path:
    """A counted movie of a lattice, as TIFF."""
    rng = np.random.default_rng(7)
    values = rng.poisson(lattice(*size), (frames, *size)).astype(dtype)
    tifffile.imwrite(path, values, metadata={"axes": "TYX"}, photometric="minisblack", **kwargs)
    return path


def request(source: Path, model: str = "gaussian", **kwargs) -> DenoiseRequest:
    kwargs.setdefault("output", str(source.with_name(source.stem + "_denoised.tif")))
    kwargs.setdefault("device", "cpu")
    return DenoiseRequest(source=str(source), model=model, **kwargs)


class Listener:
    """A context that keeps all it is told, and cancels when asked to."""

    def __init__(self, cancel_when: Callable[[Listener], bool] = lambda self: False) -> None:
        self.notices = []
        self.frames = {}
        self.steps = []
        self.plans = []
        self.checks = 0
        self._cancel_when = cancel_when

    def check(self) -> None:
        self.checks += 1
        if self._cancel_when(self):
            raise Cancelled

    def progress(self, stage, done, total, eta_s, rate) -> None:
        self.steps.append((stage, done, total, eta_s, rate))

    def notice(self, notice) -> None:
        self.notices.append(notice)

    def frame(self, index, source_frame, array) -> None:
        self.frames[index] = (source_frame, array.copy())

    def started(self, plan, total) -> None:
        self.plans.append((plan, total))

    @property
    def codes(self) -> list[str]:
        return [notice.code for notice in self.notices]
