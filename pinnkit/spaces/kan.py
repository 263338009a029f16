"""Kolmogorov-Arnold networks with B-splines."""

from __future__ import annotations

import itertools
import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from .bsplines import bsplines
from .network import Network
from .space import uniform, whole

NOISE = 0.1


class KAN(Network):
    r"""A Kolmogorov-Arnold network: a learnable function on every edge, sums in the nodes.

    An edge maps :math:`\phi(h) = w\,\mathrm{silu}(h) + \sum_k c_k B_k(h)` with B-splines on a uniform grid of [-1, 1],
    extended by ``order`` cells on both sides; beyond the extension the splines are zero and silu remains, and the grid
    stays where it is (the authors move it with the samples). The last layer of a KAN is linear in its w and c, so that
    the basis is silu and all splines of the last hidden nodes, width (grid + order + 1) functions. At the start w is
    Glorot uniform and c normal with deviation 0.1 / grid; where the basis is frozen, w is uniform in
    :math:`\pm 2/\sqrt{\text{fan-in}}`, so that the nodes fill the grid (both our choice).

    The authors recommend order 3 and few nodes, [2, 10, 1] for a Poisson equation, and refine the grid while they
    train. A basis of order k has k - 1 continuous derivatives. The splines are our own, because no package served: for
    the gradient of a squared Laplacian, pykan 0.2.8 takes 6.7 times as long, and inkan 0.5.2 and flashkan 0.2.0 fail.

    Args:
        width: nodes in each hidden layer; None leaves it to the method (10 where the network is trained).
        depth: number of hidden layers of nodes; None stands for 1.
        grid: cells of [-1, 1].
        order: degree of the splines.

    Reference:
        Liu et al. 2024, arXiv:2404.19756.
    """

    formula = "phi_m(x) = silu(h_i) and B_k(h_i), h_i = sums of w silu(h_j) + sum_k c_k B_k(h_j), first h = x"
    references = ("liu2024kan",)
    usual_width = 10
    usual_depth = 1

    def __init__(self, width: int | None = None, depth: int | None = None, grid: int = 3, order: int = 3) -> None:
        """Keep the options; see the class."""
        super().__init__(width, depth)
        whole("grid", grid)
        whole("order", order)
        self.grid, self.order = grid, order
        self.frozen = self.frozen and order > 1  # splines of order 1 have kinks

    @property
    def _each(self) -> int:
        """Functions of one node."""
        return self.grid + self.order + 1

    def resized(self, size: int) -> Self:
        """Return the network with the nodes in its last hidden layer that this many functions need, if it is open."""
        return super().resized(-(-size // self._each))

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        self.weights = nn.ParameterList()
        for a, b in itertools.pairwise([inputs, *self.widths]):
            base = uniform((b, a, 1), 2 / math.sqrt(a) if self.last else math.sqrt(6 / (a + b)), generator).detach()
            noise = torch.randn(b, a, self._each - 1, generator=generator, dtype=torch.float64) * (NOISE / self.grid)
            self.weights.append(nn.Parameter(torch.cat([base, noise], -1).flatten(1)))
        return self.widths[-1] * self._each

    def _edges(self, h: Any) -> Any:
        """Evaluate the functions of every node, shape ``(n, w)`` to ``(n, w (grid + order + 1))``."""
        splines = bsplines(h, self.grid, self.order)
        return torch.cat([nn.functional.silu(h).unsqueeze(-1), splines], -1).flatten(-2)

    def _basis(self, x: Any) -> Any:
        for weight in self.weights:
            x = nn.functional.linear(self._edges(x), weight)
        return self._edges(x)
