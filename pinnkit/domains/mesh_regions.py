"""Regions of a mesh: its groups of cells, each a mesh of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import InputError
from .boundary import Piece
from .facets import Facets
from .regions import Regions

if TYPE_CHECKING:
    from .mesh import Mesh


def mesh_regions(mesh: Mesh, groups: dict[str, Tensor]) -> Regions:
    """Make regions of groups of cells.

    Args:
        mesh: the mesh.
        groups: the numbers of the cells of each, by name.

    Returns:
        The regions; cells in no group are one called "unnamed".

    Raises:
        InputError: cells are in two groups.
    """
    owner = torch.full((len(mesh.cells) + 1,), -1)  # the last entry is that of points in no cell
    names = [*groups]
    for number, (name, cells) in enumerate(groups.items()):
        if (twice := owner[cells] >= 0).any():
            other = names[int(owner[cells[twice][0]])]
            raise InputError(
                f"{mesh.path}: {int(twice.sum())} cells are in both groups {other!r} and {name!r}, so that they are no "
                "regions; leave one group out of the file, or pass Mesh(..., regions=False)."
            )
        owner[cells] = number
    rest = (owner[:-1] < 0).nonzero()[:, 0]
    if len(rest):
        owner[rest], groups = len(names), groups | {"unnamed": rest}
    nodes = {name: mesh.cells[cells].unique() for name, cells in groups.items()}
    parts = {name: _part(mesh, cells, nodes[name]) for name, cells in groups.items()}

    def touch(first: str, second: str) -> list[Piece]:
        here, there = (nodes[name][parts[name].facets].sort(1).values for name in (first, second))
        number = torch.cat([here, there]).unique(dim=0, return_inverse=True)[1]
        shared = torch.isin(number[: len(here)], number[len(here) :])
        return parts[first].pieces_of(shared)

    return Regions(mesh, parts, lambda x: owner[mesh._grid.find(x)], touch)


def _part(mesh: Mesh, chosen: Tensor, used: Tensor) -> Mesh:
    """Give the mesh of some cells, which use these nodes; its facets have the groups that they have in the whole."""
    part = object.__new__(type(mesh))
    number = torch.full((len(mesh.nodes) + 1,), -1)
    number[used] = torch.arange(len(used))
    part.path = mesh.path
    part._fill(mesh.nodes[used], number[mesh.cells[chosen]], mesh.names)
    part.facets, part.normals, _ = Facets.of(part.cells).boundary(part.nodes)
    part._named = {name: number[facets] for name, facets in mesh._named.items()}
    part.groups = part._find_groups(part._named)
    return part
