"""Which coordinates act together, read off functions whose interactions are known."""

from __future__ import annotations

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Task
from pinnkit.problem.interactions import ANY, Interactions, _groups, _masks, _strengths
from pinnkit.problem.spectrum import Spectrum

CUBE = pk.Box([0] * 6, [1] * 6)


def groups_of(*functions, domain=CUBE):
    found = Interactions(domain, functions)
    return {tuple(mask.nonzero()[:, 0].tolist()) for mask in found.groups}


def test_strengths_are_the_variances_of_all_terms_that_contain_the_group():
    """For f = a x1 + b x1 x2 with centred uniform x: variances a^2/12 and b^2/144 of its two ANOVA terms."""
    groups, a, b, n = _groups(3), 2.0, 5.0, 200_000
    generator = torch.Generator().manual_seed(0)
    x, z = torch.rand(2, n, 3, generator=generator, dtype=torch.float64) - 0.5
    y = torch.where(_masks(groups, 3)[:, None] > 0, z, x)
    found = dict(zip(groups, _strengths(a * y[..., 0] + b * y[..., 0] * y[..., 1], groups).tolist(), strict=True))
    first, both = a**2 / 12 + b**2 / 144, b**2 / 144
    assert max(found.values()) == found[0,] == 1
    assert found[0, 1] == pytest.approx(both / first, rel=0.02)
    assert found[1,] == pytest.approx(both / first, rel=0.02)
    assert found[0, 1, 2] == found[2,] == found[0, 2] == found[1, 2] == 0


def test_groups_are_those_of_the_function():
    assert groups_of(lambda p: p.coordinates.sin().sum(1)) == {(i,) for i in range(6)}
    pairs = lambda p: torch.sin(math.pi * p.coordinates[:, :-1] * p.coordinates[:, 1:]).sum(1)  # noqa: E731
    assert groups_of(pairs) == {(i, i + 1) for i in range(5)}
    triple = lambda p: p.x1 * p.x4 * p.x6  # noqa: E731
    assert groups_of(triple) == {(0, 3, 5)}
    # A weak interaction does not serve a strong function of one coordinate.
    assert groups_of(lambda p: 100 * p.x1.sin() + p.x1 * p.x2) == {(0,), (0, 1)}


def test_data_of_all_residuals_count_each_in_its_own_units():
    first, second = (lambda p: 1e6 * p.x1 * p.x2), (lambda p: 1e-6 * p.x3 * p.x4)
    assert groups_of(first, second) == {(0, 1), (2, 3)}
    assert groups_of(lambda p: None, first) == {(0, 1)}
    assert groups_of(lambda p: p.x1 / (p.x1 - p.x1)) == {tuple(range(6))}


def test_without_data_all_coordinates_act_together():
    assert groups_of() == groups_of(lambda p: 0 * p.x1 + 3) == {tuple(range(6))}


def test_time_belongs_to_every_group():
    made = pk.Box([0] * 3, [1] * 3) * pk.Time(0, 1)
    drawn = Interactions(made, [lambda p: p.x * p.y]).draw(1000, torch.Generator().manual_seed(0))
    assert (drawn[:, 3] == 1).all()


def test_one_draw_in_eight_is_any_group():
    drawn = Interactions(CUBE, [lambda p: p.x1 * p.x2]).draw(8000, torch.Generator().manual_seed(0))
    others = (drawn != torch.tensor([1.0, 1, 0, 0, 0, 0])).any(1)
    # Of random groups, one in six has two coordinates, and one in fifteen of these is the pair itself.
    assert others.double().mean().item() == pytest.approx(ANY * (1 - 1 / 90), rel=0.1)
    assert set(drawn[others].sum(1).tolist()) == {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}


def test_so_many_coordinates_that_not_all_groups_can_be_looked_at():
    assert max(map(len, _groups(30))) == 2
    assert max(map(len, _groups(100))) == 1
    cube = pk.Box([0] * 30, [1] * 30)
    assert groups_of(lambda p: p.x1 * p.x30, domain=cube) == {(0, 29)}


def test_a_spectrum_in_many_dimensions_has_the_interactions_of_the_data():
    spectrum = Spectrum(pk.load_problem("poisson-10d"))
    drawn = spectrum.draw(2000, 1.0, torch.Generator().manual_seed(0)) != 0
    neighbours = torch.stack([torch.arange(10).eq(i) | torch.arange(10).eq(i + 1) for i in range(9)])
    shares = (drawn[:, None] == neighbours).all(-1).double().mean(0)
    assert shares.sum() > 1 - 1.3 * ANY and shares.min() > 0.06


def test_hard_conditions_leave_their_data_to_the_equation():
    cube = pk.Box([0] * 4, [1] * 4)
    problem = pk.Problem(
        domain=cube, unknowns="u", equations={"poisson": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=lambda p: p.x1 * p.x3, on=cube.boundary["x1_max"], hard=True)],
    )  # fmt: skip
    # The lift x3 is harmonic: no data are left.
    assert Spectrum(problem).interactions.groups.tolist() == [[1.0] * 4]
    assert Task(problem).typical.space.size > 1
