"""Named coordinates."""

import copy
import pickle

import pytest
import torch

from pinnkit.domains import Box, Interval, Points, Time
from pinnkit.errors import InputError, NameNotFound


def points() -> Points:
    return (Box([0, 0], [1, 2], names=["r", "z"]) * Time(0, 1)).boundary.sample(
        6, torch.Generator().manual_seed(0)
    )


def test_coordinates_by_name() -> None:
    p = points()
    for i, name in enumerate(("r", "z", "t")):
        assert torch.equal(getattr(p, name), p.coordinates[:, i])
    assert len(p) == 6 and p.normal is p.normals


def test_unknown_coordinate() -> None:
    with pytest.raises(NameNotFound, match="unknown coordinate 'x'. Known: r, z, t."):
        points().x  # noqa: B018
    assert not hasattr(points(), "x")


def test_dunder_names_are_plain_attribute_errors() -> None:
    with pytest.raises(AttributeError) as caught:
        points().__torch_function__  # noqa: B018
    assert not isinstance(caught.value, InputError)
    for clone in (copy.deepcopy(points()), pickle.loads(pickle.dumps(points()))):
        assert torch.equal(clone.z, points().z)


def test_interior_points_have_no_normals() -> None:
    p = Interval(0, 1).interior(3, torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match="only boundary points have them"):
        p.normal  # noqa: B018


def test_selection_keeps_normals() -> None:
    p = points()
    assert torch.equal(p[p.t > 0.5].normal, p.normal[p.t > 0.5])
    assert len(p[2:4]) == 2 and p[2:4].names == p.names
    assert p.replace(2 * p.coordinates).normal is p.normal


def test_conversion() -> None:
    p = points()
    single = p.to(dtype=torch.float32, device="cpu")
    assert single.r.dtype == single.normal.dtype == torch.float32
    assert p.to().r.dtype == p.to(device="cpu").r.dtype == torch.float64


def test_points_are_frozen() -> None:
    with pytest.raises(AttributeError):
        points().coordinates = torch.zeros(3, 3)


def test_anything_with_an_ellipsis_index_serves_as_coordinates() -> None:
    class Jet:
        shape = (4, 2)

        def __getitem__(self, index: object) -> object:
            return index

    assert Points(Jet(), ("x", "y")).y == (..., 1)
    assert len(Points(Jet(), ("x", "y"))) == 4


def test_points_go_through_vmap() -> None:
    x = torch.arange(6.0).reshape(3, 2)
    product = torch.func.vmap(lambda c: Points(c, ("x", "y")).x * Points(c, ("x", "y")).y)(x)
    assert torch.equal(product, x[:, 0] * x[:, 1])
