"""Solutions as VTU files: on the mesh of the problem, or on a grid laid over its domain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from .domains import Box, Domain, Mesh, SpaceTime
from .problem import evaluate_reference, reference_values

if TYPE_CHECKING:
    from .solution import Solution

GRID = {1: 401, 2: 101, 3: 25}
"""Nodes along each axis of a grid, by its dimension."""

SWEPT = {"vertex": "line", "line": "quad", "triangle": "wedge", "quad": "hexahedron"}
"""What a cell becomes when it is moved through time, by meshio's names."""


def cells_of(domain: Domain, n: int | None = None) -> tuple[np.ndarray, str, np.ndarray]:
    """Cover a domain with cells.

    Args:
        domain: of any dimension; above three only points can be given.
        n: nodes along each axis, where the domain is not a mesh; None takes those of `GRID`.

    Returns:
        Nodes ``(n, d)``, meshio's name of the cell kind, and cells ``(m, k)``.
    """
    d = domain.dimension
    if d not in GRID:
        nodes = domain.interior(4096, torch.Generator().manual_seed(0)).coordinates.numpy()
        return nodes, "vertex", np.arange(len(nodes))[:, None]
    n = n or GRID[d]
    if isinstance(domain, SpaceTime):
        return _swept(*_space_cells(domain.space, n), np.linspace(domain.time.t0, domain.time.t1, n))
    return _space_cells(domain, n)


def _space_cells(domain: Domain, n: int) -> tuple[np.ndarray, str, np.ndarray]:
    if isinstance(domain, Mesh):
        return domain.nodes.numpy(), {2: "triangle", 3: "tetra"}[domain.dimension], domain.cells.numpy()
    d = domain.dimension
    axes = [np.linspace(a, b, n) for a, b in domain.bounds.T.tolist()]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, d)
    if d == 2 and not isinstance(domain, Box):
        return _fitted(domain, nodes, n)
    kind, cells = _grid_cells(np.arange(len(nodes)).reshape([n] * d))
    if not isinstance(domain, Box):
        inside = domain.contains(torch.from_numpy(nodes[cells].mean(1))).numpy()
        used, cells = np.unique(cells[inside], return_inverse=True)
        nodes, cells = nodes[used], cells.reshape(-1, 2**d)
    return nodes, kind, cells


def _grid_cells(number: np.ndarray) -> tuple[str, np.ndarray]:
    if number.ndim == 1:
        return "line", np.stack([number[:-1], number[1:]], 1)
    square = [number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]]
    if number.ndim == 2:
        return "quad", np.stack(square, -1).reshape(-1, 4)
    corners = [n[..., :-1] for n in square] + [n[..., 1:] for n in square]
    return "hexahedron", np.stack(corners, -1).reshape(-1, 8)


def _swept(nodes: np.ndarray, kind: str, cells: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, str, np.ndarray]:
    """Move cells through time."""
    t = np.repeat(times, len(nodes))[:, None]
    step = len(nodes) * np.arange(len(times) - 1)[:, None, None]
    below, above = cells + step, cells + step + len(nodes)
    # A quadrilateral goes around its corners, all others list the upper face after the lower one.
    above = above[..., ::-1] if kind == "line" else above
    swept = np.concatenate([below, above], -1).reshape(-1, 2 * cells.shape[1])
    return np.concatenate([np.tile(nodes, (len(times), 1)), t], 1), SWEPT[kind], swept


def _fitted(domain: Domain, grid: np.ndarray, n: int) -> tuple[np.ndarray, str, np.ndarray]:
    """Triangulate grid points inside together with points of the boundary, so that its shape is seen."""
    from scipy.spatial import Delaunay

    boundary = domain.boundary.sample(6 * n, torch.Generator().manual_seed(0)).coordinates.numpy()
    cell = float((domain.bounds[1] - domain.bounds[0]).max()) / n
    deep = domain.signed_distance(torch.from_numpy(grid)).numpy() < -0.5 * cell
    nodes = np.concatenate([grid[deep], boundary])
    triangles = Delaunay(nodes).simplices
    inside = domain.contains(torch.from_numpy(nodes[triangles].mean(1))).numpy()
    return nodes, "triangle", triangles[inside]


def fields_on(solution: Solution, nodes: np.ndarray) -> dict[str, np.ndarray]:
    """Evaluate a solution at nodes, with the reference and the error where the reference is a function.

    Args:
        solution: the solution.
        nodes: shape ``(n, d)``.

    Returns:
        Arrays ``(n,)`` by name: each unknown, ``<unknown>_reference`` and ``<unknown>_error``.
    """
    unknowns = solution.problem.unknowns
    points = solution.points(torch.from_numpy(nodes))
    values = solution(points).reshape(len(nodes), -1).to(torch.float64).numpy()
    fields = {name: values[:, k] for k, name in enumerate(unknowns)}
    if callable(solution.problem.reference):
        exact = evaluate_reference(solution.problem, points)
        for name, tensor in exact.items():
            fields[f"{name}_reference"] = tensor.numpy()
            fields[f"{name}_error"] = fields[name] - fields[f"{name}_reference"]
    return fields


def write_vtu(solution: Solution, path: Path) -> None:
    """Write a solution as an unstructured grid that ParaView opens.

    Args:
        solution: the solution.
        path: of the file; coordinates beyond the third are left out.
    """
    import meshio

    nodes, kind, cells = cells_of(solution.problem.domain)
    points = np.zeros((len(nodes), 3))
    points[:, : min(nodes.shape[1], 3)] = nodes[:, :3]
    cells = cells.astype(np.int32)
    meshio.Mesh(points, [(kind, cells)], point_data=fields_on(solution, nodes)).write(path, file_format="vtu")


def reference_points(solution: Solution) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """Give the points of a reference table or file with the errors there; None for other references."""
    if solution.problem.reference is None or callable(solution.problem.reference):
        return None
    found = reference_values(solution.problem)
    assert found is not None
    x = found[0].coordinates.numpy()
    values = solution(found[0]).reshape(len(x), -1).numpy()
    errors = {n: values[:, solution.problem.unknowns.index(n)] - v.numpy() for n, v in found[1].items()}
    return x, errors
