"""B-splines against scipy, and the network against sums over its edges."""

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from pinnkit.jets import evaluate
from pinnkit.spaces.bsplines import bsplines
from pinnkit.spaces.kan import KAN

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def built(space):
    return space.build(SQUARE, 1, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("grid", "degree"), [(1, 1), (5, 1), (1, 3), (5, 3), (8, 2), (3, 5), (20, 4)])
def test_splines_and_their_derivatives_are_those_of_scipy(grid, degree):
    knots = -1 + (2 / grid) * np.arange(-degree, grid + degree + 1)
    # Beyond the extended grid too, but not on knots, where derivatives may jump.
    x = np.random.default_rng(0).uniform(knots[0] - 0.8, knots[-1] + 0.8, 400)
    keys = [(), (0,), (0, 0), (0, 0, 0), (0, 0, 0, 0)]
    found = evaluate(lambda p: bsplines(p[:, 0], grid, degree), torch.tensor(x)[:, None], keys)
    for order, key in enumerate(keys):
        for i in range(grid + degree):
            spline = BSpline.basis_element(knots[i : i + degree + 2], extrapolate=False)
            values = spline.derivative(order)(x) if 0 < order <= degree else spline(x) if order == 0 else 0 * x
            expected = np.nan_to_num(values)
            size = 1 + np.abs(expected).max()
            assert np.abs(found[key][:, i].numpy() - expected).max() < 1e-11 * size, (order, i)


@pytest.mark.parametrize("degree", [1, 2, 3, 5])
def test_splines_sum_to_one_on_the_grid_and_vanish_beyond_its_extension(degree):
    inside = torch.linspace(-1, 1, 101, dtype=torch.float64)
    values = bsplines(inside, 4, degree)
    assert (values >= 0).all()
    torch.testing.assert_close(values.sum(-1), torch.ones_like(inside))
    end = 1.001 + degree * 0.5
    far = torch.tensor([-1e300, -7.0, -end, end, 7.0, 1e9, torch.inf], dtype=torch.float64, requires_grad=True)
    beyond = bsplines(far, 4, degree)
    assert not beyond.any()
    assert not torch.autograd.grad(beyond.sum(), far)[0][1:-1].any()


def test_a_value_that_is_not_a_number_stays_one():
    assert bsplines(torch.tensor([0.1, torch.nan], dtype=torch.float64), 4, 3).isnan().any(1).tolist() == [False, True]


def test_edges_are_functions_and_nodes_are_sums():
    space = built(KAN(3, 2, grid=4, order=2))
    x = torch.tensor([[0.3, -0.7], [0.9, 0.1]], dtype=torch.float64)
    each = 4 + 2 + 1
    functions = lambda t: [torch.nn.functional.silu(t), *bsplines(t, 4, 2).T]  # noqa: E731
    h = x
    for weight in space.weights:
        edges = weight.reshape(weight.shape[0], -1, each)
        h = torch.stack(
            [
                sum(edges[i, j, k] * f for j in range(h.shape[1]) for k, f in enumerate(functions(h[:, j])))
                for i in range(len(edges))
            ],
            1,
        )
    torch.testing.assert_close(space.basis(x), torch.stack([f for j in range(3) for f in functions(h[:, j])], 1))
    assert space.size == 3 * each


def test_nodes_that_leave_the_grid_keep_silu():
    space = built(KAN(2, 1, grid=3, order=3))
    with torch.no_grad():
        space.weights[0][:, :7] = torch.tensor([1000.0] + [0.0] * 6)
    basis = space.basis(torch.tensor([[1.0, 0.0]], dtype=torch.float64)).reshape(2, 7)
    assert (basis[:, 0] > 700).all() and not basis[:, 1:].any()
