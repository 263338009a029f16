"""Sinusoidal representation networks."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn

from .network import Network, with_bias
from .space import linear, positive


class SIREN(Network):
    r"""A network of sines with its authors' initialisation.

    Each layer maps :math:`h \mapsto \sin(\omega_0 (W h + b))`. First layer W uniform in +-1/d, later layers uniform in
    +-sqrt(6/width)/omega0, biases uniform in +-1/sqrt(fan-in) as in the authors' code. The authors recommend
    omega0 = 30 and three hidden layers of 256.

    Args:
        width: neurons in each hidden layer; None leaves it to the method (64 where the network is trained).
        depth: number of hidden layers; None leaves it to the method (3 where the network is trained, else 1).
        omega: the frequency factor omega0.

    Reference:
        Sitzmann et al. 2020, arXiv:2006.09661.
    """

    formula = "phi_m(x) = sin(omega (w_m . h + b_m)), h = layers of such functions"
    references: tuple[str, ...] = ("sitzmann2020siren",)

    def __init__(self, width: int | None = None, depth: int | None = None, omega: float = 30.0) -> None:
        """Keep the options; see the class."""
        super().__init__(width, depth)
        positive("omega", omega)
        self.omega = omega

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        self.hidden = nn.ModuleList()
        for number, (a, b) in enumerate(itertools.pairwise([inputs, *self.widths])):
            bound = 1 / a if number == 0 else math.sqrt(6 / a) / self.omega
            self.hidden.append(with_bias(linear(a, b, generator, bound), 1 / math.sqrt(a), generator))
        return self.widths[-1]

    def _basis(self, x: Any) -> Any:
        for layer in self.hidden:
            x = self._activation(self.omega * layer(x))
        return x

    @staticmethod
    def _activation(z: Any) -> Any:
        return torch.sin(z)
