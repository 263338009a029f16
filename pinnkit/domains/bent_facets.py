"""Where the facets of a mesh stand for a curved boundary, and the cavities that such boundaries wrap around."""

import math
from itertools import combinations

import torch
from torch import Tensor

# Neighbouring facets that turn by less stand for one flat side, by more for a corner of the true shape.
FLAT, CORNER = 1e-3, math.radians(60)
# A concave run of facets counts as a round cavity if its nodes are this close to a sphere, relative to its radius.
ROUND = 0.2


def ridges(facets: Tensor) -> tuple[Tensor, Tensor]:
    """Find the pairs of facets that share all nodes but one.

    Args:
        facets: `(F, d)`, node numbers.

    Returns:
        The two facets of each ridge, `(R,)` each.
    """
    count, d = facets.shape
    every = torch.cat([facets[:, [j for j in range(d) if j != i]] for i in range(d)]).sort(1).values
    owner = torch.arange(count).repeat(d)
    _, inverse, counts = every.unique(dim=0, return_inverse=True, return_counts=True)
    paired = counts[inverse] == 2
    order = torch.argsort(inverse[paired], stable=True)
    first, second = owner[paired][order].reshape(-1, 2).T
    return first, second


def bends(facets: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
    """Find the ridges at which a curved boundary bends.

    Args:
        facets: `(F, d)`, node numbers.
        normals: `(F, d)`, unit normals.

    Returns:
        The two facets of each such ridge, `(R,)` each.
    """
    first, second = ridges(facets)
    angle = turn(normals, first, second)
    bent = (angle > FLAT) & (angle < CORNER)
    return first[bent], second[bent]


def turn(normals: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Give the angles between the unit normals of pairs of facets, `(R,)`."""
    # 2 arcsin(|difference| / 2) keeps the digits of small angles, which arccos loses.
    return 2 * torch.arcsin(((normals[first] - normals[second]).norm(dim=1) / 2).clamp_max(1))


def connected(count: int, one: Tensor, other: Tensor) -> Tensor:
    """Give each of a number of things the least number of those that pairs connect it with, `(count,)`."""
    label = torch.arange(count)
    while True:
        least = torch.minimum(label[one], label[other])
        spread = label.scatter_reduce(0, torch.cat([one, other]), torch.cat([least, least]), "amin")
        if torch.equal(spread, label):
            return label
        label = spread


def tips(nodes: Tensor, facets: Tensor, normals: Tensor) -> Tensor:
    """Estimate the normals of the smooth boundary at the corners of facets.

    Each is the mean of the normals of the facets around the node that no true corner parts from the facet, weighted by
    their angles there, as in Thuermer and Wuethrich 1998, doi:10.1080/10867651.1998.10487487.

    Args:
        nodes: `(N, d)`.
        facets: `(F, d)`, node numbers.
        normals: `(F, d)`, unit normals.

    Returns:
        `(F, d, d)`, unit normals at each corner.
    """
    count, d = facets.shape
    first, second = ridges(facets)
    smooth = turn(normals, first, second) < CORNER
    first, second = first[smooth], second[smooth]
    # A place is a facet's corner; those of two facets that share a node and a smooth ridge have one normal.
    same = (facets[first][:, :, None] == facets[second][:, None]).nonzero()
    one, other = first[same[:, 0]] * d + same[:, 1], second[same[:, 0]] * d + same[:, 2]
    label = connected(count * d, one, other)
    corners = nodes[facets]
    if d == 2:
        weight = torch.ones_like(label, dtype=nodes.dtype)
    else:
        a, b = (corners.roll(shift, 1) - corners for shift in (1, -1))
        cosine = (a * b).sum(2) / (a.norm(dim=2) * b.norm(dim=2))
        weight = torch.arccos(cosine.clamp(-1, 1)).flatten()
    sums = torch.zeros(count * d, d, dtype=nodes.dtype, device=nodes.device)
    sums.index_add_(0, label, weight[:, None] * normals.repeat_interleave(d, 0))
    found = sums[label].reshape(count, d, d)
    return found / found.norm(dim=2, keepdim=True)


def lift(corners: Tensor, normals: Tensor, tips: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    r"""Give points of the smooth boundary that facets stand for, over points of the facets.

    The surface through the corners i with the normals n_i lies over the point with barycentric coordinates l_i by
    :math:`\sum_{i<j} l_i l_j (x_j - x_i) . (n_j - n_i) / 2`, exactly so for a quadratic one.

    Args:
        corners: `(F, d, d)`.
        normals: `(F, d)`, unit normals of the facets.
        tips: `(F, d, d)`, unit normals of the smooth boundary at the corners.
        shares: `(Q, d)`, barycentric coordinates.

    Returns:
        Points and unit normals of the smooth boundary, `(F, Q, d)` each.
    """
    x = torch.einsum("qk,fkd->fqd", shares, corners) + _rise(corners, tips, shares)[..., None] * normals[:, None]
    normal = torch.einsum("qk,fkd->fqd", shares, tips)
    return x, normal / normal.norm(dim=2, keepdim=True)


def offsets(corners: Tensor, tips: Tensor) -> Tensor:
    """Estimate how far facets lie from the smooth boundary that they stand for, on average over the facet.

    Args:
        corners: `(F, d, d)`.
        tips: `(F, d, d)`, unit normals of the smooth boundary at the corners.

    Returns:
        `(F,)`; facets have an offset of zero where the boundary is flat.
    """
    d = corners.shape[1]
    # The mean of l_i l_j over a facet is 1 / (d (d + 1)), which at the centre is 1 / d^2.
    centre = corners.new_full((1, d), 1 / d)
    return _rise(corners, tips, centre)[:, 0].abs() * d / (d + 1)


def _rise(corners: Tensor, tips: Tensor, shares: Tensor) -> Tensor:
    total = corners.new_zeros(len(corners), len(shares))
    for i, j in combinations(range(corners.shape[1]), 2):
        bend = ((corners[:, j] - corners[:, i]) * (tips[:, j] - tips[:, i])).sum(1) / 2
        total = total + bend[:, None] * (shares[:, i] * shares[:, j])
    return total


def cavities(nodes: Tensor, facets: Tensor, normals: Tensor) -> list[tuple[Tensor, float]]:
    """Find the balls outside the domain that round concave parts of its boundary wrap around.

    Args:
        nodes: `(N, d)`.
        facets: `(F, d)`, node numbers.
        normals: `(F, d)`, outward unit normals.

    Returns:
        Centre `(d,)` and radius of each ball: those of holes and of fillets.
    """
    first, second = bends(facets, normals)
    centres = nodes[facets].mean(1)
    # Seen from a concave boundary, the neighbour lies on the outer side of the facet.
    concave = ((centres[second] - centres[first]) * normals[first]).sum(1) > 0
    first, second = first[concave], second[concave]
    label = connected(len(facets), first, second)
    found = []
    for run in label[torch.cat([first, second])].unique():
        x = nodes[facets[label == run].unique()]
        if len(x) > nodes.shape[1] + 1 and (ball := _ball(x)) is not None:
            found.append(ball)
    return found


def _ball(x: Tensor) -> tuple[Tensor, float] | None:
    """Fit a sphere, |x|^2 = 2 c.x + k, and take the largest ball around its centre that holds no point."""
    matrix = torch.cat([2 * x, torch.ones_like(x[:, :1])], 1)
    fit = torch.linalg.lstsq(matrix, x.square().sum(1, keepdim=True)).solution[:, 0]
    distance = (x - fit[:-1]).norm(dim=1)
    radius = distance.min().item()
    return (fit[:-1], radius) if distance.max().item() - radius < ROUND * radius else None
