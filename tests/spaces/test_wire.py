"""WIRE in real arithmetic against complex numbers."""

import math

import torch

from pinnkit.spaces.wire import WIRE

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def built(space):
    return space.build(SQUARE, 1, torch.Generator().manual_seed(0))


def points(n):
    return 2 * torch.rand(n, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1


def test_layers_are_those_of_complex_numbers():
    omega, scale = 5.0, 3.0
    space, x = built(WIRE(7, 3, omega, scale)), points(9)
    gabor = lambda z: torch.exp(1j * omega * z - (scale * z).abs() ** 2)  # noqa: E731
    h = gabor((x @ space.first.weight.T + space.first.bias).to(torch.complex128))
    for layer in space.later:
        weight, bias = torch.complex(*layer.weight), torch.complex(*layer.bias.reshape(2, -1))
        h = gabor(h @ weight.T + bias)
    torch.testing.assert_close(space.basis(x), torch.cat([h.real, h.imag], 1))
    # A real head over both parts is the real part of a complex one.
    head = torch.complex(space.head.weight[0, :7], -space.head.weight[0, 7:])
    torch.testing.assert_close(space(x)[:, 0], (h @ head).real + space.head.bias)


def test_both_parts_are_drawn_and_counted():
    space = built(WIRE(60, 2))
    for part in space.later[0].weight:
        assert 0.97 < part.abs().max() * math.sqrt(60) <= 1
    real, complex_ = 60 * 3, 60 * 60 + 60
    assert sum(p.numel() for p in space.parameters()) == real + 2 * complex_ + 2 * 60 + 1


def test_wavelets_are_bounded_wherever_their_argument_goes():
    omega, scale = 8.0, 2.0
    space = built(WIRE(20, 2, omega, scale))
    with torch.no_grad():
        space.later[0].weight *= 50
    largest = space.basis(points(2000)).abs().max().item()
    assert 1 < largest <= math.exp(omega**2 / (4 * scale**2))
