"""Multilayer perceptrons."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .space import Space, linear, whole


class MLP(Space):
    """A fully connected network with a smooth activation.

    Weights are Glorot uniform; inputs are scaled to [-1, 1].

    Args:
        width: neurons in each hidden layer.
        depth: number of hidden layers.
        activation: any elementwise torch function.
    """

    def __init__(self, width: int = 40, depth: int = 4, activation: Callable[[Any], Any] = torch.tanh) -> None:
        """Keep the options; see the class."""
        super().__init__()
        whole("width", width)
        whole("depth", depth)
        self.width, self.depth, self.activation = width, depth, activation

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        sizes = [inputs, *[self.width] * self.depth]
        pairs = zip(sizes[:-1], sizes[1:], strict=True)
        self.hidden = nn.ModuleList(linear(a, b, generator, math.sqrt(6 / (a + b))) for a, b in pairs)
        return self.width

    def _basis(self, x: Any) -> Any:
        for layer in self.hidden:
            x = self.activation(layer(x))
        return x
