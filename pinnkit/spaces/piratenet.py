"""PirateNet: residual blocks that start as the identity, over random Fourier features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from .fourier_features import FourierEmbedding
from .network import Network
from .space import positive


class ResidualBlock(nn.Module):
    r"""An adaptive residual block, :math:`x \mapsto \alpha\, h(x) + (1 - \alpha)\, x` with alpha = 0 at the start.

    h is three tanh layers; the outputs f of the first two are gated, :math:`f U + (1 - f) V`.

    Args:
        layers: the three layers.
    """

    def __init__(self, layers: list[nn.Linear]) -> None:
        """Keep the layers; see the class."""
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.alpha = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: Any, v: Any, difference: Any) -> Any:
        """Map ``(n, w)`` to ``(n, w)``, with the gates V and U - V."""
        first, second, third = self.layers
        h = v + torch.tanh(first(x)) * difference
        h = v + torch.tanh(second(h)) * difference
        return x + self.alpha * (torch.tanh(third(h)) - x)


class PirateNet(Network):
    r"""Adaptive residual blocks over random Fourier features.

    :math:`\Phi(x) = (\cos B x, \sin B x)` with entries of B from :math:`N(0, \sigma^2)`, not trained; gates
    :math:`U, V = \tanh(W \Phi + b)`; then blocks, see `ResidualBlock`. Glorot uniform weights, zero biases. The network
    as drawn is its embedding, so that where the method finds the head alone, as the authors do to initialise it, no
    blocks are needed. They recommend three blocks (nine layers) of 256.

    Args:
        width: even number of neurons in each layer; None leaves it to the method (64 where the network is trained).
        depth: number of blocks; None leaves it to the method (3 where the network is trained, else 0).
        sigma: standard deviation of the angular frequencies over the domain scaled to [-1, 1].

    Raises:
        InputError: an option is out of range.

    Reference:
        Wang et al. 2024, arXiv:2402.00326.
    """

    formula = "phi_m(x) = x_m after blocks x <- alpha h(x; U, V) + (1 - alpha) x, from (cos Bx, sin Bx)"
    references = ("wang2024piratenets",)

    def __init__(self, width: int | None = None, depth: int | None = None, sigma: float = 2.0) -> None:
        """Keep the options; see the class."""
        super().__init__(width, depth)
        positive("sigma", sigma)
        if width is not None and width % 2:
            raise InputError(f"width must be even, half of it cosines and half sines, got {width}.")
        self.sigma = sigma

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        features = -(-self.widths[-1] // 2)
        width, depth = 2 * features, 0 if self.last and not self.depth else len(self.widths)
        self.embedding = FourierEmbedding(inputs, features, self.sigma, generator)
        layers = [self._glorot(width, width, generator) for _ in range(2 + 3 * depth if depth else 0)]
        self.gates = nn.ModuleList(layers[:2])
        self.blocks = nn.ModuleList(ResidualBlock(layers[k : k + 3]) for k in range(2, len(layers), 3))
        return width

    def _basis(self, x: Any) -> Any:
        x = self.embedding(x)
        if self.blocks:
            u, v = (torch.tanh(gate(x)) for gate in self.gates)
            difference = u - v
            for block in self.blocks:
                x = block(x, v, difference)
        return x
