"""Gauss quadrature on unit cubes."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor


def gauss_legendre(n: int, dimension: int) -> tuple[Tensor, Tensor]:
    """Give the tensor-product Gauss-Legendre rule on the unit cube.

    Args:
        n: how many nodes, at least; the number is rounded up to a power of `dimension`.
        dimension: k; zero gives the one point of a cube without extent.

    Returns:
        Nodes ``(m, k)`` and weights ``(m,)`` that sum to one, float64; exact for polynomials of degree
        ``2 m^(1/k) - 1`` in each coordinate.
    """
    if dimension == 0:
        return torch.zeros(1, 0, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    # A millionth less, because the root of 8 nodes in three dimensions is not exactly 2.
    per_axis = max(1, math.ceil(n ** (1 / dimension) - 1e-6))
    nodes, weights = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(per_axis))
    nodes, weights = (nodes + 1) / 2, weights / 2
    grid = torch.cartesian_prod(*[nodes] * dimension).reshape(-1, dimension)
    product = torch.cartesian_prod(*[weights] * dimension).reshape(-1, dimension).prod(1)
    return grid, product
