"""Separable functions on tensor grids."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def grid_values(factors: Sequence[Tensor], head: nn.Linear) -> Tensor:
    r"""Sum separable functions on a tensor grid, :math:`y_k = \sum_l s_{kl} \prod_i \phi_i^l(x_i) + s_{k0}`.

    Args:
        factors: the functions along each axis, shapes ``(n_i, r)``.
        head: the linear head s.

    Returns:
        Values, shape ``(n_1, ..., n_d, K)``.
    """
    # Half of the axes on each side of one matrix product, which nothing larger than its result should precede.
    middle = (len(factors) + 1) // 2
    left, right = _joined(factors[:middle], head.weight), _joined(factors[middle:], head.weight)
    values = (head.weight[:, None] * left @ right.mT).permute(1, 2, 0) + head.bias
    return values.reshape(*map(len, factors), -1)


def _joined(factors: Sequence[Tensor], like: Tensor) -> Tensor:
    """Multiply functions of different axes at all combinations of their points, shape ``(n_i n_j ..., r)``."""
    result = torch.ones_like(like[:1])
    for factor in factors:
        result = (result[:, None] * factor).flatten(0, 1)
    return result
