"""The exact transform: value, Jacobian, second and higher derivatives, each against an independent computation."""

import copy

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import brentq

from pinnkit.jets import LAPLACIAN, by_transforms, evaluate
from pinnkit.spaces.iat import BASES, IATM, Fourier, IATReLU, basis
from pinnkit.spaces.iat.bases import common_mesh

PAIRS = [
    ("rect", "pwl"),
    ("pwl", "pwl"),
    ("pwl", "fourier"),
    ("pwl-w", "fourier"),
    ("pwl-w", "pwq"),
    ("pwq", "rect-w"),
    ("pwq", "pwq"),
    ("fourier", "fourier"),
    ("fourier", "pwl-w"),
    ("rect-w", "rect"),
]
SMOOTH = [pair for pair in PAIRS if not pair[0].startswith("rect")]


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def roots_by_brent(p, x):
    """Roots of the state with their slopes, by a fine scan of every smooth piece."""
    edges = [float(t) for t in common_mesh((p,))]
    found = []
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        t = np.linspace(a + 1e-13, b - 1e-13, 200)
        positive = (p.values(t) @ x).numpy() > 0
        for i in np.flatnonzero(positive[1:] != positive[:-1]):
            found.append(brentq(lambda z: float(p.values(z) @ x), t[i], t[i + 1], xtol=1e-15, rtol=1e-15))
    return found


def network(p, q, seed=0, d=2):
    layer = torch.nn.Linear(d, p.size).double()
    with torch.no_grad():
        layer.weight.copy_(normal(p.size, d, seed=seed))
        layer.bias.copy_(normal(p.size, seed=seed + 1))
    return torch.nn.Sequential(layer, IATReLU(p, q))


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("sizes", [(5, 5), (6, 4)])
def test_value_against_adaptive_quadrature(first, second, sizes):
    p, q = basis(first, sizes[0]), basis(second, sizes[1])
    x = normal(2, p.size)
    y = IATReLU(p, q)(x)
    for sample, state in zip(y, x, strict=True):
        pieces = sorted({float(t) for t in common_mesh((p, q))} | set(roots_by_brent(p, state)))
        for j in range(q.size):
            exact = sum(
                quad(lambda t, j=j, s=state: float(q.values(t)[j] * torch.relu(p.values(t) @ s)), a, b, epsabs=1e-15)[0]
                for a, b in zip(pieces[:-1], pieces[1:], strict=True)
            )
            assert abs(float(sample[j]) - exact) < 1e-12


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_jacobian_is_the_integral_over_the_positive_set(first, second):
    p, q = basis(first, 6), basis(second, 5)
    transform, x = IATReLU(p, q), normal(4, 6)
    a = transform.jacobian(x)
    torch.testing.assert_close(transform(x), (a @ x[..., None])[..., 0], rtol=0, atol=1e-14)
    reverse = torch.stack([torch.autograd.functional.jacobian(transform, v) for v in x])
    torch.testing.assert_close(a, reverse, rtol=0, atol=1e-13)
    torch.testing.assert_close(a, torch.func.vmap(torch.func.jacrev(transform))(x), rtol=0, atol=1e-13)
    torch.testing.assert_close(a, torch.func.vmap(torch.func.jacfwd(transform))(x), rtol=0, atol=1e-13)
    pieces = sorted({float(t) for t in common_mesh((p, q))} | set(roots_by_brent(p, x[0])))
    u, w = np.polynomial.legendre.leggauss(30)
    exact = torch.zeros_like(a[0])
    for left, right in zip(pieces[:-1], pieces[1:], strict=True):
        t = torch.from_numpy((left + right) / 2 + (right - left) / 2 * u)
        mask = (p.values(t) @ x[0] > 0) * torch.from_numpy(w) * (right - left) / 2
        exact += (q.values(t).T * mask) @ p.values(t)
    torch.testing.assert_close(a[0], exact, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("first", "second"), SMOOTH)
def test_second_derivative_is_the_coarea_formula(first, second):
    p, q = basis(first, 6), basis(second, 5)
    transform, x = IATReLU(p, q), normal(6, seed=3)
    exact = torch.zeros(5, 6, 6, dtype=torch.float64)
    for z in roots_by_brent(p, x):
        at = p.values(z)
        exact += q.values(z)[:, None, None] * at[:, None] * at / abs(float(p.values(z, 1) @ x))
    assert exact.abs().max() > 1e-3
    reverse = torch.func.jacrev(torch.func.jacrev(transform))(x)
    torch.testing.assert_close(reverse, exact, rtol=0, atol=1e-12)
    for j in range(5):
        hessian = torch.autograd.functional.hessian(lambda v, j=j: transform(v)[j], x)
        torch.testing.assert_close(hessian, exact[j], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_gradcheck_and_gradgradcheck(first, second):
    transform, x = IATReLU(basis(first, 4), basis(second, 3)), normal(3, 4, seed=5).requires_grad_()
    assert torch.autograd.gradcheck(transform, (x,))
    assert torch.autograd.gradgradcheck(transform, (x,))


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_jets_to_fourth_order_against_reverse_mode(first, second):
    net = network(basis(first, 6), basis(second, 5))
    x = 2 * torch.rand(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    keys = [(), (0,), (1,), (0, 0), (0, 1), (1, 1), (0, 0, 1), (0, 0, 0), (0, 0, 1, 1), (1, 1, 1, 1)]
    jets, reverse = evaluate(net, x, keys), by_transforms(net, x, keys, (0, 1))
    for key in keys:
        scale = 1 + reverse[key].abs().max().item()
        torch.testing.assert_close(jets[key], reverse[key], rtol=0, atol=1e-12 * scale)
    laplacian = evaluate(net, x, [LAPLACIAN])[LAPLACIAN]
    torch.testing.assert_close(laplacian, jets[0, 0] + jets[1, 1], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("first", "second"), SMOOTH)
def test_third_and_fourth_derivatives_against_differences(first, second):
    net, h = network(basis(first, 6), basis(second, 5), seed=2), 1e-4
    x = torch.tensor([[0.21, -0.37]], dtype=torch.float64)
    step = torch.tensor([[h, 0.0]], dtype=torch.float64)
    found = evaluate(net, x, [(0, 0, 1), (0, 0, 0, 1)])
    for order, lower in (((0, 0, 1), (0, 1)), ((0, 0, 0, 1), (0, 0, 1))):
        far, near = ([evaluate(net, x + s * k * step, [lower])[lower] for s in (1, -1)] for k in (2, 1))
        difference = (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * h)
        scale = found[order].abs().max().item()
        assert scale > 1e-3
        torch.testing.assert_close(found[order], difference, rtol=0, atol=1e-8 * (1 + scale))


@pytest.mark.parametrize(("first", "second"), [("pwl", "pwl"), ("pwq", "fourier"), ("fourier", "fourier")])
def test_gradients_of_a_squared_laplacian_by_parameters(first, second):
    net = network(basis(first, 5), basis(second, 4))
    x = 0.7 * normal(4, 2, seed=9)
    by_jets = evaluate(net, x, [LAPLACIAN])[LAPLACIAN].square().sum()
    pure = by_transforms(net, x, [(0, 0), (1, 1)], (0, 1))
    by_reverse = (pure[0, 0] + pure[1, 1]).square().sum()
    for a, b in zip(*(torch.autograd.grad(v, list(net.parameters())) for v in (by_jets, by_reverse)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("first", ["pwl", "fourier"])
def test_hessian_by_vmap_of_forward_over_reverse(first):
    transform, x = IATReLU(basis(first, 5), basis("pwl", 4)), normal(3, 5)
    batched = torch.func.vmap(torch.func.hessian(lambda v: transform(v)[1]))(x)
    single = torch.stack([torch.autograd.functional.hessian(lambda v: transform(v)[1], v) for v in x])
    torch.testing.assert_close(batched, single, rtol=0, atol=1e-12)


@pytest.mark.parametrize("first", ["pwl", "fourier"])
def test_jets_in_blocks_are_the_same(first):
    net = network(basis(first, 32), basis("pwl", 16))
    x, keys = normal(1500, 2), [(), (0,), (0, 1), (0, 0, 1)]
    assert net[1].part.samples < 1500
    at_once = evaluate(net, x, keys)
    with torch.no_grad():
        in_blocks = evaluate(net, x, keys)
    for key in keys:
        assert not in_blocks[key].requires_grad
        torch.testing.assert_close(in_blocks[key], at_once[key], rtol=1e-10, atol=1e-12)


def test_rect_to_rect_is_the_rectifier():
    x = normal(50, 8)
    assert torch.equal(IATReLU(basis("rect", 8), basis("rect", 8))(x) * 8 / 2, torch.relu(x))
    # d/2 and 2/d are no powers of two here.
    y = IATReLU(basis("rect", 7), basis("rect", 7))(x[:, :7]) * 7 / 2
    torch.testing.assert_close(y, torch.relu(x[:, :7]), rtol=1e-15, atol=0)


def times(one, factor):
    """Scale all functions of a basis."""
    scaled = copy.copy(one)
    if isinstance(one, Fourier):
        scaled.__class__ = type("Scaled", (Fourier,), {"norm": factor * one.norm})
    else:
        scaled._scale *= factor
    return scaled


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_homogeneity(first, second):
    p, q = basis(first, 5), basis(second, 5)
    transform, x = IATReLU(p, q), normal(20, 5)
    torch.testing.assert_close(transform(3.7 * x), 3.7 * transform(x), rtol=1e-13, atol=1e-14)
    scaled = IATReLU(times(p, 2.5), times(q, 0.3))
    torch.testing.assert_close(scaled(3.7 * x), 3.7 * 2.5 * 0.3 * transform(x), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("first", [name for name in BASES if name != "rect" and name != "rect-w"])
def test_midpoint_form_converges_to_it(first):
    p, q = basis(first, 4), basis("pwl", 4)
    x = normal(10, 4)
    exact = IATReLU(p, q)(x)
    errors = [(IATM(p, q, torch.relu, m)(x) - exact).norm().item() for m in (64, 256, 1024)]
    # The kink makes the order two.
    assert errors[1] < errors[0] / 10 and errors[2] < errors[1] / 10


@pytest.mark.parametrize("first", ["pwl", "pwq", "fourier"])
def test_single_precision_and_blocks(first):
    p, q = basis(first, 32), basis("pwl", 16)
    transform, x = IATReLU(p, q), normal(3000, 32).requires_grad_()
    y = transform(x)
    assert transform.part.samples < 3000
    y.sum().backward()
    one_by_one = torch.stack([transform(v) for v in x[::700]])
    torch.testing.assert_close(y[::700], one_by_one, rtol=0, atol=1e-14)
    gradient = (transform.jacobian(x.detach()[::700])).sum(1)
    torch.testing.assert_close(x.grad[::700], gradient, rtol=0, atol=1e-13)
    single = IATReLU(p, q).float()(x.detach().float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), y.detach(), rtol=0, atol=2e-5)
