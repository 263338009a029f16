"""Separable networks on tensor grids."""

import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.spaces import LRNN


def built(options, d, outputs=2):
    box = torch.tensor([[-1.0, 0.0, 3.0][:d], [2.0, 0.5, 7.0][:d]], dtype=torch.float64)
    return LRNN(rank=9, omega=5.0, **options).build(box, outputs, torch.Generator().manual_seed(d))


def axes_of(space):
    low, high = space.centre - space.halfwidth, space.centre + space.halfwidth
    return [torch.linspace(a, b, 4 + i, dtype=torch.float64) for i, (a, b) in enumerate(zip(low, high, strict=True))]


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("options", [
    {}, {"components": 1}, {"components": 7}, {"projection": "identity"}, {"projection": "identity", "offset": False},
    {"hidden": 3, "activation": "spder"}, {"shared": True, "components": 5},
])  # fmt: skip
def test_a_grid_equals_its_points(d, options):
    space = built(options, d)
    axes = axes_of(space)
    grid = space.on_grid(axes)
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    assert grid.shape == (*points.shape[:-1], 2)
    expected = space(points.reshape(-1, d)).reshape(grid.shape)
    torch.testing.assert_close(grid, expected, rtol=0, atol=1e-13)
    weights = torch.randn(grid.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    used = [p for p in space.parameters() if p.requires_grad]
    gradients = [torch.autograd.grad((y * weights).sum(), used, allow_unused=True) for y in (grid, expected)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


def test_gradients_by_the_axes():
    space = built({}, 2, outputs=1)
    x, y = (axis.requires_grad_() for axis in axes_of(space))
    (by_x,) = torch.autograd.grad(space.on_grid([x, y]).sum(), x)
    points = torch.cartesian_prod(x.detach(), y.detach()).requires_grad_()
    (by_points,) = torch.autograd.grad(space(points).sum(), points)
    torch.testing.assert_close(by_x, by_points[:, 0].reshape(len(x), -1).sum(1), rtol=1e-11, atol=1e-11)


def test_each_axis_is_evaluated_once(monkeypatch):
    """A grid of 300 x 200 x 100 points costs 600 evaluations of functions of one coordinate."""
    space = built({}, 3, outputs=1)
    seen = []
    along = space.layers[0].along_axis
    monkeypatch.setattr(space.layers[0], "along_axis", lambda i, x: seen.append(len(x)) or along(i, x))
    with torch.no_grad():
        space.on_grid([torch.linspace(0, 1, n, dtype=torch.float64) for n in (300, 200, 100)])
    assert seen == [300, 200, 100]


def test_networks_that_are_not_separable():
    axes = [torch.zeros(2, dtype=torch.float64)] * 2
    with pytest.raises(InputError, match="on_grid needs a separable network; depth 2 is not: use depth 1, projection"):
        built({"depth": 2}, 2).on_grid(axes)
    with pytest.raises(InputError, match="a free projection is not"):
        built({"projection": "free"}, 2).on_grid(axes)
    with pytest.raises(InputError, match=r"needs 3 axes, each a tensor of shape \(n,\); got 2, of"):
        built({}, 3).on_grid(axes)
    with pytest.raises(InputError, match=r"got 2, of \[\(2,\), \(3, 1\)\]"):
        built({}, 2).on_grid([axes[0], torch.zeros(3, 1)])
