"""What a step of a training needs, whatever the network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Prepared:
    """A batch on the device, ready for a step.

    Attributes
    ----------
    inputs : tuple of Tensor
        What the network takes, (N, c, H, W) each.
    truth : Tensor
        (N, 1, H, W), in the network's own unit.
    deviation : Tensor
        The noise's standard deviation in that unit, (N, 1, H, W) or (N, 1, 1, 1).
    weight : Tensor
        Of the px, with mean 1, (N, 1, H, W) or (N, 1, 1, 1).
    level : Tensor
        (N, 1, 1, 1); ``level * (base + truth)`` are expected electrons.
    base : float
        As above: 1 for networks that give deviations from the mean, 0 for those that give electrons.
    """

    inputs: tuple[Tensor, ...]
    truth: Tensor
    deviation: Tensor
    weight: Tensor
    level: Tensor
    base: float

    def electrons(self, field: Tensor) -> Tensor:
        """Return a field in the network's unit as electrons a px."""
        return self.level * (self.base + field.float())

    def turned(self, number: int) -> Prepared:
        """Return one of the eight turns and mirrorings."""

        def turn(field: Tensor) -> Tensor:
            field = torch.rot90(field, number % 4, (-2, -1))
            return field.flip(-1) if number >= 4 else field

        inputs = tuple(turn(one) for one in self.inputs)
        return Prepared(inputs, turn(self.truth), turn(self.deviation), turn(self.weight), turn(self.level), self.base)
