"""Lehmer networks as trial spaces."""

import pytest
import torch

import pinnkit as pk
from pinnkit.errors import InputError
from pinnkit.jets import LAPLACIAN, evaluate
from pinnkit.jets.derivatives import by_transforms
from pinnkit.spaces.lehmer import LehmerNetwork

CUBE = torch.tensor([[0.0] * 3, [2.0, 1.0, 4.0]], dtype=torch.float64)


def built(space, bounds=CUBE, outputs=1, seed=0):
    return space.build(bounds, outputs, torch.Generator().manual_seed(seed))


def points(n=4, seed=1):
    return CUBE[1] * torch.rand(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_basis_functions_are_the_formula():
    space, p = built(LehmerNetwork(6, features=3)), points()
    x = space.positive[0](p / CUBE[1] * 2 - 1).reshape(4, 3, 6)
    units = space.lehmer[0]
    w = units.weights.mT
    expected = (w * x**units.s).sum(1) / (w * x ** (units.s - 1)).sum(1)
    torch.testing.assert_close(space.basis(p), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("options", [{}, {"complex": True}, {"depth": 3}, {"depth": 2, "complex": True}])
def test_jets(options):
    space = built(LehmerNetwork(7, **options), outputs=2)
    keys = [(), (2,), (0, 0), (0, 2), LAPLACIAN]
    found, expected = evaluate(space, points(), keys), by_transforms(space, points(), keys, (0, 1, 2))
    for key in keys:
        torch.testing.assert_close(found[key], expected[key], rtol=1e-10, atol=1e-11)
    assert all(p.requires_grad for p in space.parameters())


def test_features_of_every_layer_are_neither_linear_nor_saturated():
    space, h = built(LehmerNetwork(300, depth=4)), 2 * points(200) / CUBE[1] - 1
    for features, units in zip(space.positive, space.lehmer, strict=True):
        u = features.logarithms(h)
        assert 0.3 < u.std() < 0.8
        h = units.of_logarithms(u)


def test_size_and_kind():
    space = LehmerNetwork()
    assert space.frozen and not LehmerNetwork(depth=2).frozen
    assert built(space.resized(33)).size == 33 and space.units is None
    assert LehmerNetwork(5).resized(33).units == 5
    assert LehmerNetwork(complex=True, features=4).resized(9).features == 4
    assert space.formula.isascii() and space.references


@pytest.mark.parametrize(("seed", "complex"), [(0, False), (1, False), (2, False), (0, True)])
def test_poisson_by_least_squares(seed, complex):
    method = pk.LeastSquares(start_size=300, max_size=300)
    space = LehmerNetwork(complex=complex)
    solution = pk.solve(pk.load_problem("poisson-hf", {"n": 1}), space=space, method=method, budget="60s", seed=seed)
    assert solution.relative_l2 < 1e-7


@pytest.mark.parametrize("complex", [False, True])
def test_a_deep_network_trains(complex):
    space, x = built(LehmerNetwork(8, depth=2, complex=complex)), points(64)
    wanted = torch.sin(3 * x[:, :1]) * x[:, 1:2]
    optimizer = torch.optim.Adam(space.parameters(), lr=3e-2)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        losses.append((space(x) - wanted).square().mean())
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.05 * losses[0]
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in space.parameters())


@pytest.mark.parametrize(("options", "message"), [
    ({"units": 0}, "units must be a positive whole number, got 0"),
    ({"features": None}, "features must be a positive whole number, got None"),
    ({"depth": 1.5}, "depth must be a positive whole number, got 1.5"),
    ({"scale": -1.0}, "scale must be positive, got -1.0"),
])  # fmt: skip
def test_wrong_options(options, message):
    with pytest.raises(InputError, match=message):
        LehmerNetwork(**options)
