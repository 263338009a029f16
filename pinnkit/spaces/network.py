"""Networks of hidden layers: the functions of the last one are the basis."""

from __future__ import annotations

import copy
import math
from typing import Self

import torch
from torch import nn

from .space import Space, linear, uniform, whole

SPREAD = 3.0


class Network(Space):
    r"""A space whose basis is the last hidden layer of a network.

    What is left open depends on the use. A network that is trained as a whole has its usual width and depth. A method
    that finds the head alone, in a basis that stays as it is drawn, asks for a number of functions: it gets a single
    hidden layer of that many, because deep layers as drawn are rougher than the functions sought, or nearly dependent.
    (Our choice, by measurement.)

    Args:
        width: neurons in each hidden layer; None leaves it to the method.
        depth: number of hidden layers; None leaves it to the method.

    Attributes:
        usual_width: the width of a network that is trained.
        usual_depth: its depth.
        last: neurons of the last hidden layer, where the method has chosen.
    """

    usual_width = 64
    usual_depth = 3

    def __init__(self, width: int | None, depth: int | None) -> None:
        """Check and keep the options; see the class."""
        super().__init__()
        whole("width", width)
        whole("depth", depth)
        self.width, self.depth = width, depth
        self.frozen = depth == 1 or (width is None and depth is None)
        self.last: int | None = None

    def resized(self, size: int) -> Self:
        """Return the network with this many neurons in its last hidden layer, unless a width was asked for."""
        if self.width:
            return self
        other = copy.deepcopy(self)
        other.last = size
        return other

    @property
    def widths(self) -> list[int]:
        """Neurons of each hidden layer."""
        width = self.width or self.usual_width
        depth = self.depth or (1 if self.last else self.usual_depth)
        return [*[width] * (depth - 1), self.last or width]

    def _glorot(self, inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
        r"""Draw a layer: Glorot uniform with zero biases, or spread out where it stays as it is drawn.

        Glorot's bound falls with the number of outputs, and zero biases make odd functions, so that a frozen layer is
        drawn otherwise: weights uniform in :math:`\pm 3 \sqrt{2 / \text{inputs}}`, biases in +-3. (Our choice.)

        Args:
            inputs: numbers that come in.
            outputs: numbers that come out.
            generator: source of random numbers.

        Returns:
            The layer.
        """
        if not self.last:
            return linear(inputs, outputs, generator, math.sqrt(6 / (inputs + outputs)))
        return with_bias(linear(inputs, outputs, generator, SPREAD * math.sqrt(2 / inputs)), SPREAD, generator)


def with_bias(layer: nn.Linear, bound: float, generator: torch.Generator) -> nn.Linear:
    """Draw the biases of a layer uniformly from [-bound, bound]."""
    layer.bias = uniform((layer.out_features,), bound, generator)
    return layer
