"""Domains given by a mesh of triangles or tetrahedra."""

import math
import warnings
from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import NameNotFound
from ..jets import plain
from . import simplices
from .approximate_distance import Distances, joined, segments
from .bent_facets import bends, cavities, lift, offsets, tips
from .boundary import Boundary, Keep, Piece
from .cell_grid import CellGrid
from .cells import Cells
from .coincident import coincident
from .domain import Domain
from .facets import Facets, check_boundary, check_cells, check_neighbours
from .mesh_files import read_mesh
from .mesh_regions import mesh_regions
from .points import Points
from .quadrature import gauss_simplex
from .segments import squared_distance


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

    def __init__(
        self, path: str | PathLike[str], names: Sequence[str] | None = None, merge: bool = True, regions: bool = True
    ) -> None:
        """Read and check a mesh file.

        Args:
            path: a .msh (Gmsh 2.2 or 4.1), .vtu, .vtk or .xdmf file.
            names: the coordinate names.
            merge: join nodes that are at one place (within 1e-8 of the shortest edge there, or rounding), with a
                note, so that parts meshed one by one hang together; False keeps them apart, so that a slit has two
                sides.
            regions: take the groups of cells for regions (materials), where there are two or more; see `regions`.

        Raises:
            InputError: if the file cannot be used: cells without volume, twice or overlapping, three at one facet,
                or boundary facets inside the domain; if cells are in two groups.
        """
        self.path = Path(path)
        data, where = read_mesh(self.path), str(path)
        check_cells(where, torch.from_numpy(data.nodes), torch.from_numpy(data.cells))
        first = coincident(data.nodes, data.cells, data.eps)
        again = first != np.arange(len(first))
        if merge and again.any():
            at = ", ".join(f"{v:.6g}" for v in data.nodes[again][0])
            warnings.warn(
                f"{where}: {int(again.sum())} pairs of coincident nodes were joined, the first at ({at}); Mesh(..., "
                "merge=False) keeps them apart, as the two sides of a slit",
                stacklevel=2,
            )
            data, again = data.renumbered(first), np.zeros(0, dtype=bool)
        self._fill(torch.from_numpy(data.nodes), torch.from_numpy(data.cells), names)
        # Checks see the two sides of a slit as one.
        joined = torch.from_numpy(first[data.cells]) if again.any() else self.cells
        facets = Facets.of(joined)
        check_neighbours(where, self.nodes, joined, facets)
        check_boundary(where, self.nodes, joined, facets, self._grid, slit=not merge)
        own = Facets.of(self.cells) if again.any() else facets
        self.facets, self.normals, _ = own.boundary(self.nodes)
        self._named = {k: torch.from_numpy(v) for k, v in data.groups.items()}
        self.groups = self._find_groups(self._named)
        if regions and len(data.regions) > 1:
            groups = {k: torch.from_numpy(v) for k, v in data.regions.items()}
            self.__dict__["regions"] = mesh_regions(self, groups)

    def _fill(self, nodes: Tensor, cells: Tensor, names: Sequence[str] | None) -> None:
        self.nodes, self.cells = nodes, cells
        super().__init__(torch.stack([nodes.amin(0), nodes.amax(0)]), names)
        self.unit_dimension = self.dimension + 1
        self._corners = nodes[cells]
        self._cumulative = simplices.measures(self._corners).cumsum(0)

    @cached_property
    def _grid(self) -> CellGrid:
        return CellGrid(self._corners)

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

    def _quadrature(self, n: int) -> tuple[Points, Tensor]:
        return self._simplices.quadrature(n, self.names)

    @cached_property
    def _simplices(self) -> Cells:
        facets = {name: (self.facets[at], self.normals[at]) for name, at in self.groups.items()}
        return Cells(self.nodes, self.cells, facets, True)

    def _cells(self, n: int, breaks: Sequence[Sequence[float]]) -> Cells:
        return self._simplices.with_nodes(n)

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

    def implicit(self, x: Any) -> Any:
        """Evaluate a function that is positive inside; see Domain."""
        if self.dimension != 2:
            return super().implicit(x)
        ends = self.nodes[self.facets]
        distance = joined(segments(ends[:, 0], ends[:, 1], -self.normals)(x, 1.0))
        return torch.where(self.contains(plain(x)), distance, -distance)

    def _distance(self, x: Tensor) -> Tensor:
        distance = squared_distance(x, self.nodes[self.facets].to(x)).sqrt()
        return torch.where(self.contains(x), -distance, distance)

    @cached_property
    def _cavities(self) -> list[tuple[Tensor, float]]:
        found = cavities(self.nodes, self.facets, self.normals)
        return [ball for ball in found if not self.contains(ball[0][None]).item()]

    @property
    def cavities(self) -> list[tuple[Tensor, float]]:
        """Balls that round holes and fillets of the mesh wrap around."""
        return self._cavities

    @cached_property
    def _bent(self) -> Tensor:
        bent = torch.zeros(len(self.facets), dtype=torch.bool)
        bent[torch.cat(bends(self.facets, self.normals))] = True
        return bent

    @cached_property
    def _tips(self) -> Tensor:
        return tips(self.nodes, self.facets, self.normals)

    @cached_property
    def _facet_offsets(self) -> tuple[Tensor, Tensor] | None:
        bent, corners = self._bent, self.nodes[self.facets]
        share = simplices.measures(corners) / simplices.measures(corners).sum()
        distance = offsets(corners[bent], self._tips[bent])
        return (corners[bent].mean(1), distance * share[bent].sqrt()) if bent.any() else None

    @property
    def facet_offsets(self) -> tuple[Tensor, Tensor] | None:
        """Centres of the facets that stand for a curved boundary, and their distance from it; see Domain."""
        return self._facet_offsets

    def _pieces(self) -> list[Piece]:
        return self.pieces_of(torch.ones(len(self.facets), dtype=torch.bool))

    def pieces_of(self, chosen: Tensor) -> list[Piece]:
        """Give some of the boundary facets, bool `(F,)`, as pieces by their groups."""
        corners, normals, bent, tips = self.nodes[self.facets], self.normals, self._bent, self._tips
        groups = {name: at[chosen[at]] for name, at in self.groups.items() if chosen[at].any()}
        return [MeshPiece(name, corners[at], normals[at], bent[at], tips[at]) for name, at in groups.items()]


def smooth(boundary: Boundary) -> Boundary | None:
    """Replace facets by the curved boundary that they stand for.

    Args:
        boundary: a part of a boundary.

    Returns:
        A boundary whose points of collocation lie over those of the given one, drawn from an equal source of
        randomness; None where no facet is bent.
    """
    pieces = boundary.pieces
    if not any(isinstance(piece, MeshPiece) and piece.chosen.any() for piece in pieces):
        return None
    curved = [piece.curved() if isinstance(piece, MeshPiece) else piece for piece in pieces]
    return Boundary(curved, boundary.coordinate_names)


class MeshPiece(Piece):
    """A group of boundary facets.

    Conditions hold at points of flat sides, and in the mean over each facet that stands for a curved boundary: its
    normal is off by an angle that changes sign along it, and a smooth function cannot follow that. (Our choice; the
    mean is what a finite-volume method asks for.)
    """

    def __init__(
        self,
        name: str,
        corners: Tensor,
        normals: Tensor,
        bent: Tensor,
        tips: Tensor,
        keep: Keep | None = None,
        lifted: bool = False,
    ) -> None:
        """Compose a piece.

        Args:
            name: its name.
            corners: `(F, d, d)`, of its facets.
            normals: `(F, d)`.
            bent: bool `(F,)`, the facets of curved parts.
            tips: `(F, d, d)`, unit normals of the smooth boundary at the corners.
            keep: tells which points of facets belong to the piece; None keeps all.
            lifted: whether `collocate` is to give points of the smooth boundary instead.
        """
        self.corners, self.normals, self.bent, self.tips, self.lifted = corners, normals, bent, tips, lifted
        cumulative = simplices.measures(corners).cumsum(0)

        def place(unit: Tensor) -> tuple[Tensor, Tensor]:
            x, facet = simplices.place(unit, corners, cumulative)
            return x, normals[facet]

        distances = None
        if corners.shape[2] == 2 and len(corners) and keep is None:
            to_facets = segments(corners[:, 0], corners[:, 1], -normals)
            distances = Distances(
                lambda x: joined(to_facets(x, 1.0)), lambda x, side: joined(to_facets(x, side)), smooth=False
            )
        measure = cumulative[-1].item() if len(corners) else 0.0
        super().__init__(name, measure, corners.shape[1], place, keep=keep, distances=distances)

    def where(self, keep: Keep, probes: int = 2**13) -> "MeshPiece":
        """Keep the part where a test holds.

        Args:
            keep: tells from points and normals which points stay.
            probes: not used.

        Returns:
            The smaller piece.
        """
        before = self.keep
        both = keep if before is None else lambda x, normal: before(x, normal) & keep(x, normal)
        return MeshPiece(self.name, self.corners, self.normals, self.bent, self.tips, both)

    def curved(self) -> "MeshPiece":
        """Give the same piece with points of the smooth boundary for collocation."""
        return MeshPiece(self.name, self.corners, self.normals, self.bent, self.tips, self.keep, lifted=True)

    @property
    def chosen(self) -> Tensor:
        """The bent facets that belong to the piece by their centres, bool `(F,)`."""
        if self.keep is None:
            return self.bent
        return self.bent & self.keep(self.corners.mean(1), self.normals)

    def quadrature(self, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """Give a Gauss rule on every facet.

        Args:
            n: how many nodes in all, at least.

        Returns:
            Nodes and normals `(m, d)`, and weights `(m,)` that sum to the measure.
        """
        if self.keep is not None:
            return super().quadrature(n)
        count, k = len(self.corners), self.corners.shape[1] - 1
        unit, weights = gauss_simplex(max(1, math.ceil((n / count) ** (1 / k) - 1e-6)), k)
        x = self.corners[:, :1] + torch.einsum("qk,fkd->fqd", unit, self.corners[:, 1:] - self.corners[:, :1])
        weights = simplices.measures(self.corners)[:, None] * weights
        return x.flatten(0, 1), self.normals.repeat_interleave(len(unit), 0), weights.flatten()

    def bent_points(self, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """Give the points of bent facets whose mean conditions hold in.

        Args:
            chosen: numbers of the facets, or bool `(F,)`.

        Returns:
            Points and unit normals `(f, Q, d)`, on the facets, or on the smooth boundary if the piece is lifted.
        """
        nodes = simplices.equal_weight_nodes(self.corners.shape[1] - 1)
        corners, normals = self.corners[chosen], self.normals[chosen]
        if self.lifted:
            return lift(corners, normals, self.tips[chosen], nodes)
        x = torch.einsum("qk,fkd->fqd", nodes, corners)
        return x, normals[:, None].expand_as(x)

    def collocate(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw points for the residual of a condition.

        Args:
            n: how many rows the residual is to have, about; at least one for each bent facet up to n of them.
            generator: the source of randomness.

        Returns:
            Points and normals `(m, d)`, and the row `(m,)` of each.
        """
        chosen = self.chosen.nonzero()[:, 0]
        if not len(chosen):
            return super().collocate(n, generator)
        if len(chosen) > n:
            start = torch.rand(1, generator=generator, dtype=torch.float64)
            chosen = chosen[((torch.arange(n) + start) * (len(chosen) / n)).long()]
        x, normal = (part.flatten(0, 1) for part in self.bent_points(chosen))
        rows = torch.arange(len(chosen)).repeat_interleave(len(x) // len(chosen))
        even = ~self.bent
        flat = MeshPiece(self.name, self.corners[even], self.normals[even], self.bent[even], self.tips[even], self.keep)
        share = flat.measure / self.measure if len(flat.corners) else 0.0
        if share == 0.0:
            return x, normal, rows
        more, more_normal = flat.sample(max(1, round(n * share)), generator)
        more_rows = len(chosen) + torch.arange(len(more))
        return torch.cat([x, more]), torch.cat([normal, more_normal]), torch.cat([rows, more_rows])
