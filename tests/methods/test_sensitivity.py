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
    """A function that is measured at m points and has n coefficients keeps (n / m)^(1/2) of the noise."""
    problem = pk.Problem(
        domain=SQUARE, unknowns="u", equations={"e": lambda u, p: u - torch.cos(3 * p.x) * torch.cos(2 * p.y)},
    )  # fmt: skip
    solution = pk.solve(problem, method=METHOD)
    # Of n functions on 4 n points, as far as they are independent; relative to what varies.
    found = amplification(solution.trial, solution.task)
    x = SQUARE.interior(4000, torch.Generator().manual_seed(0))
    u = torch.cos(3 * x.x) * torch.cos(2 * x.y)
    assert found == pytest.approx(0.5 * (u.square().mean().sqrt() / u.std()).item(), rel=0.5)
