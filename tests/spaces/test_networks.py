"""MLP, SIREN and random features: bounds of their draws, and the geometry of TransNet's neurons."""

import math

import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.jets import evaluate
from pinnkit.spaces import MLP, SIREN, RandomFeatures

CUBE = torch.tensor([[-1.0] * 3, [1.0] * 3], dtype=torch.float64)


def built(space, bounds=CUBE, outputs=1, seed=0, frequencies=None):
    return space.build(bounds, outputs, torch.Generator().manual_seed(seed), frequencies)


def fills(weight, bound):
    """Uniform in +-bound: the largest entry is near it and the variance is a third of its square."""
    size = weight.abs().max().item()
    assert size <= bound
    assert size > 0.97 * bound
    assert weight.var().item() == pytest.approx(bound**2 / 3, rel=0.15)


def test_mlp_is_glorot_uniform():
    space = built(MLP(width=80, depth=3))
    assert len(space.hidden) == 3
    fills(space.hidden[0].weight, math.sqrt(6 / 83))
    for layer in space.hidden[1:]:
        fills(layer.weight, math.sqrt(6 / 160))
        assert not layer.bias.any()
    x = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
    h = x
    for layer in space.hidden:
        h = torch.tanh(h @ layer.weight.T + layer.bias)
    torch.testing.assert_close(space(x), h @ space.head.weight.T + space.head.bias)


def test_siren_has_its_authors_bounds():
    space = built(SIREN(width=120, depth=3, omega=20.0))
    fills(space.hidden[0].weight, 1 / 3)
    for layer in space.hidden[1:]:
        fills(layer.weight, math.sqrt(6 / 120) / 20)
    fills(torch.cat([layer.bias for layer in space.hidden[1:]]), 1 / math.sqrt(120))
    # With these bounds the arguments of deeper sines have standard deviation near one.
    h = 2 * torch.rand(500, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    h = torch.sin(20 * space.hidden[0](h))
    assert (20 * (space.hidden[1](h) - space.hidden[1].bias)).std().item() == pytest.approx(1, rel=0.15)


@pytest.mark.parametrize("kind", ["sine", "product", "tanh"])
def test_random_features_are_what_they_say(kind):
    space = built(RandomFeatures(30, kind=kind, scale=3.0))
    x = torch.linspace(-1, 1, 15, dtype=torch.float64).reshape(5, 3)
    w, b = space.weight, space.phase
    expected = {
        "sine": lambda: torch.sin(x @ w.T + b),
        "product": lambda: torch.stack([torch.sin(x[:, j, None] * w[:, j] + b[:, j]) for j in range(3)]).prod(0),
        "tanh": lambda: torch.tanh(x @ w.T + b),
    }[kind]()
    torch.testing.assert_close(space.basis(x), expected)
    assert [name for name, p in space.named_parameters() if p.requires_grad] == ["head.weight", "head.bias"]


def test_random_features_follow_frequencies_unless_told_a_scale():
    box = torch.tensor([[0.0, 0.0], [4.0, 1.0]], dtype=torch.float64)
    wanted = torch.tensor([[5.0, 60.0]], dtype=torch.float64)
    free = built(RandomFeatures(20), box, frequencies=wanted)
    torch.testing.assert_close(free.weight / free.halfwidth, wanted.expand(20, 2))
    assert RandomFeatures(20).spectral and not RandomFeatures(20, scale=2.0).spectral
    scaled = built(RandomFeatures(4000, scale=2.0), box)
    assert scaled.weight.std().item() == pytest.approx(2.0, rel=0.05)


def test_transnet_neurons_are_evenly_distributed_over_the_ball():
    """|a.x + r| < tau for the same share tau / R of the neurons everywhere in the ball (TransNet, theorem 1)."""
    d, m, tau = 3, 200_000, 0.1
    space = built(RandomFeatures(m, kind="tanh", scale=5.0))
    radius = math.sqrt(d)
    torch.testing.assert_close(space.weight.norm(dim=1), torch.full((m,), 5.0, dtype=torch.float64))
    assert space.weight.mean(0).norm() < 0.05
    offsets = space.phase / 5.0
    assert 0 <= offsets.min() and offsets.max() <= radius
    direction = torch.tensor([0.6, 0.0, 0.8], dtype=torch.float64)
    for distance in (0.0, 0.5, 1.0, 1.5):
        z = (space.weight @ (distance * direction) + space.phase) / 5.0
        share = (z.abs() < tau).double().mean().item()
        expected = tau / radius
        assert share == pytest.approx(expected, rel=0.04), distance


@pytest.mark.parametrize("space", [
    MLP(8, 2), MLP(8, 2, torch.nn.functional.silu), SIREN(8, 2, 3.0), RandomFeatures(9), RandomFeatures(9, "product"),
    RandomFeatures(9, "tanh"),
])  # fmt: skip
def test_jets_against_torch_func(space):
    space = built(space, outputs=2)
    x = 2 * torch.rand(5, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64) - 1
    found = evaluate(space, x, [(), (2,), (0, 0), (0, 2), "laplacian"])
    one = lambda p: space(p[None])[0]  # noqa: E731
    h = torch.func.vmap(torch.func.hessian(one))(x)
    j = torch.func.vmap(torch.func.jacrev(one))(x)
    for key, expected in {
        (): space(x), (2,): j[..., 2], (0, 0): h[..., 0, 0], (0, 2): h[..., 0, 2],
        "laplacian": h.diagonal(dim1=-2, dim2=-1).sum(-1),
    }.items():  # fmt: skip
        torch.testing.assert_close(found[key], expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: MLP(width=0), "width must be a positive whole number"),
    (lambda: MLP(depth=1.5), "depth must be a positive whole number, got 1.5"),
    (lambda: SIREN(omega=0), "omega must be positive, got 0"),
    (lambda: RandomFeatures(kind="cosine"), "kind must be one of sine, product, tanh, got 'cosine'"),
    (lambda: RandomFeatures(scale=-1.0), "scale must be positive"),
    (lambda: RandomFeatures(features=-5), "features must be a positive whole number, got -5"),
])  # fmt: skip
def test_wrong_options(make, message):
    with pytest.raises(InputError, match=message):
        make()
