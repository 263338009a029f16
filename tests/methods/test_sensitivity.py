"""Ill-posed problems are told by how much noise in their data moves the answer."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import ILL_POSED, amplification

ROD = pk.Interval(0, 1, name="x") * pk.Time(0, 0.1)
SQUARE = pk.Box([0, 0], [1, 1])
METHOD = pk.LeastSquares(max_size=300)


def measured(domain, equation, *conditions):
    problem = pk.Problem(domain=domain, unknowns="u", equations={"e": equation}, conditions=conditions)
    return pk.solve(problem, method=METHOD, tolerance=1e-4, budget="20s").metrics["amplification"]


def wave(p):
    return torch.sin(math.pi * p.x)


def test_heat_backwards_in_time():
    ends = pk.Dirichlet(u=0.0, on=ROD.boundary)
    heat = lambda u: u.t - u.xx  # noqa: E731
    assert measured(ROD, heat, ends, pk.Initial(u=wave)) < 3
    assert measured(ROD, heat, ends, pk.Condition(lambda u, p: u - wave(p), on=ROD.final)) > ILL_POSED


def test_values_and_slopes_on_one_side_only():
    b = SQUARE.boundary
    walls = pk.Dirichlet(u=0.0, on=b["left", "right"])
    laplace = lambda u: u.laplacian  # noqa: E731
    bottom = pk.Dirichlet(u=wave, on=b["bottom"])
    assert measured(SQUARE, laplace, walls, bottom, pk.Dirichlet(u=0.0, on=b["top"])) < 3
    assert measured(SQUARE, laplace, walls, bottom, pk.Neumann(u=0.0, on=b["bottom"])) > ILL_POSED


def test_noise_averages_out_as_it_should():
    """Noise at m points of a line, of which n smooth functions keep (n / m)^(1/2): u = g along all of it."""
    rod = pk.Interval(0, 1, name="x") * pk.Time(0, 1)
    problem = pk.Problem(
        domain=rod, unknowns="u", equations={"e": lambda u: u.t},
        conditions=[pk.Initial(u=lambda p: torch.cos(3 * p.x))],
    )  # fmt: skip
    solution = pk.solve(problem, method=METHOD)
    # About 20 functions of x in a space of 300 on 600 points of the start.
    assert 0.05 < amplification(solution.trial, solution.task) < 0.4


def test_offsets_are_no_noise():
    b = SQUARE.boundary

    def problem(offset):
        return pk.Problem(
            domain=SQUARE, unknowns="T", equations={"e": lambda T: T.laplacian + 1},
            conditions=[pk.Dirichlet(T=lambda p: offset + p.x, on=b)],
        )  # fmt: skip

    found = [pk.solve(problem(offset), method=METHOD).metrics["amplification"] for offset in (0.0, 1e3)]
    assert found[1] == pytest.approx(found[0], rel=0.05)
