"""Random estimates of the Laplacian: mean, variance, independence and cost, on quadratic functions."""

from __future__ import annotations

import pytest
import torch

import pinnkit as pk
from pinnkit.jets import LAPLACIAN, Jet, StochasticLaplacian, evaluate

D, N = 6, 40_000
KEYS = ((), (1,), LAPLACIAN)


def quadratic(hessian):
    """x -> x^T H x / 2 as a module of jets, the same at each point."""
    return lambda x: 0.5 * (x * (x @ hessian)).sum(-1, keepdim=True)


@pytest.fixture
def hessian():
    h = torch.randn(D, D, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return h + h.mT


def estimates(hessian, count, kind, space=tuple(range(D)), keys=KEYS):
    plan = StochasticLaplacian(keys, space, count, kind)
    x = torch.rand(N, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x, *plan(quadratic(hessian), x, torch.Generator().manual_seed(2))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ["directions", "dimensions"])
def test_both_estimates_have_the_mean_and_the_variance_of_the_formula(hessian, count, kind):
    x, *found = estimates(hessian, count, kind)
    diagonal = hessian.diag()
    variance = 2 / count * (hessian.square().sum() - diagonal.square().sum())
    if kind == "dimensions":
        variance = D * (D - count) / (count * (D - 1)) * (diagonal - diagonal.mean()).square().sum()
    one, other = (f[LAPLACIAN][:, 0] for f in found)
    for sample in (one, other):
        assert abs(sample.mean() - diagonal.sum()) < 4 * (variance / N).sqrt()
        assert sample.var().item() == pytest.approx(variance.item(), rel=0.05)
    # Independent of each other, so that their product is an unbiased square; that of one alone is not.
    covariance = ((one - one.mean()) * (other - other.mean())).mean()
    assert abs(covariance) < 4 * variance / N**0.5
    assert (one.square().mean() - diagonal.sum() ** 2).item() == pytest.approx(variance.item(), rel=0.2)


def test_all_dimensions_give_the_laplacian_itself_and_diagonal_hessians_need_one_direction(hessian):
    x, one, other = estimates(hessian, D, "dimensions")
    torch.testing.assert_close(one[LAPLACIAN], hessian.trace().expand(N, 1))
    x, one, other = estimates(hessian.diag().diag(), 1, "directions")
    torch.testing.assert_close(other[LAPLACIAN], hessian.trace().expand(N, 1))


def test_values_and_first_derivatives_are_exact_and_only_space_is_estimated(hessian):
    x, one, other = estimates(hessian, 2, "directions", space=(0, 2, 3))
    exact = evaluate(quadratic(hessian), x, KEYS[:2])
    for key in KEYS[:2]:
        torch.testing.assert_close(one[key], exact[key])
        torch.testing.assert_close(other[key], exact[key])
    inner = hessian[[0, 2, 3]][:, [0, 2, 3]]
    assert one[LAPLACIAN].mean().item() == pytest.approx(inner.trace().item(), abs=0.15)
    x, one, other = estimates(hessian, 3, "dimensions", space=(0, 2, 3))
    torch.testing.assert_close(one[LAPLACIAN], inner.trace().expand(N, 1))


def test_networks_pass_and_what_is_constant_has_no_laplacian():
    space = pk.MLP(8, 2).build(torch.tensor([[0.0] * D, [1.0] * D]), 1, torch.Generator().manual_seed(0))
    x = torch.rand(3, D, dtype=torch.float64).repeat(4000, 1)
    plan = StochasticLaplacian([LAPLACIAN], tuple(range(D)), 2)
    with torch.no_grad():
        one, _ = plan(space, x, torch.Generator().manual_seed(0))
        exact = evaluate(space, x[:3], [LAPLACIAN])[LAPLACIAN]
    sample = one[LAPLACIAN].reshape(4000, 3)
    assert (abs(sample.mean(0) - exact[:, 0]) < 4 * sample.std(0) / 4000**0.5).all()
    one, other = plan(lambda y: torch.ones(len(y), 1), x, torch.Generator())
    assert not one[LAPLACIAN].any()


def test_jets_carry_twice_the_count_whatever_the_dimension():
    seen = []

    def module(x):
        seen.append((x.first.shape[0], x.second.shape[0]) if isinstance(x, Jet) else None)
        return x[:, :1]

    StochasticLaplacian([(), LAPLACIAN], tuple(range(100)), 3)(
        module, torch.rand(5, 100, dtype=torch.float64), torch.Generator()
    )
    assert seen == [(6, 2)]


def test_functions_without_a_rule_get_the_exact_laplacian():
    x = torch.rand(4, 2, dtype=torch.float64)
    with pytest.warns(UserWarning, match="has no jet rule"):
        one, other = StochasticLaplacian([LAPLACIAN], (0, 1), 1)(
            lambda y: torch.special.i0(y).sum(-1, keepdim=True), x, torch.Generator()
        )
    assert one[LAPLACIAN].equal(other[LAPLACIAN])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([(0, 0)], (0, 1), 1), r"first derivatives and u.laplacian; this one uses the derivative along axes \(0, 0"),
        (([LAPLACIAN], (0, 1), 3, "dimensions"), "there are 2 dimensions to choose from, got 3"),
        (([LAPLACIAN], (0, 1), 1, "axes"), "must be one of directions, dimensions, got 'axes'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_an_error(arguments, message):
    with pytest.raises(pk.InputError, match=message):
        StochasticLaplacian(*arguments)
