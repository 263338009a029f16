"""Gauss rules on boxes and their faces: exact for polynomials of the degree they promise, not beyond."""

import math

import pytest
import torch

from pinnkit import Box, Disk, InputError, Interval, Time
from pinnkit.domains.quadrature import gauss_legendre


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
    with pytest.raises(InputError, match="an energy needs Gauss quadrature, which boxes have; got Disk: use"):
        Disk([0, 0], 1).quadrature(10)
    with pytest.raises(InputError, match=r"got SpaceTime"):
        (Interval(0, 1) * Time(0, 1)).quadrature(10)
    with pytest.raises(InputError, match=r"whole faces of boxes have; 'circle' is none"):
        Disk([0, 0], 1).boundary.quadrature(10)
    part = Box([0, 0], [1, 1]).boundary.where(lambda p: p.y < 0.5)
    with pytest.raises(InputError, match=r"'x_min' is none"):
        part.quadrature(10)
