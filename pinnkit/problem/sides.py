"""Straight sides of a domain, on which boundary data are looked at as on an interval or a square."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..domains import Box, Interval
from ..domains.boundary import Piece
from .look import Look, Spot

ON_BOUNDARY = 2**15
NARROW = {1: 0.01, 2: 0.06, 3: 0.15}
"""Standard deviation, in halfwidths of the domain, up to which one space for the whole domain is not enough."""
PROBES, STRAIGHT = 64, 1e-9
"""Deviation of a straight side from an affine map, relative to its length, at so many points."""


@dataclass(frozen=True)
class Side:
    """A straight side of the boundary: the image of the unit cube under an affine map.

    Attributes:
        start: the image of zero, ``(d,)``.
        edges: those of the cube's edges, ``(k, d)``.
        normal: the outward normal, ``(d,)``.
        unit: lengths along the axes, ``(d,)``.
    """

    start: Tensor
    edges: Tensor
    normal: Tensor
    unit: Tensor

    @classmethod
    def of(cls, piece: Piece, unit: Tensor) -> Side | None:
        """Take a piece of the boundary for a side; None where it is bent, or only a part of one."""
        k = piece.dimension
        others = torch.rand(PROBES, k, generator=torch.Generator().manual_seed(0))
        probes = torch.cat([torch.zeros(1, k), torch.eye(k), others]).double()
        x, normals = piece.place(probes)
        side = cls(x[0], x[1 : k + 1] - x[0], normals[0], unit)
        off = (side.at(probes) - x).norm() + (normals - side.normal).norm() * side.edges.norm()
        return side if piece.keep is None and off < STRAIGHT * side.edges.norm() else None

    @property
    def look(self) -> Look:
        """Looks at functions on the unit cube, with lengths in units."""
        k = len(self.edges)
        cube = Interval(0, 1) if k == 1 else Box([0] * k, [1] * k)
        return Look(cube, 1 / (self.edges / self.unit).norm(dim=1), NARROW[len(self.start)])

    @property
    def inside(self) -> Tensor:
        """Points of the unit cube to begin with."""
        return self.look.domain.interior(ON_BOUNDARY, torch.Generator().manual_seed(0)).coordinates

    def at(self, x: Tensor) -> Tensor:
        """Map points of the unit cube to the boundary."""
        return self.start + x @ self.edges

    def seen(self, spot: Spot) -> Spot:
        """Give a place on the side as one in the domain, which reaches as far into it as it is wide."""
        along, inward = self.edges / self.unit, self.normal[None] / self.unit
        along, inward = (rows / rows.norm(dim=1, keepdim=True) for rows in (along, inward))
        frame = torch.cat([spot.frame @ along, inward / spot.widths.max()])
        return Spot(spot.kind, self.at(spot.centre[None])[0], frame, spot.bent)
