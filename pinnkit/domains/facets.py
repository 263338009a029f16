"""Facets of a mesh: which cells they belong to, which of them are boundary, and what a mesh must not have."""

import warnings
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import InputError
from . import simplices
from .cell_grid import CellGrid

# A cell whose least height is within so many roundings of its coordinates has no volume.
ROUNDINGS = 16
# How far in front of a boundary facet a cell is looked for, relative to the height of the facet's own cell.
PROBE = 1e-5


class Facets(NamedTuple):
    """Every facet of every cell, that of cell c opposite to its corner i being number `i C + c`.

    Attributes:
        nodes: int64 `(C (d + 1), d)`.
        opposite: int64 `(C (d + 1),)`, the corner of the cell that is not on the facet.
        number: int64 `(C (d + 1),)`, the same for facets of the same nodes.
        shared: int64 `(C (d + 1),)`, how many cells have it.
    """

    nodes: Tensor
    opposite: Tensor
    number: Tensor
    shared: Tensor

    @classmethod
    def of(cls, cells: Tensor) -> "Facets":
        """Collect them from `(C, d + 1)`."""
        nodes = torch.cat(simplices.opposite(cells))
        _, number, counts = nodes.sort(1).values.unique(dim=0, return_inverse=True, return_counts=True)
        return cls(nodes, cells.T.reshape(-1), number, counts[number])

    def boundary(self, nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give the facets of one cell only: their nodes `(F, d)`, oriented outwards, unit normals, and numbers."""
        at = (self.shared == 1).nonzero()[:, 0]
        facets, inner = self.nodes[at], nodes[self.opposite[at]]
        normal = simplices.normals(nodes[facets])
        normal = normal / normal.norm(dim=1, keepdim=True)
        inward = ((inner - nodes[facets[:, 0]]) * normal).sum(1) > 0
        facets[inward] = facets[inward].flip(1)
        return facets, torch.where(inward[:, None], -normal, normal), at


def check_cells(where: str, nodes: Tensor, cells: Tensor) -> None:
    """Check that every cell has an area or a volume.

    Args:
        where: the file.
        nodes: float64 `(N, d)`.
        cells: int64 `(C, d + 1)`.

    Raises:
        InputError: if the height of one is within the rounding of its coordinates.
    """
    corners = nodes[cells]
    flat = simplices.heights(corners) <= ROUNDINGS * simplices.EPS * corners.abs().amax((1, 2))
    if flat.any():
        what, cell = ("zero area", "zero volume")[cells.shape[1] - 3], int(flat.nonzero()[0])
        raise InputError(
            f"{where}: {int(flat.sum())} of {len(cells)} cells have {what}, the first at {_place(corners[cell])} (cell "
            f"{cell}, counted from 0); remove them or mesh the domain again"
        )


def check_neighbours(where: str, nodes: Tensor, cells: Tensor, facets: Facets) -> None:
    """Check that no cell is there twice, that two cells at most share a facet, and that they are on its two sides.

    Args:
        where: the file.
        nodes: float64 `(N, d)`.
        cells: int64 `(C, d + 1)`, not flat; coincident nodes have one number.
        facets: theirs.

    Raises:
        InputError: if it is otherwise.
    """
    count, what = len(cells), ("edge", "face")[cells.shape[1] - 3]
    _, number, counts = cells.sort(1).values.unique(dim=0, return_inverse=True, return_counts=True)
    if (again := counts[number] > 1).any():
        first, second = (number == number[again][0]).nonzero()[:2, 0].tolist()
        raise InputError(
            f"{where}: {count - len(counts)} of {count} cells are there twice, the first at "
            f"{_place(nodes[cells[first]])} (cells {first} and {second}, counted from 0); write each cell once"
        )
    if (many := facets.shared > 2).any():
        raise InputError(
            f"{where}: {len(facets.number[many].unique())} {what}s belong to three cells or more, the first at "
            f"{_place(nodes[facets.nodes[many][0]])}: cells overlap there; mesh the domain again"
        )
    order = facets.number.argsort(stable=True)
    first, second = order[facets.shared[order] == 2].reshape(-1, 2).T
    ends = nodes[facets.nodes[first]]
    normal = simplices.normals(ends)
    sides = [((nodes[facets.opposite[of]] - ends[:, 0]) * normal).sum(1) > 0 for of in (first, second)]
    if (wrong := sides[0] == sides[1]).any():
        at = int(wrong.nonzero()[0])
        cell, other = int(first[at]) % count, int(second[at]) % count
        raise InputError(
            f"{where}: {int(wrong.sum())} pairs of cells overlap, both being on one side of the {what} that they share,"
            f" the first at {_place(ends[at])} (cells {cell} and {other}, counted from 0); mesh the domain again"
        )


def check_boundary(where: str, nodes: Tensor, cells: Tensor, facets: Facets, grid: CellGrid, slit: bool) -> None:
    """Check that no facet of one cell only has another cell in front of it.

    Where neighbours are on two sides of each facet, the number of cells over a point changes at boundary facets only:
    without such facets inside the domain, no cells overlap.

    Args:
        where: the file.
        nodes: float64 `(N, d)`.
        cells: int64 `(C, d + 1)`; coincident nodes have one number.
        facets: theirs.
        grid: of the cells.
        slit: whether a boundary inside the domain may be meant, which is noted then.

    Raises:
        InputError: if one has and it may not.
    """
    ends, normals, at = facets.boundary(nodes)
    corners, d = nodes[ends], ends.shape[1]
    own = nodes[cells[at % len(cells)]]
    step = PROBE * simplices.heights(own) + 4 * ROUNDINGS * simplices.EPS * nodes.abs().max()
    # At the centre and near the corners, because a node may be on the inside of the facet anywhere.
    shares = torch.cat([nodes.new_full((1, d), 1 / d), 0.96 * torch.eye(d, dtype=nodes.dtype) + 0.04 / d])
    x = torch.einsum("qk,fkd->fqd", shares, corners) + (step[:, None] * normals)[:, None]
    inside = grid.contains(x.flatten(0, 1), surely=True).reshape(len(ends), -1).any(1)
    if not inside.any():
        return
    what = ("edges", "faces")[d - 2]
    found = (
        f"{where}: {int(inside.sum())} of {len(ends)} boundary {what} lie inside the domain, the first at "
        f"{_place(corners[inside][0])}: cells overlap, or a node lies within another cell's {what[:-1]} (a hanging "
        "node)"
    )
    if not slit:
        raise InputError(f"{found}; mesh the domain again, so that neighbours share whole {what}")
    warnings.warn(f"{found}; they stay boundary, because of merge=False", stacklevel=4)


def _place(corners: Tensor) -> str:
    return "(" + ", ".join(f"{v:.6g}" for v in corners.mean(0).tolist()) + ")"
