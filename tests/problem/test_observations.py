"""Observations keep each value with its point."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Task
from pinnkit.problem import Collocation

LINE = pk.Interval(0, 1)


def make(observations, **options):
    return pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: u.xx}, conditions=[observations], **options
    )


def test_any_selection_of_points_keeps_its_values():
    x = torch.linspace(0, 1, 1000, dtype=torch.float64)[:, None]
    values = torch.sin(9 * x[:, 0])
    problem = make(pk.Observations(x, u=values))
    collocation = Collocation(problem, 50, 10, torch.Generator().manual_seed(0))
    zero = lambda p: p[:, :1] * 0.0  # noqa: E731
    torch.testing.assert_close(collocation.residuals(zero)[1], -values)
    block = collocation.blocks[1]
    few = block.points[torch.tensor([3, 500, 999])]
    found, _ = block.residual.linearise(block.values(zero, few), few)
    torch.testing.assert_close(found, -values[[3, 500, 999]])
    single = block.points.to(torch.float32)
    assert single[:5].measured.dtype == torch.float32


def test_more_points_than_balancing_looks_at():
    """1000 exact observations of a straight line, and no other condition."""
    x = torch.linspace(0, 1, 1000, dtype=torch.float64)[:, None]
    problem = make(pk.Observations(x, u=2 - 3 * x[:, 0]), reference=lambda p: 2 - 3 * p.x)
    solution = pk.solve(problem, pk.RandomFeatures(30, "tanh"), pk.LeastSquares(), budget="30s")
    assert solution.relative_l2 < 1e-6


def test_several_unknowns_at_the_same_points():
    x = torch.rand(7, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    problem = pk.Problem(
        domain=LINE, unknowns="u v", equations={"e": lambda u, v: u.x - v},
        conditions=[pk.Observations(x, u=x[:, 0] + 1, v=torch.zeros(7))],
    )  # fmt: skip
    collocation = Collocation(problem, 20, 10, torch.Generator().manual_seed(0))
    r = collocation.residuals(lambda p: torch.cat([p + 1, p], 1))
    torch.testing.assert_close(r[1], torch.zeros(7, dtype=torch.float64))
    torch.testing.assert_close(r[2], x[:, 0])


def test_a_spectral_space_takes_no_frequencies_from_them():
    x = torch.linspace(0, 1, 13, dtype=torch.float64)[:, None]
    task = Task(make(pk.Observations(x, u=torch.sin(40 * x[:, 0]))), pk.LRNN(rank=4))
    assert task.spectrum.frequencies.shape[1] == 1


@pytest.mark.parametrize(("make_observations", "message"), [
    (lambda: pk.Observations([[0.1]], w=[1.0]), "Observations 'w'"),
    (lambda: pk.Observations([[0.1], [0.2]], u=[1.0]), r"'u' must have shape \(2,\), one number for each .* \(1,\)"),
    (lambda: pk.Observations([[0.1, 0.3]], u=[1.0]), r"points must have shape \(n, 1\), got \(1, 2\)"),
    (lambda: pk.Observations([0.1, 0.2], u=[1.0, 2.0]), r"points must have shape \(n, 1\), got \(2,\)"),
    (lambda: pk.Observations([[0.1], [0.2]], u=[1.0, math.nan]), "1 of 2 numbers in 'u' are NaN or infinite"),
    (lambda: pk.Observations([[math.inf]], u=[1.0]), "1 of 1 numbers in 'points'"),
    (lambda: pk.Observations([[0.1]]), "Observations are empty"),
    (lambda: pk.Observations(torch.zeros(0, 1), u=[]), "Observations are empty"),
])  # fmt: skip
def test_refusals(make_observations, message):
    with pytest.raises(pk.InputError, match=message):
        make(make_observations())
