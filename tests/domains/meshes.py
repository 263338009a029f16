"""Small meshes, made here and written to the formats that users have."""

from pathlib import Path

import meshio
import numpy as np

# The L-shape [0, 2]^2 without its upper right quarter, 2 x 2 x 2 triangles a unit square.
L_AREA = 3.0
L_LENGTHS = {"inlet": 2.0, "floor": 2.0, "unnamed": 4.0}


def l_shape(steps: int = 2) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return nodes (with z), triangles of mixed orientation, and the edges of two groups."""
    m = 2 * steps
    grid = np.arange((m + 1) ** 2).reshape(m + 1, m + 1)
    nodes = np.array([(i / steps, j / steps, 0.0) for i in range(m + 1) for j in range(m + 1)])
    triangles = []
    for i in range(m):
        for j in range(m):
            if i < steps or j < steps:
                a, b, c, d = grid[i, j], grid[i + 1, j], grid[i + 1, j + 1], grid[i, j + 1]
                # One of the two is clockwise: normals must not depend on it.
                triangles += [(a, b, c), (a, d, c)]
    edges = {
        "inlet": np.array([(grid[0, j], grid[0, j + 1]) for j in range(m)]),
        "floor": np.array([(grid[i + 1, 0], grid[i, 0]) for i in range(m)]),
    }
    return nodes, np.array(triangles), edges


def cube(steps: int = 2) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return nodes, Kuhn tetrahedra of [0, 1] x [0, 1] x [0, 2] and the triangles of the bottom."""
    from itertools import permutations

    side = steps + 1
    index = np.arange(side**3).reshape(side, side, side)
    nodes = np.array([(i, j, 2 * k) for i in range(side) for j in range(side) for k in range(side)]) / steps
    tetrahedra, bottom = [], []
    for corner in np.ndindex(steps, steps, steps):
        for order in permutations(range(3)):
            path = [np.array(corner)]
            for axis in order:
                path.append(path[-1] + np.eye(3, dtype=int)[axis])
            tetrahedra.append([index[tuple(p)] for p in path])
            if corner[2] == 0 and order[2] == 2:
                bottom.append([index[tuple(p)] for p in path[:3]])
    return nodes, np.array(tetrahedra), {"bottom": np.array(bottom)}


def write(path: Path, nodes: np.ndarray, cells: np.ndarray, groups: dict[str, np.ndarray], **options) -> Path:
    """Write a mesh by meshio, groups as Gmsh's physical tags 7, 8, ..."""
    d = cells.shape[1] - 1
    kinds = {2: ("line", "triangle"), 3: ("triangle", "tetra")}[d]
    blocks = [(kinds[1], cells)] + [(kinds[0], facets) for facets in groups.values()]
    tags = [np.full(len(b), 1 if i == 0 else 6 + i) for i, (_, b) in enumerate(blocks)]
    fields = {name: np.array([7 + i, d - 1]) for i, name in enumerate(groups)} | {"body": np.array([1, d])}
    data = {"gmsh:physical": tags, "gmsh:geometrical": tags} if groups else {}
    meshio.Mesh(nodes, blocks, cell_data=data, field_data=fields if groups else {}).write(path, **options)
    return path


def write_msh41(
    path: Path,
    nodes: np.ndarray,
    cells: np.ndarray,
    groups: dict[str, np.ndarray],
    body: bool = True,
    names: bool = True,
) -> Path:
    """Write Gmsh 4.1 text by hand (meshio does not write entities); every group is an entity of its own."""
    d = cells.shape[1] - 1
    box = "0 0 0 2 2 2"
    lines = ["$MeshFormat", "4.1 0 8", "$EndMeshFormat"]
    if names:
        lines += ["$PhysicalNames", str(len(groups) + body)]
        lines += [f'{d - 1} {7 + i} "{name}"' for i, name in enumerate(groups)]
        lines += [f'{d} 1 "body"'] * body + ["$EndPhysicalNames"]
    numbers = [0, 0, 0, 0]
    numbers[d - 1], numbers[d] = len(groups), 1
    lines += ["$Entities", " ".join(map(str, numbers))]
    lines += [f"{i + 1} {box} 1 {7 + i} 0" for i in range(len(groups))]
    lines += [f"1 {box} {'1 1' if body else '0'} 0", "$EndEntities"]
    lines += ["$Nodes", f"1 {len(nodes)} 1 {len(nodes)}", f"{d} 1 0 {len(nodes)}"]
    lines += [str(i + 1) for i in range(len(nodes))] + [" ".join(map(repr, map(float, p))) for p in nodes]
    lines += ["$EndNodes"]
    blocks = [(d - 1, i + 1, facets) for i, facets in enumerate(groups.values())] + [(d, 1, cells)]
    total = sum(len(b) for _, _, b in blocks)
    lines += ["$Elements", f"{len(blocks)} {total} 1 {total}"]
    tag = 0
    for dim, entity, block in blocks:
        lines.append(f"{dim} {entity} {({1: 1, 2: 2, 3: 4})[dim]} {len(block)}")
        for row in block:
            tag += 1
            lines.append(" ".join(map(str, [tag, *(row + 1)])))
    lines += ["$EndElements", ""]
    path.write_text("\n".join(lines))
    return path


def ring(segments: int, inner: float, layers: int = 4) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Return nodes, triangles of the ring between the radii `inner` and 1, and its two circles' edges."""
    angle = 2 * np.pi * np.arange(segments) / segments
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    nodes = np.concatenate([radius * circle for radius in np.linspace(inner, 1, layers + 1)])
    a = np.arange(segments)
    b = (a + 1) % segments
    cells = []
    for first in segments * np.arange(layers):
        c, d = a + first + segments, b + first + segments
        cells += [np.stack([a + first, c, b + first], 1), np.stack([b + first, c, d], 1)]
    edges = np.stack([a, b], 1)
    return nodes, np.concatenate(cells), {"inner": edges, "outer": edges + layers * segments}


def octasphere(refinements: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and triangles of the unit sphere: an octahedron whose faces are cut into four again and again."""
    nodes = [*np.eye(3), *-np.eye(3)]
    faces = [(a, b, c) for a in (0, 3) for b in (1, 4) for c in (2, 5)]
    for _ in range(refinements):
        middles: dict[tuple[int, int], int] = {}
        finer = []
        for face in faces:
            middle = []
            for i, j in ((0, 1), (1, 2), (2, 0)):
                key = (min(face[i], face[j]), max(face[i], face[j]))
                if key not in middles:
                    middles[key] = len(nodes)
                    point = nodes[key[0]] + nodes[key[1]]
                    nodes.append(point / np.linalg.norm(point))
                middle.append(middles[key])
            x, y, z = middle
            a, b, c = face
            finer += [(a, x, z), (b, y, x), (c, z, y), (x, y, z)]
        faces = finer
    return np.array(nodes), np.array(faces)
