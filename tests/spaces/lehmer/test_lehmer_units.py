"""Lehmer units: means between the minimum and the maximum, their derivatives, and denominators that cannot vanish."""

import copy
import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from pinnkit.errors import InputError
from pinnkit.jets import LAPLACIAN, evaluate
from pinnkit.jets.derivatives import by_transforms
from pinnkit.spaces.lehmer import ComplexLehmer, Lehmer, PositiveFeatures, rescaled_rows
from pinnkit.spaces.lehmer.mean import complex_lehmer_mean, lehmer_mean


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def positive_rows(n=20, d=5, seed=1, decades=1.0):
    return 10 ** (decades * (2 * torch.rand(n, d, generator=generator(seed), dtype=torch.float64) - 1))


def layer(s, d=5, seed=2):
    """Real units with these suddencies and weights that differ."""
    made = Lehmer(d, len(s), generator())
    with torch.no_grad():
        made.s.copy_(torch.as_tensor(s, dtype=torch.float64))
        made.v.copy_(torch.randn(len(s), d, generator=generator(seed), dtype=torch.float64))
    return made


def complex_layer(d=5, units=4, span=2.0, seed=3):
    """Complex units whose b fills the admissible range."""
    made = ComplexLehmer(d, units, generator(seed), span=span)
    with torch.no_grad():
        made.v.copy_(torch.randn(units, d, generator=generator(seed), dtype=torch.float64))
        made.t.copy_(made.bound * torch.randn(units, generator=generator(seed + 1), dtype=torch.float64))
        made.beta.copy_(torch.randn(units, generator=generator(seed + 2), dtype=torch.float64))
    return made


def test_named_means():
    x, units = positive_rows(), layer([0.0, 1.0, 2.0])
    w = units.weights
    expected = torch.stack(
        [
            w[0].sum() / (w[0] / x).sum(1),
            (w[1] * x).sum(1) / w[1].sum(),
            (w[2] * x**2).sum(1) / (w[2] * x).sum(1),
        ],
        1,
    )
    torch.testing.assert_close(units(x), expected, rtol=1e-13, atol=0)


def test_limits_are_minimum_and_maximum():
    x = positive_rows()
    error = [
        torch.stack([low.log() - x.amin(1).log(), x.amax(1).log() - high.log()]).abs().amax().item()
        for low, high in (layer([-s, s])(x).T for s in (25.0, 100.0, 400.0, 1600.0))
    ]
    assert error[-1] < 1e-10
    assert all(b < a for a, b in zip(error[:-1], error[1:], strict=True))


def test_the_formula_itself():
    x, units = positive_rows(), layer([-3.2, -0.4, 0.6, 1.3, 4.1])
    w, s = units.weights[:, None, :], units.s[:, None, None]
    expected = ((w * x**s).sum(-1) / (w * x ** (s - 1)).sum(-1)).mT
    torch.testing.assert_close(units(x), expected, rtol=1e-12, atol=0)


def test_derivatives_by_suddency_and_features():
    """dL/ds and dL/dx_k as printed, against autograd."""
    x, units = positive_rows(n=1)[0].requires_grad_(), layer([-2.5, 0.3, 1.0, 3.7])
    for m in range(4):
        mean = units(x)[m]
        by_x, by_s = torch.autograd.grad(mean, [x, units.s])
        w, s = units.weights[m], units.s[m]
        above, below, log = (w * x**s).sum(), (w * x ** (s - 1)).sum(), x.log()
        expected = mean * ((w * x**s * log).sum() / above - (w * x ** (s - 1) * log).sum() / below)
        torch.testing.assert_close(by_s[m], expected, rtol=1e-10, atol=1e-13)
        expected = w * x ** (s - 2) * (s * x - (s - 1) * mean) / below
        torch.testing.assert_close(by_x, expected, rtol=1e-10, atol=1e-13)


@settings(max_examples=40, deadline=None)
@given(
    s=st.floats(-200, 200), d=st.integers(1, 6), seed=st.integers(0, 1000), decades=st.sampled_from([0.01, 1.0, 3.0])
)
def test_properties_of_a_mean(s, d, seed, decades):
    x, units = positive_rows(d=d, seed=seed, decades=decades), layer([s], d)
    mean = units(x)[:, 0]
    assert (mean >= x.amin(1) * (1 - 1e-12)).all() and (mean <= x.amax(1) * (1 + 1e-12)).all()
    torch.testing.assert_close(units(7.5 * x)[:, 0], 7.5 * mean, rtol=1e-11, atol=0)
    u, w = x.log()[..., None], units.weights.mT
    scaled = lehmer_mean(u, (123.0 * w).log(), units.s)[:, 0]
    torch.testing.assert_close(scaled, mean, rtol=1e-11, atol=0)


def test_nothing_overflows():
    """Values, gradients and second derivatives for s in [-200, 200] and features from 1e-3 to 1e3."""
    s = torch.linspace(-200, 200, 81, dtype=torch.float64)
    units = layer(s, 4)
    x = positive_rows(30, 4, decades=3.0)
    x[0], x[1] = torch.tensor([1e-3, 1e3, 1e-3, 1e3]), 1e3
    x.requires_grad_()
    mean = units(x)
    gradients = torch.autograd.grad(mean.sum(), [x, units.s, units.v], create_graph=True)
    seconds = torch.autograd.grad(sum(g.sum() for g in gradients), [x, units.s, units.v])
    for tensor in (mean, *gradients, *seconds):
        assert torch.isfinite(tensor).all()
    found = evaluate(units, x.detach(), [(0,), (0, 1), LAPLACIAN])
    for tensor in found.values():
        assert torch.isfinite(tensor).all()


def test_weights_that_underflow_keep_their_proportions_and_finite_gradients():
    """For v far below 0, w = softplus(v) is e^v, of which the mean sees the proportions only."""
    units, x = layer([1.5, 1.5]), positive_rows()
    proportions = torch.tensor([0.0, 1.3, -0.7, 2.0, -3.0], dtype=torch.float64)
    with torch.no_grad():
        units.v[0], units.v[1] = proportions - 2000, proportions - 38
    w = torch.exp(proportions)
    expected = (w * x**1.5).sum(1) / (w * x**0.5).sum(1)
    torch.testing.assert_close(units(x), expected[:, None].expand(-1, 2), rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(units(x).sum(), units.v)
    assert torch.isfinite(gradient).all() and gradient.abs().amin() > 0


def test_initialisation_is_the_authors():
    units = ComplexLehmer(3, 20_000, generator())
    for name, mean, deviation in [("a", 1, 1), ("b", 0, 0.1), ("alpha", 1, 0.1), ("beta", 0, 0.1), ("gamma", 0, 0)]:
        values = getattr(units, name).detach()
        assert values.mean().item() == pytest.approx(mean, abs=0.03)
        assert values.std().item() == pytest.approx(deviation, rel=0.03)
    s = Lehmer(3, 20_000, generator()).s.detach()
    assert (s.mean().item(), s.std().item()) == (pytest.approx(1, abs=0.03), pytest.approx(1, rel=0.03))
    assert (units.v == 1).all() and not units.gamma.any()
    assert torch.equal(Lehmer(3, 9, generator(5)).s, Lehmer(3, 9, generator(5)).s)


def test_complex_mean_in_complex_arithmetic():
    x, units = torch.exp(2 * torch.rand(30, 5, generator=generator(4), dtype=torch.float64) - 1), complex_layer()
    s = torch.complex(units.a, units.b)[:, None, None]
    w, x = units.weights[:, None, :], x.to(torch.complex128)
    mean = ((w * x**s).sum(-1) / (w * x ** (s - 1)).sum(-1)).mT
    expected = units.alpha * mean.real + units.beta * mean.imag + units.gamma
    torch.testing.assert_close(units(x.real), expected, rtol=1e-12, atol=1e-12)


def test_complex_without_imaginary_part_is_real():
    x, units = rescaled_rows(torch.randn(30, 5, generator=generator(4), dtype=torch.float64)), complex_layer()
    real = layer(units.a.detach())
    with torch.no_grad():
        real.v.copy_(units.v)
        units.t.zero_()
        units.gamma.fill_(0.5)
    torch.testing.assert_close(units(x), units.alpha * real(x) + 0.5, rtol=1e-14, atol=0)


@pytest.mark.parametrize("span", [2.0, 0.5, 10.0])
def test_complex_denominators_are_bounded_away_from_zero(span):
    """|sum w x^(s-1)| >= cos(b R / 2) sum w x^(a-1), and cos(b R / 2) >= sin(0.05 pi / 2), however large t is."""
    units = complex_layer(2, 400, span)
    with torch.no_grad():
        units.t.mul_(100)
    assert (units.b.abs() <= units.bound).all() and units.b.abs().max() > 0.99 * units.bound
    assert units.bound * span < math.pi
    # The worst case: two features at the ends of the range, and weights that balance them.
    u = span * torch.tensor([0.5, -0.5], dtype=torch.float64)
    with torch.no_grad():
        balanced = torch.exp(-(units.a[:, None] - 1) * u)
    for w in (units.weights, balanced):
        terms = w * torch.exp(torch.complex(units.a - 1, units.b)[:, None] * u)
        share = terms.sum(1).abs() / terms.abs().sum(1)
        assert (share >= torch.cos(units.b * span / 2) - 1e-13).all()
        assert (share >= math.sin(0.05 * math.pi / 2) - 1e-13).all()
    assert share.min() < 0.08  # the bound is sharp
    assert torch.isfinite(units(torch.exp(u))).all()


@pytest.mark.parametrize("make", [
    lambda: layer([-3.0, 0.0, 1.0, 2.5], 3), lambda: complex_layer(3),
    lambda: Lehmer(3, 4, generator(), grouped=True), lambda: ComplexLehmer(3, 4, generator(), grouped=True),
])  # fmt: skip
def test_jets_to_fourth_order(make):
    units = make()
    features = PositiveFeatures(2, 12 if units.grouped else 3, generator(7))
    module = torch.nn.Sequential(features, units)
    x = 2 * torch.rand(3, 2, generator=generator(8), dtype=torch.float64) - 1
    keys = [(), (0,), (1,), (0, 0), (0, 1), (1, 1), LAPLACIAN]
    higher = [(0, 0, 1), (0, 1, 1, 1), (0, 0, 1, 1)]
    for asked in ([(0,)], [LAPLACIAN], keys, higher):
        found, expected = evaluate(module, x, asked), by_transforms(module, x, asked, (0, 1))
        for key in asked:
            torch.testing.assert_close(found[key], expected[key], rtol=1e-10, atol=1e-11)


def test_jets_carry_gradients_of_the_parameters():
    for units in (layer([0.5, 2.0], 3), complex_layer(3, 2)):
        module = torch.nn.Sequential(PositiveFeatures(2, 3, generator(7)), units)
        x = 2 * torch.rand(4, 2, generator=generator(8), dtype=torch.float64) - 1
        parameters = list(module.parameters())
        both = [evaluate(module, x, [LAPLACIAN]), by_transforms(module, x, [LAPLACIAN], (0, 1))]
        found, expected = (
            torch.autograd.grad(d[LAPLACIAN].square().sum(), parameters, allow_unused=True, materialize_grads=True)
            for d in both
        )
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


def test_groups_are_layers_side_by_side():
    x = positive_rows(6, 12)
    whole = Lehmer(3, 4, generator(), grouped=True)
    with torch.no_grad():
        whole.v.copy_(torch.randn(4, 3, generator=generator(1), dtype=torch.float64))
    for m in range(4):
        one = layer([whole.s[m].item()], 3)
        with torch.no_grad():
            one.v.copy_(whole.v[m : m + 1])
        torch.testing.assert_close(whole(x)[:, m], one(x[:, m::4])[:, 0], rtol=1e-14, atol=0)


def test_complex_combination_of_parts():
    u = torch.randn(6, 3, 1, generator=generator(), dtype=torch.float64).tanh()
    units = complex_layer(3)
    s, w = (units.a, units.b), units.weights.mT.log()
    real, imaginary = complex_lehmer_mean(u, w, s, (1.0, 0.0)), complex_lehmer_mean(u, w, s, (0.0, 1.0))
    torch.testing.assert_close(complex_lehmer_mean(u, w, s, (2.0, -3.0)), 2 * real - 3 * imaginary)


def test_transforms_and_other_shapes():
    for units in (layer([0.5, 2.0]), complex_layer(units=2)):
        x = rescaled_rows(torch.randn(6, 5, generator=generator(), dtype=torch.float64))
        torch.testing.assert_close(torch.func.vmap(units)(x), units(x))
        torch.testing.assert_close(units(x[0]), units(x)[0])
        torch.testing.assert_close(units(x.reshape(2, 3, 5)), units(x).reshape(2, 3, 2))
        jacobian = torch.func.vmap(torch.func.jacrev(units))(x)
        torch.testing.assert_close(jacobian[..., 1], evaluate(units, x, [(1,)])[1,])
        assert units(x[:0]).shape == (0, 2)
        single = copy.deepcopy(units).to(torch.float32)(x.float())
        torch.testing.assert_close(single, units(x).float())


@pytest.mark.parametrize("bad", [0.0, -1.5, math.nan, math.inf])
def test_features_that_are_not_positive(bad):
    x = positive_rows(decades=0.3)
    x[3, 2] = bad
    for units in (layer([0.5, 2.0]), complex_layer()):
        with pytest.raises(InputError, match=f"positive and finite, got {bad:g}; map them first, by rescaled_rows"):
            units(x)
    with pytest.raises(InputError, match="positive and finite"):
        evaluate(layer([0.5]), x, [(0,)])


def test_wrong_calls():
    with pytest.raises(InputError, match="takes 5 features in the last dimension, got 4"):
        layer([0.5])(positive_rows(d=4))
    with pytest.raises(InputError, match="takes 6 features"):
        Lehmer(3, 2, generator(), grouped=True)(positive_rows(d=3))
    x = torch.tensor([[1.0, 1.0, 1.0], [0.01, 1.0, 100.0]], dtype=torch.float64)
    with pytest.raises(InputError, match="span 9.21, and .* at most 2, .* span=9.3"):
        ComplexLehmer(3, 2, generator())(x)
    assert torch.isfinite(ComplexLehmer(3, 2, generator(), span=9.3)(x)).all()
    for features, units in [(0, 2), (2, 0), (1.5, 2), (None, 2)]:
        with pytest.raises(InputError, match="must be a positive whole number, got"):
            Lehmer(features, units, generator())
    with pytest.raises(InputError, match="span must be positive, got 0"):
        ComplexLehmer(2, 2, generator(), span=0)
