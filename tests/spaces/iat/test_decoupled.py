"""Decoupled networks: linear in the weights, continuous in x, donors of another width."""

import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.jets import by_transforms, evaluate
from pinnkit.spaces.iat import IAT, DecoupledIAT, DecoupledNetwork, IATReLU, basis

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def donor(depth=1, **options):
    return IAT(width=24, depth=depth, **options).build(SQUARE, 1, generator(0))


def receiver(given, outputs=1, seed=1, p=None, q=None, **options):
    return DecoupledNetwork(given, p or basis("pwl", 5), q or basis("pwq", 3), outputs, generator(seed), **options)


def points(n, seed=3):
    return 2 * torch.rand(n, 2, generator=generator(seed), dtype=torch.float64) - 1


@pytest.mark.parametrize("names", [("pwl", "fourier", "pwq"), ("fourier", "pwl", "pwl"), ("pwq", "rect", "rect-w")])
def test_linear_in_the_values_and_right(names):
    a, p, q = (basis(name, size) for name, size in zip(names, (6, 5, 4), strict=True))
    transform, x, v, w = DecoupledIAT(a, p, q), normal(3, 6), normal(3, 5, seed=1), normal(3, 5, seed=2)
    together = transform(x, 2 * v - 3 * w)
    torch.testing.assert_close(together, 2 * transform(x, v) - 3 * transform(x, w), rtol=0, atol=1e-13)
    m = 100_000
    t = (2 * torch.arange(m, dtype=torch.float64) + 1) / m - 1
    masked = (x @ a.values(t).T > 0) * (v @ p.values(t).T)
    torch.testing.assert_close(transform(x, v), 2 / m * masked @ q.values(t), rtol=0, atol=1e-4)


def test_with_its_own_pattern_it_is_the_transform():
    p, q, x = basis("pwq", 6), basis("pwl", 5), normal(10, 6)
    torch.testing.assert_close(DecoupledIAT(p, p, q)(x, x), IATReLU(p, q)(x), rtol=0, atol=1e-15)


@pytest.mark.parametrize(("name", "continuous"), [("pwl", True), ("pwq", True), ("fourier", True), ("rect", False)])
def test_continuity_in_the_pattern(name, continuous):
    """Along a path on which roots appear and vanish; a step of a discontinuous pattern is a jump."""
    transform = DecoupledIAT(basis(name, 6), basis("pwl", 4), basis("pwl", 4))
    steps = []
    for n in (1000, 4000):
        path = torch.linspace(-2, 2, n, dtype=torch.float64)[:, None]
        y = transform(normal(6) + path * normal(6, seed=1), normal(1, 4, seed=2).expand(n, 4))
        steps.append((y[1:] - y[:-1]).abs().max().item())
    # Continuous, and at a double root like a square root of the distance: a quarter of the step, at most half.
    assert (steps[1] < 0.7 * steps[0]) == continuous


def test_derivatives_through_the_pattern():
    transform = DecoupledIAT(basis("fourier", 4), basis("pwl", 5), basis("pwq", 3))
    states, values = torch.nn.Linear(2, 4).double(), torch.nn.Linear(2, 5).double()
    with torch.no_grad():
        states.weight.copy_(normal(4, 2)), values.weight.copy_(normal(5, 2, seed=1))

    def module(x):
        return transform(states(x), values(x))

    keys = [(0,), (0, 1), (1, 1), (0, 0, 1)]
    jets, reverse = evaluate(module, points(4), keys), by_transforms(module, points(4), keys, (0, 1))
    for key in keys:
        torch.testing.assert_close(jets[key], reverse[key], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("depth", "layer"), [(1, 0), (1, 1), (1, -1), (2, 0), (2, 1), (2, 2)])
def test_fit_finds_a_function_in_its_span(depth, layer):
    given = donor(depth)
    truth, net = receiver(given, 2), receiver(given, 2)
    with torch.no_grad():
        for parameter in net.affine[layer].parameters():
            parameter.copy_(normal(*parameter.shape, seed=7))
    x, new = points(300), points(50, seed=4)
    assert (net(new) - truth(new)).abs().max() > 0.1
    net.fit(x, truth(x).detach(), layer)
    torch.testing.assert_close(net(new), truth(new), rtol=0, atol=1e-11)


def test_fit_is_the_least_squares_solution():
    net, x = receiver(donor()), points(400)
    target = torch.exp(x[:, :1]) * torch.cos(2 * x[:, 1:])
    net.fit(x, target)
    best = (net(x) - target).square().sum()
    best.backward()
    for parameter in net.affine[0].parameters():
        assert parameter.grad.abs().max() < 1e-9
    assert (best / target.square().sum()).sqrt() < 0.1


def test_network_is_linear_in_the_weights_of_a_layer():
    net, x = receiver(donor(2)), points(20)
    weight = net.affine[1].weight
    values = []
    for factor in (0.0, 1.0, 2.0):
        changed = {"affine.1.weight": weight + factor * normal(*weight.shape)}
        values.append(torch.func.functional_call(net, changed, (x,)))
    torch.testing.assert_close(values[2] - values[1], values[1] - values[0], rtol=0, atol=1e-12)


def test_frozen_donor_is_a_copy_and_a_transferred_one_trains_along():
    given = donor()
    frozen, along = receiver(given), receiver(given, frozen=False)
    assert not any(p.requires_grad for p in frozen.donor.parameters())
    assert all(p.requires_grad for p in given.parameters())
    along(points(5)).sum().backward()
    assert given.layers[0].weight.grad.abs().max() > 0
    assert len(frozen.affine[0].bias) == 2 * 5 and given.layers[0].weight.shape == (2 * 4, 2)


def test_errors():
    with pytest.raises(InputError, match="the donor must be a built IAT space"):
        receiver(IAT(width=24))
    with pytest.raises(InputError, match="the donor's activation is 'tanh'; it must be 'relu'"):
        receiver(donor(activation="tanh"))
    with pytest.raises(InputError, match="there are 2 affine maps, numbered from 0; got layer = 2"):
        receiver(donor()).fit(points(5), torch.zeros(5, 1), 2)
    with pytest.raises(InputError, match=r"the target must have shape \(5, 1\), got \(5,\)"):
        receiver(donor()).fit(points(5), torch.zeros(5))
