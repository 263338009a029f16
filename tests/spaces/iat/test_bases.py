"""The six bases: what the paper says of each, against quadrature."""

import numpy as np
import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.spaces.iat import BASES, basis
from pinnkit.spaces.iat.bases import common_mesh
from pinnkit.spaces.iat.polynomials import evaluate

CONTINUOUS = {"pwl", "pwq", "fourier", "pwl-w"}
ZERO_INTEGRAL = {"fourier", "rect-w", "pwl-w"}
RANK_LOSS = {"rect-w", "pwl-w"}
CASES = [(name, size) for name in BASES for size in (2, 3, 5, 8)]


def gauss(each, order=30):
    u, w = np.polynomial.legendre.leggauss(order)
    edges = np.array([float(t) for t in common_mesh((each,))])
    half = np.diff(edges)[:, None] / 2
    return torch.from_numpy((edges[:-1, None] + half * (1 + u)).ravel()), torch.from_numpy((half * w).ravel())


@pytest.mark.parametrize(("name", "size"), CASES)
def test_norm_integral_and_rank(name, size):
    each = basis(name, size)
    t, w = gauss(each)
    p = each.values(t)
    gram = (p.T * w) @ p
    torch.testing.assert_close(gram.diagonal(), torch.full((size,), 2 / size, dtype=torch.float64), rtol=0, atol=1e-13)
    assert each.norm == pytest.approx((2 / size) ** 0.5)
    integrals = (p.T @ w).abs()
    assert (integrals.max() < 1e-14) == (name in ZERO_INTEGRAL)
    assert torch.linalg.matrix_rank(gram) == size - (name in RANK_LOSS)


@pytest.mark.parametrize("name", BASES)
def test_continuity_across_breakpoints_and_the_period(name):
    each = basis(name, 6)
    t = torch.tensor([float(b) for b in each.breakpoints], dtype=torch.float64)
    gap = (each.values(t + 1e-9) - each.values((t - 1e-9 + 1) % 2 - 1)).abs().max()
    assert (gap < 1e-7) == (name in CONTINUOUS)
    slope_gap = (each.values(t + 1e-9, 1) - each.values((t - 1e-9 + 1) % 2 - 1, 1)).abs().max()
    assert (slope_gap < 1e-6) == (name in {"pwq", "fourier", "rect", "rect-w"})


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_against_differences(name, order):
    each = basis(name, 5)
    t, _ = gauss(each, 3)
    h = 1e-6
    difference = (each.values(t + h, order - 1) - each.values(t - h, order - 1)) / (2 * h)
    scale = 1 + each.values(t, order + 2).abs().max()
    torch.testing.assert_close(each.values(t, order), difference, rtol=1e-7, atol=1e-9 * scale.item())


@pytest.mark.parametrize("name", BASES)
def test_local_polynomials_are_the_functions_and_their_derivatives(name):
    each = basis(name, 6)
    edges = common_mesh((each, basis("pwl", 5)))
    local = torch.from_numpy(each.in_cells(edges))
    tau = torch.linspace(-0.999, 0.999, 9, dtype=torch.float64)
    for cell, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        middle, half = float((a + b) / 2), float((b - a) / 2)
        for order in range(3):
            found = evaluate(local[:, :, cell, None].expand(-1, -1, 9), tau.expand(6, 9), order)
            exact = each.values(middle + half * tau, order).T * half**order
            torch.testing.assert_close(found, exact, rtol=0, atol=2e-13)


def test_pwq_is_the_quadratic_spline():
    p = basis("pwq", 8)
    t = torch.tensor([-1 + 1 / 8 + 2 / 8 * i for i in range(8)], dtype=torch.float64)
    values = p.values(t)
    # At the middle of its support a spline is three quarters, one cell further an eighth: 6 : 1 : 0.
    identity = torch.eye(8, dtype=torch.float64)
    expected = identity + (identity.roll(1, 0) + identity.roll(-1, 0)) / 6
    torch.testing.assert_close(values / values.diagonal(), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("size", [1, 0, -3, 2.0, True])
@pytest.mark.parametrize("name", BASES)
def test_fewer_than_two_functions_are_an_error(name, size):
    with pytest.raises(InputError, match=f"'{name}' needs at least two functions, got size = {size}"):
        basis(name, size)


def test_unknown_basis_lists_the_known_ones():
    with pytest.raises(InputError, match="no basis 'hat'; known are rect, pwl, pwq, fourier, rect-w, pwl-w"):
        basis("hat", 4)
