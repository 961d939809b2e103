"""Checkpoints without pickles: tensors as safetensors, the rest as JSON, replaced in one step."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


@dataclass
class TrainState:
    """All that a training needs to go on: network, averaged weights, optimiser, step, seconds spent."""

    network: nn.Module
    average: dict[str, Tensor]
    optimizer: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0


def save_checkpoint(state: TrainState, path: Path) -> None:
    """Write the state to one safetensors file, through a temporary name, so that a crash leaves the last one."""
    tensors = {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in state.average.items()}
    names = [name for name, _ in state.network.named_parameters()]
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{names[index]}.{k}": v for k, v in moments.items()}
    metadata = {"state": json.dumps({"step": state.step, "seconds": state.seconds})}
    partial = path.with_suffix(".partial")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial, metadata)
    partial.replace(path)


def load_checkpoint(state: TrainState, path: Path) -> None:
    """Put a saved state back into `state`, bit for bit."""
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        said = json.loads(file.metadata()["state"])
    state.step, state.seconds = int(said["step"]), float(said["seconds"])
    state.network.load_state_dict({k[8:]: v for k, v in tensors.items() if k.startswith("network.")})
    device = next(state.network.parameters()).device
    state.average = {k[8:]: v.to(device) for k, v in tensors.items() if k.startswith("average.")}
    saved = state.optimizer.state_dict()
    for index, (name, _) in enumerate(state.network.named_parameters()):
        prefix = f"optimizer.{name}."
        moments = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        if moments:
            saved["state"][index] = moments
    state.optimizer.load_state_dict(saved)
