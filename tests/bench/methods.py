"""The methods that benches compare, as the program makes them. Not a bench itself."""

from __future__ import annotations

from core.denoising.denoiser import Denoiser
from core.denoising.devices import pick_device
from core.denoising.methods.classical import CLASSICAL
from core.denoising.methods.registry import find_method
from core.models import ModelStore


def method_names() -> list[str]:
    """Filters and installed models."""
    return [*CLASSICAL, *(model.card.name for model in ModelStore.default().list())]


def on_cpu(name: str) -> Denoiser:
    """Make a filter or an installed model, to compute on the CPU in float32."""
    return find_method(name, ModelStore.default()).make(pick_device("cpu")[0], "float32")
