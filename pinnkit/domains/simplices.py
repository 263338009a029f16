"""Simplices: measures, and maps of the unit cube onto unions of them."""

import math

import torch
from torch import Tensor


def measures(corners: Tensor) -> Tensor:
    """Lengths, areas or volumes, by the Gram determinant.

    Args:
        corners: `(C, k + 1, d)` with k <= d.

    Returns:
        `(C,)`.
    """
    spans = corners[:, 1:] - corners[:, :1]
    gram = torch.linalg.det(spans @ spans.mT)
    return gram.clamp_min(0).sqrt() / math.factorial(spans.shape[1])


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
