"""Runs a torch network on a device, fast, stoppable, and with one kind of error when memory runs out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

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
            with self._asking():
                y: Tensor = self._network(x, *rest)
            return y[:, 0].float().cpu().numpy()

    @contextmanager
    def stoppable(self, check: Callable[[], None]) -> Iterator[None]:
        """Ask `check` before each operation while the block runs (CPU only: one there can take a second)."""
        self._check = check
        try:
            yield
        finally:
            self._check = None

    def _asking(self) -> AbstractContextManager[object]:
        if self._check is None or self._device.kind != "cpu":
            return nullcontext()
        return _Asking(self._check)


class _Asking(TorchFunctionMode):
    """Asks before each torch function that is called from Python; what is asked may raise."""

    def __init__(self, check: Callable[[], None]) -> None:
        super().__init__()
        self._check = check

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._check()
        return func(*args, **(kwargs or {}))


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
