"""The relative H1 error against closed forms, and where there is none."""

import math

import numpy as np
import pytest
import torch

import pinnkit as pk
from pinnkit.problem import reference_gradients, reference_values, validation_points


def problem(reference, domain=None):
    domain = domain or pk.Box([0, 0], [1, 1])
    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"e": lambda u, p: u.xx},
        conditions=[pk.Dirichlet(u=0.0, on=domain.boundary)],
        reference=reference,
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_it_is_the_ratio_of_the_integrals(dtype):
    """The solution of u'' = 0 with the wrong data: u = x for v = sin x on [0, 1], both integrals in closed form."""
    interval = pk.Interval(0, 1)
    found = pk.solve(
        pk.Problem(
            domain=interval,
            unknowns="u",
            equations={"e": lambda u: u.xx},
            conditions=[pk.Dirichlet(u=lambda p: p.x, on=interval.boundary)],
            reference=lambda p: torch.sin(p.x),
        ),
        pk.RandomFeatures(), pk.LeastSquares(), budget="1steps", dtype=dtype,
    )  # fmt: skip
    s, c = math.sin(1), math.cos(1)
    square = 1 / 3 - 2 * (s - c) + (1 - s * c) / 2
    slope = 1 - 2 * s + (1 + s * c) / 2
    errors = found.errors()["u"]
    # Ten thousand random points measure integrals to about one per cent.
    assert errors["relative_h1"] == pytest.approx(math.sqrt(square + slope), rel=0.03)
    assert errors["relative_l2"] == pytest.approx(math.sqrt(square / ((1 - s * c) / 2)), rel=0.03)
    assert found.metrics["relative_h1"] == errors["relative_h1"]


def test_gradients_of_references_are_exact_and_in_space_only():
    waves = problem(lambda p: torch.sin(3 * p.x) * torch.exp(p.t), pk.Interval(-1, 1) * pk.Time(0, 1))
    points = reference_values(waves)[0]
    gradient = reference_gradients(waves, points)["u"]
    assert gradient.shape == (10_000, 1)
    assert torch.allclose(gradient[:, 0], 3 * torch.cos(3 * points.x) * torch.exp(points.t), atol=1e-13)
    for name, shape in (("kovasznay", (10_000, 2)), ("poisson-lshape", (10_000, 2)), ("burgers", (10_000, 1))):
        loaded = pk.load_problem(name)
        assert all(g.shape == shape for g in reference_gradients(loaded, validation_points(loaded)).values())


def by_numpy(p):
    return torch.from_numpy(np.sin(p.x.numpy()))


def hidden(p):
    return torch.sin(p.x.detach()) + p.y


@torch.no_grad()
def switched_off(p):
    return p.x**2


def half_hidden(p):
    return p.x + 0.01 * torch.sin(5 * p.y.detach())


@pytest.mark.parametrize("reference", [by_numpy, hidden, switched_off, half_hidden])
def test_a_reference_that_leaves_torch_gives_none(reference):
    asked = problem(reference)
    assert reference_gradients(asked, validation_points(asked)) is None


def test_a_constant_has_a_gradient_of_zero():
    asked = problem(lambda p: torch.full_like(p.x, 2.0))
    assert not reference_gradients(asked, validation_points(asked))["u"].any()


def test_tables_and_problems_without_reference_have_none(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("x,y,u\n0.5,0.5,1\n0.2,0.1,2\n")
    for reference in (str(table), None):
        asked = problem(reference)
        assert reference_gradients(asked, validation_points(asked)) is None
        solution = pk.solve(asked, pk.RandomFeatures(), pk.LeastSquares(), budget="1steps")
        assert solution.metrics["relative_h1"] is None
