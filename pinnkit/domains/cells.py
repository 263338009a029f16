"""Cells: a domain cut into boxes or simplices that fit together, with their Gauss rules and hat functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .points import Points
from .quadrature import gauss_legendre, gauss_simplex
from .simplices import measures


@dataclass(frozen=True)
class Cells:
    """Boxes with sides along the axes, or simplices, that share nodes.

    The corners of a box are ordered as binary numbers, the first axis being the last digit.

    Attributes:
        nodes: float64 `(N, d)`.
        corners: int64 `(C, A)`, nodes of each cell; A = d + 1 for simplices, 2^d for boxes.
        facets: of each piece of the boundary, by its key: the nodes `(F, A')` and outward unit normals `(F, d)`.
        simplices: whether the cells are simplices.
    """

    nodes: Tensor
    corners: Tensor
    facets: Mapping[Any, tuple[Tensor, Tensor]]
    simplices: bool

    def rule(self, per_axis: int, facet: Any = None) -> Rule:
        """Give the Gauss rule on every cell, or on every facet of a piece of the boundary.

        Args:
            per_axis: nodes of the rule along each axis of a cell.
            facet: the key of the piece; None for the cells themselves.

        Returns:
            The rule with the hat functions at its nodes.
        """
        d = self.nodes.shape[1]
        at, k = (self.corners, d) if facet is None else (self.facets[facet][0], d - 1)
        corners = self.nodes[at]
        spans = corners[:, [1 + i if self.simplices else 2**i for i in range(k)]] - corners[:, :1]
        reference, weights = gauss_simplex(per_axis, k) if self.simplices else gauss_legendre(per_axis**k, k)
        if self.simplices:
            size = measures(corners)
        else:
            size = torch.linalg.det(spans @ spans.mT).clamp_min(0).sqrt() if k else corners.new_ones(len(corners))
        hats, slopes = _hats(reference, self.simplices)
        gradients = None
        if facet is None:
            gradients = torch.einsum("qaj,cji->cqai", slopes, torch.linalg.inv(spans).mT)
        x = corners[:, :1] + torch.einsum("qk,ckd->cqd", reference, spans)
        return Rule(at, x, size[:, None] * weights, hats, gradients)

    def quadrature(self, n: int, names: tuple[str, ...]) -> tuple[Points, Tensor]:
        """Give a Gauss rule of at least n nodes in all, with points of these coordinate names."""
        count, d = self.corners.shape[0], self.nodes.shape[1]
        rule = self.rule(max(1, math.ceil((n / count) ** (1 / d) - 1e-6)))
        return Points(rule.x.flatten(0, 1), names), rule.weights.flatten()

    def with_nodes(self, n: int) -> Cells:
        """Refine simplices until they have at least n nodes."""
        return self if len(self.nodes) >= n else self.refined().with_nodes(n)

    def refined(self) -> Cells:
        """Cut every simplex into 2^d by the midpoints of its edges (Bey 1995, doi:10.1007/BF02238487)."""
        n = self.corners.shape[1]
        every = torch.cat([self.corners[:, pair] for pair in combinations(range(n), 2)]).sort(1).values
        edges = every.unique(dim=0)
        keys = edges[:, 0] * len(self.nodes) + edges[:, 1]
        nodes = torch.cat([self.nodes, self.nodes[edges].mean(1)])

        def cut(corners: Tensor) -> Tensor:
            def middle(i: int, j: int) -> Tensor:
                if i == j:
                    return corners[:, i]
                pair = corners[:, [i, j]].sort(1).values
                return len(self.nodes) + torch.searchsorted(keys, pair[:, 0] * len(self.nodes) + pair[:, 1])

            children = CHILDREN[corners.shape[1] - 1]
            return torch.cat([torch.stack([middle(i, j) for i, j in child], 1) for child in children])

        facets = {key: (cut(at), normals.repeat(2 ** (n - 2), 1)) for key, (at, normals) in self.facets.items()}
        return Cells(nodes, cut(self.corners), facets, True)


# Corners of the children of a segment, a triangle and a tetrahedron: (i, j) is the middle of the edge from i to j.
CHILDREN = {
    1: [[(0, 0), (0, 1)], [(0, 1), (1, 1)]],
    2: [[(0, 0), (0, 1), (0, 2)], [(1, 1), (0, 1), (1, 2)], [(2, 2), (0, 2), (1, 2)], [(0, 1), (1, 2), (0, 2)]],
    3: [
        *([(i, i), *((i, j) for j in range(4) if j != i)] for i in range(4)),
        *([(0, 2), (1, 3), a, b] for a, b in [((0, 1), (0, 3)), ((0, 3), (2, 3)), ((2, 3), (1, 2)), ((1, 2), (0, 1))]),
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """A Gauss rule of Q nodes on every cell.

    Attributes:
        corners: int64 `(C, A)`, the nodes whose hat functions do not vanish on the cell.
        x: `(C, Q, d)`, nodes of the rule.
        weights: `(C, Q)`; they sum to the measures of the cells.
        hats: `(Q, A)`, the hat functions, the same on every cell.
        gradients: `(C, Q, A, d)` of the hat functions; None on facets.
    """

    corners: Tensor
    x: Tensor
    weights: Tensor
    hats: Tensor
    gradients: Tensor | None


def _hats(reference: Tensor, simplices: bool) -> tuple[Tensor, Tensor]:
    """Give the hat functions of the corners and their slopes on a reference cell, `(Q, A)` and `(Q, A, k)`."""
    count, k = reference.shape
    one = torch.ones(count, 1, dtype=reference.dtype)
    if simplices:
        slopes = torch.cat([-torch.ones(1, k, dtype=one.dtype), torch.eye(k, dtype=one.dtype)])
        return torch.cat([one - reference.sum(1, keepdim=True), reference], 1), slopes.expand(count, k + 1, k)
    ends = torch.stack([1 - reference, reference], 2)
    sides = [tuple(reversed(bits)) for bits in product((0, 1), repeat=k)]

    def hat(side: Sequence[int], without: int | None = None) -> Tensor:
        return torch.stack([one[:, 0], *(ends[:, i, s] for i, s in enumerate(side) if i != without)]).prod(0)

    values = torch.stack([hat(side) for side in sides], 1)
    if k == 0:
        return values, reference[:, None]
    at_corners = [torch.stack([(2.0 * side[j] - 1) * hat(side, j) for j in range(k)], 1) for side in sides]
    return values, torch.stack(at_corners, 1)


def box_cells(bounds: Tensor, n: int, breaks: Sequence[Sequence[float]]) -> Cells:
    """Cut a box into boxes.

    Args:
        bounds: `(2, d)`.
        n: how many nodes there are to be, at least; alike along all axes.
        breaks: for each axis, coordinates at which it is cut, whatever else.

    Returns:
        The cells; the keys of the facets are ``(axis, side)``.

    Raises:
        InputError: a break is outside the box.
    """
    d = bounds.shape[1]
    per_axis = max(2, math.ceil(n ** (1 / d) - 1e-9))
    axes = []
    for (low, high), inner in zip(bounds.T.tolist(), breaks, strict=True):
        if outside := [b for b in inner if not low < b < high]:
            raise InputError(f"breaks must lie inside [{low:g}, {high:g}], got {outside[0]!r}.")
        ends = [low, *sorted(set(inner)), high]
        counts = [max(1, round((per_axis - 1) * (b - a) / (high - low))) for a, b in zip(ends, ends[1:], strict=False)]
        parts = [torch.linspace(a, b, count + 1, dtype=torch.float64)[:-1]
                 for a, b, count in zip(ends, ends[1:], counts, strict=False)]
        axes.append(torch.cat([*parts, torch.tensor([high], dtype=torch.float64)]))
    numbers = torch.arange(math.prod(map(len, axes))).reshape([len(axis) for axis in axes])
    nodes = torch.cartesian_prod(*axes).reshape(-1, d)
    facets: dict[Any, tuple[Tensor, Tensor]] = {}
    for axis in range(d):
        for side in (0, 1):
            corners = _grid_corners(numbers.select(axis, -side))
            normals = torch.zeros(len(corners), d, dtype=torch.float64)
            normals[:, axis] = 2.0 * side - 1.0
            facets[axis, side] = corners, normals
    return Cells(nodes, _grid_corners(numbers), facets, False)


def _grid_corners(numbers: Tensor) -> Tensor:
    k = numbers.ndim
    found = []
    for bits in product((0, 1), repeat=k):
        part = numbers
        for axis, bit in enumerate(reversed(bits)):
            part = part.narrow(axis, bit, part.shape[axis] - 1)
        found.append(part.reshape(-1))
    return torch.stack(found, 1)


def triangulate(vertices: Tensor) -> Tensor:
    """Cut a simple polygon into triangles, ear by ear, the roundest ear first.

    Args:
        vertices: `(v, 2)`, counterclockwise.

    Returns:
        int64 `(v - 2, 3)`.
    """

    def ear(order: list[int], i: int) -> float:
        """Give the shape of an ear, area over squared perimeter; not positive if it is none."""
        a, b, c = (vertices[order[j % len(order)]] for j in (i - 1, i, i + 1))
        others = vertices[[order[(i + j) % len(order)] for j in range(2, len(order) - 1)]]

        def left(p: Tensor, q: Tensor, r: Tensor) -> Tensor:
            return (q[0] - p[0]) * (r[..., 1] - p[1]) - (q[1] - p[1]) * (r[..., 0] - p[0])

        around = (b - a).norm() + (c - b).norm() + (a - c).norm()
        shape = (left(a, b, c) / around**2).item()
        slack = -1e-12 * around**2
        inside = (left(a, b, others) >= slack) & (left(b, c, others) >= slack) & (left(c, a, others) >= slack)
        return -1.0 if inside.any() else shape

    order, found = list(range(len(vertices))), []
    while len(order) > 3:
        best = max(range(len(order)), key=lambda i: ear(order, i))
        found.append([order[best - 1], order[best], order[(best + 1) % len(order)]])
        del order[best]
    return torch.tensor([*found, order])
