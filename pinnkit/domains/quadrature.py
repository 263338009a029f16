"""Gauss quadrature on unit cubes and simplices."""

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


def gauss_simplex(per_axis: int, dimension: int) -> tuple[Tensor, Tensor]:
    r"""Give the collapsed Gauss-Jacobi rule on the simplex :math:`x_i \ge 0, \sum x_i \le 1`.

    The cube is mapped onto it by :math:`x_1 = u_1, x_2 = (1 - u_1) u_2, \dots`; the Jacobian, a power of
    :math:`1 - u_i` along each axis, is the weight of that axis' Gauss rule (Stroud 1971).

    Args:
        per_axis: m, nodes along each axis.
        dimension: k.

    Returns:
        Nodes ``(m^k, k)`` and weights ``(m^k,)`` that sum to one, float64; exact for polynomials of total degree
        ``2 m - 1``.
    """
    if dimension == 0:
        return gauss_legendre(1, 0)
    rules = [gauss_jacobi(per_axis, dimension - 1 - axis) for axis in range(dimension)]
    u = torch.cartesian_prod(*[nodes for nodes, _ in rules]).reshape(-1, dimension)
    weights = torch.cartesian_prod(*[weights for _, weights in rules]).reshape(-1, dimension).prod(1)
    left = torch.cat([torch.ones_like(u[:, :1]), (1 - u[:, :-1]).cumprod(1)], 1)
    return u * left, weights


def gauss_sphere(m: int, dimension: int) -> tuple[Tensor, Tensor]:
    """Give a rule on the unit sphere, in the unit coordinates of `directions`.

    Args:
        m: half the number of equal angles (there are two points in one dimension), and the Gauss nodes along the axis.
        dimension: of the space, at most three.

    Returns:
        Nodes ``(q, k)`` and weights ``(q,)`` that sum to one; exact for polynomials of degree ``2 m - 1``.
    """
    count = 2 if dimension == 1 else 2 * m
    angle = (torch.arange(count, dtype=torch.float64)[:, None] + 0.5) / count
    height, weights = gauss_legendre(m, max(dimension - 2, 0))
    unit = torch.cat([angle.repeat_interleave(len(height), 0), height.repeat(count, 1)], 1)
    return unit, weights.repeat(count) / count


@cache
def gauss_jacobi(n: int, power: int) -> tuple[Tensor, Tensor]:
    """Give the n-point Gauss rule on [0, 1] with the weight (power + 1) (1 - u)^power.

    Args:
        n: how many nodes.
        power: a whole number from 0.

    Returns:
        Nodes and weights ``(n,)``; the weights sum to one.

    Reference:
        Golub and Welsch 1969, doi:10.1090/S0025-5718-69-99647-1: nodes are eigenvalues of the recurrence.
    """
    if power == 0:
        return _rule(n)
    k, a = torch.arange(n, dtype=torch.float64), float(power)
    diagonal = -a * a / ((2 * k + a) * (2 * k + a + 2))
    k = k[1:]
    square = 4 * k * k * (k + a) * (k + a) / ((2 * k + a).square() * ((2 * k + a).square() - 1))
    matrix = torch.diag(diagonal) + torch.diag(square.sqrt(), 1) + torch.diag(square.sqrt(), -1)
    x, vectors = torch.linalg.eigh(matrix)
    weights = vectors[0].square()
    return (x + 1) / 2, weights / weights.sum()


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
