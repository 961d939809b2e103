"""Runs a torch network on a device, fast, stoppable, and with one kind of error when memory runs out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.denoising.devices import Device, give_back
from core.networks.norms import fold_norms

_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed", "defaultcpuallocator")


class TorchRunner:
    """A network in evaluation, norms folded, channels-last, on its device.

    Parameters
    ----------
    network : nn.Module
        Is changed and kept.
    device : Device
        Where it runs.
    heavy : str, optional
        Name of the part to run in bfloat16 if `precision` asks for it; None: the whole network.
    precision : str
        ``float32`` or ``bfloat16``.
    """

    def __init__(self, network: nn.Module, device: Device, precision: str, heavy: str | None = None) -> None:
        network = fold_norms(network.eval()).requires_grad_(False)
        if precision == "bfloat16":
            if heavy is None:
                network = _Lowered(network)
            else:
                setattr(network, heavy, _Lowered(getattr(network, heavy)))
        self._device = device
        self._network = network.to(device.torch, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._check: Callable[[], None] | None = None
        if device.kind == "cpu":
            for module in self._network.modules():
                if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                    module.register_forward_pre_hook(self._between_layers)

    def __call__(self, frames: npt.NDArray[np.float32], *others: Any) -> npt.NDArray[np.float32]:
        """Run frames (N, H, W) through the network, with what else it takes; returns (N, H, W) float32.

        Raises
        ------
        MemoryError
            They don't fit on the device.
        """
        with memory_errors(self._device), torch.inference_mode(), _same_bits(self._device):
            x = torch.from_numpy(np.ascontiguousarray(frames))[:, None]
            x = x.to(self._device.torch).contiguous(memory_format=torch.channels_last)
            rest = [torch.from_numpy(o).to(self._device.torch) if isinstance(o, np.ndarray) else o for o in others]
            y: Tensor = self._network(x, *rest)
            return y[:, 0].float().cpu().numpy()

    @contextmanager
    def stoppable(self, check: Callable[[], None]) -> Iterator[None]:
        """Ask `check` before each convolution while the block runs (CPU only: a layer there can take a second)."""
        self._check = check
        try:
            yield
        finally:
            self._check = None

    def _between_layers(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        if self._check is not None:
            self._check()


class _Lowered(nn.Module):
    """A network that computes in bfloat16 between float32 ends."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner.to(torch.bfloat16)

    def forward(self, x: Tensor, *others: Any) -> Tensor:
        out: Tensor = self.inner(x.to(torch.bfloat16), *others)
        return out.float()


@contextmanager
def memory_errors(device: Device) -> Iterator[None]:
    """Turn each way in which torch says that memory ran out into a MemoryError, and hand cached memory back."""
    try:
        yield
        return
    except (torch.OutOfMemoryError, MemoryError) as error:
        words = str(error)
    except RuntimeError as error:
        words = str(error)
        if not any(word in words.lower() for word in _WORDS):
            raise
    # Outside the except clause: the traceback would keep the activations alive.
    gc.collect()
    give_back(device)
    raise MemoryError(words)


@contextmanager
def _same_bits(device: Device) -> Iterator[None]:
    """Keep cuDNN from choosing its kernels by a race."""
    if device.kind != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
        yield
