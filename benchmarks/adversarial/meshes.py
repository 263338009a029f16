"""Problems on triangles: structured meshes that are written when they are needed."""

import math
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch

import pinnkit as pk

from .case import Case
from .corners import membrane, polar

PI = math.pi


def write_msh(path, nodes, triangles, groups):
    """Write triangles and named groups of boundary segments as Gmsh 2.2."""
    names = [f'1 {i} "{name}"' for i, name in enumerate(groups, 1)] + ['2 99 "inside"']
    lines = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$PhysicalNames", str(len(names)), *names]
    lines += ["$EndPhysicalNames", "$Nodes", str(len(nodes))]
    lines += [f"{i} {x!r} {y!r} 0" for i, (x, y) in enumerate(nodes.tolist(), 1)]
    elements = [f"1 2 {i} {i} {a + 1} {b + 1}" for i, part in enumerate(groups.values(), 1) for a, b in part]
    elements += [f"2 2 99 99 {a + 1} {b + 1} {c + 1}" for a, b, c in triangles.tolist()]
    lines += ["$EndNodes", "$Elements", str(len(elements))]
    lines += [f"{i} {element}" for i, element in enumerate(elements, 1)]
    path.write_text("\n".join([*lines, "$EndElements"]) + "\n")


def grid(rows, columns, around=False):
    """Triangles of a grid of (rows + 1) x (columns + 1) nodes, numbered row by row; `around` closes the columns."""
    width = columns if around else columns + 1
    i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    right = (j + 1) % width if around else j + 1
    a, b = i * width + j, i * width + right
    c, d = a + width, b + width
    return np.concatenate([np.stack([a, b, d], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])


def rim(triangles):
    """The segments of exactly one triangle."""
    sides = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    found, count = np.unique(sides, axis=0, return_counts=True)
    return found[count == 1]


@cache
def folder():
    return tempfile.TemporaryDirectory(prefix="adversarial-")


def mesh(name, nodes, triangles, group_of=lambda middle: "rim"):
    """Write a mesh whose boundary groups are told from the middles of segments, and read it."""
    groups = {}
    for segment in rim(triangles).tolist():
        groups.setdefault(group_of(nodes[segment].mean(0)), []).append(segment)
    path = Path(folder().name) / f"{name}.msh"
    write_msh(path, nodes, triangles, groups)
    return pk.Mesh(str(path))


def plate_with_hole(segments=48, radius=0.3, rings=10):
    """[-1, 1]^2 without a polygon of so many corners: rings between the hole and the square."""
    angle = 2 * PI * np.arange(segments) / segments
    hole = radius * np.stack([np.cos(angle), np.sin(angle)], 1)
    square = hole / np.abs(hole).max(1, keepdims=True)
    share = (np.linspace(0, 1, rings + 1) ** 1.3)[:, None, None]
    nodes = ((1 - share) * hole + share * square).reshape(-1, 2)
    triangles = grid(rings, segments, around=True)
    return mesh("plate", nodes, triangles, lambda m: "hole" if np.abs(m).max() < 0.9 else "outer")


def manufactured_plate(on_hole="value"):
    """-Laplace u = f on the plate; values and fluxes of a smooth u hold on the facets themselves."""
    domain = plate_with_hole()
    b = domain.boundary

    def exact(p):
        return torch.sin(2 * p.x + 1) * torch.cos(p.y)

    def flux(p):
        u_x = 2 * torch.cos(2 * p.x + 1) * torch.cos(p.y)
        u_y = -torch.sin(2 * p.x + 1) * torch.sin(p.y)
        return u_x * p.normal[:, 0] + u_y * p.normal[:, 1]

    hole = pk.Dirichlet(u=exact, on=b["hole"]) if on_hole == "value" else pk.Neumann(u=flux, on=b["hole"])
    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - 5 * exact(p)},
        conditions=[pk.Dirichlet(u=exact, on=b["outer"]), hole],
        reference=exact,
    )


def under_load(domain, reference):
    """-Laplace u = 1, u = 0 on the whole boundary."""
    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"poisson": lambda u: -u.laplacian - 1},
        conditions=[pk.Dirichlet(u=0.0, on=domain.boundary)],
        reference=reference,
    )


def triangle(n=12):
    """-Laplace u = 1 on an equilateral triangle: the product of the three distances, over its height."""
    i, j = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    height = math.sqrt(3) / 2
    every = np.stack([(j + i / 2) / n, height * i / n], -1).reshape(-1, 2)
    inside = (i + j <= n).reshape(-1)
    cells = grid(n, n)
    # The grid's other diagonal follows the third side.
    a, b, d = cells[: n * n].T
    c = cells[n * n :, 2]
    cells = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    cells = cells[inside[cells].all(1)]
    number = np.cumsum(inside) - 1
    domain = mesh("triangle", every[inside], number[cells])

    def exact(p):
        left, right = (math.sqrt(3) * p.x - p.y) / 2, (math.sqrt(3) * (1 - p.x) - p.y) / 2
        return p.y * left * right / height

    return under_load(domain, exact)


def square_mesh(n=12):
    axis = np.linspace(0, 1, n + 1)
    nodes = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    return mesh("square", nodes, grid(n, n))


def two_parts(n=12):
    """A square in two halves that share coordinates, but no node numbers, along their common side."""
    axis = np.linspace(0, 1, n + 1)
    half = np.stack(np.meshgrid(axis / 2, axis), -1).reshape(-1, 2)
    nodes = np.concatenate([half, half + [0.5, 0]])
    cells = grid(n, n)
    both = np.concatenate([cells, cells + len(half)])
    return mesh("parts", nodes, both, lambda m: "seam" if abs(m[0] - 0.5) < 1e-9 else "rim")


def membrane_in_two_parts():
    """-Laplace u = 1, u = 0 on the rim of the square; the seam is no boundary to its user."""
    domain = two_parts()
    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"poisson": lambda u: -u.laplacian - 1},
        conditions=[pk.Dirichlet(u=0.0, on=domain.boundary["rim"])],
        reference=membrane().reference,
    )


def disk_of_facets(segments=24, rings=6):
    """-Laplace u = 1 on a coarse mesh of the unit disk; what its user wants to know is (1 - r^2) / 4."""
    angle = 2 * PI * np.arange(segments) / segments
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    radii = np.linspace(1 / rings, 1, rings)
    nodes = np.concatenate([(radii[:, None, None] * circle).reshape(-1, 2), [[0, 0]]])
    fan = np.stack([np.full(segments, len(nodes) - 1), np.arange(segments), (np.arange(segments) + 1) % segments], 1)
    domain = mesh("disk", nodes, np.concatenate([grid(rings - 1, segments, around=True), fan]))
    return under_load(domain, lambda p: (1 - p.x**2 - p.y**2) / 4)


def l_shaped_mesh(n=8):
    """Laplace's equation on a mesh of an L-shape, with the singular function as data."""
    axis = np.linspace(-1, 1, 2 * n + 1)
    every = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    cells = grid(2 * n, 2 * n)
    middle = every[cells].mean(1)
    cells = cells[~((middle[:, 0] < 0) & (middle[:, 1] < 0))]
    used, cells = np.unique(cells, return_inverse=True)
    domain = mesh("l-shape", every[used], cells.reshape(-1, 3))

    def exact(p):
        r, angle = polar(p)
        # The angle from the lower edge of the corner, from 0 to 3 pi / 2.
        return r ** (2 / 3) * torch.sin(2 / 3 * torch.where(angle < -3 * PI / 4, angle + 2.5 * PI, angle + PI / 2))

    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"laplace": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=exact, on=domain.boundary)],
        reference=exact,
    )


def heat_on_a_mesh():
    """The heat equation on a meshed square with insulated sides."""
    domain = square_mesh() * pk.Time(0, 0.1)

    def exact(p):
        return 1 + torch.cos(PI * p.x) * torch.cos(2 * PI * p.y) * torch.exp(-5 * PI**2 * p.t)

    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"heat": lambda u: u.t - u.laplacian},
        conditions=[pk.Initial(u=exact), pk.Neumann(u=0.0, on=domain.boundary)],
        reference=exact,
    )


CASES = [
    Case("plate with a hole, values on its facets", manufactured_plate),
    Case("plate with a hole, fluxes on its facets", lambda: manufactured_plate("flux")),
    Case("meshed triangle under load", triangle),
    Case("meshed square under load", lambda: under_load(square_mesh(), membrane().reference)),
    Case("meshed square in two parts", membrane_in_two_parts, exact=False),
    Case("coarse mesh of a disk", disk_of_facets, exact=False),
    Case("meshed L-shape", l_shaped_mesh),
    Case("heat on a mesh", heat_on_a_mesh),
]
