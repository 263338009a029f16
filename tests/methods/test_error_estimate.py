"""Error estimates against true errors, within a factor of ten: of states that are half trained, and of solutions."""

import math

import pytest
import torch
from torch import nn

import pinnkit as pk
from pinnkit.methods import Progress, Task, correction_size, drive
from pinnkit.problem import reference_values

from .small import LINE, linear, nonlinear, task

SQUARE = pk.Box([0, 0], [1, 1])


def true_error(trial, problem):
    points, values = reference_values(problem)
    with torch.no_grad():
        found = trial(points.coordinates)
    exact = torch.stack([values[name] for name in problem.unknowns], 1)
    return ((found - exact).norm() / exact.norm()).item()


def poisson():
    exact = lambda p: torch.sin(3 * p.x) * torch.cosh(p.y)  # noqa: E731
    return pk.Problem(
        domain=SQUARE, unknowns="u", equations={"e": lambda u, p: u.laplacian + 8 * exact(p)}, reference=exact,
        conditions=[pk.Dirichlet(u=exact, on=SQUARE.boundary)],
    )  # fmt: skip


def heat():
    domain = pk.Interval(0, 1) * pk.Time(0, 0.2)
    return pk.Problem(
        domain=domain, unknowns="u", equations={"heat": lambda u: u.t - u.xx},
        conditions=[pk.Initial(u=lambda p: torch.sin(math.pi * p.x), hard=True),
                    pk.Dirichlet(u=0.0, on=domain.boundary)],
        reference=lambda p: torch.exp(-(math.pi**2) * p.t) * torch.sin(math.pi * p.x),
    )  # fmt: skip


@pytest.mark.parametrize("make", [linear, poisson, heat, nonlinear])
@pytest.mark.parametrize("steps", [0, 15, 150])
def test_of_states_on_the_way(make, steps):
    problem = make()
    made = task(problem, space=pk.MLP(12, 2))
    run = pk.LBFGS(points=150, boundary_points=40).start(made)
    if steps:
        drive(run, made, pk.Budget.parse(f"{steps}steps"), Progress())
    true = true_error(run.trial, problem)
    assert 0.1 < correction_size(run.trial, made) / true < 10
    assert steps == 0 or true < 0.9


def test_of_the_solution_itself():
    problem = poisson()
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=300, max_size=300), budget="60s")
    assert solution.relative_l2 < 1e-8
    assert correction_size(solution.trial, solution.task) < 1e-6


def test_a_state_that_is_not_finite_has_an_infinite_estimate():
    made = task(linear())
    run = pk.Adam(points=20, boundary_points=2).start(made)
    with torch.no_grad():
        run.trial.space.head.weight.fill_(math.nan)
    assert correction_size(run.trial, made) == math.inf


@pytest.mark.parametrize(("neurons", "seed"), [(4, 1), (4, 2), (10, 1)])
def test_a_space_that_is_not_drawn_anew_is_not_its_own_witness(neurons, seed):
    """Two solves over one and the same basis agree, whatever it can express: here down to errors of 1700 %."""
    module = nn.Sequential(nn.Linear(1, neurons), nn.Tanh(), nn.Linear(neurons, 1))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module[0].parameters():
            p.uniform_(-5, 5, generator=generator)
    exact = lambda p: torch.sin(6 * p.x)  # noqa: E731
    problem = pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u, p: u.xx + 36 * exact(p)}, reference=exact,
        conditions=[pk.Dirichlet(u=exact, on=LINE.boundary)],
    )  # fmt: skip
    method = pk.LeastSquares(oversampling=40)
    solution = pk.solve(problem, pk.ModuleSpace(module, keep=True), method, budget="20s")
    assert solution.relative_l2 > 1e-5
    assert 0.2 < solution.estimated_error / solution.relative_l2 < 5


def test_the_estimate_leaves_the_state_alone():
    made: Task = task(nonlinear())
    run = pk.LBFGS(points=50, boundary_points=4).start(made)
    before = [p.detach().clone() for p in run.trial.parameters()]
    assert correction_size(run.trial, made) == correction_size(run.trial, made)
    assert all(torch.equal(a, b) for a, b in zip(before, run.trial.parameters(), strict=True))
