"""Points drawn anew: where they lie, and what the loss over them estimates."""

from __future__ import annotations

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.domains.quadrature import gauss_legendre
from pinnkit.methods.sampling import RAD, RAR, Resample
from pinnkit.methods.training import Training
from pinnkit.methods.weights import SelfAdaptive

from .small import linear, task

N = 60


def trained(sampling, problem=None, n=N, seed=0):
    """Training whose trial function is fixed, so that its residual is a known function of x."""
    return Training(task(problem or linear(), seed=seed), n, 4, sampling=sampling)


def squared_residual(training, x):
    """(u'' + pi^2 sin(pi x))^2 by derivatives of the trial function."""
    curvature = pk.evaluate(training.trial, x, [(0, 0)])[0, 0][:, 0]
    return (curvature + math.pi**2 * torch.sin(math.pi * x[:, 0])).square().detach()


def conditions_loss(training):
    return sum((b.weight**2 * r.square()).mean() for b, r in list(
        zip(training.blocks, training.collocation.residuals(training.trial), strict=True))[1:]).item()


def mean_loss(training, draws=200):
    """The mean loss of the equation over many draws, and its standard error."""
    found = []
    for step in range(1, draws + 1):
        assert training.refresh(step)
        found.append(training.loss().item() - conditions_loss(training))
    found = torch.tensor(found, dtype=torch.float64)
    return found.mean().item(), found.std().item() / math.sqrt(draws)


@pytest.mark.parametrize("options", [{}, {"k": 2.0, "c": 0.1}, {"k": 0.0}])
def test_with_importance_the_loss_estimates_the_integral_over_the_domain(options):
    nodes, weights = gauss_legendre(200, 1)
    training = trained(RAD(every=1, candidates=5, **options))
    integral = (weights @ squared_residual(training, nodes)).item()
    mean, error = mean_loss(training)
    assert abs(mean - integral) < 3.5 * error
    assert error < 0.01 * integral


def test_without_importance_the_loss_estimates_the_integral_under_the_density():
    nodes, weights = gauss_legendre(200, 1)
    training = trained(RAD(every=1, importance=False))
    square = squared_residual(training, nodes)
    density = square.sqrt() / (weights @ square.sqrt()) + 1
    biased = (weights @ (square * density)).item() / (weights @ density).item()
    mean, error = mean_loss(training)
    assert abs(mean - biased) < 3.5 * error
    assert biased > 1.1 * (weights @ square).item()


@pytest.mark.parametrize("sampling", [Resample(every=1), RAD(every=1), RAR(every=1, add=1)])
def test_points_crowded_around_a_feature_keep_the_loss_a_mean_over_the_domain(sampling):
    line = pk.Interval(0, 1)
    problem = pk.Problem(
        domain=line, unknowns="u", equations={"a": lambda u: u.xx + u}, features=[pk.Feature([0.1], 0.01)],
        conditions=[pk.Condition(lambda u, p: u + 5 * p.x, on=pk.Interval(0, 0.5))],
    )  # fmt: skip
    training = Training(task(problem), 400, 400, sampling=sampling)
    for block in training.blocks:
        block.weight = 1.0
    x = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None]
    u, curvature = (pk.evaluate(training.trial, x, [key])[key][:, 0].detach() for key in ((), (0, 0)))
    whole = [(curvature + u).square().mean().item(), (u + 5 * x[:, 0])[:1001].square().mean().item()]
    assert training.loss().item() == pytest.approx(sum(whole), rel=0.02)
    assert training.refresh(1)
    assert [square.mean().item() for square in training.squares()] == pytest.approx(whole, rel=0.02)
    assert training.loss().item() == pytest.approx(sum(whole), rel=0.02)
    training.factors = [None, None]
    assert [square.mean().item() for square in training.squares()][1] != pytest.approx(whole[1], rel=0.05)


@pytest.mark.parametrize("sampling", [Resample(every=1), RAD(every=1), RAD(every=1, importance=False), RAR(every=1)])
def test_residuals_at_the_peak_of_a_coefficient_count_little_wherever_points_are_drawn(sampling):
    line, film = pk.Interval(0, 1), lambda p: 1e4 * ((p.x - 0.4).abs() < 1e-3)
    problem = pk.Problem(
        domain=line, unknowns="u", equations={"a": lambda u, p: -u.xx + film(p) * u},
        conditions=[pk.Dirichlet(u=1.0, on=line.boundary)],
    )  # fmt: skip
    training = Training(task(problem), 400, 2, sampling=sampling)
    assert training.refresh(1)
    factor = training.collocation.factors[0]
    near = (training.blocks[0].points.coordinates[:, 0] - 0.4).abs() < 1e-3
    assert near.any() and factor[near].max() < 1e-2 * factor.max()


def test_points_of_rad_have_the_density_that_is_asked_for():
    training = trained(RAD(every=1, k=2.0, c=0.5, candidates=50), n=400)
    training.refresh(1)
    x = training.blocks[0].points.coordinates
    assert x.shape == (400, 1)
    grid = (torch.arange(4000, dtype=torch.float64)[:, None] + 0.5) / 4000
    square = squared_residual(training, grid)
    density = square / square.mean() + 0.5
    wanted = (density / density.sum()).reshape(10, -1).sum(1) * 400
    found = torch.histc(x[:, 0], 10, 0, 1)
    assert ((found - wanted).abs() < 3.5 * wanted.sqrt()).all()
    assert (wanted.max() - wanted.min()) > 5 * wanted.max().sqrt()


def test_rad_keeps_the_points_of_conditions_and_all_points_without_residual_are_alike():
    training = trained(RAD(every=1))
    boundary = training.blocks[1].points
    training.refresh(1)
    assert training.blocks[1].points.coordinates.equal(boundary.coordinates)
    sampling = RAD(every=1, k=1.0, c=0.0)
    flat = trained(sampling)
    flat.blocks[0].weight = 0.0
    (points, factor), *_ = sampling.draw(flat, torch.Generator().manual_seed(0))
    assert factor.equal(torch.ones(N, dtype=torch.float64)) and len(points) == N


def test_rar_adds_the_worst_points_up_to_twice_the_number():
    training = trained(RAR(every=10, add=25))
    before = training.blocks[0].points.coordinates
    assert training.refresh(10)
    x = training.blocks[0].points.coordinates
    assert x[:N].equal(before) and len(x) == N + 25
    added = squared_residual(training, x[N:])
    fresh = squared_residual(training, torch.rand(2000, 1, dtype=torch.float64))
    # 25 of 4 * 60 candidates are about a tenth of the domain.
    assert added.min() > fresh.quantile(0.85)
    for step in (20, 30, 40):
        training.refresh(step)
    assert len(training.blocks[0].points) == 2 * N


def test_resample_draws_all_points_evenly_and_each_time_others():
    training = trained(Resample(every=10))
    first = training.blocks[0].points.coordinates
    assert not training.refresh(0) and not training.refresh(9)
    assert training.refresh(10)
    second = training.blocks[0].points.coordinates
    assert training.refresh(25)
    third = training.blocks[0].points.coordinates
    assert not first.equal(second) and not second.equal(third)
    assert torch.histc(third[:, 0], 10, 0, 1).min() >= N / 10 - 2
    # The step chooses the random numbers.
    other = trained(Resample(every=10))
    other.refresh(25)
    assert other.blocks[0].points.coordinates.equal(third)


def test_all_equations_share_the_points():
    line = pk.Interval(0, 1)
    problem = pk.Problem(
        domain=line, unknowns="u v", equations={"a": lambda u, v: u.x - v, "b": lambda u, v: v.x + 100 * u},
        conditions=[pk.Dirichlet(u=1.0, on=line.boundary["left"])],
    )  # fmt: skip
    training = trained(RAD(every=1), problem)
    training.refresh(1)
    a, b, _ = training.blocks
    assert a.points.coordinates.equal(b.points.coordinates)
    assert len(training.collocation.factors[0]) == N and training.collocation.factors[2] is None


def test_a_state_restores_points_importance_and_counters():
    training = trained(RAD(every=5))
    training.refresh(5)
    state, loss = training.state_dict(), training.loss()
    other = trained(RAD(every=5))
    other.load_state_dict(state)
    assert other.loss().equal(loss)
    assert not other.refresh(9)
    plain = Training(task(linear()), N, 4)
    plain.load_state_dict(state)
    assert len(plain.blocks[0].points) == N and plain.collocation.factors == [None, None]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RAD(every=0), "every must be a positive whole number, got 0"),
        (lambda: RAD(k=-1.0), "k must not be negative or infinite, got -1.0"),
        (lambda: RAD(c=math.inf), "c must not be negative or infinite, got inf"),
        (lambda: RAR(add=0), "add must be a positive whole number, got 0"),
        (lambda: Resample(every=1.5), "every must be a positive whole number, got 1.5"),
        (
            lambda: Training(task(linear()), 8, 4, SelfAdaptive(), RAD()),
            "self-adaptive weights belong to points that stay; leave sampling rad out",
        ),
        (lambda: trained(RAD(), energy()), "rad needs equations at collocation points, which this problem has not"),
    ],
)
def test_what_does_not_fit_is_an_error(make, message):
    with pytest.raises(pk.InputError, match=message):
        make()


def energy():
    line = pk.Interval(0, 1)
    return pk.Problem(
        domain=line, unknowns="u", energy=lambda u, p: u.x**2 / 2 - u.value,
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary, hard=True)],
    )  # fmt: skip
