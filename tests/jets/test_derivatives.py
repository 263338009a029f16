"""Whole networks: derivatives, gradients by parameters, per-sample gradients, compilation, and what is computed."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pinnkit.jets import LAPLACIAN, Derivatives, Jet, MissingRule, by_transforms, evaluate
from pinnkit.jets.jet import RULES

D = torch.float64
EVERY = [(), (0,), (1,), (0, 0), (0, 1), (1, 1), LAPLACIAN]


@pytest.fixture(autouse=True)
def without_notice():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def network(*layers, dtype=D):
    torch.manual_seed(0)
    return nn.Sequential(*[layer() for layer in layers]).to(dtype)


def tanh_net(dtype=D, width=8):
    sizes = [(2, width), (width, width), (width, 2)]
    enter, middle, leave = [lambda size=size: nn.Linear(*size) for size in sizes]
    return network(enter, nn.Tanh, middle, nn.Tanh, leave, dtype=dtype)


def points(n=5, dtype=D):
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(1), dtype=D).to(dtype)


class Residual(nn.Module):
    """A block as users write them: norms, gates, skips, features."""

    def __init__(self):
        super().__init__()
        self.enter, self.gate, self.leave = nn.Linear(5, 6), nn.Linear(6, 12), nn.Linear(6, 1)
        self.scale = nn.Parameter(torch.tensor(1.3))
        self.dropout = nn.Dropout(0.5)

    def forward(self, p):
        x, y = p.unbind(-1)
        h = self.enter(torch.stack([x, y, x * y, torch.sin(3 * x), y**2], dim=-1))
        a, b = self.gate(self.dropout(h)).chunk(2, dim=-1)
        h = h + F.silu(a) * torch.sigmoid(b)
        weights = torch.softmax(h, dim=-1)
        h = h / (1 + h.norm(dim=-1, keepdim=True)) + weights * h.mean(-1, True)
        return self.leave(h) * self.scale * (1 - x[:, None] ** 2)


@pytest.mark.parametrize("make", [tanh_net, lambda: Residual().to(D).eval()], ids=["tanh", "residual block"])
def test_network_agrees_with_transforms(make):
    module, x = make(), points()
    keys = [*EVERY, (0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1)]
    found, expected = Derivatives(keys, (0, 1))(module, x), by_transforms(module, x, keys, (0, 1))
    for key in keys:
        torch.testing.assert_close(found[key], expected[key], rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(found[LAPLACIAN], evaluate(module, x, [LAPLACIAN])[LAPLACIAN])


def test_transforms_agree_with_jacobians_of_jacobians():
    module, x = tanh_net(), points()
    hessian = torch.func.vmap(torch.func.jacrev(torch.func.jacrev(lambda p: module(p[None])[0])))(x)
    found = by_transforms(module, x, EVERY, (0, 1))
    torch.testing.assert_close(found[0, 1], hessian[..., 0, 1])
    torch.testing.assert_close(found[LAPLACIAN], hessian[..., 0, 0] + hessian[..., 1, 1])


def test_float32_stays_float32():
    found = evaluate(tanh_net(torch.float32), points(dtype=torch.float32), EVERY)
    exact = evaluate(tanh_net(), points(), EVERY)
    for key in EVERY:
        assert found[key].dtype == torch.float32
        torch.testing.assert_close(found[key].double(), exact[key], rtol=1e-4, atol=1e-5)


def test_keys_in_any_spelling_and_order():
    module, x = tanh_net(), points()
    found = evaluate(module, x, [(1, 0), (), (1, 1, 0)])
    assert list(found) == [(1, 0), (), (1, 1, 0)]
    torch.testing.assert_close(found[1, 0], evaluate(module, x, [(0, 1)])[0, 1])
    torch.testing.assert_close(found[1, 1, 0], evaluate(module, x, [(0, 1, 1)])[0, 1, 1])


def test_module_that_ignores_its_points():
    found = evaluate(lambda p: torch.ones(len(p), 1, dtype=D), points(), EVERY)
    assert all(torch.equal(found[key], torch.full((5, 1), float(key == ()), dtype=D)) for key in EVERY)


@settings(max_examples=15, deadline=None)
@given(n=st.integers(1, 4), d=st.integers(1, 4), k=st.integers(1, 3), data=st.data())
def test_shapes(n, d, k, data):
    axes = st.integers(0, d - 1)
    keys = data.draw(st.lists(st.lists(axes, max_size=3).map(tuple), min_size=1, max_size=4, unique=True))
    keys = [*keys, LAPLACIAN] if data.draw(st.booleans()) else keys
    space = tuple(sorted(data.draw(st.sets(axes, min_size=1))))
    generator = torch.Generator().manual_seed(0)
    weight, x = (torch.randn(*shape, generator=generator, dtype=D) for shape in ((d, k), (n, d)))

    def module(p):
        return torch.sin(p @ weight) * (p * p).sum(-1, keepdim=True)

    found, expected = evaluate(module, x, keys, space), by_transforms(module, x, keys, space)
    for key in keys:
        assert found[key].shape == (n, k)
        torch.testing.assert_close(found[key], expected[key], rtol=1e-9, atol=1e-10)


def loss_of(module, x):
    u = evaluate(module, x, [(), (0,), LAPLACIAN])
    return (u[LAPLACIAN] + u[()] * u[0,] - torch.sin(x[:, :1])).square().mean()


def nested_loss(module, x):
    x = x.detach().requires_grad_()
    y = module(x)
    total = 0
    for j in range(y.shape[1]):
        (first,) = torch.autograd.grad(y[:, j].sum(), x, create_graph=True)
        pure = [torch.autograd.grad(first[:, i].sum(), x, create_graph=True)[0][:, i] for i in range(2)]
        residual = pure[0] + pure[1] + y[:, j] * first[:, 0] - torch.sin(x[:, 0])
        total = total + residual.square().mean() / y.shape[1]
    return total


def test_gradients_by_parameters_agree_with_nested_autograd():
    module, x = tanh_net(), points()
    parameters = tuple(module.parameters())
    loss, expected = loss_of(module, x), nested_loss(module, x)
    torch.testing.assert_close(loss, expected)
    a = torch.autograd.grad(loss, parameters, create_graph=True)
    b = torch.autograd.grad(expected, parameters, create_graph=True, allow_unused=True)
    for one, other in zip(a, b, strict=True):
        torch.testing.assert_close(one, torch.zeros_like(one) if other is None else other)
    # Once more, as a Hessian-vector product needs it.
    twice = torch.autograd.grad(sum(g.square().sum() for g in a), parameters)
    again = torch.autograd.grad(sum(g.square().sum() for g in b if g is not None), parameters, allow_unused=True)
    for one, other in zip(twice, again, strict=True):
        torch.testing.assert_close(one, torch.zeros_like(one) if other is None else other)


def test_per_sample_gradients_equal_a_loop():
    module, x = tanh_net(), points()
    parameters = dict(module.named_parameters())

    def residual(values, point):
        return loss_of(lambda p: torch.func.functional_call(module, values, (p,)), point[None])

    batched = torch.func.vmap(torch.func.grad(residual), (None, 0))(parameters, x)
    for i, point in enumerate(x):
        one = torch.autograd.grad(residual(parameters, point), tuple(parameters.values()))
        for name, gradient in zip(parameters, one, strict=True):
            torch.testing.assert_close(batched[name][i], gradient)


class Unruled(nn.Module):
    """A network with a function that has no rule."""

    def forward(self, p):
        return torch.special.i0(p[:, :1] * p[:, 1:])


def test_fall_back_gives_the_same_numbers_with_one_notice():
    x = points()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            found = evaluate(Unruled(), x, EVERY)
    assert [str(w.message) for w in caught] == [
        "Unruled: torch function 'special_i0' has no jet rule; its derivatives come from torch.func, slower but equal."
    ]
    z = x[:, :1] * x[:, 1:]
    torch.testing.assert_close(found[()], torch.special.i0(z))
    torch.testing.assert_close(found[0,], x[:, 1:] * torch.special.i1(z))
    second = torch.special.i0(z) - torch.special.i1(z) / z
    torch.testing.assert_close(found[LAPLACIAN], x.square().sum(1, keepdim=True) * second)


def jet(value, *, second=False):
    first = torch.ones(1, *value.shape, dtype=D)
    return Jet(value, first, torch.zeros_like(first) if second else None, (((0, 0),),) if second else ())


def written(x):
    x[0] = 1.0


def doubled(x):
    x *= 2


@pytest.mark.parametrize(
    "call",
    [
        doubled,
        written,
        lambda x: x.add_(1),
        lambda x: torch.relu_(x),
        lambda x: torch.sum(x, 0, out=torch.zeros(())),
        lambda x: torch.div(x, 2, rounding_mode="floor"),
        lambda x: torch.clamp(x, min=x),
        lambda x: torch.norm(x, 1),
        lambda x: torch.linalg.norm(torch.outer(x, x), 2),
        lambda x: F.layer_norm(torch.ones(3, dtype=D), (3,), x),
        lambda x: torch.stack([x] * 3)[torch.tensor([0]), :, None][[0], :, [0]],
        lambda x: torch.sinc(x),
        lambda x: x.cholesky(),
        lambda x: torch.einsum(x, [0], x, [0]),
        lambda x: F.batch_norm(x[None], None, None, training=True),
    ],
)
def test_calls_without_a_rule_fall_back_rather_than_go_wrong(call):
    with pytest.raises(MissingRule):
        call(jet(torch.rand(3, dtype=D)))


def test_a_jet_passes_for_a_tensor():
    x = jet(torch.tensor([[1.0, -2.0]], dtype=D))
    assert (x.shape, x.size(-1), x.dim(), x.ndim, len(x), x.numel()) == ((1, 2), 2, 2, 2, 1, 2)
    assert (x.dtype, x.device.type, x.requires_grad, x.is_cuda) == (D, "cpu", False, False)
    assert (x == 1).tolist() == [[True, False]]
    assert (x != 1).tolist() == [[False, True]]
    assert bool(x[0, 0])
    assert not bool(x[0, 0] * 0)
    assert "shape=(1, 2)" in repr(x)
    assert not hasattr(x, "no_such_method")
    first, second = x[0]
    assert (float(first.value), float(second.value)) == (1.0, -2.0)


def at_zero(function, value=0.0):
    """Return value, first and second derivative of a scalar function at one place."""
    found = evaluate(lambda p: function(p), torch.tensor([[value]], dtype=D), [(), (0,), (0, 0)])
    return [float(y.detach()) for y in found.values()]


EXPONENT = torch.tensor(2.0, dtype=D, requires_grad=True)


@pytest.mark.parametrize(
    ("function", "place", "expected"),
    [
        (lambda z: z**0, 0.0, [1, 0, 0]),
        (lambda z: z**1, 0.0, [0, 1, 0]),
        (lambda z: z**2, 0.0, [0, 0, 2]),
        (lambda z: z**3, 0.0, [0, 0, 0]),
        (lambda z: z ** torch.tensor([1.0], dtype=D), 0.0, [0, 1, 0]),
        (lambda z: z**EXPONENT, 0.0, [0, 0, 2]),
        (lambda z: z ** torch.tensor([3.0], dtype=D), -2.0, [-8, 12, -12]),
        (torch.relu, 0.0, [0, 0, 0]),
        (torch.abs, 0.0, [0, 0, 0]),
        (F.leaky_relu, 0.0, [0, 0.01, 0]),
        (F.hardtanh, 1.0, [1, 0, 0]),
        (lambda z: torch.clamp(z, 0, 1), 0.0, [0, 1, 0]),
        (lambda z: torch.maximum(z, -z), 0.0, [0, 1, 0]),
        (F.elu, 800.0, [800, 1, 0]),
        (F.softplus, 30.0, [30, 1, 0]),
        (F.softplus, -800.0, [0, 0, 0]),
        (lambda z: torch.logsumexp(torch.cat([z, z - 900], -1), -1, keepdim=True), 1e4, [1e4, 1, 0]),
        (lambda z: torch.softmax(torch.cat([z, z], -1), -1)[:, :1], 1e4, [0.5, 0, 0]),
        (lambda z: F.logsigmoid(z), -900.0, [-900, 1, 0]),
        (lambda z: torch.prod(torch.cat([z, z], -1), -1, keepdim=True), 0.0, [0, 0, 2]),
    ],
)  # fmt: skip
def test_edges(function, place, expected):
    assert at_zero(function, place) == pytest.approx(expected, abs=1e-12)


def test_learnable_exponent_has_a_finite_gradient_at_zero():
    found = evaluate(lambda p: p**EXPONENT, torch.zeros(1, 1, dtype=D), [(0,), (0, 0)])
    (gradient,) = torch.autograd.grad(found[0, 0].sum(), EXPONENT)
    assert torch.isfinite(gradient)


def test_dropout_in_training_scales_derivatives_like_the_value():
    x = points(200)
    found = evaluate(lambda p: F.dropout(p[:, :1], 0.5), x, [(), (0,)])
    assert set(found[0,].unique().tolist()) == {0.0, 2.0}
    torch.testing.assert_close(found[()], found[0,] * x[:, :1])


def test_kinds_of_numbers_combine():
    x = points(dtype=torch.float32)
    found = evaluate(lambda p: p.sum(-1, True) + torch.ones(1, dtype=D), x, [(), (0,)])
    assert found[()].dtype == found[0,].dtype == D


@pytest.mark.parametrize(
    ("keys", "directions", "seconds"),
    [
        ([()], 0, 0),
        ([(), (0,)], 1, 0),
        ([(0,), (1,)], 2, 0),
        ([(0, 0)], 1, 1),
        ([(0, 0), (1,)], 2, 1),
        ([(0, 1)], 2, 1),
        ([LAPLACIAN], 2, 1),
        ([(), LAPLACIAN, (0,)], 2, 1),
        ([LAPLACIAN, (0, 0), (1, 1)], 2, 2),
    ],
)
def test_only_what_is_asked_for_is_computed(keys, directions, seconds, monkeypatch):
    """Rows of points that go through each linear layer: one for the value, one for each component."""
    rows = []
    rule = RULES[F.linear]

    def counted(x, *args):
        rows.append((1, *(0 if c is None else len(c) for c in (x.first, x.second))))
        return rule(x, *args)

    monkeypatch.setitem(RULES, F.linear, counted)
    evaluate(tanh_net(), points(), keys)
    assert rows == ([(1, directions, seconds)] * 3 if directions else [])


def test_every_component_stays_on_its_device():
    """On the meta device a tensor made on another one, such as a hidden constant on the CPU, is an error."""
    module = Residual().to("meta").eval()
    found = evaluate(module, torch.zeros(5, 2, device="meta"), [*EVERY, (0, 0, 0), (0, 0, 1, 1)])
    assert all(y.device.type == "meta" for y in found.values())
