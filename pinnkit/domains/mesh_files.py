"""Reading simplex meshes from files through meshio."""

import contextlib
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError

# Corner nodes come first in meshio's order, so cells of second order are cut to these many columns.
CORNERS = {
    "vertex": 1,
    "line": 2,
    "line3": 2,
    "triangle": 3,
    "triangle6": 3,
    "tetra": 4,
    "tetra10": 4,
}
KINDS = {1: "points", 2: "lines", 3: "triangles", 4: "tetrahedra"}
PHYSICAL = "gmsh:physical"


class MeshData(NamedTuple):
    """A simplex mesh as read from a file.

    Attributes:
        nodes: float64 `(N, d)`, only those that cells use.
        cells: int64 `(C, d + 1)`.
        groups: for every named group of facets int64 `(F, d)`, the nodes of each; -1 for nodes that no cell uses.
        eps: relative rounding error of the coordinates.
        regions: for every named group of cells their numbers, int64 `(n,)`.
    """

    nodes: np.ndarray
    cells: np.ndarray
    groups: dict[str, np.ndarray]
    eps: float
    regions: dict[str, np.ndarray]

    def renumbered(self, first: np.ndarray) -> "MeshData":
        """Join nodes.

        Args:
            first: int64 `(N,)`, for each node the one that takes its place.

        Returns:
            The mesh without the nodes that are used no more.
        """
        used, number = np.unique(first, return_inverse=True)
        # One more entry, for the -1 of facets.
        number = np.append(number, -1)
        groups = {name: number[facets] for name, facets in self.groups.items()}
        return self._replace(nodes=self.nodes[used], cells=number[self.cells], groups=groups)


def read_mesh(path: Path) -> MeshData:
    """Read triangles in the plane, or tetrahedra.

    Args:
        path: a .msh, .vtu, .vtk or .xdmf file, or any other format that meshio reads.

    Returns:
        The mesh.

    Raises:
        InputError: if the file does not hold a mesh of triangles or tetrahedra with finite coordinates.
    """
    raw = read_raw_mesh(path)
    points = np.asarray(raw.points, dtype=np.float64)
    single = np.asarray(raw.points).dtype == np.float32
    broken = int((~np.isfinite(points)).any(axis=1).sum())
    if broken:
        raise InputError(f"{path}: {broken} of {len(points)} nodes have NaN or infinite coordinates")
    kinds = sorted({block.type for block in raw.cells if len(block.data)})
    if not kinds:
        raise InputError(f"{path} has no cells: write the elements, too, not only the points")
    if other := [kind for kind in kinds if kind not in CORNERS]:
        raise InputError(
            f"{path} has cells of the kind {', '.join(other)}: only triangles and tetrahedra (of first or "
            "second order) can be used; let the mesh generator make these, without recombination"
        )
    dimension = max(CORNERS[kind] for kind in kinds) - 1
    if dimension < 2:
        raise InputError(
            f"{path} has no triangles and no tetrahedra, only {', '.join(kinds)}: mesh the surface or the "
            "volume"
        )
    if dimension == 2:
        points = _in_plane(points, path)
    elif points.shape[1] != 3:
        raise InputError(f"{path} has tetrahedra but nodes with {points.shape[1]} coordinates instead of 3")

    corner_blocks = [
        (np.asarray(block.data)[:, : CORNERS[block.type]].astype(np.int64), CORNERS[block.type])
        for block in raw.cells
    ]
    cells = np.concatenate([nodes for nodes, corners in corner_blocks if corners == dimension + 1])
    for nodes, corners in corner_blocks:
        strange = ((nodes < 0) | (nodes >= len(points))).any(axis=1)
        if strange.any():
            first = int(strange.argmax())
            raise InputError(
                f"{path}: {int(strange.sum())} {KINDS[corners]} refer to nodes that are not in the file "
                f"({len(points)} nodes), the first with the nodes {nodes[first].tolist()}, counted from 0"
            )
    facets = [nodes if corners == dimension else None for nodes, corners in corner_blocks]
    groups = _groups(raw, facets, dimension)
    starts = np.cumsum([0, *(len(nodes) * (corners == dimension + 1) for nodes, corners in corner_blocks)])
    numbers = [
        np.arange(start, start + len(nodes)) if corners == dimension + 1 else None
        for start, (nodes, corners) in zip(starts, corner_blocks, strict=False)
    ]
    regions = _groups(raw, numbers, dimension + 1)
    used = np.unique(cells)
    new_index = np.full(len(points), -1, dtype=np.int64)
    new_index[used] = np.arange(len(used))
    named = {name: new_index[f] for name, f in groups.items()}
    eps = float(np.finfo(np.float32 if single else np.float64).eps)
    return MeshData(points[used], new_index[cells], named, eps, regions)


def read_raw_mesh(path: Path) -> Any:
    """Call meshio, and make an error of everything that it prints or raises.

    Args:
        path: the file.

    Returns:
        A meshio mesh.

    Raises:
        InputError: if meshio cannot read it.
    """
    if not path.is_file():
        raise InputError(f"there is no mesh file {path}: check the path (the current folder is {Path.cwd()})")
    # Imported here because most problems need no mesh file.
    import meshio

    said = io.StringIO()
    try:
        # meshio prints warnings and the cause of failures, and ends the program on some of them.
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return meshio.read(path)
    except (Exception, SystemExit) as error:
        parts = [str(error) if isinstance(error, Exception) else "", said.getvalue()]
        cause = " ".join(" ".join(parts).split()) or type(error).__name__
        # meshio wants physical tags on all entities of a 4.1 file, or on none.
        mend = (
            "Put every surface and volume, too, into a physical group, or save the mesh as .msh version 2.2"
            if PHYSICAL in cause
            else "Formats that work: .msh (Gmsh 2.2 and 4.1), .vtu, .vtk, .xdmf"
        )
        raise InputError(f"cannot read the mesh file {path}: {cause.rstrip('.')}. {mend}") from error


def _in_plane(points: np.ndarray, path: Path) -> np.ndarray:
    if points.shape[1] == 2:
        return points
    size = np.ptp(points, axis=0).max()
    if np.ptp(points[:, 2]) > 1e-10 * size:
        raise InputError(
            f"{path} is a surface in space (z from {points[:, 2].min():g} to {points[:, 2].max():g}) without "
            "tetrahedra: a plane mesh needs a constant z, a volume needs tetrahedra"
        )
    return points[:, :2]


def _groups(raw: Any, facets: list[np.ndarray | None], dimension: int) -> dict[str, np.ndarray]:
    """Collect named groups of facets, or of cells, from cell sets, physical names and integer cell data.

    Args:
        raw: a meshio mesh.
        facets: a block of cells each, its facets `(F, d)`, or None if it holds no facets; the same of cells.
        dimension: of the facets and one more.

    Returns:
        The facets `(F, d)` of every group.
    """
    parts: dict[str, list[np.ndarray]] = {}
    for name, members in (raw.cell_sets or {}).items():
        # Names with a colon are meshio's own bookkeeping.
        if not name.startswith("gmsh:"):
            for block, chosen in zip(facets, members, strict=True):
                if block is not None and chosen is not None and len(chosen):
                    parts.setdefault(name, []).append(block[np.asarray(chosen, dtype=np.int64)])
    named = {int(tag): name for name, (tag, dim) in raw.field_data.items() if dim == dimension - 1}
    key, tags = _tags(raw, facets)
    for block, tag in zip(facets, tags, strict=True):
        if block is None:
            continue
        for value in np.unique(tag):
            name = named.get(int(value), str(int(value)))
            # Zero is Gmsh's way to say that a facet is in no group.
            if name not in (raw.cell_sets or {}) and not (value == 0 and key == PHYSICAL):
                parts.setdefault(name, []).append(block[np.asarray(tag) == value])
    return {name: np.concatenate(blocks) for name, blocks in parts.items()}


def _tags(raw: Any, facets: list[np.ndarray | None]) -> tuple[str, list[np.ndarray]]:
    """Choose the cell data that numbers the groups: Gmsh's physical tags, or else the first integer data.

    Args:
        raw: a meshio mesh.
        facets: a block of cells each, None if it holds no facets.

    Returns:
        The name of the data and its values, a block of cells each (empty without such data).
    """
    for key in sorted(raw.cell_data, key=lambda key: key != PHYSICAL):
        values = [np.asarray(v) for v in raw.cell_data[key]]
        on_facets = [v for v, block in zip(values, facets, strict=True) if block is not None]
        if on_facets and all(v.ndim == 1 and np.issubdtype(v.dtype, np.integer) for v in on_facets):
            return key, values
    return "", [np.empty(0, dtype=np.int64)] * len(facets)
