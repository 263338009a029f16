"""Parameters inside of hard conditions and known parts are found like any other."""

import math

import pytest
import torch

import pinnkit as pk

LINE = pk.Interval(0, 1)
LEFT, RIGHT = LINE.boundary["left"], LINE.boundary["right"]
SIGMA = 0.001
SINH, COSH = math.sinh(2.0), math.cosh(2.0)
SLOPE = (2 - 6 * COSH) / SINH
"""u'' = 4 u with u(0) = 3 and u(1) = 1: u = (3 sinh(2 - 2 x) + sinh 2x) / sinh 2, and u'(0) is this."""


def exact(x):
    return (3 * torch.sinh(2 - 2 * x) + torch.sinh(2 * x)) / SINH


def conditions(kind, c):
    """What holds on the left, with c = 3."""
    return {
        "soft": lambda: pk.Dirichlet(u=c, on=LEFT),
        "number": lambda: pk.Dirichlet(u=c, on=LEFT, hard=True),
        "function": lambda: pk.Dirichlet(u=lambda p: c * torch.cos(p.x), on=LEFT, hard=True),
        "square": lambda: pk.Neumann(u=lambda p: -SLOPE * c**2 / 9, on=LEFT, hard=True),
        "coefficient": lambda: pk.Robin(u=9 - SLOPE, alpha=c, beta=1.0, on=LEFT, hard=True),
        "lift": lambda: pk.Dirichlet(u=c, on=LEFT),
    }[kind]()


def problem(kind, noise=True):
    c = pk.Parameter("c", 1.0, true=3.0)
    x = torch.linspace(0.2, 0.9, 8, dtype=torch.float64)
    rough = torch.randn(8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    data = pk.Observations(x[:, None], u=exact(x) + noise * SIGMA * rough, noise=SIGMA)
    lift = (lambda p: c * (1 - p.x) ** 2) if kind == "lift" else None
    return pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: u.xx - 4 * u}, parameters=[c], lift=lift,
        conditions=[conditions(kind, c), pk.Dirichlet(u=1.0, on=RIGHT, hard=kind not in ("soft", "lift")), data],
        reference=lambda p: exact(p.x),
    )  # fmt: skip


KINDS = ["soft", "number", "function", "square", "coefficient", "lift"]


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_found_by_least_squares(kind):
    solution = pk.solve(problem(kind, noise=False))
    assert solution.status.value == "converged"
    assert solution.parameters["c"] == pytest.approx(3, rel=1e-6)
    assert solution.relative_l2 < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_their_deviation_is_that_of_the_data(kind):
    """A value on the left is a linear function of the data, whose deviation is known in closed form."""
    solution = pk.solve(problem(kind))
    x = torch.linspace(0.2, 0.9, 8, dtype=torch.float64)
    value = SIGMA / (torch.sinh(2 - 2 * x) / SINH).norm().item()
    assert solution.standard_deviation([[0.0]])[0] == pytest.approx(value, rel=0.02)
    slope = 2 * COSH / SINH  # of u(0) sinh(2 - 2x) / sinh 2 at 0, with the sign of the outward normal
    change = {"square": -2 * SLOPE / 3 / slope, "coefficient": -3 / (3 + slope)}.get(kind, 1.0)
    assert solution.parameter_errors["c"] == pytest.approx(value / abs(change), rel=0.02)
    assert abs(solution.parameters["c"] - 3) < 3 * solution.parameter_errors["c"]


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_found_by_training(kind):
    network, method = pk.MLP(width=8, depth=2), pk.GaussNewton(points=100, boundary_points=20)
    with pytest.warns(UserWarning, match="noise"):
        solution = pk.solve(problem(kind, noise=False), network, method, budget="60steps")
    assert solution.parameters["c"] == pytest.approx(3, rel=1e-3)
