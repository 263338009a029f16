"""Maps around corners: powers and polar coordinates against complex arithmetic, and their derivatives."""

import cmath
import math

import pytest
import torch

import pinnkit as pk
from pinnkit.jets import evaluate
from pinnkit.spaces import CornerMap, PolarMap


def points(n=200):
    return torch.rand(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("bisector", [0.3, 2.5, -1.0])
@pytest.mark.parametrize("turned", [0.0, 0.4])
def test_a_power_of_the_complex_coordinate(bisector, turned):
    x = points()
    y = CornerMap(torch.zeros(2), bisector, 0.6, bisector + math.pi + turned, 1.5, False)(x)
    for (a, b), row in zip(x.tolist(), y.tolist(), strict=True):
        z = complex(a, b) * cmath.exp(-1j * (bisector + turned)) / 1.5
        power = abs(z) ** 0.6 * cmath.exp(1j * 0.6 * (cmath.phase(z) + turned))
        assert row == pytest.approx([a / 1.5, b / 1.5, power.real, power.imag], abs=1e-12)


def test_the_power_is_harmonic_and_the_vertex_has_a_value():
    straight = CornerMap(torch.zeros(2), 0.0, 2 / 3, math.pi, 1.0, False)
    x = points()
    found = evaluate(straight, x, ["laplacian"])["laplacian"]
    assert found.abs().max() < 1e-8 * (x.norm(dim=1) ** (-4 / 3)).max()
    assert torch.isfinite(straight(torch.zeros(1, 2, dtype=torch.float64))).all()


def test_polar_coordinates_and_their_factor():
    polar = PolarMap([1, 1], 1.25 * math.pi, math.pi / 2)
    x = torch.rand(100, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = polar(x)
    away = x - 1
    assert (y[:, 2] - away.norm(dim=1)).abs().max() < 1e-14
    expected = torch.atan2(-away[:, 1], -away[:, 0]) * 4 / math.pi - 1
    assert (y[:, 3] - expected).abs().max() < 1e-12
    assert (polar.window(y)[:, 0] - away.square().sum(1)).abs().max() < 1e-14


def test_the_window_ends_smoothly_where_the_cut_meets_the_domain():
    straight = CornerMap(torch.zeros(2), 0.0, 2 / 3, math.pi, 0.5, True)
    space = pk.Charts(pk.LRNN(rank=5), corners=[straight], around=pk.LRNN(rank=7))
    built = space.build(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), 1, torch.Generator().manual_seed(0))
    x = points()
    outside = x.norm(dim=1) > 0.5
    basis = built.basis(x)
    assert (basis[outside, 5:] == 0).all() and (basis[~outside, 5:] != 0).any()
    edge = torch.tensor([[0.5 - 1e-3, 0.0]], dtype=torch.float64)
    assert evaluate(built, edge, [(0, 0)])[0, 0].abs().max() < 10 + built.basis(edge).abs().max() * 1e6
    assert "1 chart" in built.title
