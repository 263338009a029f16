"""Low-rank separated networks: what the paper counts, proves and reduces to."""

import math

import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.jets import evaluate
from pinnkit.spaces import LRNN, ProductLayer

SQUARE = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=torch.float64)


def built(space, bounds=SQUARE, outputs=1, seed=0, frequencies=None):
    return space.build(bounds, outputs, torch.Generator().manual_seed(seed), frequencies)


def points(n=50, d=2, seed=1):
    return 2 * torch.rand(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


@pytest.mark.parametrize(("rank", "parameters"), [(106, 197_267), (101, 179_882)])
def test_parameter_counts_of_the_paper(rank, parameters):
    space = built(LRNN(rank=rank, components=16, depth=2, projection="free"))
    assert sum(p.numel() for p in space.parameters() if p.requires_grad) == parameters


def test_one_fixed_component_is_a_shallow_mlp():
    # g fixed: amplitude, slope and inner shift are constants, and phi = 1 + c sin(omega (w.x + b)).
    space = built(LRNN(rank=7, components=1, projection="free", omega=3.0))
    layer = space.layers[0]
    with torch.no_grad():
        layer.amplitude.fill_(0.5)
    x = points()
    hidden = torch.sin(3.0 * torch.nn.functional.linear(x, layer.weight[:, 0], layer.bias[:, 0]))
    mlp = hidden @ (0.5 * space.head.weight.T) + space.head.bias + space.head.weight.sum(1)
    torch.testing.assert_close(space(x), mlp, rtol=0, atol=1e-13)


def test_identity_projection_without_offset_is_the_separated_representation():
    space = built(LRNN(rank=5, projection="identity", offset=False, omega=4.0))
    layer, x = space.layers[0], points()
    total = space.head.bias.expand(len(x)).clone()
    for rank in range(5):
        product = torch.ones(len(x), dtype=torch.float64)
        for j in range(2):
            inner = 4.0 * (layer.slope[rank, j] * x[:, j] + layer.shift[rank, j])
            product = product * layer.amplitude[rank, j] * torch.sin(inner)
        total = total + space.head.weight[0, rank] * product
    torch.testing.assert_close(space(x)[:, 0], total, rtol=0, atol=1e-13)
    assert not layer.weight.requires_grad and not layer.bias.requires_grad


@pytest.mark.parametrize("components", [1, 4, 16, 64])
def test_variance_at_initialisation(components):
    """Var phi = (1 + gamma^2 sigma_g^2)^D - 1 with sigma_g^2 = 1, and at most e - 1 for every D."""
    generator = torch.Generator().manual_seed(0)
    neurons = 40_000
    layer = ProductLayer(3, neurons, components, 30.0, torch.sin, False, True, 1 / 3, generator)
    with torch.no_grad():
        values = layer(points(4, 3)).mT  # over neurons, at some points
    expected = (1 + 1 / components) ** components - 1
    for value in values.mT:
        assert value.mean().item() == pytest.approx(1, abs=0.05)
        assert value.var().item() == pytest.approx(expected, rel=0.12)
        assert value.var().item() < 1.1 * (math.e - 1)


def test_axes_projection_is_separable_and_stays_so_when_trained():
    space = built(LRNN(rank=6, components=4, projection="axes", omega=3.0))
    optimizer = torch.optim.SGD(space.parameters(), lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        (space(points()) - points().sum(1, keepdim=True)).square().mean().backward()
        optimizer.step()
    x = points()
    a, b = points(seed=2), points(seed=3)
    # phi(x, y) phi(x', y') = phi(x, y') phi(x', y) for each neuron.
    cross = [torch.stack([p, q], 1) for p, q in ((a[:, 0], a[:, 1]), (b[:, 0], b[:, 1]),
                                                 (a[:, 0], b[:, 1]), (b[:, 0], a[:, 1]))]  # fmt: skip
    with torch.no_grad():
        one, two, three, four = (space.basis(p) for p in cross)
        torch.testing.assert_close(one * two, three * four, rtol=1e-12, atol=1e-12)
        free = built(LRNN(rank=6, components=4, projection="free", omega=3.0))
        one, two, three, four = (free.basis(p) for p in cross)
    assert (one * two - three * four).abs().max() > 0.01
    assert space(x).shape == (50, 1)


def test_axes_projection_counts_what_it_uses():
    axes, free = (built(LRNN(rank=6, components=4, projection=p)) for p in ("axes", "free"))
    count = [sum(p.numel() for p in s.parameters()) for s in (axes, free)]
    assert count[1] - count[0] == 6 * 4  # one weight of two for each component


@pytest.mark.parametrize("projection", ["axes", "free"])
def test_frequencies_arrive_in_the_first_layer(projection):
    box = torch.tensor([[0.0, 10.0], [4.0, 11.0]], dtype=torch.float64)
    wanted = torch.tensor([[3.0, 50.0], [-7.0, 20.0]], dtype=torch.float64)
    space = built(LRNN(rank=40, components=2, projection=projection), box, frequencies=wanted)
    layer = space.layers[0]
    # d/dx of the inner argument, in the domain's units
    found = (30.0 * layer.weight / space.halfwidth).detach()
    if projection == "axes":
        found = (30.0 * layer.weight[..., 0] / space.halfwidth).detach()
        assert all(any(torch.allclose(row, w) for w in wanted) for row in found)
    else:
        assert all(any(torch.allclose(row, w) for w in wanted) for row in found.reshape(-1, 2))
    assert len({tuple(row) for row in found.reshape(40, -1).tolist()}) > 1


@pytest.mark.parametrize("space", [
    LRNN(rank=5), LRNN(rank=4, depth=2, components=3, projection="free", omega=2.0),
    LRNN(rank=5, projection="identity", offset=False), LRNN(rank=3, components=5, activation=torch.tanh),
])  # fmt: skip
def test_jets_against_torch_func(space):
    space, x = built(space, outputs=2), points(6)
    found = evaluate(space, x, [(0,), (1, 1), (0, 1), "laplacian"])

    def hessian(p):
        return torch.func.jacfwd(torch.func.jacrev(lambda q: space(q[None])[0]))(p)

    h = torch.func.vmap(hessian)(x)
    j = torch.func.vmap(torch.func.jacrev(lambda q: space(q[None])[0]))(x)
    scale = h.abs().max()
    torch.testing.assert_close(found[0,] / scale, j[..., 0] / scale, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found[1, 1] / scale, h[..., 1, 1] / scale, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found[0, 1] / scale, h[..., 0, 1] / scale, rtol=1e-10, atol=1e-12)
    trace = h[..., 0, 0] + h[..., 1, 1]
    torch.testing.assert_close(found["laplacian"] / scale, trace / scale, rtol=1e-10, atol=1e-12)


def test_bounds_of_the_projections():
    space = built(LRNN(rank=30, components=4, depth=2, projection="free", omega=10.0))
    for layer, bound in zip(space.layers, (1 / 2, math.sqrt(6 / 30) / 10), strict=True):
        assert 0.95 * bound < layer.weight.abs().max().item() <= bound
        assert 0.9 * math.pi / 10 < layer.bias.abs().max().item() <= math.pi / 10  # phases over a whole period


def test_layernorm_follows_each_layer_of_a_deep_network():
    space = built(LRNN(rank=8, depth=2, projection="free"))
    basis = space.basis(points()).detach()
    torch.testing.assert_close(basis.mean(1), torch.zeros(50, dtype=torch.float64), rtol=0, atol=1e-12)
    assert isinstance(built(LRNN(rank=8)).layers[0].norm, torch.nn.Identity)


@pytest.mark.parametrize(("options", "message"), [
    ({"rank": 0}, "rank must be a positive whole number, got 0"),
    ({"rank": 2.5}, "rank must be a positive whole number, got 2.5"),
    ({"depth": "3"}, "depth must be a positive whole number, got '3'"),
    ({"omega": -1.0}, "omega must be positive, got -1"),
    ({"omega": math.inf}, "omega must be positive, got inf"),
    ({"projection": "axis"}, "projection must be one of axes, free, identity, got 'axis'"),
])  # fmt: skip
def test_wrong_options(options, message):
    with pytest.raises(InputError, match=message):
        LRNN(**options)


def test_identity_projection_needs_as_many_components_as_coordinates():
    with pytest.raises(InputError, match="components = 2, got 3"):
        built(LRNN(components=3, projection="identity"))


@pytest.mark.parametrize("shared", [True, False])
def test_component_functions_with_several_hidden_units(shared):
    """g(z) = sum_k c_k sigma(omega (a_k z + e_k)), written out; shared ones are the same for all neurons."""
    options = {"rank": 4, "components": 3, "projection": "free", "omega": 3.0, "hidden": 2, "shared": shared}
    space = built(LRNN(**options, activation="sin-arctan"))
    layer, x = space.layers[0], points()
    assert layer.amplitude.shape == layer.slope.shape == layer.shift.shape == (1 if shared else 4, 3, 2)
    for rank in range(4):
        own = 0 if shared else rank
        product = torch.ones(len(x), dtype=torch.float64)
        for j in range(3):
            z = x @ layer.weight[rank, j] + layer.bias[rank, j]
            inner = 3.0 * (layer.slope[own, j] * z[:, None] + layer.shift[own, j])
            g = (layer.amplitude[own, j] * torch.sin(inner) * torch.atan(inner)).sum(1)
            product = product * (1 + g / math.sqrt(3))
        torch.testing.assert_close(space.basis(x)[:, rank], product, rtol=1e-13, atol=1e-13)


def test_parameter_counts_of_other_components():
    def count(**options):
        space = built(LRNN(rank=10, components=4, projection="free", **options))
        return sum(p.numel() for p in space.parameters())

    projections, head = 10 * 4 * 3, 11
    assert count() == projections + head + 3 * 10 * 4
    assert count(hidden=5) == projections + head + 3 * 10 * 4 * 5
    assert count(shared=True, hidden=5) == projections + head + 3 * 4 * 5


@pytest.mark.parametrize("projection", ["axes", "free", "identity"])
@pytest.mark.parametrize("shared", [True, False])
def test_frequencies_with_several_hidden_units(projection, shared):
    wanted = torch.tensor([[3.0, 50.0], [-7.0, 20.0]], dtype=torch.float64)
    space = built(LRNN(rank=5, projection=projection, hidden=3, shared=shared), frequencies=wanted)
    assert space(points()).isfinite().all()
    if projection == "identity":
        slopes = 30.0 * space.layers[0].slope.mT.reshape(-1, 2)
        assert all(any(torch.allclose(row, w) for w in wanted) for row in slopes)


def test_activations_by_name():
    for name in ("sin", "spder", "tanh"):
        assert built(LRNN(rank=3, activation=name)).basis(points()).isfinite().all()
    with pytest.raises(InputError, match="unknown activation 'sinus'. Did you mean 'sin'"):
        LRNN(activation="sinus")


@pytest.mark.parametrize("option", ["rank", "components", "depth", "hidden"])
@pytest.mark.parametrize("value", [0, -3])
def test_counts_below_one(option, value):
    with pytest.raises(InputError, match=f"{option} must be a positive whole number, got {value}"):
        LRNN(**{option: value})
