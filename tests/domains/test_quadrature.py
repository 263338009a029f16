"""Gauss rules on domains and boundaries: exact for polynomials of the degree they promise, not beyond."""

import itertools
import math

import pytest
import torch

from pinnkit import Ball, Box, Disk, InputError, Interval, Polygon, Time
from pinnkit.domains.quadrature import gauss_legendre, gauss_simplex

from .shapes import ARROW, PRIMITIVES


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("per_axis", [1, 2, 5])
def test_gauss_is_exact_to_its_degree_and_not_beyond(dimension, per_axis):
    x, w = gauss_legendre(per_axis**dimension, dimension)
    assert x.shape == (per_axis**dimension, dimension)
    for degree in range(2 * per_axis):
        for axis in range(dimension):
            assert (w @ x[:, axis] ** degree).item() == pytest.approx(1 / (degree + 1), rel=1e-14)
    missed = (w @ x[:, 0] ** (2 * per_axis)).item() - 1 / (2 * per_axis + 1)
    assert abs(missed) > 1e-8


def test_rules_of_many_nodes_are_exact_too():
    x, w = gauss_legendre(1000, 1)
    assert w.sum().item() == pytest.approx(1, rel=1e-14)
    assert (w.min() > 0) and (x.diff(dim=0) > 0).all()
    # sin^2 with nearly as many half waves as a rule of that many nodes can tell.
    omega = 1500.0
    exact = 0.5 - math.sin(2 * omega) / (4 * omega)
    assert (w @ torch.sin(omega * x[:, 0]) ** 2).item() == pytest.approx(exact, rel=1e-12)


def test_a_box_is_integrated_with_its_measure():
    box = Box([0.0, -1.0], [2.0, 3.0])
    points, weights = box.quadrature(100)
    assert weights.sum().item() == pytest.approx(8, rel=1e-14)
    exact = 2**3 / 3 * (math.sin(3) + math.sin(1))
    assert (weights @ (points.x**2 * torch.cos(points.y))).item() == pytest.approx(exact, rel=1e-13)
    assert box.contains(points.coordinates).all()


def test_the_divergence_theorem_holds_between_box_and_faces():
    box = Box([0.0, -1.0, 0.5], [2.0, 3.0, 1.0])
    inside, w = box.quadrature(4**3)
    faces, s = box.boundary.quadrature(4**2)
    x, y, z = faces.coordinates.T
    flux = torch.stack([x**2 * y, y * z, x * z**3], 1)
    divergence = 2 * inside.x * inside.y + inside.z + 3 * inside.x * inside.z**2
    assert (s @ (flux * faces.normal).sum(1)).item() == pytest.approx((w @ divergence).item(), rel=1e-13)


def test_ends_of_an_interval_count_one_each():
    points, weights = Interval(0, 3).boundary.quadrature(10)
    assert points.x.tolist() == [0, 3]
    assert weights.tolist() == [1, 1]


def test_what_has_no_rule_says_so():
    holed = Box([0, 0], [1, 1]) - Disk([0.5, 0.5], 0.2)
    with pytest.raises(InputError, match="an energy needs Gauss quadrature, .* got Difference: mesh it, or use"):
        holed.quadrature(10)
    with pytest.raises(InputError, match="got Ball"):
        Ball([0, 0, 0, 0], 1).quadrature(10)
    with pytest.raises(InputError, match=r"got SpaceTime"):
        (Interval(0, 1) * Time(0, 1)).quadrature(10)
    with pytest.raises(InputError, match=r"whole pieces of boxes, .*; 'x_min' is none"):
        holed.boundary.quadrature(10)
    part = Box([0, 0], [1, 1]).boundary.where(lambda p: p.y < 0.5)
    with pytest.raises(InputError, match=r"'x_min' is none"):
        part.quadrature(10)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("per_axis", [1, 2, 4, 7])
def test_the_rule_of_a_simplex_is_exact_to_its_degree_and_not_beyond(dimension, per_axis):
    x, w = gauss_simplex(per_axis, dimension)
    assert x.shape == (per_axis**dimension, dimension) and (x > 0).all() and (x.sum(1) < 1).all()

    def error(exponents):
        exact = math.factorial(dimension) * math.prod(map(math.factorial, exponents))
        exact /= math.factorial(sum(exponents) + dimension)
        return (w @ (x ** torch.tensor(exponents)).prod(1)).item() / exact - 1

    degree = 2 * per_axis - 1
    for exponents in itertools.product(range(degree + 1), repeat=dimension):
        if sum(exponents) <= degree:
            assert abs(error(exponents)) < 1e-13, exponents
    assert abs(error([degree + 1] + [0] * (dimension - 1))) > 1e-9


def test_the_order_of_the_simplex_rule_under_refinement():
    """Two nodes along each axis are exact to degree three, so that the error falls like h^4."""
    cells = Polygon(ARROW).partition(4)
    errors = []
    for _ in range(4):
        rule = cells.rule(2)
        errors.append((rule.weights * torch.exp(rule.x[..., 0] + 2 * rule.x[..., 1])).sum().item())
        cells = cells.refined()
    steps = [abs(b - a) for a, b in zip(errors, errors[1:], strict=False)]
    assert math.log2(steps[-2] / steps[-1]) == pytest.approx(4, abs=0.2)


def polynomial(x):
    """A field of degree five, and its divergence."""
    k = torch.arange(1, x.shape[1] + 1)
    field = k * x**5 + x.roll(1, 1) ** 2 * x
    return field, (5 * k * x**4 + x.roll(1, 1) ** 2).sum(1) + (2 * x.square().sum(1) if x.shape[1] == 1 else 0)


HAVING_RULES = {name: PRIMITIVES[name] for name in PRIMITIVES if name != "ball4"}


@pytest.mark.parametrize("name", HAVING_RULES)
def test_the_divergence_theorem_holds_to_rounding_on_every_shape_that_has_rules(name):
    domain, measure = HAVING_RULES[name]
    inside, w = domain.quadrature(400)
    faces, s = domain.boundary.quadrature(64)
    assert w.sum().item() == pytest.approx(measure, rel=1e-13)
    assert s.sum().item() == pytest.approx(domain.boundary.measure, rel=1e-13)
    assert (domain.signed_distance(inside.coordinates) < 0).all()
    flux = (s @ (polynomial(faces.coordinates)[0] * faces.normal).sum(1)).item()
    assert flux == pytest.approx((w @ polynomial(inside.coordinates)[1]).item(), rel=1e-12)
