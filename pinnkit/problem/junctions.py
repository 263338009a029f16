"""Places where interfaces meet or bend, near which solutions are singular."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..domains import Domain, Mesh, Points, SpaceTime
from ..domains.mesh import MeshPiece
from ..jets import LAPLACIAN
from .residual import Residual, order

if TYPE_CHECKING:
    from .problem import Problem

AROUND, NEAR = 360, 1e-4
"""Directions around a place, and the distance, relative to the domain, at which coefficients are looked at there."""
REGULAR = 0.97
"""Solutions are singular where an exponent is smaller."""
BENT = math.cos(math.radians(20))
"""Cosine of the angle from which on facets of an interface meet at a corner, and do not stand for a curve."""


def singular_junctions(problem: Problem) -> list[tuple[Tensor, float]]:
    r"""Find the singular places of interfaces in the plane, with the exponents of the distance there.

    Around a place the solution of :math:`\nabla \cdot (k \nabla u) = 0` behaves as :math:`r^\lambda \mu(\theta)` with
    :math:`-(k \mu')' = \lambda^2 k \mu`, of which the smallest positive exponent is found by linear finite elements
    in the angle (on the boundary for values and for fluxes that vanish).

    Args:
        problem: the problem; its domain has regions.

    Returns:
        Places ``(2,)`` and exponents below `REGULAR`; none but in plane domains, with or without time.

    Reference:
        Kellogg 1974, doi:10.1080/00036817408839086.
    """
    domain = problem.domain.space if isinstance(problem.domain, SpaceTime) else problem.domain
    if domain.dimension != 2 or not domain.regions:
        return []
    size = (domain.bounds[1] - domain.bounds[0]).norm().item()
    angle = 2 * math.pi * (torch.arange(AROUND, dtype=torch.float64) + 0.5) / AROUND
    circle = NEAR * size * torch.stack([torch.cos(angle), torch.sin(angle)], 1)
    found = []
    for place in _candidates(domain, size):
        x = place + circle
        inside = domain.contains(x)
        if len(domain.regions.locate(x)[inside].unique()) < 2:
            continue
        if isinstance(problem.domain, SpaceTime):
            x = torch.cat([x, torch.full_like(x[:, :1], problem.domain.time.t0 + problem.domain.time.measure / 2)], 1)
        exponents = [_exponent(_leading(r, x, problem), inside) for r in [*problem.equations, *problem.factors]]
        if exponents and min(exponents) < REGULAR:
            found.append((place, min(exponents)))
    return found


def _candidates(domain: Domain, size: float) -> Tensor:
    """Give the ends of straight sides of all parts, and of a mesh the nodes where interfaces meet or bend."""
    if not isinstance(domain, Mesh):
        ends = torch.cat([part._straight() for part in domain.regions.values()]).reshape(-1, 2)
    else:
        pieces = [piece for between in domain.regions.interfaces for piece in between.pieces]
        corners = [piece.corners for piece in pieces if isinstance(piece, MeshPiece)]
        if not corners:  # the groups do not touch
            return domain.bounds.new_zeros(0, 2)
        facets = torch.cat(corners)
        number = (facets / (NEAR * size)).round().reshape(-1, 2).unique(dim=0, return_inverse=True)[1]
        along = facets[:, 1] - facets[:, 0]
        along = (along / along.norm(dim=1, keepdim=True)).repeat_interleave(2, 0)
        counts = torch.bincount(number)
        away = along * along.new_tensor([1.0, -1.0]).repeat(len(facets))[:, None]
        outer = along.new_zeros(len(counts), 2).index_add(0, number, away)
        # Two unit vectors that leave a node along one line add up to nothing.
        bent = (counts != 2) | (outer.square().sum(1) > 2 - 2 * BENT)
        ends = facets.reshape(-1, 2)[bent[number]]
    return _distinct(ends, NEAR * size)


def _distinct(points: Tensor, apart: float) -> Tensor:
    """Leave out points that are next to an earlier one."""
    near = torch.cdist(points, points) < apart
    return points[~near.tril(-1).any(1)]


def _leading(residual: Residual, x: Tensor, problem: Problem) -> Tensor:
    """Give the mean coefficient of the highest derivatives in space at points, ``(n,)``; ones where there are none."""
    points = Points(x, problem.coordinates.names, regions=problem.domain.regions)
    space, total = {*problem.coordinates.space}, torch.zeros_like(x[:, 0])
    slopes = [
        (key, slope) for found in residual.linearise(residual.zero(points), points)[1].values()
        for key, slope in found.items() if key == LAPLACIAN or {*key} <= space
    ]  # fmt: skip
    highest = order([key for key, _ in slopes])
    for key, slope in slopes:
        if order([key]) == highest > 0:
            total = total + slope.abs()
    return total if total.min() > 0 else torch.ones_like(total)


def _exponent(k: Tensor, inside: Tensor) -> float:
    """Give the least positive exponent for coefficients in so many even sectors, of which some are in the domain."""
    n, h = len(k), 2 * math.pi / len(k)
    k = torch.where(inside, k, 0.0)
    at, following = torch.arange(n), (torch.arange(n) + 1) % n
    stiff, mass = torch.zeros(n, n).double(), torch.zeros(n, n).double()
    for i, j, s, m in ((at, at, 1, 2), (following, following, 1, 2), (at, following, -1, 1), (following, at, -1, 1)):
        stiff.index_put_((i, j), s * k / h, accumulate=True)
        mass.index_put_((i, j), m * k * h / 6, accumulate=True)
    used = mass.diagonal() > 0
    ends = used & (inside != inside.roll(1))
    least = []
    for free in (used, used & ~ends):
        values = _eigenvalues(stiff[free][:, free], mass[free][:, free])
        least.append(values[values > 1e-6].min().clamp_min(0).sqrt().item())
    return min(least)


def _eigenvalues(stiff: Tensor, mass: Tensor) -> Tensor:
    lower = torch.linalg.cholesky(mass)
    half = torch.linalg.solve_triangular(lower, stiff, upper=False)
    return torch.linalg.eigvalsh(torch.linalg.solve_triangular(lower, half.mT, upper=False))
