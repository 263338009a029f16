"""Networks of continuous width whose weight kernels have finite rank: what a network of IAT layers discretises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import InputError
from .bases import Basis, common_mesh


class ContinuousWidth(nn.Module):
    r"""A network whose layers are functions of a continuous index t in [-1, 1] (GDNN).

    .. math:: h_1(t) = w_0(t)^T x + b_0(t), \quad
              h_{l+1}(s) = \int_{-1}^{1} w_l(s, t) \, \sigma(h_l(t)) \, dt + b_l(s), \quad
              y = \int_{-1}^{1} w_L(t) \, \sigma(h_L(t)) \, dt + b_L,

    with kernels of finite rank, :math:`w_0(t) = W_0^T p(t)`, :math:`w_l(s, t) = p(s)^T W_l q(t)`,
    :math:`w_L(t) = W_L q(t)` and :math:`b_l(s) = p(s)^T b_l`. It equals the network of affine maps (W_l, b_l) with an
    integral activation transform between them. Here every integral over t is a Gauss-Legendre sum on the continuous
    layer itself, so that the equivalence can be tested.

    Args:
        affine: the maps (W_l, b_l) as linear layers, the first from the inputs, the last to the outputs.
        input: the basis p.
        output: the basis q.
        activation: sigma.
        panels: equal parts of each cell of the bases' common mesh.
        order: Gauss nodes in each part.

    Raises:
        InputError: the sizes of the layers and of the bases do not match.

    Reference:
        Zhang et al. 2023, arXiv:2312.12578.
    """

    def __init__(
        self,
        affine: list[nn.Linear],
        input: Basis,
        output: Basis,
        activation: Callable[[Any], Any] = torch.relu,
        panels: int = 1,
        order: int = 12,
    ) -> None:
        """Keep the layers and place the nodes; see the class."""
        super().__init__()
        for number, layer in enumerate(affine):
            inner, outer = number > 0, number < len(affine) - 1
            if inner and layer.in_features != output.size or outer and layer.out_features != input.size:
                raise InputError(
                    f"layer {number} maps {layer.in_features} to {layer.out_features} numbers, but the bases have "
                    f"{output.size} functions before and {input.size} after an affine map."
                )
        self.affine, self.activation = nn.ModuleList(affine), activation
        edges = np.array([float(edge) for edge in common_mesh((input, output))])
        edges = np.append((edges[:-1, None] + np.diff(edges)[:, None] * np.arange(panels) / panels).ravel(), 1.0)
        u, w = np.polynomial.legendre.leggauss(order)
        half = np.diff(edges)[:, None] / 2
        t = torch.from_numpy((edges[:-1, None] + half * (1 + u)).ravel())
        self.register_buffer("p", input.values(t), persistent=False)
        self.register_buffer("q", output.values(t), persistent=False)
        self.register_buffer("weights", torch.from_numpy((half * w).ravel()), persistent=False)

    p: Tensor
    q: Tensor
    weights: Tensor

    def kernel(self, number: int) -> Tensor:
        """Evaluate w_l(s, t) of a layer between two continuous ones at all pairs of nodes, shape ``(m, m)``."""
        layer: Any = self.affine[number]
        return self.p @ layer.weight @ self.q.T

    def forward(self, x: Any) -> Any:
        """Map points ``(n, d)`` to ``(n, K)``."""
        layers: list[Any] = list(self.affine)
        h = nn.functional.linear(x, self.p @ layers[0].weight, self.p @ layers[0].bias)
        for number in range(1, len(layers) - 1):
            kernel = self.kernel(number) * self.weights
            h = nn.functional.linear(self.activation(h), kernel, self.p @ layers[number].bias)
        return nn.functional.linear(self.activation(h), layers[-1].weight @ (self.q.T * self.weights), layers[-1].bias)
