"""Integral activation transforms by quadrature: any activation, midpoint or Gauss-Legendre rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import InputError
from ..space import whole
from .bases import Basis, common_mesh


class _Quadrature(nn.Module):
    """y = sum_m w_m q(t_m) sigma(p(t_m)^T x) over the nodes of a rule."""

    to_nodes: Tensor
    from_nodes: Tensor

    def __init__(
        self, input: Basis, output: Basis, activation: Callable[[Any], Any], nodes: np.ndarray, weights: np.ndarray
    ) -> None:
        """Tabulate the bases at the nodes."""
        super().__init__()
        if not callable(activation):
            raise InputError(f"the activation must be a function such as torch.tanh, got {activation!r}.")
        self.input, self.output, self.activation = input, output, activation
        t = torch.from_numpy(nodes)
        self.register_buffer("to_nodes", input.values(t), persistent=False)
        self.register_buffer("from_nodes", (output.values(t) * torch.from_numpy(weights)[:, None]).T, persistent=False)

    def extra_repr(self) -> str:
        """Show the bases and the number of nodes."""
        return f"{self.input}, {self.output}, nodes={len(self.to_nodes)}"

    def forward(self, x: Any) -> Any:
        """Map x, shape ``(..., d_in)``, a tensor or a jet, to y, shape ``(..., d_out)``."""
        state = nn.functional.linear(x, self.to_nodes)
        return nn.functional.linear(self.activation(state), self.from_nodes)


class IATM(_Quadrature):
    r"""The midpoint form :math:`\frac{2}{M} Q^T \sigma(P x)`, with P and Q the bases at t_m = -1 + (2m - 1)/M.

    Args:
        input: the basis p, of d_in functions.
        output: the basis q, of d_out functions.
        activation: sigma, elementwise.
        points: M.

    Raises:
        InputError: M is no positive whole number, or sigma no function.

    Reference:
        Zhang et al. 2023, arXiv:2312.12578.
    """

    def __init__(self, input: Basis, output: Basis, activation: Callable[[Any], Any], points: int) -> None:
        """Place the nodes; see the class."""
        whole("points", points)
        nodes = (2 * np.arange(points) + 1) / points - 1
        super().__init__(input, output, activation, nodes, np.full(points, 2 / points))


class IATGauss(_Quadrature):
    r"""The transform :math:`\int q \, \sigma(p^T x) \, dt` for smooth sigma: Gauss-Legendre between the breakpoints.

    The error falls geometrically in the order where sigma is analytic. (Our choice: the paper prints the midpoint form
    only.) With a kink in sigma the order is two; the rectifier has `IATReLU`, which is exact.

    Args:
        input: the basis p, of d_in functions.
        output: the basis q, of d_out functions.
        activation: sigma, elementwise.
        order: nodes in each cell of the common mesh of both bases.

    Raises:
        InputError: the order is no positive whole number, or sigma no function.
    """

    def __init__(self, input: Basis, output: Basis, activation: Callable[[Any], Any], order: int = 12) -> None:
        """Place the nodes; see the class."""
        whole("order", order)
        u, w = np.polynomial.legendre.leggauss(order)
        edges = np.array([float(edge) for edge in common_mesh((input, output))])
        half = np.diff(edges)[:, None] / 2
        super().__init__(input, output, activation, (edges[:-1, None] + half * (1 + u)).ravel(), (half * w).ravel())
