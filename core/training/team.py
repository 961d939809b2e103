"""Several processes that train one network together, as torchrun starts them; alone without it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta

import torch
from torch import Tensor, distributed

# The others wait while the first simulates and validates.
_PATIENCE = timedelta(days=7)


class Team:
    """The processes of a training: each draws patches of its own, gradients are averaged, the first one writes.

    Parameters
    ----------
    rank, size : int
        Number of this process, and how many there are.
    local_rank : int
        Its number on this machine: which GPU it takes.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0) -> None:
        self.rank, self.size, self._local_rank = rank, size, local_rank

    @classmethod
    def join(cls, device: str) -> Team:
        """Join the others, if torchrun started this process; `device` says how they talk."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        team = cls(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), int(os.environ.get("LOCAL_RANK", "0")))
        if not distributed.is_initialized():
            if device == "cuda":
                torch.cuda.set_device(team._local_rank)
            distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=_PATIENCE)
        return team

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def device(self, kind: str) -> str:
        """Return the device of this process, as torch names it."""
        return f"cuda:{self._local_rank}" if kind == "cuda" and self.size > 1 else kind

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors (float32) by their means over the processes, in place."""
        if self.size == 1:
            return
        fields = list(tensors)
        flat = torch.cat([field.reshape(-1) for field in fields])
        distributed.all_reduce(flat)
        flat /= self.size
        start = 0
        with torch.no_grad():
            for field in fields:
                field.copy_(flat[start : start + field.numel()].view_as(field))
                start += field.numel()

    def any(self, said: bool, device: str) -> bool:
        """Whether any of them says so; all get the same answer."""
        if self.size == 1:
            return said
        flag = torch.tensor([float(said)], device=device)
        distributed.all_reduce(flag)
        return bool(flag.item() > 0)

    def told(self, value: float, device: str) -> float:
        """Return the first one's value to all."""
        if self.size == 1:
            return value
        box = torch.tensor([value], dtype=torch.float64, device=device)
        distributed.broadcast(box, 0)
        return float(box.item())

    def leave(self) -> None:
        """End the conversation."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()
