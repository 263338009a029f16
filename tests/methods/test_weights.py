"""Weights found in training, against closed forms of a model with three parameters, a x + b x^2 + c."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Task
from pinnkit.methods.training import Training
from pinnkit.methods.weights import Causal, GradientNorm, SelfAdaptive, TangentKernel

from .small import LBFGS, linear, task
from .test_resume import continued, same


class Powers(torch.nn.Module):
    """The functions x and x^2 with a linear head, at the values a, b, c."""

    def __init__(self, a=0.7, b=-0.4, c=0.2):
        super().__init__()
        self.last = torch.nn.Linear(2, 1, dtype=torch.float64)
        with torch.no_grad():
            self.last.weight.copy_(torch.tensor([[a, b]]))
            self.last.bias.fill_(c)

    def forward(self, x):
        return self.last(torch.cat([x, x * x], -1))


LINE = pk.Interval(0, 1)
SIZE = 3.0


def first_order():
    """u' = 1, 3 u(0) = 3: the gradients by (a, b, c) are those of (a + 2 b x - 1)^2 and (3 w (c - 1))^2."""
    return pk.Problem(
        domain=LINE, unknowns="u", equations={"slope": lambda u: u.x - 1},
        conditions=[pk.Condition(lambda u: SIZE * (u - 1), on=LINE.boundary["left"])],
    )  # fmt: skip


def trained(weights, problem=None, space=None, points=65):
    made = Task(problem or first_order(), space or pk.ModuleSpace(Powers(), keep=True))
    return Training(made, points, 1, weights=weights)


def test_gradient_norm_is_the_ratio_of_the_papers_means():
    training = trained(GradientNorm(every=10, rate=1.0))
    x = training.blocks[0].points.coordinates[:, 0]
    weight = training.blocks[1].weight
    r = 0.7 - 0.8 * x - 1
    equation = torch.stack([2 * r.mean(), (4 * x * r).mean(), 0 * r.mean()])
    condition = torch.tensor([0.0, 0.0, 2 * (SIZE * weight) ** 2 * (0.2 - 1)], dtype=torch.float64)
    expected = equation.abs().max() / condition.abs().mean()
    assert training.refresh(0)
    torch.testing.assert_close(training.collocation.factors[1], expected)
    assert training.collocation.factors[0] is None
    assert not training.refresh(9) and training.refresh(10)
    slow = trained(GradientNorm(every=10, rate=0.1))
    slow.refresh(0)
    torch.testing.assert_close(slow.collocation.factors[1], 0.9 + 0.1 * expected)


def test_a_condition_that_holds_exactly_keeps_its_weight():
    training = trained(GradientNorm(rate=1.0), space=pk.ModuleSpace(Powers(c=1.0), keep=True))
    training.refresh(0)
    assert training.collocation.factors[1] == 1


def test_the_largest_tangent_kernel_gets_the_smallest_weight():
    training = trained(TangentKernel())
    x = training.blocks[0].points.coordinates[:, 0]
    few = x[torch.linspace(0, len(x) - 1, 64).long().unique()]
    traces = torch.stack([(1 + 4 * few**2).mean(), torch.tensor((SIZE * training.blocks[1].weight) ** 2)])
    training.refresh(0)
    equation, condition = training.collocation.factors
    torch.testing.assert_close(torch.stack([equation, condition]), traces.mean() / traces)
    assert (equation < condition) == (traces[0] > traces[1])
    # The kernel of a residual a hundred times as large is ten thousand times as large, whatever weighs it.
    training.blocks[1].weight *= 100
    training.refresh(100)
    new_equation, new_condition = training.collocation.factors
    assert new_condition < new_equation
    torch.testing.assert_close(new_condition / new_equation, condition / equation / 1e4)


def test_kernels_make_equal_rates_along_the_gradient_flow():
    """For one parameter a residual, d r_i / dt = -2 lambda_i K_i r_i: lambda_i K_i is the same for both."""
    training = trained(TangentKernel(), problem=two_terms())
    training.refresh(0)
    loss = training.loss()
    slope, value = torch.autograd.grad(loss, [training.trial.space.head.weight, training.trial.space.head.bias])
    # The residuals 7 (a - 2) and 5 (c - 1), at a = 0.7 and c = 0.2, so that a slope over its error is 2 lambda K.
    assert (slope[0, 0] / (0.7 - 2)).item() == pytest.approx((value / (0.2 - 1)).item())


def two_terms():
    """7 (u'(0) - 2) and 5 (u(0) - 1), where u'(0) = a and u(0) = c; and an equation without a weight."""
    left = LINE.boundary["left"]
    return pk.Problem(
        domain=LINE, unknowns="u", equations={"none": lambda u: 0 * u.x},
        conditions=[pk.Condition(lambda u: 7 * (u.x - 2), on=left), pk.Condition(lambda u: 5 * (u - 1), on=left)],
    )  # fmt: skip


def test_self_adaptive_weights_ascend_with_the_residual():
    method = SelfAdaptive(rate=0.05, q=2.0)
    training = trained(method)
    squares = [square.detach() for square in training.squares()]
    size = sum(square.mean() for square in squares)
    plain = training.loss().item()
    training.refresh(0)
    for factor, square in zip(training.collocation.factors, squares, strict=True):
        torch.testing.assert_close(factor, (1 + 0.05 * 2 * square / size) ** 2)
    assert training.loss().item() > plain
    # The ascent is along the gradient of the loss by the weights.
    before = [weight.clone().requires_grad_() for weight in training.memory["weights"]]
    loss = sum((weight**2 * square).sum() for weight, square in zip(before, squares, strict=True))
    slopes = torch.autograd.grad(loss, before)
    training.refresh(1)
    for old, new, slope in zip(before, training.memory["weights"], slopes, strict=True):
        torch.testing.assert_close(new, (old + 0.05 * slope / size).detach())


def decay(source=0.0, steady=0.0, **options):
    """u_t = source(t), u(0) = steady."""
    made = pk.Interval(0, 1) * pk.Time(0, 2)
    return pk.Problem(
        domain=made, unknowns="u",
        equations={"rate": lambda u, p: u.t - (source(p.t) if callable(source) else source)},
        conditions=[pk.Initial(u=steady)], **options,
    )  # fmt: skip


class Nothing(Powers):
    """The zero function of two coordinates."""

    def __init__(self):
        super().__init__(0.0, 0.0, 0.0)

    def forward(self, x):
        return self.last(x)


def in_time(weights, problem):
    return trained(weights, problem, pk.ModuleSpace(Nothing(), keep=True), points=512)


def test_causal_weights_fall_by_the_losses_before():
    # The residual is -1 in the first half of the time, else -2; no loss at the start.
    training = in_time(
        Causal(eps=0.5, slabs=4), decay(lambda t: torch.where(t < 1, t.new_tensor(1.0), t.new_tensor(2.0)))
    )
    importance = training.collocation.factors[0]
    training.refresh(0)
    unit = (1 + 1 + 4 + 4) / 4
    expected = torch.tensor([0.0, 1.0, 2.0, 6.0], dtype=torch.float64).mul(-0.5 / unit).exp()
    torch.testing.assert_close(training.memory["weights"], expected)
    t = training.blocks[0].points.coordinates[:, 1]
    # The jump of the source is a feature, around which there are more points.
    torch.testing.assert_close(training.collocation.factors[0], importance * expected[(2 * t).long()])
    assert training.collocation.factors[1] is None


def test_points_crowded_around_a_feature_do_not_change_the_means_over_slabs():
    feature = pk.Feature([0.5, 1.2], 0.02)
    training = in_time(Causal(eps=0.5, slabs=4), decay(lambda t: t, features=[feature]))
    training.refresh(0)
    squares = torch.tensor([0.25, 1.75, 4.75, 9.25], dtype=torch.float64) / 3
    before = torch.cat([squares.new_zeros(1), squares[:-1].cumsum(0)]) / squares.mean()
    assert training.factors[0] is not None
    torch.testing.assert_close(training.memory["weights"], before.mul(-0.5).exp(), rtol=0.02, atol=0)


def test_residuals_at_the_peak_of_a_coefficient_count_little_in_the_mean_of_their_slab():
    made = pk.Interval(0, 1) * pk.Time(0, 2)
    rate = lambda p: 1e3 * torch.exp(-(((p.t - 0.3) / 0.01) ** 2))  # noqa: E731
    problem = pk.Problem(
        domain=made, unknowns="u", equations={"rate": lambda u, p: u.t + rate(p) * u - 1},
        conditions=[pk.Initial(u=0.0)],
    )  # fmt: skip
    training = in_time(Causal(eps=0.5, slabs=4), problem)
    training.refresh(0)
    grid = pk.Points(made.interior(2**15, torch.Generator().manual_seed(1)).coordinates, made.names)
    lengths = training.collocation.length(problem.equations[0], grid).square()
    slab = (2 * grid.coordinates[:, 1]).long()
    losses = torch.stack([lengths[slab == k].mean() for k in range(4)])
    assert losses[0] < 0.9 * losses[3]
    before = torch.cat([losses.new_zeros(1), losses[:-1].cumsum(0)]) / losses.mean()
    torch.testing.assert_close(training.memory["weights"], before.mul(-0.5).exp(), rtol=0.02, atol=0)


def test_the_loss_at_the_start_comes_before_all_slabs():
    training = in_time(Causal(eps=0.5, slabs=4), decay(1.0, steady=3.0))
    training.refresh(0)
    start = (training.blocks[1].weight * 3.0) ** 2
    expected = torch.tensor([start + k for k in range(4)], dtype=torch.float64).mul(-0.5).exp()
    torch.testing.assert_close(training.memory["weights"], expected)


def test_without_epsilon_the_causal_loss_is_the_plain_one_and_with_a_large_one_only_the_first_slab_counts():
    training = in_time(Causal(eps=0.0), decay(1.0))
    plain = training.loss()
    training.refresh(0)
    assert training.loss().equal(plain)
    training = in_time(Causal(eps=1e3, slabs=4), decay(1.0))
    training.refresh(0)
    assert training.loss().item() == pytest.approx(0.25, rel=0.02)


def test_epsilon_climbs_its_ladder_and_leaves_it_at_the_end():
    training = in_time(Causal(eps=0.1, last=10.0, slabs=4), decay(1.0))
    seen = []
    # The residual falls by ten at each step, so that every fall is enough for a steeper epsilon.
    for step in range(6):
        training.blocks[0].weight = 0.1**step
        training.refresh(step)
        seen.append(training.memory["eps"])
    assert seen == [0.1, 1.0, 10.0, 0.0, 0.0, 0.0]
    training.blocks[0].weight = 1.0
    training.refresh(6)
    assert training.memory["weights"].equal(torch.ones(4, dtype=torch.float64))


@pytest.mark.parametrize("weights", [GradientNorm(every=2), TangentKernel(every=2), SelfAdaptive(), Causal(slabs=4)])
def test_a_state_restores_the_weights_exactly(weights):
    problem = decay(lambda t: t * t, steady=0.5)
    training = Training(Task(problem, pk.MLP(6, 2)), 64, 16, weights=weights)
    for step in range(3):
        training.refresh(step)
    state = training.state_dict()
    loss = training.loss()
    training.refresh(4)  # must not reach the state
    other = Training(Task(problem, pk.MLP(6, 2)), 64, 16, weights=weights)
    other.load_state_dict(state)
    assert other.loss().equal(loss)
    other.refresh(4)
    assert other.loss().equal(training.loss())


ADAPTIVE = {
    "causal, rad": pk.Adam(points=64, boundary_points=16, weights=Causal(slabs=4), sampling=pk.RAD(every=3)),
    "self-adaptive": pk.Adam(points=64, boundary_points=16, weights=SelfAdaptive()),
    "tangent-kernel, rar": pk.LBFGS(
        points=64, boundary_points=16, weights=TangentKernel(every=4), sampling=pk.RAR(every=3, add=5)
    ),
    "gradient-norm, resample": pk.Sequence([
        pk.Adam(points=64, boundary_points=16, weights=GradientNorm(every=2), sampling=pk.Resample(every=3)),
        pk.SSBroyden(points=64, boundary_points=16, sampling=pk.RAD(every=4)),
    ]),
}  # fmt: skip


@pytest.mark.parametrize("method", ADAPTIVE.values(), ids=ADAPTIVE)
def test_a_run_that_is_interrupted_ends_as_the_uninterrupted_one(method, tmp_path):
    make = lambda: decay(lambda t: t * t, steady=0.5)  # noqa: E731
    whole = continued(method, make, "14steps", [], tmp_path)
    same(continued(method, make, "14steps", [4, 8], tmp_path), whole)


def test_a_run_takes_its_weights_and_points_to_the_method():
    made = task(linear())
    plain, weighed = (method.start(made) for method in (LBFGS, replace(LBFGS, weights=SelfAdaptive(rate=1.0))))
    for run in (plain, weighed):
        run.step(pk.Budget.parse("5steps"))
    assert plain.training.collocation.factors == [None, None]
    assert weighed.training.collocation.factors[0].max() > 1


def test_weights_of_another_kind_begin_anew():
    state = trained(SelfAdaptive())
    state.refresh(5)
    other = trained(GradientNorm(every=10))
    other.load_state_dict(state.state_dict())
    assert other.collocation.factors == [None, None]
    assert other.refresh(6)


@pytest.mark.parametrize("space", [pk.LRNN(rank=5), pk.SIREN(6, 2), pk.KAN()])
def test_all_weights_go_with_other_spaces(space):
    for weights in (GradientNorm(), TangentKernel(), SelfAdaptive()):
        training = Training(task(linear(), space=space), 32, 2, weights=weights)
        training.refresh(0)
        assert training.loss().isfinite()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientNorm(rate=0.0), "rate must be above 0 and at most 1, got 0.0"),
        (lambda: GradientNorm(every=0), "every must be a positive whole number, got 0"),
        (lambda: TangentKernel(every=-1), "every must be a positive whole number, got -1"),
        (lambda: SelfAdaptive(rate=-1.0), "rate must be positive, got -1.0"),
        (lambda: SelfAdaptive(q=math.nan), "q must be positive, got nan"),
        (lambda: Causal(eps=-1.0), "eps must not be negative or infinite, got -1.0"),
        (lambda: Causal(slabs=0), "slabs must be a positive whole number, got 0"),
        (lambda: trained(Causal()), "causal weights follow time, and the domain has none"),
    ],
)
def test_what_does_not_fit_is_an_error(make, message):
    with pytest.raises(pk.InputError, match=message):
        make()
