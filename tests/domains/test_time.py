"""Products with time."""

import pytest
import torch

from pinnkit.domains import Box, Disk, Interval, SpaceTime, Time
from pinnkit.errors import InputError

from .shapes import SPACE_TIME


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_names_bounds_and_parts() -> None:
    domain = Interval(-1, 1) * Time(0.5, 2, name="s")
    assert isinstance(domain, SpaceTime)
    assert domain.names == ("x", "s") and domain.dimension == 2
    assert domain.bounds.tolist() == [[-1, 0.5], [1, 2]]
    assert domain.space.names == ("x",) and (domain.time.t0, domain.time.t1) == (0.5, 2)
    assert (Box([0, 0], [1, 1]) * Time(0, 1)).names == ("x", "y", "t")


@pytest.mark.parametrize("name", SPACE_TIME)
def test_lateral_boundary_has_no_time_component(name: str) -> None:
    domain, _ = SPACE_TIME[name]
    p = domain.boundary.sample(500, generator())
    assert (p.normal[:, -1] == 0).all()
    assert p.t.min() < domain.time.t0 + 0.02 * domain.time.measure
    assert p.t.max() > domain.time.t1 - 0.02 * domain.time.measure
    assert domain.boundary.names == domain.space.boundary.names
    assert domain.boundary.measure == pytest.approx(
        domain.space.boundary.measure * domain.time.measure, rel=1e-12
    )


@pytest.mark.parametrize("name", SPACE_TIME)
def test_initial_and_final(name: str) -> None:
    domain, _ = SPACE_TIME[name]
    for part, t, sign in ((domain.initial, domain.time.t0, -1), (domain.final, domain.time.t1, 1)):
        p = part.sample(300, generator())
        assert (p.t == t).all() and p.names == domain.names
        assert (p.normal[:, -1] == sign).all() and (p.normal[:, :-1] == 0).all()
        assert domain.space.contains(p.coordinates[:, :-1]).all()
        assert part.measure == domain.space.measure
    assert domain.initial.names == ["initial"] and domain.final.names == ["final"]


def test_faces_go_through_time() -> None:
    domain = Box([0, 0], [1, 1]) * Time(0, 1)
    assert [p.face for p in domain.boundary.pieces] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert (domain.initial.pieces[0].face, domain.final.pieces[0].face) == ((2, 0), (2, 1))
    assert domain.boundary["left"].names == ["x_min"]
    assert (Disk([0, 0], 1) * Time(0, 1)).boundary.pieces[0].face is None


def test_initial_part_can_be_cut() -> None:
    half = (Disk([0, 0], 1) * Time(0, 1)).initial.where(lambda p: p.x > 0)
    assert half.measure == pytest.approx(torch.pi / 2, rel=1e-3)


def test_spatial_filter_stays_a_filter() -> None:
    domain = SPACE_TIME["holed x t"][0]
    assert (
        domain.space.signed_distance(domain.boundary.sample(400, generator()).coordinates[:, :-1]).abs().max()
        < 1e-9
    )
    assert domain.boundary["circle"].where(lambda p: p.t > 0.75).measure == pytest.approx(
        torch.pi * 0.25, rel=1e-2
    )


def test_order_and_repetition() -> None:
    with pytest.raises(InputError, match=r"write space \* Time\(t0, t1\), not"):
        Time(0, 1) * Interval(0, 1)
    with pytest.raises(InputError, match="has the time coordinate 't' already"):
        Interval(0, 1) * Time(0, 1) * Time(0, 1)
    with pytest.raises(InputError, match="coordinate names must differ, got t, t"):
        Interval(0, 1, name="t") * Time(0, 1)
