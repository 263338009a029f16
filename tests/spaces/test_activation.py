"""Activations by name: derivatives of every order, and finite ones where they have a corner."""

import pytest
import torch
from torch import nn

from pinnkit.errors import InputError, NameNotFound
from pinnkit.jets import evaluate
from pinnkit.jets.derivatives import by_transforms
from pinnkit.spaces.activation import ACTIVATIONS, as_activation, sin_arctan, spder, value_and_slope

MIXED = torch.tensor([[1.0, 0.3], [2.0, -1.0]], dtype=torch.float64)


def points(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_jets_against_reverse_mode(name):
    def module(p):
        return ACTIVATIONS[name](torch.matmul(p, MIXED))

    keys = [(), (0,), (0, 1), (1, 1), "laplacian", (0, 0, 1), (0, 0, 1, 1)]
    found, expected = evaluate(module, points(9, 2), keys), by_transforms(module, points(9, 2), keys, (0, 1))
    for key in keys:
        torch.testing.assert_close(found[key], expected[key], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_slope(name):
    z = points(50)
    value, slope = value_and_slope(ACTIVATIONS[name], z)
    step = 1e-6
    torch.testing.assert_close(value, ACTIVATIONS[name](z), rtol=1e-14, atol=1e-15)
    difference = (ACTIVATIONS[name](z + step) - ACTIVATIONS[name](z - step)) / (2 * step)
    torch.testing.assert_close(slope, difference, rtol=1e-7, atol=1e-7)


def test_value_and_slope_of_a_function_without_a_jet_rule():
    value, slope = value_and_slope(torch.special.i0, points(20))
    torch.testing.assert_close(value, torch.special.i0(points(20)))
    torch.testing.assert_close(slope, torch.special.i1(points(20)))


def test_formulas():
    z = points(30)
    torch.testing.assert_close(spder(z), torch.sin(z) * z.abs().sqrt(), rtol=1e-14, atol=0)
    torch.testing.assert_close(sin_arctan(z), torch.sin(z) * torch.arctan(z), rtol=1e-14, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spder_around_zero(dtype):
    """Value 0, slope 0 = lim 3/2 sqrt|z|, second derivative 3/4 sign(z) / sqrt|z|, taken as 0 at 0 itself."""
    tiny = torch.finfo(dtype).tiny
    z = torch.tensor([0.0, -0.0, tiny, -tiny, 1e-12, -1e-12], dtype=dtype, requires_grad=True)
    y = spder(z)
    (slope,) = torch.autograd.grad(y.sum(), z, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), z)
    assert torch.equal(y[:4], torch.zeros(4, dtype=dtype)) and torch.equal(slope[:4], torch.zeros(4, dtype=dtype))
    assert torch.equal(second[:4], torch.zeros(4, dtype=dtype))
    near = z.detach()[4:]
    torch.testing.assert_close(slope[4:], 1.5 * near.abs().sqrt(), rtol=1e-5, atol=0)
    torch.testing.assert_close(second[4:], 0.75 * near.sign() / near.abs().sqrt(), rtol=1e-5, atol=0)
    jets = evaluate(spder, z.detach()[:, None], [(), (0,), (0, 0)])
    torch.testing.assert_close(jets[0,][:, 0], slope.detach())
    torch.testing.assert_close(jets[0, 0][:, 0], second)


def test_names_and_functions():
    assert as_activation("spder") is spder
    assert as_activation(torch.tanh) is torch.tanh
    module = nn.PReLU()
    assert as_activation(module) is module
    with pytest.raises(NameNotFound, match=r"unknown activation 'sine'. Did you mean 'sin'\? Known: sin, spder"):
        as_activation("sine")
    with pytest.raises(InputError, match="an activation must be an elementwise function or one of sin, .*, got 3"):
        as_activation(3)
