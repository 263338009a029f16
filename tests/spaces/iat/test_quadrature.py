"""Transforms by quadrature, and the networks of continuous width that they discretise."""

import pytest
import torch
from scipy.integrate import quad

from pinnkit.errors import InputError
from pinnkit.jets import by_transforms, evaluate
from pinnkit.spaces.iat import BASES, IATM, ContinuousWidth, IATGauss, IATReLU, basis


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def layers(*sizes):
    made = [torch.nn.Linear(a, b).double() for a, b in zip(sizes[::2], sizes[1::2], strict=True)]
    with torch.no_grad():
        for seed, layer in enumerate(made):
            layer.weight.copy_(0.5 * normal(*layer.weight.shape, seed=seed))
            layer.bias.copy_(0.5 * normal(*layer.bias.shape, seed=seed + 50))
    return made


def test_midpoint_form_is_the_printed_one():
    p, q, m, x = basis("pwl", 4), basis("fourier", 3), 7, normal(5, 4)
    t = torch.tensor([-1 + (2 * k - 1) / m for k in range(1, m + 1)], dtype=torch.float64)
    exact = 2 / m * torch.relu(x @ p.values(t).T) @ q.values(t)
    torch.testing.assert_close(IATM(p, q, torch.relu, m)(x), exact, rtol=0, atol=1e-14)


@pytest.mark.parametrize("first", BASES)
def test_gauss_rule_against_adaptive_quadrature(first):
    p, q, x = basis(first, 5), basis("pwq", 4), normal(5, seed=4)
    y = IATGauss(p, q, torch.tanh, order=24)(x)
    points = sorted({float(t) for each in (p, q) for t in each.breakpoints} | {1.0})
    for j in range(4):
        exact = sum(
            quad(lambda t, j=j: float(q.values(t)[j] * torch.tanh(p.values(t) @ x)), a, b, epsabs=1e-15)[0]
            for a, b in zip(points[:-1], points[1:], strict=True)
        )
        assert abs(float(y[j]) - exact) < 1e-12


def test_gauss_rule_converges_geometrically():
    p, q, x = basis("fourier", 6), basis("fourier", 5), normal(8, 6)
    best = IATGauss(p, q, torch.tanh, 40)(x)
    errors = [(IATGauss(p, q, torch.tanh, order)(x) - best).abs().max().item() for order in (4, 8, 16)]
    assert errors[1] < errors[0] / 20 and errors[2] < errors[1] / 200


def test_jets_of_the_smooth_transform():
    net = torch.nn.Sequential(*layers(2, 5), IATGauss(basis("pwl", 5), basis("pwl", 3), torch.tanh))
    x, keys = normal(4, 2), [(0,), (0, 1), (1, 1)]
    jets, reverse = evaluate(net, x, keys), by_transforms(net, x, keys, (0, 1))
    for key in keys:
        torch.testing.assert_close(jets[key], reverse[key], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("first", "second"), [("pwl", "pwl"), ("rect", "fourier"), ("fourier", "pwq")])
def test_continuous_width_network_equals_the_network_of_transforms(first, second):
    p, q = basis(first, 5), basis(second, 4)
    affine = layers(2, 5, 4, 5, 4, 3)
    activation = IATGauss(p, q, torch.tanh, 32)
    network = torch.nn.Sequential(affine[0], activation, affine[1], activation, affine[2])
    continuous = ContinuousWidth(affine, p, q, torch.tanh, panels=2, order=24)
    x = normal(6, 2, seed=8)
    torch.testing.assert_close(continuous(x), network(x), rtol=0, atol=1e-12)


def test_continuous_width_network_converges_to_the_exact_transform():
    p, q = basis("pwl", 5), basis("pwl", 4)
    affine, exact = layers(2, 5, 4, 5, 4, 1), IATReLU(p, q)
    network = torch.nn.Sequential(affine[0], exact, affine[1], exact, affine[2])
    x = normal(6, 2, seed=8)
    errors = [
        (ContinuousWidth(affine, p, q, panels=panels, order=4)(x) - network(x)).norm().item() for panels in (1, 8, 64)
    ]
    # The kink makes the order two.
    assert errors[1] < errors[0] / 16 and errors[2] < errors[1] / 16 and errors[2] < 1e-5


def test_kernel_has_the_rank_of_the_bases():
    continuous = ContinuousWidth(layers(2, 5, 4, 5, 4, 1), basis("pwl", 5), basis("pwl", 4))
    kernel = continuous.kernel(1)
    assert len(kernel) > 50 and torch.linalg.matrix_rank(kernel) == 4


def test_errors():
    p, q = basis("pwl", 5), basis("pwl", 4)
    with pytest.raises(InputError, match="points must be a positive whole number, got 0"):
        IATM(p, q, torch.relu, 0)
    with pytest.raises(InputError, match="order must be a positive whole number, got 1.5"):
        IATGauss(p, q, torch.tanh, 1.5)
    with pytest.raises(InputError, match="the activation must be a function such as torch.tanh, got 'tanh'"):
        IATGauss(p, q, "tanh")
    with pytest.raises(InputError, match="layer 1 maps 5 to 1 numbers, but the bases have 4 functions before"):
        ContinuousWidth(layers(2, 5, 5, 1), p, q)
