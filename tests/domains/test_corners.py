"""Corners of polygons and of set operations: openings by closed form, cuts outside the domain."""

import math

import pytest
import torch

import pinnkit as pk


def openings(domain):
    return sorted(round(math.degrees(corner.opening), 6) for corner in domain.corners)


L = pk.Polygon([[0, 0], [0, -1], [1, -1], [1, 1], [-1, 1], [-1, 0]])


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        (pk.Box([0, 0], [2, 1]), [90] * 4),
        (L, [90] * 5 + [270]),
        (pk.Polygon(L.vertices.flip(0)), [90] * 5 + [270]),
        (pk.Box([-1, -1], [1, 1]) - pk.Box([-2, -2], [0, 0]), [90] * 5 + [270]),
        (pk.Box([-1, -1], [1, 1]) - pk.Box([-0.2, -0.2], [0.2, 0.2]), [90] * 4 + [270] * 4),
        (pk.Box([0, 0], [1, 1]) | pk.Box([0.5, 0], [2, 2]), [90] * 5 + [180, 180, 270]),
        (pk.Box([0, 0], [1, 1]) | pk.Box([1, 1], [2, 2]), [90] * 8),
        (pk.Box([0, 0], [2, 2]) - pk.Disk([0, 0], 1), [90] * 3),
        (pk.Disk([0, 0], 1), []),
        (pk.Interval(0, 1), []),
        (pk.Box([0, 0, 0], [1, 1, 1]), []),
    ],
)
def test_openings(domain, expected):
    assert openings(domain) == expected


def test_exponents_sum_angles_of_any_polygon():
    """The angles of a simple polygon with v vertices sum to (v - 2) pi."""
    angles, radii = torch.linspace(0, 6, 9).tolist(), [1, 0.4] * 4 + [1]
    star = [[math.cos(a) * r, math.sin(a) * r] for a, r in zip(angles, radii, strict=True)]
    corners = pk.Polygon(star).corners
    assert len(corners) == 9
    assert sum(corner.opening for corner in corners) == pytest.approx(7 * math.pi, rel=1e-9)
    for corner in corners:
        assert corner.exponent == pytest.approx(math.pi / corner.opening)


def test_cuts_are_outside_up_to_their_reach():
    domain = pk.Box([-1, -1], [1, 1]) - pk.Box([-0.25, -0.5], [0.25, 0.5])
    for corner in domain.corners:
        angle, reach = corner.cut
        far = min(reach, corner.farthest)
        steps = torch.linspace(0.001, 0.99 * far, 200, dtype=torch.float64)[:, None]
        ray = corner.vertex + steps * torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)
        assert not domain.contains(ray).any()
        # Across the hole, from corner to corner; from the outer corners it never comes back.
        assert reach == (math.inf if corner.opening < 3 else pytest.approx(math.sqrt(1.25), abs=0.02))


def test_points_around_a_corner_fill_its_sector_evenly_in_the_straightened_disk():
    """For the half disk, z^(1/2) of the points is even in a quarter disk: the mean of |z| is one half."""
    corner = next(c for c in L.corners if c.opening > 4)
    x = corner.place(torch.rand(20_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    away = (x - corner.vertex).norm(dim=1) / corner.radius
    assert (away ** (math.pi / corner.opening)).mean().item() == pytest.approx(0.5, abs=0.01)
    assert L.contains(x[away < 0.7]).all()
    more = L.collocate(400, torch.Generator().manual_seed(0), [corner])
    assert len(more) == 500 and L.contains(more.coordinates).all()
