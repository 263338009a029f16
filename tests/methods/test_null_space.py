"""Problems with too few conditions are named, with what they leave open; others never are."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Status

SQUARE, LINE = pk.Box([-1, -1], [1, 1]), pk.Interval(0, 1)
STRIP = LINE * pk.Time(0, 1)


def source(p):
    return torch.cos(math.pi * p.x) * torch.cos(math.pi * p.y)


def poisson(*conditions):
    return pk.Problem(
        domain=SQUARE, unknowns="u", equations={"p": lambda u, p: u.laplacian + source(p)}, conditions=conditions
    )


def reason(problem):
    solution = pk.solve(problem, budget="30s", tolerance=1e-12)
    assert solution.status is Status.UNDETERMINED
    return solution.reason


def test_a_constant_is_named_with_the_way_to_fix_it():
    text = reason(poisson(pk.Neumann(u=0.0, on=SQUARE.boundary)))
    assert text == (
        "the problem determines u up to a constant only; prescribe a value, such as "
        "pk.Observations([[..., ...]], u=[0.0])"
    )
    fixed = poisson(pk.Neumann(u=0.0, on=SQUARE.boundary), pk.Observations([[0.0, 0.0]], u=[1.0]))
    assert pk.solve(fixed, budget="30s", tolerance=1e-8).status is Status.CONVERGED


def test_the_unknown_that_is_free_is_named():
    stokes = pk.Problem(
        domain=SQUARE,
        unknowns="u v q",
        equations={
            "x": lambda u, q, p: -u.laplacian + q.x - p.y,
            "y": lambda v, q: -v.laplacian + q.y,
            "mass": lambda u, v: u.x + v.y,
        },
        conditions=[pk.Dirichlet(u=0.0, v=0.0, on=SQUARE.boundary)],
    )
    assert reason(stokes).startswith("the problem determines q up to a constant only;")


def test_missing_conditions_are_counted():
    line = pk.Problem(
        domain=LINE,
        unknowns="u",
        equations={"p": lambda u, p: u.xx + p.x},
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary["left"])],
    )
    assert reason(line) == (
        "too little is said about u: an equation of order 2 needs 2 conditions at the ends of the line, and has 1; "
        "the problem does not determine u: there is a function that changes no residual; is a condition missing?"
    )
    assert "functions that change no residual" in reason(poisson())


def test_a_wave_without_initial_velocity():
    problem = pk.Problem(
        domain=STRIP,
        unknowns="u",
        equations={"wave": lambda u: u.tt - u.xx},
        conditions=[pk.Initial(u=lambda p: torch.sin(math.pi * p.x)), pk.Dirichlet(u=0.0, on=STRIP.boundary)],
    )
    assert "more functions that change no residual" in reason(problem)


def test_a_nonlinear_problem_is_looked_at_where_it_ends():
    problem = pk.Problem(
        domain=LINE,
        unknowns="u",
        equations={"p": lambda u, p: u.xx + u.x**2 + 1},
        conditions=[pk.Neumann(u=lambda p: 0 * p.x, on=LINE.boundary["left"])],
    )
    assert "up to a constant only" in reason(problem)


@pytest.mark.parametrize("k", [1.0, 10.0])
def test_a_nearly_resonant_problem_is_determined(k):
    assert pk.solve(pk.load_problem("helmholtz", {"k": k}), budget="30s").status is Status.CONVERGED
