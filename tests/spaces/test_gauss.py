"""Bells and damped sines: layers against their formulas."""

import math

import torch

from pinnkit.spaces.gauss import Gauss
from pinnkit.spaces.spder import SPDER

CUBE = torch.tensor([[-1.0] * 3, [1.0] * 3], dtype=torch.float64)


def built(space):
    return space.build(CUBE, 1, torch.Generator().manual_seed(0))


def points(n):
    return 2 * torch.rand(n, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1


def test_gauss_is_a_network_of_bells_of_width_sigma():
    space, x = built(Gauss(50, 2, sigma=0.3)), points(6)
    h = x
    for layer in space.hidden:
        bound = 1 / math.sqrt(layer.in_features)
        for drawn in (layer.weight, layer.bias):
            assert 0.9 * bound < drawn.abs().max() <= bound
        h = torch.exp(-((h @ layer.weight.T + layer.bias) ** 2) / (2 * 0.3**2))
    torch.testing.assert_close(space.basis(x), h)


def test_spder_is_a_siren_with_damped_sines():
    space, x = built(SPDER(50, 2, omega=9.0)), points(6)
    h = x
    for layer in space.hidden:
        z = 9.0 * (h @ layer.weight.T + layer.bias)
        h = torch.sin(z) * z.abs().sqrt()
    torch.testing.assert_close(space.basis(x), h)
    assert space.hidden[0].weight.abs().max() <= 1 / 3
    assert 0.97 < space.hidden[1].weight.abs().max() / (math.sqrt(6 / 50) / 9) <= 1
