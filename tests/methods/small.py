"""Problems so small that optimisers take a thousand steps in a second."""

from __future__ import annotations

import math

import torch

import pinnkit as pk
from pinnkit.methods import Task

LINE = pk.Interval(0, 1)
SPACE = pk.MLP(8, 2)


def linear() -> pk.Problem:
    """u'' = -pi^2 sin(pi x), u = 0 at both ends."""
    exact = lambda p: torch.sin(math.pi * p.x)  # noqa: E731
    return pk.Problem(
        domain=LINE, unknowns="u", equations={"poisson": lambda u, p: u.xx + math.pi**2 * exact(p)}, reference=exact,
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary)],
    )  # fmt: skip


def nonlinear() -> pk.Problem:
    """u'' + u^2 = f with u = sin 2x."""
    exact = lambda p: torch.sin(2 * p.x)  # noqa: E731
    return pk.Problem(
        domain=LINE, unknowns="u", reference=exact, conditions=[pk.Dirichlet(u=exact, on=LINE.boundary)],
        equations={"e": lambda u, p: u.xx + u * u + 4 * exact(p) - exact(p) ** 2},
    )  # fmt: skip


def inverse() -> pk.Problem:
    """k u'' = -sin(pi x) with observations of its solution for k = 0.7; k is to be found from 1.0."""
    k = pk.Parameter("k", 1.0)
    exact = lambda x: torch.sin(math.pi * x) / (0.7 * math.pi**2)  # noqa: E731
    x = torch.linspace(0.05, 0.95, 10, dtype=torch.float64)
    return pk.Problem(
        domain=LINE, unknowns="u", parameters=[k], reference=lambda p: exact(p.x),
        equations={"e": lambda u, p: k * u.xx + torch.sin(math.pi * p.x)},
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary, hard=True), pk.Observations(x[:, None], u=exact(x))],
    )  # fmt: skip


def task(problem: pk.Problem, **options: object) -> Task:
    """A task with the small space."""
    return Task(problem, **{"space": SPACE, "tolerance": 1e-14} | options)


ADAM = pk.Adam(rate=1e-2, points=40, boundary_points=4)
SOAP = pk.SOAP(rate=1e-2, points=40, boundary_points=4)
LBFGS = pk.LBFGS(points=40, boundary_points=4)
SSBROYDEN = pk.SSBroyden(points=40, boundary_points=4)
