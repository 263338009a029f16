"""The main job on real input: meshes made by Gmsh, against finite elements on the refined mesh."""

from pathlib import Path

import meshio
import numpy as np
import pytest
import torch
from fem import poisson_reference

import pinnkit as pk
from pinnkit.domains.bent_facets import bends

ROOT = Path(__file__).parent.parent
PLATE = ROOT / "problems/data/plate.msh"
BRACKET = ROOT / "tests/data/bracket.msh"


@pytest.mark.parametrize("mesh", [PLATE, BRACKET], ids=["plate", "bracket"])
def test_agrees_with_finite_elements(mesh, tmp_path):
    """Within 1e-3 on each seed's first rounds, by default settings; the VTU file lies on the mesh."""
    points, reference = poisson_reference(mesh)
    problem = pk.load_problem("poisson-mesh", {"mesh": str(mesh)})
    solution = pk.solve(problem, out=tmp_path, budget="60s")
    error = np.linalg.norm(solution(points) - reference) / np.linalg.norm(reference)
    assert error < 2e-4
    assert error / 10 < solution.estimated_error < 10 * error
    written = meshio.read(tmp_path / "solution.vtu")
    original = meshio.read(mesh, file_format="gmsh")
    assert len(written.points) == len(original.points)
    assert len(written.cells_dict["triangle"]) == len(original.cells_dict["triangle"])
    assert np.abs(written.point_data["u"] - solution(written.points[:, :2])).max() < 1e-12


def test_shipped_reference_is_the_finite_element_solution():
    problem = pk.load_problem("poisson-mesh")
    table = np.loadtxt(problem.reference, delimiter=",", skiprows=1)
    from fem import poisson_field

    basis, u = poisson_field(PLATE)
    assert np.abs(basis.probes(table[:, :2].T) @ u - table[:, 2]).max() < 1e-5


def test_cavities_are_the_holes_and_fillets():
    (plate,) = pk.Mesh(PLATE).cavities
    assert plate[0].tolist() == pytest.approx([0.7, 0.45]) and plate[1] == pytest.approx(0.2)
    found = sorted(pk.Mesh(BRACKET).cavities, key=lambda ball: ball[1])
    assert [ball[1] for ball in found] == pytest.approx([0.08, 0.15], rel=0.01)
    assert found[0][0].tolist() == pytest.approx([0.2, 0.2])
    assert found[1][0].tolist() == pytest.approx([0.55, 0.55], abs=0.005)


def test_rows_are_means_over_bent_facets_and_points_of_flat_ones():
    mesh = pk.Mesh(PLATE)
    generator = torch.Generator().manual_seed(0)
    hole = mesh.boundary["hole"].collocate(500, generator)
    assert len(hole) == 4 * 96 and int(hole.rows.max()) == 95
    # In the mean over a facet, the outward normal of the polygon integrates a linear field exactly.
    lengths = (mesh.nodes[mesh.faces_of("hole")].diff(dim=1)).norm(dim=-1)[:, 0]
    flux = hole.average((hole.coordinates * hole.normals).sum(1)) @ lengths / 2
    assert -flux.item() == pytest.approx(0.5 * 96 * 0.2**2 * np.sin(2 * np.pi / 96), rel=1e-10)
    assert mesh.boundary["free"].collocate(500, generator).rows is None
    first, second = bends(mesh.facets, mesh.normals)
    assert len(first) == 96


def test_geometric_error_falls_with_the_square_of_the_facets(tmp_path):
    offsets = []
    for segments in (24, 48, 96):
        angle = 2 * np.pi * np.arange(segments) / segments
        ring = np.stack([np.cos(angle), np.sin(angle)], 1)
        points = np.concatenate([ring, 2 * ring])
        i, j = np.arange(segments), (np.arange(segments) + 1) % segments
        cells = np.concatenate([np.stack([i, i + segments, j], 1), np.stack([j, i + segments, j + segments], 1)])
        meshio.Mesh(points, [("triangle", cells)]).write(tmp_path / "ring.vtu")
        offsets.append(pk.Mesh(tmp_path / "ring.vtu").facet_offsets[1].norm().item())
    assert np.log2(np.array(offsets[:-1]) / offsets[1:]) == pytest.approx([2, 2], abs=0.02)
    # Arcs of radius 1 and 2 lie R theta^2 / 12 from their chords on average; their shares are 1/3 and 2/3.
    theta = 2 * np.pi / 96
    assert offsets[-1] == pytest.approx(theta**2 / 12 * np.sqrt(1 / 3 + 4 * 2 / 3), rel=1e-3)


def test_points_are_dense_around_a_cavity():
    """A quarter more points, even in the inverted coordinates: |y|^2 is uniform on [0, 1] there."""
    domain = pk.Box([-10, -10], [10, 10]) - pk.Disk([0, 0], 1)
    x = domain.collocate(4000, torch.Generator().manual_seed(0)).coordinates
    assert len(x) == 5000 and domain.contains(x).all()
    y2 = 1 / x[4000:].square().sum(1)
    assert y2.mean().item() == pytest.approx(0.5, abs=0.02) and y2.var().item() == pytest.approx(1 / 12, rel=0.05)
