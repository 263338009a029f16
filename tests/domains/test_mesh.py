"""Mesh files: formats, groups, geometry, errors."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import meshio
import numpy as np
import pytest
import torch

from pinnkit.domains import Mesh
from pinnkit.errors import InputError, NameNotFound

from .meshes import L_LENGTHS, cube, l_shape, write, write_msh41

FORMATS: dict[str, tuple[str, Callable, bool]] = {
    "msh22": ("m.msh", lambda f, *m: write(f, *m, file_format="gmsh22"), True),
    "msh22 text": ("m.msh", lambda f, *m: write(f, *m, file_format="gmsh22", binary=False), True),
    "msh41": ("m.msh", write_msh41, True),
    "msh41 nameless": ("m.msh", lambda f, *m: write_msh41(f, *m, names=False), False),
    "vtu": ("m.vtu", write, False),
    "vtk": ("m.vtk", write, False),
    "vtk text": ("m.vtk", lambda f, *m: write(f, *m, binary=False), False),
    "xdmf": ("m.xdmf", lambda f, *m: write(f, *m, data_format="XML"), False),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_formats(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    file, write_as, named = FORMATS[kind]
    paths = [write_as(tmp_path / f"{i}{file}", *mesh) for i, mesh in enumerate((l_shape(), cube()))]
    capfd.readouterr()  # what meshio says when writing is not our business
    flat, solid = map(Mesh, paths)
    lengths = {p.name: p.measure for p in flat.boundary.pieces}
    assert lengths == pytest.approx(L_LENGTHS if named else {"7": 2, "8": 2, "unnamed": 4})
    assert flat.names == ("x", "y") and flat.measure == pytest.approx(3)
    areas = {p.name: p.measure for p in solid.boundary.pieces}
    assert areas == pytest.approx({"bottom" if named else "7": 1, "unnamed": 9})
    assert solid.names == ("x", "y", "z") and solid.measure == pytest.approx(2)
    bottom = solid.boundary["bottom" if named else "7"].sample(50, torch.Generator().manual_seed(0))
    assert bottom.z.abs().max() == 0
    assert torch.equal(bottom.normal, torch.tensor([0.0, 0, -1]).double().expand(50, 3))
    assert capfd.readouterr() == ("", "")


def test_without_groups_there_is_one_piece(tmp_path: Path) -> None:
    nodes, cells, _ = l_shape()
    mesh = Mesh(write(tmp_path / "m.vtu", nodes, cells, {}))
    assert mesh.boundary.names == ["boundary"] and mesh.boundary.measure == pytest.approx(8)


def test_arrays(tmp_path: Path) -> None:
    nodes, cells, groups = l_shape()
    # A node that no cell uses, and a group that is not on the boundary.
    nodes = np.concatenate([[[9, 9, 0]], nodes])
    inside = np.array([(7, 12)])
    mesh = Mesh(
        write(
            tmp_path / "m.vtu", nodes, cells + 1, {k: g + 1 for k, g in groups.items()} | {"in": inside + 1}
        )
    )
    assert mesh.nodes.shape == (21, 2) and mesh.nodes.dtype == torch.float64
    assert mesh.cells.shape == (24, 3) and mesh.cells.dtype == torch.int64
    assert mesh.facets.shape == (16, 2) and mesh.facets.dtype == torch.int64
    assert mesh.bounds.tolist() == [[0, 0], [2, 2]]
    assert mesh.boundary.names == ["7", "8", "unnamed"]
    assert (mesh.nodes[mesh.faces_of("7")][..., 0] == 0).all()
    with pytest.raises(NameNotFound, match="unknown boundary group 'in'. Known: 7, 8, unnamed."):
        mesh.faces_of("in")


def test_facets_run_with_the_inside_at_their_left(tmp_path: Path) -> None:
    flat = Mesh(write(tmp_path / "m.vtu", *l_shape()))
    a, b = flat.nodes[flat.facets].unbind(1)
    # Green: half the circulation of (-y, x) is the area.
    assert ((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / 2).item() == pytest.approx(3)
    solid = Mesh(write(tmp_path / "m.vtu", *cube()))
    a, b, c = solid.nodes[solid.facets].unbind(1)
    assert ((a * torch.linalg.cross(b, c)).sum() / 6).item() == pytest.approx(2)


def test_second_order_cells_are_cut_to_their_corners(tmp_path: Path) -> None:
    nodes = np.array([(0, 0, 3), (1, 0, 3), (0, 1, 3), (0.5, 0, 3), (0.5, 0.5, 3), (0, 0.5, 3)], dtype=float)
    edge = {"cell_data": {"group": [np.array([0]), np.array([5])]}}
    cells = [("triangle6", np.arange(6)[None]), ("line3", np.array([[0, 1, 3]]))]
    meshio.Mesh(nodes, cells, **edge).write(tmp_path / "m.vtu")
    mesh = Mesh(tmp_path / "m.vtu", names=["r", "z"])
    assert mesh.nodes.shape == (3, 2) and mesh.measure == pytest.approx(0.5)
    assert mesh.boundary["5"].measure == pytest.approx(1)
    assert mesh.names == ("r", "z")


def test_zero_is_no_physical_group_but_a_number_elsewhere(tmp_path: Path) -> None:
    nodes, cells, groups = l_shape()
    blocks = [("triangle", cells), ("line", np.concatenate(list(groups.values())))]
    tags = [np.zeros(24, int), np.repeat([0, 1], 4)]
    for key, names in (("gmsh:physical", ["1", "unnamed"]), ("marker", ["0", "1", "unnamed"])):
        data = {"quality": [np.ones(24), np.ones(8)], key: tags}
        meshio.Mesh(nodes, blocks, cell_data=data).write(tmp_path / "m.vtu")
        assert Mesh(tmp_path / "m.vtu").boundary.names == names


def test_unevenly_sized_cells_are_sampled_by_area(tmp_path: Path) -> None:
    nodes = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0.05, 0.05, 0)])
    cells = np.array([(0, 1, 4), (1, 2, 4), (2, 3, 4), (3, 0, 4)])
    x = Mesh(write(tmp_path / "m.vtu", nodes, cells, {})).interior(2**13, torch.Generator().manual_seed(0))
    assert x.coordinates.mean(0).tolist() == pytest.approx([0.5, 0.5], abs=2e-3)
    assert x.coordinates.var(0).tolist() == pytest.approx([1 / 12, 1 / 12], rel=1e-2)


def test_distances_match_a_polygon_and_a_box(tmp_path: Path) -> None:
    from pinnkit.domains import Box, Polygon

    g = torch.Generator().manual_seed(0)
    flat = Mesh(write(tmp_path / "m.vtu", *l_shape(4)))
    outline = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
    x = 4 * torch.rand(500, 2, generator=g, dtype=torch.float64) - 1
    torch.testing.assert_close(flat.signed_distance(x), outline.signed_distance(x))
    solid = Mesh(write(tmp_path / "m.vtu", *cube(3)))
    x = 4 * torch.rand(500, 3, generator=g, dtype=torch.float64) - 1
    torch.testing.assert_close(solid.signed_distance(x), Box([0, 0, 0], [1, 1, 2]).signed_distance(x))


def test_graded_meshes_contain_what_their_outline_contains(tmp_path: Path) -> None:
    # A fan of thin triangles around a corner of a pentagon: cells of very different sizes in one bin.
    from pinnkit.domains import Polygon

    corners = [(0, 0), (1, 0), (1.3, 0.9), (0.4, 1.6), (-0.5, 0.8)]
    rim = np.concatenate([np.linspace(corners[i], corners[i + 1], 40)[i > 1 :] for i in range(1, 4)])
    nodes = np.concatenate([[(0, 0)], rim])
    fan = np.array([(0, i, i + 1) for i in range(1, len(rim)) if not np.allclose(rim[i - 1], rim[i])])
    mesh, outline = Mesh(write(tmp_path / "m.xdmf", nodes, fan, {}, data_format="XML")), Polygon(corners)
    x = 3 * torch.rand(5000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1
    assert torch.equal(mesh.contains(x), outline.contains(x))
    assert mesh.contains(mesh.nodes).all()
    assert mesh.interior(500, torch.Generator().manual_seed(0)).names == ("x", "y")


@pytest.mark.parametrize("version", [2.2, 4.1])
@pytest.mark.parametrize("order", [1, 2])
def test_files_of_gmsh_itself(version: float, order: int, tmp_path: Path) -> None:
    gmsh = pytest.importorskip("gmsh")
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("Mesh.MshFileVersion", version)
        square = gmsh.model.occ.addRectangle(0, 0, 0, 2, 1)
        hole = gmsh.model.occ.addDisk(1, 0.5, 0, 0.25, 0.25)
        gmsh.model.occ.cut([(2, square)], [(2, hole)])
        gmsh.model.occ.synchronize()
        curves = [c for _, c in gmsh.model.getEntities(1)]
        round_ones = [c for c in curves if gmsh.model.getType(1, c) != "Line"]
        gmsh.model.addPhysicalGroup(1, round_ones, name="the hole")
        gmsh.model.addPhysicalGroup(1, [c for c in curves if c not in round_ones], name="outer wall")
        gmsh.model.addPhysicalGroup(2, [s for _, s in gmsh.model.getEntities(2)], name="fluid")
        gmsh.option.setNumber("Mesh.MeshSizeMax", 0.1)
        gmsh.model.mesh.generate(2)
        gmsh.model.mesh.setOrder(order)
        gmsh.write(str(tmp_path / "m.msh"))
    finally:
        gmsh.finalize()
    mesh = Mesh(tmp_path / "m.msh")
    assert sorted(mesh.boundary.names) == ["outer wall", "the hole"]
    assert mesh.measure == pytest.approx(2 - torch.pi / 16, rel=5e-3)
    assert mesh.boundary["outer wall"].measure == pytest.approx(6)
    p = mesh.boundary["the hole"].sample(100, torch.Generator().manual_seed(0))
    # The fluid's outside is the inside of the hole.
    assert ((p.x - 1) * p.normal[:, 0] + (p.y - 0.5) * p.normal[:, 1] < -0.2).all()


def _bad(path: Path, nodes: list, blocks: list) -> Path:
    meshio.Mesh(np.array(nodes, dtype=float), blocks).write(path)
    return path


SQUARE = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
BAD: dict[str, tuple[list, list, str]] = {
    "quads": (
        SQUARE,
        [("quad", [[0, 1, 2, 3]]), ("triangle", [[0, 1, 2]])],
        "cells of the kind quad: only triang",
    ),
    "lines": (SQUARE, [("line", [[0, 1]])], "no triangles and no tetrahedra, only line: mesh the surface"),
    "nan": (
        [(0, 0, 0), (1, 0, 0), (1, np.nan, 0), (0, np.inf, 0)],
        [("triangle", [[0, 1, 2]])],
        "2 of 4 nodes have NaN or infinite coordinates",
    ),
    "flat triangles": (
        [(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0)],
        [("triangle", [[0, 1, 2], [0, 1, 3], [1, 1, 3]])],
        r"2 of 3 cells have zero area, the first at \(1, 0\) \(cell 0, counted from 0\); remove them",
    ),
    "flat tetrahedra": (SQUARE, [("tetra", [[0, 1, 2, 3]])], "1 of 1 cells have zero volume"),
    "surface": (
        [(0, 0, 0), (1, 0, 0), (1, 1, 0.5), (0, 1, 0)],
        [("triangle", [[0, 1, 2]])],
        r"is a surface in space \(z from 0 to 0.5\) without tetrahedra",
    ),
    "missing nodes": (
        SQUARE,
        [("triangle", [[0, 1, 9]])],
        r"refer to nodes that are not in the file \(4 nodes\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_meshes(case: str, tmp_path: Path) -> None:
    nodes, blocks, message = BAD[case]
    with pytest.raises(InputError, match=message) as caught:
        Mesh(_bad(tmp_path / "m.vtk", nodes, [(k, np.array(c)) for k, c in blocks]))
    assert "m.vtk" in str(caught.value)


def test_file_without_cells(tmp_path: Path) -> None:
    meshio.Mesh(np.array(SQUARE, dtype=float), []).write(tmp_path / "m.msh", file_format="gmsh22")
    with pytest.raises(InputError, match="m.msh has no cells: write the elements"):
        Mesh(tmp_path / "m.msh")


def test_missing_file() -> None:
    with pytest.raises(
        InputError, match=r"there is no mesh file nowhere.msh: check the path \(the current folder"
    ):
        Mesh("nowhere.msh")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("m.msh", "garbage"),
        ("m.msh", "$MeshFormat\n4.1 0 8\n$EndMeshFormat\n"),
        ("m.msh", "$MeshFormat\n9.9 0 8\n$EndMeshFormat\n"),
        ("m.vtu", "<VTKFile"),
        ("m.vtu", ""),
        ("m.vtk", "garbage"),
        ("m.xdmf", "<Xdmf></Xdmf>"),
        ("m.unknown", "garbage"),
    ],
)
def test_unreadable_files(file: str, content: str, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    (tmp_path / file).write_text(content)
    with pytest.raises(InputError, match="cannot read the mesh file .*Formats that work: .msh"):
        Mesh(tmp_path / file)
    assert capfd.readouterr() == ("", "")


def test_partly_tagged_files(tmp_path: Path) -> None:
    nodes, cells, groups = l_shape()
    with pytest.raises(InputError, match="Put every surface and volume, too, into a physical group, or save"):
        Mesh(write_msh41(tmp_path / "m.msh", nodes, cells, groups, body=False))


def test_warnings_of_meshio_stay_off_stdout(tmp_path: Path) -> None:
    write(tmp_path / "m.msh", *l_shape(), file_format="gmsh22", binary=False)
    text = (tmp_path / "m.msh").read_text().replace("$EndElements", "")
    (tmp_path / "m.msh").write_text(text)
    code = f"from pinnkit.domains import Mesh; Mesh({str(tmp_path / 'm.msh')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
