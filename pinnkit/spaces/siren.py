"""Sinusoidal representation networks."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from .space import Space, linear, positive, uniform, whole


class SIREN(Space):
    r"""A network of sines with its authors' initialisation.

    Each layer maps :math:`h \mapsto \sin(\omega_0 (W h + b))`. First layer W uniform in +-1/d, later layers uniform in
    +-sqrt(6/width)/omega0, biases uniform in +-1/sqrt(fan-in) as in the authors' code.

    Args:
        width: neurons in each hidden layer.
        depth: number of hidden layers.
        omega: the frequency factor omega0.

    Reference:
        Sitzmann et al. 2020, arXiv:2006.09661.
    """

    def __init__(self, width: int = 64, depth: int = 3, omega: float = 30.0) -> None:
        """Keep the options; see the class."""
        super().__init__()
        whole("width", width)
        whole("depth", depth)
        positive("omega", omega)
        self.width, self.depth, self.omega = width, depth, omega

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        sizes = [inputs, *[self.width] * self.depth]
        self.hidden = nn.ModuleList()
        for number, (a, b) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            layer = linear(a, b, generator, 1 / a if number == 0 else math.sqrt(6 / a) / self.omega)
            layer.bias = uniform((b,), 1 / math.sqrt(a), generator)
            self.hidden.append(layer)
        return self.width

    def _basis(self, x: Any) -> Any:
        for layer in self.hidden:
            x = torch.sin(self.omega * layer(x))
        return x
