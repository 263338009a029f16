"""Domains given by a mesh of triangles or tetrahedra."""

from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from ..errors import InputError, NameNotFound
from . import simplices
from .boundary import Piece
from .cell_grid import CellGrid
from .domain import Domain
from .mesh_files import read_mesh
from .segments import squared_distance

# A cell this flat, relative to a power of its longest edge, is taken for one without volume.
FLAT = 1e-12


class Mesh(Domain):
    """The union of the triangles (in the plane) or tetrahedra (in space) of a mesh file.

    The pieces of its boundary are the named groups of the file (Gmsh's physical groups, or numbers "1", "2",
    ... of files without names), as far as they lie on the boundary, and "unnamed" for the rest; a file
    without groups has one piece "boundary". A facet that is in two groups counts in both.

    Attributes:
        nodes: float64 `(N, d)`.
        cells: int64 `(C, d + 1)`.
        facets: int64 `(F, d)`, those of exactly one cell, oriented outwards (segments with their cell at the
            left, triangles counterclockwise as seen from outside).
        normals: float64 `(F, d)`, outward unit normals of the facets.
        groups: for every piece of the boundary the indices of its facets.
    """

    def __init__(self, path: str | PathLike[str], names: Sequence[str] | None = None) -> None:
        """Read and check a mesh file.

        Args:
            path: a .msh (Gmsh 2.2 or 4.1), .vtu, .vtk or .xdmf file.
            names: the coordinate names.

        Raises:
            InputError: if the file cannot be used.
        """
        self.path = Path(path)
        data = read_mesh(self.path)
        self.nodes, self.cells = torch.from_numpy(data.nodes), torch.from_numpy(data.cells)
        super().__init__(torch.stack([self.nodes.amin(0), self.nodes.amax(0)]), names)
        self.unit_dimension = self.dimension + 1
        self._corners = self.nodes[self.cells]
        sizes = simplices.measures(self._corners)
        longest = (self._corners[:, :, None] - self._corners[:, None]).square().sum(-1).amax((1, 2)).sqrt()
        if flat := int((sizes <= FLAT * longest**self.dimension).sum()):
            what = ("zero area", "zero volume")[self.dimension - 2]
            raise InputError(
                f"{self.path}: {flat} of {len(sizes)} cells have {what}; remove them or mesh the domain again"
            )
        self._cumulative = sizes.cumsum(0)
        self._find_facets()
        self.groups = self._find_groups({k: torch.from_numpy(v) for k, v in data.groups.items()})

    @cached_property
    def _grid(self) -> CellGrid:
        return CellGrid(self._corners)

    def _find_facets(self) -> None:
        d = self.dimension
        every = torch.cat([self.cells[:, [j for j in range(d + 1) if j != i]] for i in range(d + 1)])
        opposite = self.cells.T.reshape(-1)
        _, inverse, counts = every.sort(1).values.unique(dim=0, return_inverse=True, return_counts=True)
        single = counts[inverse] == 1
        facets, inner = every[single], self.nodes[opposite[single]]
        normal = _normals(self.nodes[facets])
        inward = ((inner - self.nodes[facets[:, 0]]) * normal).sum(1) > 0
        facets[inward] = facets[inward].flip(1)
        self.facets = facets
        self.normals = torch.where(inward[:, None], -normal, normal)

    def _find_groups(self, named: dict[str, Tensor]) -> dict[str, Tensor]:
        if not named:
            return {"boundary": torch.arange(len(self.facets))}
        sizes = [len(self.facets), *(len(facets) for facets in named.values())]
        every = torch.cat([self.facets, *named.values()]).sort(1).values
        parts = every.unique(dim=0, return_inverse=True)[1].split(sizes)
        result = {name: torch.isin(parts[0], part) for name, part in zip(named, parts[1:], strict=True)}
        rest = ~torch.stack(list(result.values())).any(0)
        result["unnamed"] = result.get("unnamed", rest) | rest
        return {name: mask.nonzero()[:, 0] for name, mask in result.items() if mask.any()}

    @property
    def measure(self) -> float:
        """Total area or volume of the cells."""
        return self._cumulative[-1].item()

    def faces_of(self, group: str) -> Tensor:
        """Return the facets of a piece of the boundary.

        Args:
            group: its name.

        Returns:
            int64 `(F, d)`, nodes of the facets.

        Raises:
            NameNotFound: if there is no such piece.
        """
        if group not in self.groups:
            raise NameNotFound("boundary group", group, self.groups)
        return self.facets[self.groups[group]]

    def place(self, unit: Tensor) -> Tensor:
        """Map the unit cube onto the cells, uniform to uniform.

        Args:
            unit: `(n, d + 1)`, the first coordinate choosing the cell.

        Returns:
            `(n, d)`.
        """
        return simplices.place(unit, self._corners, self._cumulative)[0]

    def contains(self, x: Tensor) -> Tensor:
        """Tell which points lie in a cell; on the boundary itself, rounding may decide.

        Args:
            x: `(n, d)`.

        Returns:
            bool `(n,)`.
        """
        return self._grid.contains(self._checked(x).detach().to(self.nodes)).to(x.device)

    def _distance(self, x: Tensor) -> Tensor:
        distance = squared_distance(x, self.nodes[self.facets].to(x)).sqrt()
        return torch.where(self.contains(x), -distance, distance)

    def _pieces(self) -> list[Piece]:
        return [self._piece(name, chosen) for name, chosen in self.groups.items()]

    def _piece(self, name: str, chosen: Tensor) -> Piece:
        corners, normals = self.nodes[self.facets[chosen]], self.normals[chosen]
        cumulative = simplices.measures(corners).cumsum(0)

        def place(unit: Tensor) -> tuple[Tensor, Tensor]:
            x, facet = simplices.place(unit, corners, cumulative)
            return x, normals[facet]

        return Piece(name, cumulative[-1].item(), self.dimension, place)


def _normals(facets: Tensor) -> Tensor:
    """Return unit normals, to the right of segments and by the right-hand rule of triangles.

    Args:
        facets: `(F, d, d)`.

    Returns:
        `(F, d)`.
    """
    along = facets[:, 1] - facets[:, 0]
    if facets.shape[1] == 2:
        normal = torch.stack([along[:, 1], -along[:, 0]], dim=1)
    else:
        normal = torch.linalg.cross(along, facets[:, 2] - facets[:, 0])
    return normal / torch.linalg.vector_norm(normal, dim=1, keepdim=True)
