"""The modified multilayer perceptron: two encoders gate every hidden layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .network import Network


class ModifiedMLP(Network):
    r"""A perceptron whose hidden layers are gated by two encoders of the input.

    With :math:`U = \tanh(W_U x + b_U)` and :math:`V = \tanh(W_V x + b_V)` a layer maps
    :math:`h \mapsto (1 - Z) U + Z V`, :math:`Z = \tanh(W h + b)`; all layers have the width of the encoders. Glorot
    uniform weights and zero biases, as the authors recommend, spread out where the network is a frozen basis (see
    `MLP`).

    Args:
        width: neurons in each hidden layer; None leaves it to the method (40 where the network is trained).
        depth: number of hidden layers; None leaves it to the method (4 where the network is trained, else 1).

    Reference:
        Wang, Teng and Perdikaris 2021, arXiv:2001.04536.
    """

    formula = "phi_m(x) = (1 - z_m) U_m(x) + z_m V_m(x), z = tanh(W h + b), U, V = tanh layers of x"
    references = ("wang2021gradient",)
    usual_width = 40
    usual_depth = 4

    def __init__(self, width: int | None = None, depth: int | None = None) -> None:
        """Keep the options; see the class."""
        super().__init__(width, depth)

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        width, depth = self.widths[-1], len(self.widths)
        self.gates = nn.ModuleList(self._glorot(inputs, width, generator) for _ in "UV")
        self.hidden = nn.ModuleList(
            self._glorot(inputs if number == 0 else width, width, generator) for number in range(depth)
        )
        return width

    def _basis(self, x: Any) -> Any:
        u, v = (torch.tanh(gate(x)) for gate in self.gates)
        difference = v - u
        for layer in self.hidden:
            x = u + torch.tanh(layer(x)) * difference
        return x
