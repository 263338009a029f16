"""Maps to positive features, which Lehmer means need."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import InputError
from ..space import positive
from .units import count


def rescaled_rows(x: Tensor) -> Tensor:
    r"""Map each row affinely onto [1/e, e], by its smallest and largest entry: the authors' map for tabular data.

    Only the row's profile survives: its location and scale are lost. A row that is constant to working precision has
    no profile; it becomes 1, with gradient zero (our choice).

    Args:
        x: rows, shape ``(..., d)``.

    Returns:
        Positive rows of the same shape.

    Raises:
        InputError: the rows are not floating point.

    Reference:
        Ataei et al. 2026, Entropy 28(2):157.
    """
    if not x.is_floating_point():
        raise InputError(f"rows must be real floating-point numbers, got {x.dtype}; use x.double().")
    low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    rounding = 8 * torch.finfo(x.dtype).eps * torch.maximum(low.abs(), high.abs())
    constant = high - low <= rounding
    # The denominator not taken is replaced first: its infinity would be nan in the gradient.
    share = (x - low) / torch.where(constant, torch.ones_like(low), high - low)
    return torch.where(constant, torch.ones_like(x), 1 / math.e + (math.e - 1 / math.e) * share)


class PositiveFeatures(nn.Module):
    r"""Smooth positive functions of points, :math:`x = \exp(\tanh(W p + b))`, with ln x in (-1, 1).

    Infinitely differentiable, and local: no feature depends on the others. (Our choice, in place of the authors'
    rescaling by rows.) As in TransNet, each feature is :math:`\tanh(\gamma (a \cdot (p - c) + r))` with a uniform on
    the sphere and r uniform on [-R, R], so that the steps of the tanh spread evenly over the ball of radius R.

    Args:
        inputs: number of inputs d.
        features: number of features.
        generator: source of random numbers.
        scale: gamma.
        radius: R; sqrt(d) by default, the ball around [-1, 1]^d.
        centre: c, the same in all coordinates.

    Raises:
        InputError: a number is not positive.
    """

    def __init__(
        self,
        inputs: int,
        features: int,
        generator: torch.Generator,
        scale: float = 1.0,
        radius: float | None = None,
        centre: float = 0.0,
    ) -> None:
        """Draw the affine map; see the class."""
        super().__init__()
        count("inputs", inputs)
        count("features", features)
        positive("scale", scale)
        positive("radius", radius)
        direction = torch.randn(features, inputs, generator=generator, dtype=torch.float64)
        direction = direction / direction.norm(dim=1, keepdim=True)
        offset = 2 * torch.rand(features, generator=generator, dtype=torch.float64) - 1
        offset = offset * (math.sqrt(inputs) if radius is None else radius) - centre * direction.sum(1)
        self.weight, self.bias = nn.Parameter(scale * direction), nn.Parameter(scale * offset)

    def logarithms(self, p: Any) -> Any:
        """Give ln x of points or jets of them.

        Args:
            p: points, shape ``(..., d)``.

        Returns:
            Numbers in (-1, 1), shape ``(..., features)``.
        """
        return torch.tanh(nn.functional.linear(p, self.weight, self.bias))

    def forward(self, p: Any) -> Any:
        """Map points ``(..., d)`` to positive features ``(..., features)``."""
        return torch.exp(self.logarithms(p))
