"""Chebyshev polynomials: exact for polynomials, spectral for analytic functions, in order of the Euclidean degree."""

import math

import numpy as np
import pytest
import torch

import pinnkit as pk
from pinnkit.spaces.chebyshev import euclidean_degrees


@pytest.mark.parametrize(("size", "dimensions"), [(1, 1), (9, 1), (40, 2), (30, 3), (25, 5)])
def test_exponents_are_all_of_the_least_norm(size, dimensions):
    found = euclidean_degrees(size, dimensions)
    assert found.shape == (size, dimensions) and found.dtype == torch.int64
    rows = {tuple(row) for row in found.tolist()}
    assert len(rows) == size and (0,) * dimensions not in rows
    largest = max(math.hypot(*row) for row in rows)
    every = np.indices((math.floor(largest) + 1,) * dimensions).reshape(dimensions, -1).T
    inside = [tuple(row) for row in every.tolist() if 0 < math.hypot(*row) < largest - 1e-12]
    assert set(inside) <= rows


def test_functions_are_products_of_numpys_polynomials():
    bounds = torch.tensor([[0.0, -1.0], [4.0, 1.0]], dtype=torch.float64)
    space = pk.Chebyshev(20).build(bounds, 1, torch.Generator().manual_seed(0))
    x = bounds[0] + torch.rand(7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 4 / bounds[1]
    scaled = ((x - bounds.mean(0)) / torch.tensor([2.0, 1.0])).numpy()
    for column, (i, j) in zip(space.basis(x).T, euclidean_degrees(20, 2).tolist(), strict=True):
        one, other = (np.polynomial.chebyshev.Chebyshev.basis(k) for k in (i, j))
        np.testing.assert_allclose(column, one(scaled[:, 0]) * other(scaled[:, 1]), atol=1e-12)


def poisson(exact, laplacian):
    box = pk.Box([-1, -1], [1, 1])
    return pk.Problem(
        domain=box, unknowns="u", reference=exact,
        equations={"poisson": lambda u, p: u.laplacian - laplacian(p)},
        conditions=[pk.Dirichlet(u=exact, on=box.boundary)],
    )  # fmt: skip


def error(problem, functions):
    method = pk.LeastSquares()
    return pk.solve(problem, pk.Chebyshev(functions), method, budget="60s", tolerance=1e-16).relative_l2


def test_a_polynomial_solution_is_exact():
    problem = poisson(lambda p: p.x**3 * p.y - 2 * p.y**2 + 3, lambda p: 6 * p.x * p.y - 4)
    assert error(problem, 30) < 1e-13
    assert error(problem, 8) > 1e-3  # without x^3 y


def test_convergence_is_spectral():
    def exact(p):
        return torch.exp(torch.sin(2 * p.x + p.y))

    def laplacian(p):
        z = 2 * p.x + p.y
        return 5 * exact(p) * (torch.cos(z) ** 2 - torch.sin(z))

    problem = poisson(exact, laplacian)
    errors = [error(problem, functions) for functions in (30, 120, 480)]
    # An algebraic order would make the two ratios equal; here doubling the degree about squares the error.
    assert errors[2] < 1e-9
    assert errors[1] / errors[2] > 100 * errors[0] / errors[1]


def test_sizes():
    assert pk.Chebyshev(5).resized(9).functions == 5
    assert pk.Chebyshev().resized(9).functions == 9
    with pytest.raises(pk.InputError, match="functions must be a positive whole number, got 0"):
        pk.Chebyshev(0)
