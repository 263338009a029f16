import json
import math

import meshio
import numpy as np
import pytest
import torch
from PIL import Image

import pinnkit as pk
from pinnkit.export import cells_of
from pinnkit.figures import draw_history
from pinnkit.gallery import gallery_folder

WANTED = """problem space method parameters trainable steps seconds status reason residual estimated_error relative_l2
max_error seed dtype device peak_memory_bytes"""
PLATE = gallery_folder() / "data" / "plate.msh"
MEASURES = {
    "vertex": None,
    "line": lambda x: np.linalg.norm(x[:, 1] - x[:, 0], axis=-1),
    "triangle": lambda x: 0.5 * np.abs(np.linalg.det(x[:, 1:] - x[:, :1])),
    "quad": lambda x: 0.5 * np.abs(_cross(x[:, 2] - x[:, 0], x[:, 3] - x[:, 1])),
    "tetra": lambda x: np.abs(np.linalg.det(x[:, 1:] - x[:, :1])) / 6,
    "hexahedron": lambda x: np.abs(np.linalg.det(np.stack([x[:, i] - x[:, 0] for i in (1, 3, 4)], 1))),
    "wedge": lambda x: 0.5 * np.abs(np.linalg.det(np.stack([x[:, i] - x[:, 0] for i in (1, 2, 3)], 1))),
}


def _cross(a, b):
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def domains():
    plate = pk.Mesh(PLATE)
    letter = pk.Polygon([[0, 0], [3, 0], [3, 1], [1, 1], [1, 2], [0, 2]])
    return {
        "interval": (pk.Interval(-1, 2), "line", 1e-12),
        "interval-time": (pk.Interval(-1, 1) * pk.Time(0, 2), "quad", 1e-12),
        "two-intervals-time": ((pk.Interval(0, 1) | pk.Interval(2, 3)) * pk.Time(0, 1), "quad", 0.05),
        "disk": (pk.Disk([0, 0], 1), "triangle", 1e-3),
        "disk-time": (pk.Disk([0, 0], 1) * pk.Time(0, 1), "wedge", 1e-2),
        "hole": (letter - pk.Disk([0.5, 0.5], 0.25), "triangle", 1e-2),
        "box": (pk.Box([0, 0, 0], [1, 2, 1]), "hexahedron", 1e-12),
        "ball": (pk.Ball([0, 0, 0], 1), "hexahedron", 0.05),
        "box4": (pk.Box([0] * 4, [1] * 4), "vertex", None),
        "mesh": (plate, "triangle", 1e-12),
        "mesh-time": (plate * pk.Time(0, 1), "wedge", 1e-12),
    }


@pytest.mark.parametrize("name", domains())
def test_cells_cover_the_domain(name):
    domain, kind, tolerance = domains()[name]
    nodes, found, cells = cells_of(domain)
    assert found == kind
    assert nodes.shape[1] == domain.dimension
    assert cells.min() == 0 and cells.max() == len(nodes) - 1
    if tolerance is not None:
        assert MEASURES[kind](nodes[cells]).sum() == pytest.approx(domain.measure, rel=tolerance)


def wave(domain, reference=True):
    names = domain.names

    def exact(p):
        return sum(torch.sin(2 * getattr(p, name) + i) for i, name in enumerate(names))

    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"e": lambda u, p: u - exact(p)},
        reference=exact if reference else None,
        name="wave",
    )


@pytest.mark.parametrize("name", domains())
def test_every_domain_is_written_and_drawn(name, tmp_path):
    domain, kind, _ = domains()[name]
    solution = pk.solve(wave(domain), method=pk.LeastSquares(start_size=20), budget="1steps")
    solution.save(tmp_path)
    mesh = meshio.read(tmp_path / "solution.vtu")
    assert mesh.cells[0].type == kind
    assert set(mesh.point_data) == {"u", "u_reference", "u_error"}
    d = min(domain.dimension, 3)
    assert (mesh.points[:, d:] == 0).all()
    if domain.dimension <= 3:
        nodes = solution.points(torch.from_numpy(mesh.points[:, :d]))
        assert np.array_equal(mesh.point_data["u"], solution(nodes).numpy())
    assert np.allclose(mesh.point_data["u"] - mesh.point_data["u_reference"], mesh.point_data["u_error"], atol=1e-14)
    for picture in ("solution.png", "history.png"):
        assert (tmp_path / picture).stat().st_size < 200_000
        width, height = Image.open(tmp_path / picture).size
        assert 300 < width < 1500 and 200 < height < 1500


def test_a_mesh_keeps_its_own_nodes_and_cells(tmp_path):
    solution = pk.solve(pk.load_problem("poisson-mesh"), method=pk.LeastSquares(start_size=20), budget="1steps")
    solution.save(tmp_path)
    mesh, own = meshio.read(tmp_path / "solution.vtu"), solution.problem.domain
    assert np.array_equal(mesh.points[:, :2], own.nodes.numpy())
    assert np.array_equal(mesh.cells[0].data, own.cells.numpy())
    assert np.array_equal(mesh.point_data["u"], solution(own.nodes.numpy()))


def test_several_unknowns_and_a_reference_for_one_of_them(tmp_path):
    square = pk.Box([0, 0], [1, 1])
    problem = pk.Problem(
        domain=square,
        unknowns="u v",
        equations={"a": lambda u, v: u.laplacian - v, "b": lambda v: v - 1},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=lambda p: {"v": 1 + 0 * p.x},
    )
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=20), budget="1steps")
    solution.save(tmp_path)
    assert set(meshio.read(tmp_path / "solution.vtu").point_data) == {"u", "v", "v_reference", "v_error"}


def test_a_picture_without_a_reference_is_half_as_wide(tmp_path):
    widths = []
    for reference in (True, False):
        problem = wave(pk.Interval(0, 1), reference)
        pk.solve(problem, method=pk.LeastSquares(start_size=5), budget="1steps").save(tmp_path)
        widths.append(Image.open(tmp_path / "solution.png").size[0])
    assert widths[1] == widths[0] / 2


@pytest.mark.parametrize("loss", [[], [None], [math.nan, 0.0], [1.0], [1.0, 0.0, None, 1e-3], [0.5] * 20_000])
def test_histories_of_all_kinds_are_drawn(loss, tmp_path):
    records = [{"step": i + 1, "loss": value, "estimated_error": None} for i, value in enumerate(loss)]
    draw_history(records, tmp_path / "history.png")
    assert (tmp_path / "history.png").stat().st_size < 200_000


def test_the_folder_of_a_solution_has_strict_json_and_all_metrics(tmp_path):
    solution = pk.solve(wave(pk.Interval(0, 1), False), method=pk.LeastSquares(start_size=5), budget="1steps")
    solution.metrics["loss"] = math.nan
    solution.save(tmp_path / "new" / "folder")
    text = (tmp_path / "new" / "folder" / "metrics.json").read_text()
    metrics = json.loads(text, parse_constant=pytest.fail)
    assert metrics["loss"] is metrics["relative_l2"] is metrics["max_error"] is None
    assert set(WANTED.split()) <= set(metrics)


def test_saving_where_nothing_can_be_written_is_an_error_that_names_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    solution = pk.solve(wave(pk.Interval(0, 1)), method=pk.LeastSquares(start_size=5), budget="1steps")
    with pytest.raises(pk.InputError, match="cannot write to the folder"):
        solution.save(tmp_path / "file" / "run")


def test_a_reference_that_uses_a_trainable_parameter_is_written(tmp_path):
    k = pk.Parameter("k", 2.0)
    problem = pk.Problem(
        domain=pk.Interval(0, 1), unknowns="u", equations={"e": lambda u, p: u - k * p.x}, parameters=[k],
        conditions=[pk.Observations([[0.5]], u=[1.0])], reference=lambda p: k * p.x,
    )  # fmt: skip
    solution = pk.solve(problem, method=pk.Adam(points=20, boundary_points=5), budget="1steps", out=tmp_path / "run")
    assert "u_reference" in meshio.read(tmp_path / "run" / "solution.vtu").point_data
    assert solution.relative_l2 is not None
