"""Nonlinear problems by least squares and Newton's method: manufactured solutions, linearisation, honest estimates."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.problem import Collocation


def semilinear():
    """-Laplace u + u^3 = f on a square."""
    square = pk.Box([-1, -1], [1, 1])
    exact = lambda p: torch.exp(p.x) * torch.cos(2 * p.y)  # noqa: E731
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"e": lambda u, p: -u.laplacian + u**3 - 3 * exact(p) - exact(p) ** 3},
        conditions=[pk.Dirichlet(u=exact, on=square.boundary)],
        reference=exact,
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_semilinear_problem_is_solved_like_a_linear_one(seed):
    solution = pk.solve(semilinear(), seed=seed, budget="60s")
    assert solution.metrics["method"] == "least-squares"
    assert solution.relative_l2 < 1e-9
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10


def test_the_lower_solution_of_bratu_is_found_from_zero():
    """u'' + e^u = 0 on [0, 1], u = 0 at the ends: u = -2 log(cosh((x - 1/2) t / 2) / cosh(t / 4))."""
    t = 1.5171645990507543  # t = sqrt(2) cosh(t / 4)
    assert math.sqrt(2) * math.cosh(t / 4) == pytest.approx(t, rel=1e-12)
    line = pk.Interval(0, 1)
    problem = pk.Problem(
        domain=line, unknowns="u", equations={"bratu": lambda u: u.xx + torch.exp(u)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
        reference=lambda p: -2 * torch.log(torch.cosh((p.x - 0.5) * t / 2) / math.cosh(t / 4)),
    )  # fmt: skip
    assert pk.solve(problem, method=pk.LeastSquares(max_size=300)).relative_l2 < 1e-9


def test_steady_flow_is_solved_with_an_honest_estimate():
    solution = pk.solve(pk.load_problem("kovasznay"), pk.MLP(), pk.LeastSquares(max_size=300))
    assert solution.relative_l2 < 1e-3
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10


def test_a_wrong_stationary_point_is_told_by_its_residual():
    """Over a handful of functions all draws of Burgers' equation agree on one wrong function."""
    solution = pk.solve(pk.load_problem("burgers"), pk.LRNN(), pk.LeastSquares(start_size=150, max_size=300))
    assert solution.relative_l2 > 0.1
    assert solution.estimated_error > 0.1


def test_a_system_onto_a_function_is_the_linearisation_there():
    """A c - b is the residual at `about`, changed by its derivative along what C c and `onto` differ from it by."""
    problem = semilinear()
    collocation = Collocation(problem, 30, 20, torch.Generator().manual_seed(0))
    trial, about, onto = (problem.trial(pk.LRNN(4, omega=3.0), torch.Generator().manual_seed(k)) for k in range(3))
    matrix, side = collocation.system(trial, about, onto)
    c = torch.cat([trial.space.head.weight[0], trial.space.head.bias]).detach()
    offset = 0

    def at(s):
        return collocation.residuals(lambda x: about(x) + s * (onto(x) + trial(x) - about(x)))

    values, slopes = torch.func.jvp(at, (torch.zeros((), dtype=torch.float64),), (torch.ones((), dtype=torch.float64),))
    for block, value, slope in zip(collocation.blocks, values, slopes, strict=True):
        rows = slice(offset, offset + len(value))
        expected = (value + slope) * block.weight / math.sqrt(len(value))
        torch.testing.assert_close((matrix @ c - side)[rows], expected, rtol=1e-10, atol=1e-10)
        offset += len(value)


def test_steps_that_overshoot_are_shortened():
    """Newton's method on atan(u - g) runs away from zero, where the slope is small."""
    def exact(p):
        return 2 + 0.2 * p.x**2

    problem = pk.Problem(
        domain=pk.Interval(-1, 1), unknowns="u", equations={"e": lambda u, p: torch.atan(u.value - exact(p))},
        reference=exact,
    )  # fmt: skip
    assert pk.solve(problem, method=pk.LeastSquares(start_size=100, max_size=100)).relative_l2 < 1e-8
