"""Distances to segments and triangles, and windings of outlines, in blocks of bounded memory."""

from collections.abc import Callable

import torch
from torch import Tensor

# Numbers in the largest array of a block: 16 MiB of float64, which keeps most of the work in the cache.
BLOCK = 2**21


def in_blocks(x: Tensor, row: int, compute: Callable[[Tensor], Tensor]) -> Tensor:
    """Compute one number a point, so many points at a time that memory stays bounded.

    Args:
        x: `(n, d)`.
        row: the numbers that one point needs.
        compute: maps `(m, d)` to `(m,)`.

    Returns:
        `(n,)`.
    """
    size = max(1, BLOCK // max(row, 1))
    return torch.cat([compute(block) for block in x.split(size)]) if len(x) > size else compute(x)


def to_segments(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Squared distances to segments.

    Args:
        x: `(n, d)`.
        a: `(F, d)`, the beginnings.
        b: `(F, d)`, the ends.

    Returns:
        `(n, F)`.
    """
    along = b - a
    from_a = x[:, None] - a
    share = ((from_a * along).sum(-1) / (along * along).sum(-1)).clamp(0, 1)
    return (from_a - share[..., None] * along).square().sum(-1)


def to_triangles(x: Tensor, corners: Tensor) -> Tensor:
    """Squared distances to triangles in space.

    Args:
        x: `(n, 3)`.
        corners: `(F, 3, 3)`.

    Returns:
        `(n, F)`.
    """
    edges = corners.roll(-1, 1) - corners
    normal = torch.linalg.cross(edges[:, 0], edges[:, 1])
    over = torch.ones(len(x), len(corners), dtype=torch.bool, device=x.device)
    nearest = torch.full_like(over, torch.inf, dtype=x.dtype)
    for i in range(3):
        from_corner = x[:, None] - corners[:, i]
        over &= (from_corner * torch.linalg.cross(normal, edges[:, i])).sum(-1) >= 0
        nearest = torch.minimum(nearest, to_segments(x, corners[:, i], corners[:, (i + 1) % 3]))
    height = ((x[:, None] - corners[:, 0]) * normal).sum(-1).square() / normal.square().sum(-1)
    return torch.where(over, height, nearest)


def squared_distance(x: Tensor, facets: Tensor) -> Tensor:
    """Squared distance to the nearest facet.

    Args:
        x: `(n, d)`.
        facets: `(F, d, d)`, segments in the plane or triangles in space.

    Returns:
        `(n,)`.
    """
    d = facets.shape[1]

    def nearest(block: Tensor) -> Tensor:
        if d == 2:
            return to_segments(block, facets[:, 0], facets[:, 1]).amin(1)
        return to_triangles(block, facets).amin(1)

    return in_blocks(x, facets.numel() // d, nearest)


def winding(x: Tensor, outline: Tensor) -> Tensor:
    """How often a closed outline winds around points of the plane: 1 or -1 inside, 0 outside.

    The angles under which the segments appear are added up, which needs no special case where a ray would
    meet a corner.

    Args:
        x: `(n, 2)`.
        outline: `(F, 2, 2)`, segments one after the other; counterclockwise counts as positive.

    Returns:
        `(n,)`.
    """

    def turns(block: Tensor) -> Tensor:
        a, b = (outline - block[:, None, None]).unbind(2)
        sine = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
        return torch.atan2(sine, (a * b).sum(-1)).sum(1) / (2 * torch.pi)

    return in_blocks(x, outline.numel(), turns)
