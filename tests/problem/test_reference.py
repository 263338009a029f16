"""References: functions, tables and mesh files; wrong ones are refused before the solve."""

import meshio
import numpy as np
import pytest
import torch

import pinnkit as pk
from pinnkit.problem import reference_values

SQUARE = pk.Box([0, 0], [1, 1])


def make(reference, unknowns="u"):
    first, *others = unknowns.split()
    equation = {"u": lambda u: u.laplacian, "u v": lambda u, v: u.laplacian + v}[unknowns]
    return pk.Problem(domain=SQUARE, unknowns=unknowns, equations={"e": equation}, reference=reference)


def test_a_function():
    points, found = reference_values(make(lambda p: p.x + 2 * p.y))
    torch.testing.assert_close(found["u"], points.x + 2 * points.y)
    again = reference_values(make(lambda p: p.x + 2 * p.y))[0]
    assert torch.equal(points.coordinates, again.coordinates)
    assert reference_values(make(None)) is None


def test_a_function_of_several_or_some_unknowns():
    points, found = reference_values(make(lambda p: {"v": p.x.numpy()}, "u v"))
    assert set(found) == {"v"} and torch.equal(found["v"], points.x)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_table(tmp_path, mark):
    (tmp_path / "table.csv").write_text(mark + "y, u ,x\n0.1,5,0.2\n0.3,6,0.4\n\n")
    points, found = reference_values(make(tmp_path / "table.csv"))
    torch.testing.assert_close(points.coordinates, torch.tensor([[0.2, 0.1], [0.4, 0.3]], dtype=torch.float64))
    torch.testing.assert_close(found["u"], torch.tensor([5.0, 6.0], dtype=torch.float64))


def test_a_mesh_file(tmp_path):
    nodes = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]])
    mesh = meshio.Mesh(nodes, [("triangle", [[0, 1, 2]])], point_data={"u": nodes @ [1.0, 2, 0], "w": nodes})
    mesh.write(tmp_path / "field.vtu")
    points, found = reference_values(make(str(tmp_path / "field.vtu")))
    torch.testing.assert_close(points.coordinates, torch.as_tensor(nodes[:, :2]))
    torch.testing.assert_close(found["u"], torch.tensor([0.0, 1, 2], dtype=torch.float64))


def test_true_errors_use_it():
    problem = pk.Problem(
        domain=SQUARE, unknowns="u", equations={"e": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=lambda p: p.x, on=SQUARE.boundary)], reference=lambda p: 2 * p.x,
    )  # fmt: skip
    solution = pk.solve(problem, pk.LRNN(rank=30), budget="30s")
    assert solution.relative_l2 == pytest.approx(0.5, abs=0.01)
    assert solution.metrics["max_error"] == pytest.approx(1, abs=0.03)


def write(folder, name, text):
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize(("reference", "message"), [
    (lambda _: "no/such.csv", "the reference file 'no/such.csv' does not exist"),
    (lambda d: write(d, "a.csv", "x,u\n1,2\n"), "unknown column of .*a.csv 'y'. Known: x, u"),
    (lambda d: write(d, "a.csv", "x,y,w\n1,2,3\n"), "the reference a.csv knows none of the unknowns u"),
    (lambda d: write(d, "a.csv", "x,y,u\n1,2,nan\n"), "a.csv, line 2: column 'u' must hold finite numbers, got 'nan'"),
    (lambda d: write(d, "a.csv", "x,y,u\n1,2,three\n"), "line 2: column 'u' .* got 'three'"),
    (lambda d: write(d, "a.csv", "x,y,u\n1,2\n"), "line 2: column 'u' must hold finite numbers, got ''"),
    (lambda d: write(d, "a.csv", "x,y,u\n1,2,3\n1,2\n"), "line 3: column 'u'"),
    (lambda d: write(d, "a.csv", ""), "a line of names, then"),
    (lambda d: write(d, "a.vtu", "nonsense"), "cannot read the mesh file .*a.vtu"),
    (lambda d: write(d, "a.docx", "nonsense"), "cannot read the mesh file .*a.docx"),
    (lambda _: lambda p: p.coordinates, r"'u' must be \d+ finite numbers, got shape \(\d+, 2\)"),
    (lambda _: lambda p: 1 / (p.x * 0), r"'u' must be \d+ finite numbers.* with \d+ not finite"),
    (lambda _: lambda p: {"w": p.x}, "the reference 'w'"),
])  # fmt: skip
def test_refusals_before_the_solve(tmp_path, reference, message):
    with pytest.raises(pk.InputError, match=message):
        make(reference(tmp_path))


def test_one_function_does_not_serve_two_unknowns():
    with pytest.raises(pk.InputError, match="several unknowns must return a dict"):
        make(lambda p: p.x, "u v")
