"""Combined domains."""

import math

import pytest
import torch

from pinnkit.domains import Annulus, Ball, Box, Disk, Domain, Interval, Time
from pinnkit.errors import InputError

from .shapes import COMPOSED


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_names_are_kept_unless_they_clash() -> None:
    square = Box([0, 0], [4, 4])
    assert (square - Disk([1, 1], 0.5)).boundary.names == [*square.boundary.names, "circle"]
    three = (Disk([0, 0], 1) | Disk([1, 0], 1)) | Disk([0, 1], 1)
    assert three.boundary.names == ["circle", "circle_2", "circle_3"]
    assert (square - Disk([1, 1], 0.5)).names == ("x", "y")


def test_interfaces_are_no_boundary_and_common_sides_count_once() -> None:
    touching, overlapping = COMPOSED["touching"][0].boundary, COMPOSED["overlapping"][0].boundary
    for boundary in (touching, overlapping):
        assert "x_max" not in boundary.names
        assert boundary.measure == pytest.approx(6, rel=1e-2)
    assert COMPOSED["flush"][0].boundary.measure == pytest.approx(8, rel=1e-2)


def test_faces_stay_where_they_lie_in_the_bounding_box() -> None:
    holed = Box([0, 0], [4, 4]) - Disk([1, 1], 0.5)
    assert [p.face for p in holed.boundary.pieces] == [(0, 0), (0, 1), (1, 0), (1, 1), None]
    assert holed.boundary["left"].names == ["x_min"]
    inner = Box([0, 0], [4, 4]) - Box([1, 1], [2, 2])
    assert [p.face for p in inner.boundary.pieces][4:] == [None] * 4
    wide = Box([0, 0], [1, 1]) | Box([0.5, 0.2], [3, 0.8])
    assert {p.name: p.face for p in wide.boundary.pieces}["x_max"] is None
    assert {p.name: p.face for p in wide.boundary.pieces}["x_max_2"] == (0, 1)


def test_length_of_arcs() -> None:
    lens = COMPOSED["disk&disk"][0].boundary
    assert lens.measure == pytest.approx(4 * math.pi / 3, rel=1e-3)
    assert lens["circle"].measure == pytest.approx(2 * math.pi / 3, rel=1e-3)


def test_bounds() -> None:
    a, b = Box([0, 0], [2, 2]), Box([1, -1], [3, 1])
    assert (a | b).bounds.tolist() == [[0, -1], [3, 2]]
    assert (a & b).bounds.tolist() == [[1, 0], [2, 1]]
    assert (a - b).bounds.tolist() == [[0, 0], [2, 2]]


def test_small_overlaps_are_measured_well() -> None:
    assert (Box([0, 0], [1, 1]) & Box([0.999, 0], [2, 1])).measure == pytest.approx(1e-3, rel=1e-9)
    assert (Disk([0, 0], 1) - Disk([5, 0], 1)).measure == pytest.approx(math.pi)


def test_end_points_of_intervals() -> None:
    p = COMPOSED["intervals"][0].boundary.sample(6, generator())
    ends = dict(zip(p.x.tolist(), p.normal[:, 0].tolist(), strict=True))
    assert ends == {1: -1, 1.4: 1, 1.8: -1, 2.5: 1, 2.7: -1, 3: 1}


def test_cavities_are_the_balls_that_the_domain_wraps_around() -> None:
    square, hole, other = Box([0, 0], [4, 4]), Disk([1, 1], 0.5), Disk([3, 3], 0.5)

    def centres(domain: Domain) -> list[list[float]]:
        return [centre.tolist() for centre, _ in domain.cavities]

    assert centres(square - hole) == [[1, 1]]
    assert centres(square - Disk([5, 5], 0.1)) == centres(square - hole | Disk([1, 1], 1)) == []
    assert centres(square - (hole | other)) == centres(square - hole - other) == [[1, 1], [3, 3]]
    assert centres((square - hole) & (square - other)) == [[1, 1], [3, 3]]
    assert centres((square - hole) & Box([2, 2], [4, 4])) == centres(square - hole - Disk([1, 1], 1.2))[1:] == []
    assert centres(Annulus([0, 0], 1, 2) | Box([1.5, 0], [5, 1])) == [[0, 0]]
    assert centres(square - Disk([4, 2], 0.5)) == [[4, 2]]
    assert len((square - Disk([5, 5], 0.1)).collocate(10, generator())) == 10


def test_measure_does_not_depend_on_when_it_is_asked() -> None:
    a, b = (Box([0, 0], [2, 2]) - Disk([0.9, 1.1], 0.5) for _ in range(2))
    b.interior(100, generator())
    assert a.measure == b.measure


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Disk([0, 0], 1) | Ball([0, 0, 0], 1),
            "unite domains of different dimensions: Disk has 2, Ball has 3",
        ),
        (lambda: Disk([0, 0], 1) - 3, "cannot subtract a domain and 3"),
        (
            lambda: Box([0, 0], [1, 1], names=["r", "z"]) - Disk([0, 0], 1),
            r"different coordinates: \(r, z\) and \(x, y\); give both the same names",
        ),
        (
            lambda: Disk([0, 0], 1) & Disk([3, 0], 1),
            "the domain is empty: the bounding boxes .* do not overlap",
        ),
        (
            lambda: Interval(0, 1) * Time(0, 1) - Interval(0, 1) * Time(0, 1),
            "combine the spatial domains first, then multiply by Time",
        ),
    ],
)
def test_errors(make: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_nothing_left() -> None:
    nothing = Disk([0, 0], 1) - Box([-2, -2], [2, 2])
    assert nothing.measure == 0 and nothing.boundary.pieces == ()
    with pytest.raises(InputError, match="the domain is empty"):
        nothing.interior(10, generator())
