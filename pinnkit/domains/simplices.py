"""Simplices of any aspect ratio: measures, normals, heights, and maps of the unit cube onto unions."""

import math

import torch
from torch import Tensor

EPS, TINY = torch.finfo(torch.float64).eps, torch.finfo(torch.float64).tiny


def from_nearest(corners: Tensor) -> Tensor:
    """Begin each simplex with the corner that is nearest to its others, so that few digits cancel in products of edges.

    Args:
        corners: `(C, k + 1, d)`.

    Returns:
        int64 `(C, k + 1)`, the numbers of the corners in a cyclic order.
    """
    lengths = (corners[:, :, None] - corners[:, None]).norm(dim=-1)
    first = lengths.sum(2).argmin(1, keepdim=True)
    return (first + torch.arange(corners.shape[1], device=corners.device)) % corners.shape[1]


def measures(corners: Tensor) -> Tensor:
    """Lengths, areas or volumes, by products of edges (the Gram determinant would lose half of the digits).

    Args:
        corners: `(C, k + 1, d)` with 1 <= k <= d and 2 <= d <= 3.

    Returns:
        `(C,)`.
    """
    k, d = corners.shape[1] - 1, corners.shape[2]
    if k == 1:
        return (corners[:, 1] - corners[:, 0]).norm(dim=1)
    if k < d:
        return normals(corners).norm(dim=1) / 2
    corners = corners.take_along_dim(from_nearest(corners)[..., None], 1)
    return (normals(corners[:, :-1]) * (corners[:, -1] - corners[:, 0])).sum(1).abs() / math.factorial(k)


def normals(facets: Tensor) -> Tensor:
    """Normals of segments in the plane, to the right, or of triangles in space, by the right-hand rule.

    Args:
        facets: `(F, d, d)`.

    Returns:
        `(F, d)`, as long as the segment, or as twice the area of the triangle.
    """
    if facets.shape[1] == 2:
        along = facets[:, 1] - facets[:, 0]
        return torch.stack([along[:, 1], -along[:, 0]], dim=1)
    facets = facets.take_along_dim(from_nearest(facets)[..., None], 1)
    return torch.linalg.cross(facets[:, 1] - facets[:, 0], facets[:, 2] - facets[:, 0])


def opposite(corners: Tensor) -> list[Tensor]:
    """Give the facet opposite to each corner: `(C, k, ...)` for each of the corners `(C, k + 1, ...)`."""
    numbers = range(corners.shape[1])
    return [corners[:, [j for j in numbers if j != i]] for i in numbers]


def heights(corners: Tensor) -> Tensor:
    """Least heights of triangles in the plane or tetrahedra in space, over their longest side or largest face.

    Args:
        corners: `(C, d + 1, d)`.

    Returns:
        `(C,)`; zero where the cell is a point or a segment.
    """
    base = torch.stack([measures(facet) for facet in opposite(corners)]).amax(0)
    return torch.where(base > 0, corners.shape[2] * measures(corners) / base.clamp_min(TINY), 0.0)


def place(unit: Tensor, corners: Tensor, cumulative: Tensor) -> tuple[Tensor, Tensor]:
    """Map the unit cube onto a union of simplices, uniform to uniform.

    The first coordinate chooses the simplex by its share of the total measure, so that evenly spread unit
    points are stratified over the simplices. The others, sorted, cut [0, 1] into k + 1 pieces, whose lengths
    are barycentric coordinates: uniform in the simplex.

    Args:
        unit: `(n, k + 1)`.
        corners: `(C, k + 1, d)`.
        cumulative: `(C,)`, cumulative sum of the measures.

    Returns:
        Points `(n, d)` and the index `(n,)` of the simplex of each.
    """
    chosen = torch.searchsorted(cumulative, unit[:, 0] * cumulative[-1], right=True)
    chosen = chosen.clamp_max(len(cumulative) - 1)
    cuts = unit[:, 1:].sort(dim=1).values
    ends = torch.cat([torch.zeros_like(cuts[:, :1]), cuts, torch.ones_like(cuts[:, :1])], dim=1)
    return (ends.diff(dim=1)[..., None] * corners[chosen]).sum(1), chosen


def equal_weight_nodes(k: int) -> Tensor:
    """Give nodes of a quadrature rule of equal weights on a segment or a triangle.

    Args:
        k: 1 for the four-point Chebyshev rule (degree 5), 2 for the three interior points of degree 2.

    Returns:
        Barycentric coordinates, `(q, k + 1)`.
    """
    if k == 1:
        outer, inner = math.sqrt((1 + 2 / math.sqrt(5)) / 3), math.sqrt((1 - 2 / math.sqrt(5)) / 3)
        t = torch.tensor([-outer, -inner, inner, outer], dtype=torch.float64)
        return torch.stack([(1 - t) / 2, (1 + t) / 2], 1)
    return torch.full((3, 3), 1 / 6, dtype=torch.float64) + torch.eye(3, dtype=torch.float64) / 2
