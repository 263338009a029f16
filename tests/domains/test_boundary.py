"""Names, parts and numbers of boundaries."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkit.domains import Annulus, Box, Disk, Interval, Polygon
from pinnkit.domains.boundary import numbers
from pinnkit.errors import InputError, NameNotFound

from .shapes import ALL


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_names_of_pieces() -> None:
    assert Interval(0, 1, name="r").boundary.names == ["r_min", "r_max"]
    assert Box([0, 0], [1, 1]).boundary.names == ["x_min", "x_max", "y_min", "y_max"]
    assert Disk([0, 0], 1).boundary.names == ["circle"]
    assert Annulus([0, 0], 1, 2).boundary.names == ["inner", "outer"]
    assert Polygon([(0, 0), (1, 0), (0, 1)]).boundary.names == ["edge0", "edge1", "edge2"]


def test_faces_lie_in_the_sides_of_the_bounding_box() -> None:
    box = Box([0, 1, 2], [3, 4, 5])
    assert [piece.face for piece in box.boundary.pieces] == [(i, j) for i in range(3) for j in (0, 1)]
    for piece in box.boundary.pieces:
        axis, side = piece.face
        x, normal = piece.sample(10, generator())
        assert (x[:, axis] == box.bounds[side, axis]).all()
        assert (normal[:, axis] == 2 * side - 1).all()
    assert Disk([0, 0], 1).boundary.pieces[0].face is None


def test_aliases() -> None:
    square = Box([0, 0], [1, 1]).boundary
    words = {"left": "x_min", "right": "x_max", "bottom": "y_min", "top": "y_max"}
    assert {word: square[word].names for word in words} == {w: [name] for w, name in words.items()}
    assert Interval(0, 1).boundary["left", "right"].names == ["x_min", "x_max"]
    with pytest.raises(NameNotFound):
        Box([0, 0, 0], [1, 1, 1]).boundary["top"]


def test_selection() -> None:
    boundary = Box([0, 0], [1, 2]).boundary
    part = boundary["x_max", "y_min"]
    assert part.names == ["x_max", "y_min"] and part.measure == 3
    assert boundary["x_min", "left"].names == ["x_min"]
    with pytest.raises(
        NameNotFound, match="unknown boundary group 'x_mx'. Did you mean 'x_m.*Known: x_min, x_max"
    ):
        boundary["x_mx"]


def test_ends_of_an_interval_are_repeated() -> None:
    p = Interval(-1, 2).boundary.sample(5, generator())
    assert sorted(p.x.tolist()) in ([-1, -1, -1, 2, 2], [-1, -1, 2, 2, 2])
    assert torch.equal(p.normal[:, 0], torch.where(p.x < 0, -1.0, 1.0).double())
    assert Interval(-1, 2).boundary.measure == 2


def test_where() -> None:
    circle = Disk([0, 0], 2).boundary
    quarter = circle.where(lambda p: p.x > 0).where(lambda p: p.normal[:, 1] > 0)
    assert quarter.measure == pytest.approx(math.pi, rel=1e-3)
    p = quarter.sample(100, generator())
    assert len(p) == 100 and (p.x > 0).all() and (p.y > 0).all()
    # Pieces of which nothing is left disappear.
    assert Box([0, 0], [1, 1]).boundary.where(lambda p: p.x < 0.5).names == ["x_min", "y_min", "y_max"]
    assert Interval(0, 1).boundary.where(lambda p: p.x < 0.5).measure == 1


def test_where_nothing_is_left() -> None:
    nothing = Disk([0, 0], 2).boundary.where(lambda p: p.x > 3)
    assert nothing.measure == 0
    with pytest.raises(InputError, match=r"empty boundary: .* check the predicate of where\(\)"):
        nothing.sample(3, generator())


@pytest.mark.parametrize("answer", [lambda p: p.x, lambda p: True, lambda p: (p.x < 0)[:3]])
def test_where_needs_a_mask(answer: object) -> None:
    with pytest.raises(InputError, match="must return a bool tensor of shape.*got"):
        Box([0, 0], [1, 1]).boundary.where(answer).sample(3, generator())


def test_unknown_coordinate_in_where() -> None:
    with pytest.raises(NameNotFound, match="unknown coordinate 'z'"):
        Box([0, 0], [1, 1]).boundary.where(lambda p: p.z < 0).sample(3, generator())


@settings(deadline=None)
@given(
    st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20),
    st.integers(1, 1000),
    st.integers(0, 5),
)
def test_numbers_per_piece(measures: list[float], n: int, seed: int) -> None:
    result = numbers(n, measures, generator(seed))
    assert sum(result) == n and min(result) >= 0
    total = sum(map(Fraction, measures))
    if n >= len(measures):
        assert min(result) >= 1
        # No piece gets more than its share rounded up, except for the one that everybody gets.
        assert all(m <= max(1, n * Fraction(x) / total + 1) for m, x in zip(result, measures, strict=True))
    else:
        assert all(abs(m - n * Fraction(x) / total) < 1.001 for m, x in zip(result, measures, strict=True))


def test_numbers_of_equal_pieces_are_fair() -> None:
    assert numbers(8, [1.0] * 4, generator()) == [2, 2, 2, 2]
    assert sorted(numbers(10, [1.0] * 4, generator())) == [2, 2, 3, 3]
    assert numbers(100, [97.0, 1.0, 2.0], generator()) == [97, 1, 2]
    drawn = torch.tensor([numbers(2, [1.0] * 8, generator(seed)) for seed in range(400)]).double()
    assert (drawn.mean(0) - 0.25).abs().max() < 0.1


def test_points_on_a_piece_are_stratified() -> None:
    # In each of 64 equal arcs, one of 64 points.
    p = Disk([0, 0], 1).boundary.sample(64, generator())
    arc = ((torch.atan2(p.y, p.x) / (2 * math.pi)) % 1 * 64).floor()
    assert len(arc.unique()) == 64


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(ALL)), st.integers(1, 40))
def test_any_number_of_points(name: str, n: int) -> None:
    domain, _ = ALL[name]
    assert len(domain.boundary.sample(n, generator())) == n
    assert len(domain.interior(n, generator())) == n
