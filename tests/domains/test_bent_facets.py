"""The smooth boundary that facets stand for, against circles and spheres, by order."""

import meshio
import numpy as np
import pytest
import torch

import pinnkit as pk
from pinnkit.domains.bent_facets import lift, tips
from pinnkit.domains.mesh import smooth

from .meshes import l_shape, octasphere, ring, write


def ball(path, refinements):
    points, faces = octasphere(refinements)
    cells = np.column_stack([faces, np.full(len(faces), len(points))])
    meshio.Mesh(np.concatenate([points, [[0, 0, 0]]]), [("tetra", cells)]).write(path / "ball.vtu")
    return pk.Mesh(path / "ball.vtu")


def lifted(domain, n=10**6):
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    boundary = smooth(domain.boundary)
    return [b.collocate(n, g) for b, g in zip((domain.boundary, boundary), generators, strict=True)]


def deviations(domain):
    """Largest distance from the circles or the sphere of points on facets and lifted ones, and of normals."""
    here, there = lifted(domain)
    distance = here.coordinates.norm(dim=1, keepdim=True)
    radius = torch.where(distance > 0.7, 1.0, 0.5).to(distance)
    outward = torch.where(radius > 0.7, 1.0, -1.0) * here.coordinates / distance
    off = [(p.coordinates.norm(dim=1, keepdim=True) - radius).abs().max().item() for p in (here, there)]
    return *off, (there.normals - outward).norm(dim=1).max().item()


def test_lifted_points_lie_on_circles(tmp_path):
    found = []
    for segments in (12, 24, 48):
        domain = pk.Mesh(write(tmp_path / "m.msh", *ring(segments, 0.5), file_format="gmsh22"))
        found.append(deviations(domain))
    on_facets, on_curve, normals = np.array(found).T
    assert np.log2(on_facets[:-1] / on_facets[1:]) == pytest.approx([2, 2], abs=0.1)
    assert np.log2(on_curve[:-1] / on_curve[1:]) == pytest.approx([4, 4], abs=0.1)
    assert normals.max() < 1e-14


def test_lifted_points_lie_on_a_sphere(tmp_path):
    """Means of normals are of first order at nodes with uneven neighbours, which leaves a share of each distance."""
    on_facets, on_surface, normals = np.array([deviations(ball(tmp_path, level)) for level in (2, 3, 4)]).T
    assert (on_surface < on_facets / 5).all()
    assert (normals[1:] < normals[:-1]).all() and normals[-1] < 0.02


def test_offsets_of_a_sphere_are_mean_distances(tmp_path):
    domain = ball(tmp_path, 3)
    here, _ = lifted(domain)
    # Three nodes of degree two on each triangle, where the distance is that of a quadratic surface in the mean.
    exact = (1 - here.average(here.coordinates.norm(dim=1))).square().mean().sqrt()
    assert domain.facet_offsets[1].norm().item() == pytest.approx(exact.item(), rel=0.05)


def test_a_quadratic_surface_is_met_exactly():
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand(7, 3, 3, generator=generator, dtype=torch.float64)
    bend = torch.tensor([[0.3, 0.1], [0.1, -0.4]], dtype=torch.float64)
    corners[..., 2] = 0
    normals = torch.tensor([0.0, 0, 1], dtype=torch.float64).expand(7, 3)
    # The graph z = b.(x - x_0) - x.B.x / 2 that is zero at the corners has slopes that differ by -B (x_j - x_i).
    tilt = torch.cat([corners[..., :2] @ bend, torch.ones(7, 3, 1, dtype=torch.float64)], 2)
    shares = torch.tensor([[0.2, 0.3, 0.5], [1 / 3, 1 / 3, 1 / 3], [1, 0, 0]], dtype=torch.float64)
    x, _ = lift(corners, normals, tilt, shares)
    flat = torch.einsum("qk,fkd->fqd", shares, corners)
    form = torch.einsum("fqi,ij,fqj->fq", flat[..., :2], bend, flat[..., :2]) / 2
    at_corners = torch.einsum("fki,ij,fkj->fk", corners[..., :2], bend, corners[..., :2]) / 2
    torch.testing.assert_close(x[..., 2], torch.einsum("qk,fk->fq", shares, at_corners) - form)


def test_corners_of_the_true_shape_stay(tmp_path):
    """A half disk: the normals at the ends of the arc are the arc's own, and the straight side's are its own."""
    angle = np.linspace(0, np.pi, 33)
    nodes = np.concatenate([np.stack([np.cos(angle), np.sin(angle)], 1), [[0, 0]]])
    fan = np.array([(i, i + 1, 33) for i in range(32)])
    meshio.Mesh(nodes, [("triangle", fan)]).write(tmp_path / "m.vtu")
    domain = pk.Mesh(tmp_path / "m.vtu")
    found = tips(domain.nodes, domain.facets, domain.normals)
    straight = domain.nodes[domain.facets][..., 1].abs().amax(1) < 1e-12
    torch.testing.assert_close(found[straight], domain.normals[straight][:, None].expand(-1, 2, -1))
    arc = domain.nodes[domain.facets[~straight]]
    assert (found[~straight] * arc).sum(2).min() > np.cos(np.pi / 64) - 1e-12


def test_boundaries_without_bent_facets_have_no_other(tmp_path):
    domain = pk.Mesh(write(tmp_path / "m.vtu", *l_shape()))
    assert smooth(domain.boundary) is None and domain.facet_offsets is None
    assert smooth(pk.Disk([0, 0], 1).boundary) is None


def test_parts_of_boundaries_are_lifted_alike(tmp_path):
    domain = pk.Mesh(write(tmp_path / "m.msh", *ring(48, 0.5), file_format="gmsh22"))
    part = domain.boundary["outer"].where(lambda p: p.x > 0.1)
    here, there = (b.collocate(10, torch.Generator().manual_seed(5)) for b in (part, smooth(part)))
    assert torch.equal(here.rows, there.rows) and int(here.rows.max()) == 9
    assert (here.coordinates[:, 0] > 0).all()
    assert (here.coordinates - there.coordinates).norm(dim=1).max() < 3e-3


def test_normals_of_a_cylinder_do_not_depend_on_diagonals():
    """Rectangles cut into two: a node has one triangle on its one side, and two of the same angle on its other."""
    angle = 2 * np.pi * np.arange(20) / 20
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    nodes = torch.from_numpy(np.concatenate([circle, circle + [0, 0, 0.4]]))
    a = np.arange(20)
    b = (a + 1) % 20
    facets = torch.from_numpy(np.concatenate([np.stack([a, b, b + 20], 1), np.stack([a, b + 20, a + 20], 1)]))
    normals = torch.linalg.cross(nodes[facets[:, 1]] - nodes[facets[:, 0]], nodes[facets[:, 2]] - nodes[facets[:, 0]])
    found = tips(nodes, facets, normals / normals.norm(dim=1, keepdim=True))
    torch.testing.assert_close(found[..., :2], nodes[facets][..., :2])
