"""Regions: who is in which, where they touch, and what is refused."""

import math

import meshio
import numpy as np
import pytest
import torch

import pinnkit as pk

from .meshes import cube, l_shape

SQUARE = pk.Box([0, 0], [1, 1])
LEFT, RIGHT = pk.Box([0, 0], [0.3, 1]), pk.Box([0.3, 0], [1, 1])


def halves():
    return SQUARE.regions(left=LEFT, right=RIGHT)


def inclusion():
    return SQUARE.regions(core=pk.Disk([0.5, 0.5], 0.2), rest=SQUARE - pk.Disk([0.5, 0.5], 0.2))


def meshed(path, nodes, cells, facets, side, **groups):
    """Write a mesh whose cells are in the groups left and right by their centres, and facets in others."""
    d = cells.shape[1] - 1
    kinds = {2: ("line", "triangle"), 3: ("triangle", "tetra")}[d]
    right = side(nodes[cells].mean(1))
    blocks = [(kinds[1], cells[~right]), (kinds[1], cells[right]), *((kinds[0], f) for f in facets.values())]
    names = ["left", "right", *facets]
    fields = {name: np.array([i + 1, d if i < 2 else d - 1]) for i, name in enumerate(names)} | groups
    tags = [np.full(len(block), i + 1) for i, (_, block) in enumerate(blocks)]
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
    meshio.Mesh(nodes, blocks, cell_data=data, field_data=fields).write(path, file_format="gmsh22", binary=False)
    return path


def l_mesh(path):
    """The L-shape in two regions that touch at x = 1, y in [0, 1], and the group of edges there."""
    nodes, cells, facets = l_shape()
    at = [i for i in range(len(nodes)) if nodes[i, 0] == 1 and nodes[i, 1] <= 1]
    contact = np.array([at[:-1], at[1:]]).T
    return meshed(path, nodes, cells, facets | {"contact": contact}, lambda x: x[:, 0] > 1)


def test_a_domain_without_regions_has_none():
    assert not SQUARE.regions and SQUARE.regions.interfaces == []
    points = SQUARE.interior(5, torch.Generator().manual_seed(0))
    with pytest.raises(pk.InputError, match="the domain has no regions: name them"):
        _ = points.region


@pytest.mark.parametrize("make", [halves, inclusion])
def test_points_are_in_the_region_that_contains_them(make):
    domain = make()
    points = domain.interior(4000, torch.Generator().manual_seed(0))
    for number, part in enumerate(domain.regions.values()):
        own = points.coordinates[points.region == number]
        assert part.contains(own).all()
        assert len(own) / 4000 == pytest.approx(part.measure, rel=0.02)
    assert torch.equal(points[10:20].region, points.region[10:20])


def test_points_outside_belong_to_the_nearest():
    x = torch.tensor([[-1.0, 0.5], [1.1, 0.5], [0.31, 1.5]], dtype=torch.float64)
    assert halves().regions.locate(x).tolist() == [0, 1, 1]


def test_within_a_region_all_points_are_its_own():
    domain = halves()
    x = domain.interior(7, torch.Generator().manual_seed(0)).coordinates
    with domain.regions.within("right"):
        assert (domain.regions.locate(x) == 1).all()
        assert not (halves().regions.locate(x) == 1).all()  # those of another domain are not concerned
    assert torch.equal(domain.regions.locate(x), (x[:, 0] > 0.3).long())


def test_what_is_remembered_of_points_does_not_outlive_a_change_of_them():
    domain, x = halves(), torch.tensor([[0.1, 0.5]], dtype=torch.float64)
    assert domain.regions.locate(x).tolist() == [0]
    x[0, 0] = 0.9
    assert domain.regions.locate(x).tolist() == [1]


def test_every_region_has_as_many_points_of_collocation():
    domain = SQUARE.regions(thin=pk.Box([0, 0], [0.01, 1]), rest=pk.Box([0.01, 0], [1, 1]))
    points = domain.collocate(1000, torch.Generator().manual_seed(0))
    assert torch.bincount(points.region).tolist() == [500, 500]


@pytest.mark.parametrize(("make", "pair", "length"), [(halves, ("left", "right"), 1.0),
                                                      (inclusion, ("core", "rest"), 0.4 * math.pi)])
def test_interfaces_lie_between_their_regions(make, pair, length):
    domain = make()
    (found,) = domain.regions.interfaces
    assert found.sides == pair
    assert found.measure == pytest.approx(length, rel=1e-3)
    for first, second in (pair, pair[::-1]):
        points = domain.interfaces[first, second].sample(200, torch.Generator().manual_seed(0))
        assert torch.allclose(points.normals.norm(dim=1), torch.ones(200).double())
        for name, step in ((first, -1e-4), (second, 1e-4)):
            assert domain.regions[name].contains(points.coordinates + step * points.normals).all()


def test_regions_stay_with_the_domain_through_time():
    domain = halves() * pk.Time(0, 2)
    assert [*domain.regions] == ["left", "right"]
    (found,) = domain.regions.interfaces
    assert found.measure == pytest.approx(2.0)
    points = found.sample(50, torch.Generator().manual_seed(0))
    assert (points.x == 0.3).all() and points.t.max() > 1.5 and (points.normals[:, 2] == 0).all()


def test_groups_of_cells_are_regions_and_facets_between_them_an_interface(tmp_path):
    mesh = pk.Mesh(l_mesh(tmp_path / "l.msh"))
    assert [*mesh.regions] == ["left", "right"]
    assert (mesh.regions["left"].measure, mesh.regions["right"].measure) == pytest.approx((2.0, 1.0))
    points = mesh.interior(2000, torch.Generator().manual_seed(0))
    assert torch.equal(points.region, (points.x > 1).long())
    contact = mesh.interfaces["contact"]
    assert contact.sides == ("left", "right") and contact.measure == pytest.approx(1.0)
    here = contact.sample(50, torch.Generator().manual_seed(0))
    assert torch.allclose(here.x, torch.ones(50).double()) and here.y.max() <= 1
    assert torch.allclose(here.normals, torch.tensor([[1.0, 0.0]]).double())
    # The group is none of the boundary of the whole, and those of the boundary are where they were.
    assert set(mesh.boundary.names) == {"inlet", "floor", "unnamed"}
    assert mesh.boundary["floor"].measure == pytest.approx(2.0)
    assert not pk.Mesh(tmp_path / "l.msh", regions=False).regions


def test_groups_of_tetrahedra_are_regions(tmp_path):
    nodes, cells, facets = cube()
    mesh = pk.Mesh(meshed(tmp_path / "c.msh", nodes, cells, facets, lambda x: x[:, 2] > 1))
    assert mesh.regions["right"].measure == pytest.approx(1.0)
    (found,) = mesh.regions.interfaces
    assert found.measure == pytest.approx(1.0)
    assert torch.allclose(found.sample(20, torch.Generator().manual_seed(0)).normals[:, 2], torch.ones(20).double())


def test_cells_in_two_groups_are_refused(tmp_path):
    nodes, cells, _ = l_shape()
    sets = {"all": [np.arange(len(cells))], "some": [np.arange(3)]}
    meshio.Mesh(nodes, [("triangle", cells)], cell_sets=sets).write(path := tmp_path / "m.msh", file_format="gmsh")
    raw = meshio.read(path)
    raw.cell_sets = sets
    import pinnkit.domains.mesh_files as files

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "read_raw_mesh", lambda p: raw)
        with pytest.raises(pk.InputError, match="3 cells are in both groups 'all' and 'some', so that"):
            pk.Mesh(path)
        assert not pk.Mesh(path, regions=False).regions


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"left": LEFT}, "regions are two or more parts"),
        ({"left": LEFT, "right": pk.Box([0.2, 0], [1, 1])}, r"'left' and 'right' overlap at \(0.2"),
        ({"left": LEFT, "right": pk.Box([0.5, 0], [1, 1])}, r"leave out a part of the domain, such as .* \(0\.[34]"),
        ({"left": LEFT, "right": pk.Box([0.3, 0], [2, 1])}, r"the region 'right' reaches out of the domain, to \(1"),
        ({"left": pk.Box([0, 0], [0.29999, 1]), "right": RIGHT}, "the region 'left' touches no other one"),
        ({"left": LEFT, "right": 3}, "the region 'right' must be a domain with the coordinates x, y"),
    ],
)
def test_parts_that_are_no_partition_are_refused(parts, message):
    with pytest.raises(pk.InputError, match=message):
        SQUARE.regions(**parts)


def test_names_that_are_none_are_refused_with_those_there_are():
    domain = SQUARE.regions(a=LEFT, b=pk.Box([0.3, 0], [0.6, 1]), c=pk.Box([0.6, 0], [1, 1]))
    with pytest.raises(pk.InputError, match="unknown region 'd'"):
        domain.interfaces["a", "d"]
    with pytest.raises(pk.InputError, match="the regions 'a' and 'c' do not touch"):
        domain.interfaces["a", "c"]
    with pytest.raises(pk.InputError, match="interface 'weld'"):
        domain.interfaces["weld"]
    with pytest.raises(pk.InputError, match="name the regions of the domain in space"):
        (SQUARE * pk.Time(0, 1)).regions(a=LEFT, b=RIGHT)
