"""The trial space of IAT networks: what it draws, and what it solves."""

import math

import numpy as np
import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.jets import LAPLACIAN, by_transforms, evaluate
from pinnkit.spaces.iat import BASES, IAT

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def built(space, bounds=SQUARE, outputs=1, seed=0):
    return space.build(bounds, outputs, torch.Generator().manual_seed(seed))


def grid(n):
    u, w = np.polynomial.legendre.leggauss(n)
    x = torch.from_numpy(np.stack(np.meshgrid(u, u, indexing="ij"), -1).reshape(-1, 2))
    return x, torch.from_numpy(np.outer(w, w).ravel())


def ritz_error(space, n=30):
    """Minimise the energy of -Laplace u = 2 pi^2 sin(pi x) sin(pi y), u = 0 on the boundary; relative L2 error."""
    x, w = grid(n)
    with torch.no_grad():
        phi = evaluate(space.basis, x, [(), (0,), (1,)])
    factor = (1 - x**2).prod(1, keepdim=True)
    slopes = [-2 * x[:, :1] * (1 - x[:, 1:] ** 2), -2 * x[:, 1:] * (1 - x[:, :1] ** 2)]
    gradients = torch.cat([(factor * phi[i,] + slopes[i] * phi[()]) * w.sqrt()[:, None] for i in (0, 1)])
    exact = torch.sin(math.pi * x).prod(1)
    load = (factor * phi[()]).T @ (w * 2 * math.pi**2 * exact)
    # With local output bases some functions lie where their state is negative throughout.
    scale = gradients.norm(dim=0).clamp(min=1e-12)
    _, s, v = torch.linalg.svd(torch.linalg.qr(gradients / scale)[1])
    keep = s > 1e-9 * s[0]
    head = v.T[:, keep] @ ((v[keep] @ (load / scale)) / s[keep] ** 2) / scale
    return ((factor * phi[()] @ head - exact).norm() / exact.norm()).item()


def test_ritz_poisson_with_the_default_basis():
    assert ritz_error(built(IAT(width=144))) < 1e-5


@pytest.mark.parametrize(("name", "bound"), [("pwl", 1e-2), ("pwq", 3e-3), ("pwl-w", 1e-2)])
def test_ritz_poisson_with_piecewise_polynomials(name, bound):
    assert ritz_error(built(IAT(width=144, input_basis=name, output_basis=name, inner=8))) < bound


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_initial_states_have_no_double_roots_in_the_domain(dimension):
    bounds = torch.tensor([[-3.0] * dimension, [5.0] * dimension], dtype=torch.float64)
    layer = built(IAT(width=240, inner=6, margin=1.0), bounds).layers[0]
    x = torch.rand(400, dimension, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    x = torch.cat([x, x.sign()])
    z = layer.states(x)
    t = torch.linspace(-1, 1, 400, dtype=torch.float64)
    p = layer.transform.input
    s, slope = z @ p.values(t).T, z @ p.values(t, 1).T / math.pi
    # |cos|, |sin| of the leading wave have norm one, the rest less: the two never vanish together.
    wave = layer.bias.reshape(layer.blocks, -1)
    rest = (z - wave) @ p.values(t).T, (z - wave) @ p.values(t, 1).T / math.pi
    assert (rest[0] ** 2 + rest[1] ** 2).max() < 1 + 1e-2
    assert (s**2 + slope**2).min() > 0
    jumps = layer.transform.part.roots(z).jump
    assert (jumps.abs().sum(-1) == 2).all()


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("depth", [1, 2])
def test_every_basis_builds_and_has_right_gradients(name, depth):
    space = built(IAT(width=20, depth=depth, input_basis=name, output_basis=name, inner=4, outer=8), outputs=2)
    assert space.size == 20
    x = torch.rand(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5
    keys = [(), (0,), (1, 1)]
    jets, reverse = evaluate(space, x, keys), by_transforms(space, x, keys, (0, 1))
    for key in keys:
        torch.testing.assert_close(jets[key], reverse[key], rtol=1e-10, atol=1e-11)
    space(x).square().sum().backward()
    weight = space.layers[0].weight
    assert weight.grad.abs().max() > 0


@pytest.mark.parametrize("activation", ["relu", "tanh", "sin", "gelu", "silu", "softplus"])
def test_activations(activation):
    space = built(IAT(width=24, activation=activation))
    x = torch.rand(5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5
    jets = evaluate(space, x, [LAPLACIAN])[LAPLACIAN]
    reverse = by_transforms(space, x, [(0, 0), (1, 1)], (0, 1))
    torch.testing.assert_close(jets, reverse[0, 0] + reverse[1, 1], rtol=1e-11, atol=1e-12)


def test_same_seed_same_space_and_sizes():
    x = torch.rand(5, 2, dtype=torch.float64)
    a, b, c = (built(IAT(width=30), seed=seed).basis(x) for seed in (0, 0, 1))
    assert torch.equal(a, b) and not torch.allclose(a, c)
    assert IAT().resized(100).width == 100 and IAT(width=7).resized(100).width == 7
    assert built(IAT().resized(100)).size == 100
    assert IAT().frozen and not IAT(depth=2).frozen


def test_functions_have_the_size_of_the_activation_whatever_the_sizes():
    x = grid(10)[0]
    for outer in (4, 12, 40):
        size = built(IAT(width=outer * 6, outer=outer)).basis(x).square().mean().sqrt()
        assert 0.05 < size < 1


def test_errors_at_construction():
    with pytest.raises(InputError, match="there is no basis 'hats'; known are rect, pwl"):
        IAT(input_basis="hats")
    with pytest.raises(InputError, match="'fourier' needs at least two functions, got size = 1"):
        IAT(outer=1)
    with pytest.raises(InputError, match="inner = 2 functions hold no state but a multiple of one wave"):
        IAT(inner=2)
    with pytest.raises(InputError, match="activation must be one of relu, tanh, .*, got 'step'"):
        IAT(activation="step")
    with pytest.raises(InputError, match="width must be a positive whole number, got 0"):
        IAT(width=0)
    with pytest.raises(InputError, match="depth must be a positive whole number, got 1.5"):
        IAT(depth=1.5)
    with pytest.raises(InputError, match="margin must be positive, got 0"):
        IAT(margin=0)
