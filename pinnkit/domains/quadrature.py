"""Gauss quadrature on unit cubes."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor


def gauss_legendre(n: int, dimension: int) -> tuple[Tensor, Tensor]:
    """Give the tensor-product Gauss-Legendre rule on the unit cube.

    Args:
        n: how many nodes, at least; the number is rounded up to a k-th power.
        dimension: k; zero gives the one point of a cube without extent.

    Returns:
        Nodes ``(m, k)`` and weights ``(m,)`` that sum to one, float64; exact for polynomials of degree
        ``2 m^(1/k) - 1`` in each coordinate.
    """
    if dimension == 0:
        return torch.zeros(1, 0, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    # A millionth less, because the root of 8 nodes in three dimensions is not exactly 2.
    per_axis = max(1, math.ceil(n ** (1 / dimension) - 1e-6))
    nodes, weights = _rule(per_axis)
    grid = torch.cartesian_prod(*[nodes] * dimension).reshape(-1, dimension)
    product = torch.cartesian_prod(*[weights] * dimension).reshape(-1, dimension).prod(1)
    return grid, product


@cache
def _rule(n: int) -> tuple[Tensor, Tensor]:
    """Give the n nodes and weights on [0, 1] by Newton's method on the recurrence of Legendre polynomials."""
    # Of our own, because an energy in one dimension takes thousands of nodes: NumPy's rule is an eigenvalue problem of
    # n^3 operations, and with 1000 nodes SciPy's errs by 1e-10 in the highest degree, this one by 1e-13.
    x = torch.cos(math.pi * (torch.arange(n, 0, -1, dtype=torch.float64) - 0.25) / (n + 0.5))
    for _ in range(6):
        before, value = torch.ones_like(x), x
        for k in range(2, n + 1):
            before, value = value, x * value + (k - 1) / k * (x * value - before)
        slope = n * (before - x * value) / (1 - x * x)
        step = value / slope
        x = x - step
        if step.abs().max() < 1e-15:
            break
    weights = 1 / ((1 - x * x) * slope * slope)
    # Symmetric, and of sum one, to the last digit.
    x, weights = (x - x.flip(0)) / 2, (weights + weights.flip(0)) / 2
    return (x + 1) / 2, weights / weights.sum()
