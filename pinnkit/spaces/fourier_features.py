"""Random Fourier features under a multilayer perceptron."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from .network import Network
from .space import positive, whole


class FourierEmbedding(nn.Module):
    r"""Random Fourier features :math:`\gamma(x) = (\cos B x, \sin B x)` with entries of B from :math:`N(0, \sigma^2)`.

    B is not trained.

    Args:
        inputs: number of inputs d.
        features: number of rows of B.
        sigma: standard deviation of the angular frequencies over [-1, 1]^d.
        generator: source of random numbers.
    """

    def __init__(self, inputs: int, features: int, sigma: float, generator: torch.Generator) -> None:
        """Draw B; see the class."""
        super().__init__()
        weight = sigma * torch.randn(features, inputs, generator=generator, dtype=torch.float64)
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, x: Any) -> Any:
        """Map ``(n, d)`` to ``(n, 2 features)``."""
        z = nn.functional.linear(x, self.weight)
        return torch.cat([torch.cos(z), torch.sin(z)], -1)


class FourierFeatures(Network):
    r"""Random Fourier features under a multilayer perceptron.

    The perceptron (tanh, Glorot) sees :math:`\gamma(x) = (\cos B x, \sin B x)`, B from :math:`N(0, \sigma^2)` and not
    trained. Sigma sets the frequencies that are learnt first; the authors search it for each signal, and use 256
    features under four layers of 256 with ReLU, which has no second derivative: tanh is our choice. Where the method
    finds the head alone, the features themselves are the basis.

    Args:
        width: neurons in each hidden layer; None leaves it to the method (64 where the network is trained).
        depth: number of hidden layers; None leaves it to the method (3 where the network is trained, else 0).
        features: number of frequencies; None takes half the width of the layer above.
        sigma: standard deviation of the angular frequencies over the domain scaled to [-1, 1].

    Reference:
        Tancik et al. 2020, arXiv:2006.10739.
    """

    formula = "phi_m(x) = tanh(w_m . h + b_m), h = layers of such functions over (cos Bx, sin Bx)"
    references = ("tancik2020fourier", "rahimi2007random")

    def __init__(
        self, width: int | None = None, depth: int | None = None, features: int | None = None, sigma: float = 5.0
    ) -> None:
        """Keep the options; see the class."""
        super().__init__(width, depth)
        whole("features", features)
        positive("sigma", sigma)
        self.features, self.sigma = features, sigma

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        features = self.features or -(-self.widths[0] // 2)
        hidden = [] if self.last and not self.depth and not self.features else self.widths
        self.embedding = FourierEmbedding(inputs, features, self.sigma, generator)
        sizes = [2 * features, *hidden]
        self.hidden = nn.ModuleList(self._glorot(a, b, generator) for a, b in itertools.pairwise(sizes))
        return sizes[-1]

    def _basis(self, x: Any) -> Any:
        x = self.embedding(x)
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return x
