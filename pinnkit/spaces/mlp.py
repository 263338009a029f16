"""Multilayer perceptrons."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from .activation import KINKED, Activation, as_activation
from .network import Network


class MLP(Network):
    r"""A fully connected network with a smooth activation.

    Trained as a whole, as in physics-informed networks: Glorot uniform weights, zero biases, inputs scaled to [-1, 1].
    As a frozen basis (an extreme learning machine) weights and biases are spread out, uniform in
    :math:`\pm 3 \sqrt{2 / \text{fan-in}}` and in +-3 (our choice).

    Args:
        width: neurons in each hidden layer; None leaves it to the method (40 where the network is trained).
        depth: number of hidden layers; None leaves it to the method (4 where the network is trained, else 1).
        activation: an activation by name, or any elementwise torch function.

    Reference:
        Raissi et al. 2019, doi:10.1016/j.jcp.2018.10.045; Glorot and Bengio 2010.
    """

    formula = "phi_m(x) = sigma(w_m . h + b_m), h = layers of such functions"
    references = ("raissi2019pinn", "glorot2010")
    usual_width = 40
    usual_depth = 4

    def __init__(
        self, width: int | None = None, depth: int | None = None, activation: str | Activation = "tanh"
    ) -> None:
        """Keep the options; see the class."""
        super().__init__(width, depth)
        self.activation = as_activation(activation)
        self.frozen = self.frozen and self.activation not in KINKED

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        pairs = itertools.pairwise([inputs, *self.widths])
        self.hidden = nn.ModuleList(self._glorot(a, b, generator) for a, b in pairs)
        return self.widths[-1]

    def _basis(self, x: Any) -> Any:
        for layer in self.hidden:
            x = self.activation(layer(x))
        return x
