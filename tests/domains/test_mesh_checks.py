"""Meshes whose cells do not fit together are refused by name; coincident nodes are joined; thin cells are cells."""

import warnings
from pathlib import Path

import meshio
import numpy as np
import pytest
import torch

import pinnkit as pk
from pinnkit.domains import Mesh
from pinnkit.domains.cells import Cells
from pinnkit.errors import InputError

from .meshes import cube, l_shape, write

TRIANGLES, TETRAHEDRA = "triangle", "tetra"


def square(steps: int, left: float = 0.0, right: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and triangles of [left, right] x [0, 1]."""
    x, y = np.meshgrid(np.linspace(left, right, steps + 1), np.linspace(0, 1, 2 * steps + 1), indexing="ij")
    grid = np.arange(x.size).reshape(x.shape)
    a, b, c, d = grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]
    cells = np.concatenate([np.stack([p.ravel() for p in t], 1) for t in ((a, b, c), (a, c, d))])
    return np.stack([x.ravel(), y.ravel()], 1), cells


def two_parts(shift: float = 0.0, steps: int = 4) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Two halves of the unit square with nodes of their own, and the interface as seen from the left and below."""
    (x, left), (y, right) = square(steps, 0, 0.5), square(steps, 0.5, 1)
    side = np.arange(len(x) - 2 * steps - 1, len(x))
    floor = np.nonzero(np.concatenate([x, y])[:, 1] == 0)[0]
    groups = {"interface": np.stack([side[:-1], side[1:]], 1), "floor": np.stack([floor[:-1], floor[1:]], 1)}
    groups["floor"] = np.delete(groups["floor"], steps, axis=0)
    nodes = np.concatenate([x, y + [shift, 0]])
    return np.column_stack([nodes, 0 * nodes[:, 0]]), np.concatenate([left, right + len(x)]), groups


def turned(nodes: np.ndarray) -> np.ndarray:
    """Turn about an axis that is no coordinate axis, so that coordinates are rounded."""
    a = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0] if nodes.shape[1] == 3 else None
    c, s = np.cos(0.7), np.sin(0.7)
    return nodes @ (np.array([[c, -s], [s, c]]) if a is None else a)


def thin(kind: str, aspect: float) -> tuple[np.ndarray, np.ndarray]:
    """Layers of height `aspect` or rods of that width, next to cells of size one."""
    if kind == "triangles":
        (x, cells), d = square(3), 2
    else:
        x, cells, _ = cube(3)
        d = 3
    layers = np.array([0, aspect, 2 * aspect, 1])
    x = x.copy()
    for axis in {"triangles": [1], "layers": [2], "rods": [0, 1]}[kind]:
        span = x[:, axis].max()
        number = np.round(x[:, axis] / span * (6 if d == 2 else 3)).astype(int)
        x[:, axis] = np.concatenate([layers, [2, 3, 4]])[number]
    return x, cells


def make(path: Path, nodes, cells, **options) -> Mesh:
    kind = TRIANGLES if np.shape(cells)[1] == 3 else TETRAHEDRA
    meshio.Mesh(np.asarray(nodes, dtype=np.float64), [(kind, np.asarray(cells))]).write(path / "m.vtu")
    return Mesh(path / "m.vtu", **options)


def test_coincident_nodes_are_joined_with_a_note(tmp_path):
    path = write(tmp_path / "m.msh", *two_parts(), file_format="gmsh22")
    with pytest.warns(UserWarning, match=r"m.msh: 9 pairs of coincident nodes were joined, the first at \(0.5, 0\)"):
        mesh = Mesh(path)
    assert len(mesh.nodes) == 9 * 9 and mesh.boundary.measure == pytest.approx(4)
    # The interface lies inside then; the group of the floor, half of which belongs to renumbered cells, does not.
    assert {p.name: p.measure for p in mesh.boundary.pieces} == pytest.approx({"floor": 1, "unnamed": 3})


def test_facets_whose_nodes_no_cell_uses_stay_out_of_joined_meshes(tmp_path):
    nodes, cells, _ = two_parts()
    last = len(nodes) - 1
    groups = {"loose": np.array([(last - 1, last + 1)]), "edge": np.array([(last - 2, last - 1)])}
    with pytest.warns(UserWarning, match="9 pairs"):
        mesh = Mesh(write(tmp_path / "m.msh", np.vstack([nodes, [(3, 3, 0)]]), cells, groups, file_format="gmsh22"))
    assert {p.name: p.measure for p in mesh.boundary.pieces} == pytest.approx({"edge": 1 / 8, "unnamed": 31 / 8})


def test_they_are_kept_apart_where_the_user_says_so(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mesh = Mesh(write(tmp_path / "m.msh", *two_parts(), file_format="gmsh22"), merge=False)
    assert len(mesh.nodes) == 9 * 10
    lengths = {p.name: p.measure for p in mesh.boundary.pieces}
    assert lengths == pytest.approx({"interface": 1, "floor": 1, "unnamed": 4})


def test_the_solution_on_two_parts_is_that_on_the_whole(tmp_path):
    """-Laplace u = 1 on the unit square: u(1/2, 1/2) is 1/8 minus a series of 1 / (n^3 cosh(n pi / 2))."""
    n = np.arange(1, 40, 2)
    exact = 1 / 8 - 4 / np.pi**3 * ((-1) ** ((n - 1) // 2) / (n**3 * np.cosh(n * np.pi / 2))).sum()
    with pytest.warns(UserWarning, match="pairs of coincident nodes"):
        domain = Mesh(write(tmp_path / "m.vtu", *two_parts()))
    problem = pk.Problem(
        domain=domain, unknowns="u", equations={"p": lambda u: -u.laplacian - 1},
        conditions=[pk.Dirichlet(u=0.0, on=domain.boundary)],
    )  # fmt: skip
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=300, max_size=300), budget="20s")
    assert solution(np.array([[0.5, 0.5]])).item() == pytest.approx(exact, abs=2e-4)


@pytest.mark.parametrize("shift", [3e-17, 1e-12, -1e-12])
def test_parts_that_are_off_by_rounding_are_joined(shift, tmp_path):
    nodes, cells, _ = two_parts(shift)
    with pytest.warns(UserWarning, match="9 pairs"):
        assert make(tmp_path, nodes + [2, 0, 0], cells).boundary.measure == pytest.approx(4)


@pytest.mark.parametrize("shift", [-1e-7, 5e-7, -0.01])
def test_parts_that_nearly_touch_are_refused(shift, tmp_path):
    nodes, cells, _ = two_parts(shift)
    with pytest.raises(InputError, match=r"m.vtu: 16 of 48 boundary edges lie inside the domain, the first at \(0.5"):
        make(tmp_path, nodes, cells)


def test_parts_apart_are_parts(tmp_path):
    nodes, cells, _ = two_parts(1e-3)
    assert make(tmp_path, nodes, cells).boundary.measure == pytest.approx(6)


def test_single_precision_has_a_rounding_of_its_own(tmp_path):
    nodes, cells, _ = two_parts()
    nodes = (nodes + [1 / 3, 0, 0]).astype(np.float32)
    right = np.arange(len(nodes)) >= len(nodes) // 2
    nodes[right, 0] = np.nextafter(nodes[right, 0], np.float32(2))
    meshio.Mesh(nodes, [("triangle", cells)]).write(tmp_path / "m.vtu")
    with pytest.warns(UserWarning, match="9 pairs"):
        assert Mesh(tmp_path / "m.vtu").boundary.measure == pytest.approx(4)


def test_tiny_cells_stay_next_to_large_ones(tmp_path):
    """Edges of 1e-9 next to edges of 1, where a tolerance for the whole mesh would join nodes."""
    ring = np.array([(0, 0), (1, 0), (0, 1)])
    nodes = np.concatenate([ring * 1e-9, ring])
    cells = [(0, 1, 2), (1, 4, 2), (4, 5, 2), (0, 3, 4)][:3]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mesh = make(tmp_path, nodes, cells)
    assert len(mesh.nodes) == 5 and mesh.measure == pytest.approx(0.5, rel=1e-12)


def test_many_nodes_at_one_place(tmp_path):
    """Every cell with nodes of its own, as after reading triangles one by one; duplicates off by rounding in chains."""
    nodes, cells, _ = cube(2)
    loose = nodes[cells].reshape(-1, 3)
    jitter = np.random.default_rng(0).normal(size=loose.shape) * 1e-10
    with pytest.warns(UserWarning, match=f"{len(loose) - len(nodes)} pairs"):
        mesh = make(tmp_path, loose + jitter, np.arange(len(loose)).reshape(-1, 4))
    assert len(mesh.nodes) == len(nodes) and mesh.boundary.measure == pytest.approx(10)


SQUARE = [(0, 0), (1, 0), (1, 1), (0, 1), (0.5, 0), (2, 0), (1.5, 1)]
REFUSED = {
    "a duplicate": ([(0, 1, 2), (0, 2, 3), (2, 1, 0)], r"1 of 3 cells are there twice, the first at \(0.666667, 0.333"),
    "one side": (
        [(0, 1, 2), (0, 1, 3)],
        r"1 pairs of cells overlap, both being on one side of the edge .* first at \(0.5, 0\) \(cells 0 and 1",
    ),
    "three cells": (
        [(0, 1, 2), (1, 2, 5), (1, 2, 6)], r"1 edges belong to three cells or more, the first at \(1, 0.5\)"),
    "a hanging node": (
        [(0, 2, 1), (0, 4, 7), (4, 1, 7)], r"3 of 7 boundary edges lie inside the domain, the first at \(0.5, 0\)"),
    "crossing cells": (
        [(0, 1, 2), (5, 3, 6)], "3 of 6 boundary edges lie inside the domain, .*: cells overlap, or a node lies"),
    "a cell in a cell": ([(0, 1, 2), (8, 9, 10)], r"3 of 6 boundary edges lie inside the domain"),
}  # fmt: skip
MORE = [(0.5, -1), (0.6, 0.2), (0.8, 0.2), (0.8, 0.4)]


@pytest.mark.parametrize("case", REFUSED)
def test_cells_that_do_not_fit_together(case, tmp_path):
    cells, message = REFUSED[case]
    with pytest.raises(InputError, match=rf"^.*m\.vtu: {message}"):
        make(tmp_path, SQUARE + MORE, cells)


SOLID = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, -1), (0.2, 0.2, -1), (0.1, 0.1, 0.2), (0.3, 0.3, 0)]
REFUSED_SOLID = {
    "a duplicate": ([(0, 1, 2, 3), (3, 1, 2, 0)], "1 of 2 cells are there twice"),
    "one side": ([(0, 1, 2, 3), (0, 1, 2, 6)], "1 pairs of cells overlap, both being on one side of the face"),
    "three cells": ([(0, 1, 2, 3), (0, 1, 2, 4), (0, 1, 2, 5)], "1 faces belong to three cells or more"),
    "a hanging node": (
        [(0, 1, 2, 3), (0, 1, 7, 4), (1, 2, 7, 4), (2, 0, 7, 4)], "4 of 10 boundary faces lie inside the domain"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_SOLID)
def test_solid_cells_that_do_not_fit_together(case, tmp_path):
    cells, message = REFUSED_SOLID[case]
    with pytest.raises(InputError, match=rf"^.*m\.vtu: {message}"):
        make(tmp_path, SOLID, cells)


def test_tangled_meshes_are_refused(tmp_path):
    nodes, cells = square(4)
    inner = np.nonzero((np.abs(nodes - [0.5, 0.5]) < 1e-9).all(1))[0]
    nodes[inner] = [0.9, 0.93]
    with pytest.raises(InputError, match="pairs of cells overlap"):
        make(tmp_path, nodes, cells)


def test_hanging_nodes_beside_a_slit_are_noted(tmp_path):
    nodes, (cells, message) = SQUARE + MORE, REFUSED["a hanging node"]
    with pytest.warns(UserWarning, match=message + ".*they stay boundary, because of merge=False"):
        make(tmp_path, nodes, cells, merge=False)


def test_overlaps_are_refused_beside_a_slit_too(tmp_path):
    nodes, cells, _ = two_parts()
    copy = np.concatenate([cells, cells[:3] + len(nodes)])
    with pytest.raises(InputError, match="3 of 131 cells are there twice"):
        make(tmp_path, np.concatenate([nodes, nodes]), copy, merge=False)


@pytest.mark.parametrize("groups", [{}, {"wall": np.array([(0, 99)])}])
def test_numbers_of_nodes_that_are_not_there(groups, tmp_path):
    nodes, cells, _ = l_shape()
    if not groups:
        cells[5, 1] = -3
    what = r"1 lines .*nodes \[0, 99\]" if groups else r"1 triangles refer to nodes that are not in the file"
    with pytest.raises(InputError, match=what):
        Mesh(write(tmp_path / "m.vtk", nodes, cells, groups))


def test_touching_at_a_corner_is_no_overlap(tmp_path):
    mesh = make(tmp_path, [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)], [(0, 1, 2), (2, 3, 4)])
    assert mesh.boundary.measure == pytest.approx(4 + 2 * 2**0.5)


@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("kind", ["triangles", "layers", "rods"])
@pytest.mark.parametrize("aspect", [1e-3, 1e-6, 1e-9])
def test_thin_cells_are_accepted_and_measured(kind, aspect, turn, tmp_path):
    straight, cells = thin(kind, aspect)
    mesh = make(tmp_path, turned(straight) if turn else straight, cells)
    exact = np.ptp(straight, axis=0).prod()
    assert mesh.measure == pytest.approx(exact, rel=1e-12)
    # Each cell by itself, to the rounding of its coordinates.
    spans = np.diff(straight[cells], axis=1)
    sizes = torch.from_numpy(np.abs(np.linalg.det(spans)) / (2 if spans.shape[2] == 2 else 6))
    rounding = 1e-14 if not turn else 3e-15 / aspect
    own = Cells(mesh.nodes, mesh.cells, {}, True).rule(1).weights[:, 0]
    assert ((own - sizes).abs() <= rounding * sizes).all()
    assert mesh.contains(mesh.nodes).all() and mesh.contains(mesh.nodes[mesh.cells].mean(1)).all()
    x = mesh.interior(500, torch.Generator().manual_seed(0))
    assert mesh.contains(x.coordinates).all()
    assert len(mesh.facets) == len(make(tmp_path, *thin(kind, 0.25)).facets)


@pytest.mark.parametrize("origin", [0.0, 1e6])
def test_no_point_falls_between_thin_cells(origin, tmp_path):
    straight, cells = thin("triangles", 1e-6)
    mesh = make(tmp_path, turned(straight) + origin, cells)
    g = torch.Generator().manual_seed(1)
    at = mesh.cells[torch.randint(len(cells), (4000,), generator=g)]
    share = torch.rand(4000, 1, generator=g, dtype=torch.float64)
    x = mesh.nodes[at[:, 0]] * share + mesh.nodes[at[:, 1]] * (1 - share)
    assert mesh.contains(x).all()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("solid", [False, True])
def test_cells_flat_to_rounding_are_none(scale, solid, tmp_path):
    x = np.array([(0.1, 0.2, 0.3), (0.7, 0.1, 0.4), (0.3, 0.9, 0.8)])
    inside = np.array([0.3, 0.3, 0.4]) @ x
    nodes, cells = np.vstack([x, inside, [(0, 0, 2)]]), [(0, 1, 2, 4), (0, 1, 2, 3)]
    if not solid:
        nodes, cells = np.array([(0.1, 0.2), (0.7, 0.1), (0.4, 0.15), (0, 1)]), [(0, 1, 3), (0, 2, 1)]
    what = "volume" if solid else "area"
    with pytest.raises(InputError, match=rf"m.vtu: 1 of 2 cells have zero {what}, the first at .*\(cell 1, counted"):
        make(tmp_path, nodes * scale, cells)


@pytest.mark.parametrize("origin", [0.0, 1e4])
@pytest.mark.parametrize("solid", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_meshes_of_random_points_are_accepted(seed, solid, origin, tmp_path):
    """Delaunay meshes of points squeezed to 1e-6 in one direction, with slivers of all kinds."""
    from scipy.spatial import Delaunay

    x = np.random.default_rng(seed).random((150, 3 if solid else 2))
    cells = Delaunay(x).simplices
    spans = x[cells[:, 1:]] - x[cells[:, :1]]
    # Without the slivers that a hull of random points has in its sides.
    cells = cells[np.abs(np.linalg.det(spans)) > 1e-9]
    mesh = make(tmp_path, x * ([1, 1e-6, 1] if solid else [1, 1e-6]) + origin, cells)
    assert len(mesh.cells) == len(cells) and mesh.contains(mesh.nodes).all()
