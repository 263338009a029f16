"""Where the facets of a mesh stand for a curved boundary, and the cavities that such boundaries wrap around."""

import math

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
    angle = torch.arccos((normals[first] * normals[second]).sum(1).clamp(-1, 1))
    bent = (angle > FLAT) & (angle < CORNER)
    return first[bent], second[bent]


def offsets(nodes: Tensor, facets: Tensor, normals: Tensor) -> Tensor:
    """Estimate how far facets lie from the smooth boundary that they stand for, on average over the facet.

    A boundary that turns by the angle a over the distance l between the centres of neighbours is off by a l / 12.

    Args:
        nodes: `(N, d)`.
        facets: `(F, d)`, node numbers.
        normals: `(F, d)`, unit normals.

    Returns:
        `(F,)`, zero for flat sides.
    """
    first, second = bends(facets, normals)
    centres = nodes[facets].mean(1)
    # 2 arcsin(|difference| / 2) keeps the digits of small angles, which arccos loses.
    angle = 2 * torch.arcsin((normals[first] - normals[second]).norm(dim=1) / 2)
    offset = angle * (centres[first] - centres[second]).norm(dim=1) / 12
    both = torch.cat([first, second])
    return nodes.new_zeros(len(facets)).scatter_reduce(0, both, offset.repeat(2), "amax")


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
    label = torch.arange(len(facets))
    while True:
        least = torch.minimum(label[first], label[second])
        spread = label.scatter_reduce(0, torch.cat([first, second]), torch.cat([least, least]), "amin")
        if torch.equal(spread, label):
            break
        label = spread
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
