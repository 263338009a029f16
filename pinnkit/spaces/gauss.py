"""Networks of Gaussian bells."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn

from .network import Network, with_bias
from .space import linear, positive


class Gauss(Network):
    r"""A network of Gaussian bells.

    Each layer maps :math:`h \mapsto \exp(-z^2 / (2 \sigma^2))` with :math:`z = W h + b`, W and b uniform in
    +-1/sqrt(fan-in), torch's default: the authors find bells robust against the initialisation and fit sigma to the
    signal. A smaller sigma makes finer functions.

    Args:
        width: neurons in each hidden layer; None leaves it to the method (64 where the network is trained).
        depth: number of hidden layers; None leaves it to the method (3 where the network is trained, else 1).
        sigma: width of the bells.

    Reference:
        Ramasinghe and Lucey 2022, arXiv:2111.15135.
    """

    formula = "phi_m(x) = exp(-(w_m . h + b_m)^2 / (2 sigma^2)), h = layers of such functions"
    references = ("ramasinghe2022gauss",)

    def __init__(self, width: int | None = None, depth: int | None = None, sigma: float = 0.1) -> None:
        """Keep the options; see the class."""
        super().__init__(width, depth)
        positive("sigma", sigma)
        self.sigma = sigma

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        self.hidden = nn.ModuleList()
        for a, b in itertools.pairwise([inputs, *self.widths]):
            bound = 1 / math.sqrt(a)
            self.hidden.append(with_bias(linear(a, b, generator, bound), bound, generator))
        return self.widths[-1]

    def _basis(self, x: Any) -> Any:
        for layer in self.hidden:
            x = torch.exp(-0.5 * torch.square(layer(x) / self.sigma))
        return x
