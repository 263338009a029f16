"""Weights of single points, found with the solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...spaces.space import positive, whole
from .weights import unit

if TYPE_CHECKING:
    from ..training import Training


@dataclass(frozen=True)
class SelfAdaptive:
    r"""Each point has a weight that grows with its residual: descent in the parameters, ascent in the weights.

    The loss is the mean of :math:`m(\lambda_i) r_i^2` with the mask :math:`m(\lambda) = \lambda^q`, and
    :math:`\lambda_i \leftarrow \lambda_i + \rho \, m'(\lambda_i) r_i^2` from one on, with r^2 in units of the first
    loss. (The unit, and ascent without momentum, are our choices.)

    Args:
        rate: rho.
        q: exponent of the mask.
        every: number of steps between two ascents.

    Raises:
        InputError: an option is out of range.

    Reference:
        McClenny and Braga-Neto 2023, equations (7) to (12), doi:10.1016/j.jcp.2022.111722.
    """

    rate: float = 0.01
    q: float = 2.0
    every: int = 1
    name = "self-adaptive"
    pointwise = True
    in_time = False

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        positive("rate", self.rate)
        positive("q", self.q)
        whole("every", self.every)

    @torch.no_grad()
    def update(self, training: Training, memory: dict[str, Any]) -> None:
        """Ascend."""
        squares = training.squares()
        size = unit(memory, torch.stack([square.mean() for square in squares]).sum())
        weights = memory.setdefault("weights", [torch.ones_like(square) for square in squares])
        for weight, square in zip(weights, squares, strict=True):
            weight += self.rate * self.q * weight ** (self.q - 1) * square / size

    def factors(self, training: Training, memory: dict[str, Any]) -> list[Tensor | None]:
        """Give the masks."""
        return [weight**self.q for weight in memory["weights"]]
