"""Corners of plane domains, found from the straight edges of their operands."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

# Distance from a vertex, relative to the diagonal, at which the sectors around it are looked at.
PROBE = 1e-6
# Angles, and lengths relative to the diagonal, that count as equal.
EQUAL = 1e-9
CUTS, STEPS = 9, 256


@dataclass(frozen=True, eq=False)
class Corner:
    r"""A vertex of the boundary, and the sector around it that the domain fills.

    The solution of a second-order equation behaves at the vertex like :math:`r^p \sin(p \theta)`, where p is
    pi over the opening if both edges have conditions of one kind, and half of it if one has values and the other
    normal derivatives (Kondratiev 1967).

    Args:
        vertex: float64 `(2,)`.
        opening: angle of the sector, in (0, 2 pi].
        bisector: direction of its middle, the angle with the first axis.
        exponent: p.
        bounds: bounding box of the domain, `(2, 2)`.
        contains: tells which points are in the domain.
    """

    vertex: Tensor
    opening: float
    bisector: float
    exponent: float
    bounds: Tensor
    contains: Callable[[Tensor], Tensor]

    @cached_property
    def cut(self) -> tuple[float, float]:
        """A direction outside the domain, and how far away it meets the domain again (infinite if it does not).

        A power of the complex coordinate is cut there. The farther the better; the middle of the outside wins a tie.
        """
        share = torch.arange(1, CUTS + 1, dtype=torch.float64) / (CUTS + 1)
        share = share[(share - 0.5).abs().argsort(stable=True)]
        angle = self.bisector + self.opening / 2 + (2 * math.pi - self.opening) * share
        ray = torch.stack([torch.cos(angle), torch.sin(angle)], 1)
        steps = self.farthest * torch.arange(1, STEPS + 1, dtype=torch.float64) / STEPS
        met = self.contains((self.vertex + steps[:, None, None] * ray).reshape(-1, 2)).reshape(STEPS, CUTS)
        reach = torch.where(met.any(0), steps[met.double().argmax(0)], math.inf)
        best = int(reach.argmax())
        return angle[best].item(), reach[best].item()

    @property
    def farthest(self) -> float:
        """Distance of the farthest corner of the bounding box."""
        corners = torch.cartesian_prod(self.bounds[:, 0], self.bounds[:, 1])
        return (corners - self.vertex).norm(dim=1).max().item()

    @property
    def radius(self) -> float:
        """Up to here there is no branch cut in the domain; at most the farthest distance."""
        return min(self.cut[1], self.farthest)

    @property
    def edges(self) -> Tensor:
        """Unit vectors along the two edges, `(2, 2)`."""
        angle = self.bisector + self.opening / 2 * self.vertex.new_tensor([-1.0, 1.0])
        return torch.stack([torch.cos(angle), torch.sin(angle)], 1)

    def distance(self, x: Tensor) -> Tensor:
        """Distance of points `(n, 2)` from the vertex in units of the radius, one at most, `(n,)`."""
        return (torch.linalg.vector_norm(x - self.vertex.to(x), dim=1) / self.radius).clamp_max(1)

    def place(self, unit: Tensor) -> Tensor:
        r"""Map the unit square to the sector, even in the coordinates :math:`z^{\pi/(2 \omega)}` for the opening omega.

        Args:
            unit: `(n, 2)`.

        Returns:
            `(n, 2)`.
        """
        # The square root of the first makes points even in a disk, and the power 2 omega / pi maps the disk back.
        r = self.radius * unit[:, :1] ** (self.opening / math.pi)
        angle = self.bisector + self.opening * (unit[:, 1] - 0.5)
        return self.vertex + r * torch.stack([torch.cos(angle), torch.sin(angle)], 1)


def find_corners(edges: Tensor, bounds: Tensor, contains: Callable[[Tensor], Tensor]) -> list[Corner]:
    """Find the corners of a plane domain among the ends and crossings of straight edges.

    Args:
        edges: segments that the straight parts of its boundary lie on, `(m, 2, 2)`.
        bounds: its bounding box, `(2, 2)`.
        contains: tells which points are in it.

    Returns:
        The corners; points between two edges in line with each other count, too.
    """
    size = torch.linalg.vector_norm(bounds[1] - bounds[0]).item()
    found: list[Corner] = []
    for point in _candidates(edges, EQUAL * size):
        for start, opening in _sectors(point, edges, size, contains):
            middle = math.remainder(start + opening / 2, 2 * math.pi)
            found.append(Corner(point, opening, middle, math.pi / opening, bounds, contains))
    return found


def _candidates(edges: Tensor, tolerance: float) -> Tensor:
    """Ends of segments, and crossings of any two, each once; `(c, 2)`."""
    a, along = edges[:, 0], edges[:, 1] - edges[:, 0]
    i, j = torch.triu_indices(len(edges), len(edges), 1)
    between = a[j] - a[i]
    turn = _cross(along[i], along[j])
    parallel = turn.abs() <= EQUAL * along[i].norm(dim=1) * along[j].norm(dim=1)
    turn = torch.where(parallel, torch.ones_like(turn), turn)
    s, t = _cross(between, along[j]) / turn, _cross(between, along[i]) / turn
    meet = ~parallel & (torch.stack([s, t]) >= -EQUAL).all(0) & (torch.stack([s, t]) <= 1 + EQUAL).all(0)
    points = torch.cat([edges.reshape(-1, 2), (a[i] + s[:, None] * along[i])[meet]])
    near = torch.cdist(points, points) <= 8 * tolerance
    # A point stays if no earlier one is near.
    return points[~near.tril(-1).any(1)]


def _sectors(
    point: Tensor, edges: Tensor, size: float, contains: Callable[[Tensor], Tensor]
) -> list[tuple[float, float]]:
    """First direction and opening of the sectors around a point that are in the domain."""
    along = edges[:, 1] - edges[:, 0]
    share = ((point - edges[:, 0]) * along).sum(1) / along.square().sum(1)
    nearest = edges[:, 0] + share.clamp(0, 1)[:, None] * along
    ends = edges[(nearest - point).norm(dim=1) <= 10 * EQUAL * size].reshape(-1, 2) - point
    ends = ends[ends.norm(dim=1) > 10 * EQUAL * size]
    angles = torch.remainder(torch.atan2(ends[:, 1], ends[:, 0]), 2 * math.pi).sort().values
    if len(angles) > 0:
        gap = torch.remainder(angles - angles.roll(1), 2 * math.pi)
        angles = angles[(gap > EQUAL) & (gap < 2 * math.pi - EQUAL)]
    if len(angles) < 2:
        return []
    gaps = torch.remainder(angles.roll(-1) - angles, 2 * math.pi)
    middle = angles + gaps / 2
    inside = contains(point + PROBE * size * torch.stack([torch.cos(middle), torch.sin(middle)], 1)).tolist()
    starts = [k for k in range(len(gaps)) if inside[k] and not inside[k - 1]]
    sectors = []
    for k in starts:
        opening = 0.0
        for more in range(len(gaps)):
            if not inside[(k + more) % len(gaps)]:
                break
            opening += gaps[(k + more) % len(gaps)].item()
        sectors.append((angles[k].item(), opening))
    return sectors


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
