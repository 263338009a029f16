"""How finely functions vary from place to place, and points and bells spread accordingly."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...domains import Domain
from ...jets import evaluate
from ...problem import PeriodicEmbedding
from ...spaces import RadialGaussians

CLOUD = {1: 3000, 2: 1500}
POOL = 4
FREQUENCIES = 4096
MARGIN = 0.3
"""How far around the domain bells may sit, in its halfwidths."""
LONGEST = 1.0
GRADING = 0.8
"""How fast the local length may grow with distance. (Our choice, as the two numbers below.)"""
SMOOTHING = 1.0
FLAT = 1e-3
OVERLAP = 1.7
"""Width of a bell in spacings: narrower ones interpolate worse than 1e-8, wider ones depend on each other."""
OVERSAMPLING = 3.0


class Resolution:
    r"""The local length of functions on a domain, in coordinates scaled to [-1, 1] (to angles along periodic axes).

    At each point of a cloud the length is :math:`((|\nabla u| / U)^2 + |D^2 u| / U)^{-1/2}`, with the range U of u, the
    least of all unknowns and all functions given; it is then made to grow no faster than by `GRADING` with the
    distance, because a function stays as hard to approximate near a layer as its poles in the complex plane are near.

    Args:
        domain: without time.
        embedding: of its periodic axes, or None.
    """

    def __init__(self, domain: Domain, embedding: PeriodicEmbedding | None) -> None:
        """Lay the cloud; see the class."""
        self.domain, self.embedding = domain, embedding
        low, high = domain.bounds
        d = domain.dimension
        self.periodic = torch.tensor([embedding is not None and a in embedding.axes for a in range(d)])
        self.unit = torch.where(self.periodic, (high - low) / (2 * math.pi), (high - low) / 2)
        margin = torch.where(self.periodic, torch.zeros(d), MARGIN * torch.ones(d)) * (high - low) / 2
        n = CLOUD.get(d, CLOUD[2])
        if d == 1:
            unit = ((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]
        else:
            unit = torch.quasirandom.SobolEngine(d, scramble=False).draw(n, dtype=torch.float64)
        self.cloud = low - margin + unit * (high - low + 2 * margin)
        self.volume = ((high - low + 2 * margin) / self.unit).prod().item() / n
        self.inside = domain.contains(self.cloud)
        self.length = torch.full((n,), LONGEST, dtype=torch.float64)
        # Lengths are compared between every point and a few: on a line, every fourth.
        self.few = torch.arange(n) if d > 1 else torch.arange(n)[POOL // 2 :: POOL]
        y = self.scaled(self.cloud)
        self.away = torch.cdist(y, y[self.few], compute_mode="donot_use_mm_for_euclid_dist")
        self.finest = (self.volume ** (1 / d)) * (POOL if d == 1 else 1)
        self.beyond = self.away[:, self.inside[self.few]].amin(1)

    def scaled(self, x: Tensor) -> Tensor:
        """Map points to the coordinates that the bells see, shape ``(n, d')``."""
        bounds = self.domain.bounds
        if self.embedding is not None:
            x, bounds = self.embedding(x), self.embedding.bounds(bounds)
        return (x - bounds.mean(0)) / ((bounds[1] - bounds[0]) / 2)

    @torch.no_grad()
    def measure(self, functions: Sequence[Callable[[Any], Any]]) -> None:
        """Take the local length from functions of points ``(n, d)`` with values ``(n, K)``."""
        x = self.cloud[self.inside]
        d = x.shape[1]
        inverse = torch.full((len(x),), 1 / LONGEST**2, dtype=torch.float64)
        for function in functions:
            found = evaluate(function, x, [(), *((a,) for a in range(d)), *((a, a) for a in range(d))])
            # Where a function is all but constant, its rounding errors must not count as detail.
            size = torch.maximum(found[()].amax(0) - found[()].amin(0), FLAT * found[()].abs().amax(0))
            size = size.clamp_min(1e-300)
            slope = sum((found[a,] * self.unit[a]).square() for a in range(d))
            bend = sum((found[a, a] * self.unit[a] ** 2).abs() for a in range(d))
            here = (slope / size**2 + bend / size).amax(1)
            inverse = torch.maximum(inverse, torch.nan_to_num(here, 1 / LONGEST**2))
        squares = torch.full((len(self.cloud),), math.inf, dtype=torch.float64)
        squares[self.inside] = 1 / inverse
        self._settle(squares)

    def refine(self, points: Tensor) -> bool:
        """Halve the local length around points ``(n, d)``; tell whether the cloud was fine enough for that."""
        y, around = self.scaled(self.cloud), self.scaled(points)
        nearest = torch.cdist(around, y).argmin(1).unique()
        if self.length[nearest].min() < self.finest:
            return False
        squares = self.length.square()
        squares[nearest] /= 4
        self._settle(squares)
        return True

    def _settle(self, squares: Tensor) -> None:
        """Let the squares of the length grow no faster than allowed, and smooth them."""
        if self.cloud.shape[1] == 1:
            squares = squares.reshape(-1, POOL).amin(1)
        squares = (squares + (GRADING * self.away).square()).amin(1)
        # Smooth, because bells approximate no better than their widths vary smoothly.
        among = torch.exp(-0.5 * self.away.square() / (SMOOTHING**2 * squares[:, None]))
        self.length = (among @ squares[self.few].log() / among.sum(1).clamp_min(1e-300) / 2).exp()

    def bells(self, fineness: float, generator: torch.Generator) -> RadialGaussians:
        """Place bells at spacings of ``fineness`` local lengths, in the domain and close around it."""
        spacing = fineness * self.length
        x, spacing = self._spread(spacing, self.beyond < 3 * OVERLAP * spacing, 1.0, generator)
        return RadialGaussians(self.scaled(x), OVERLAP * spacing)

    def points(self, fineness: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Place points at a fraction of that spacing in the domain, with weights that sum to one.

        Args:
            fineness: as for the bells.
            generator: source of random numbers.

        Returns:
            Points ``(n, d)`` and weights ``(n,)``.
        """
        x, spacing = self._spread(fineness * self.length, self.inside, OVERSAMPLING, generator)
        weights = spacing ** x.shape[1]
        return x, weights / weights.sum()

    def frequencies(self, fineness: float, generator: torch.Generator) -> Tensor:
        """Draw angular frequencies up to what points at that spacing resolve, shape ``(m, d)``."""
        d = self.cloud.shape[1]
        here = self.length[self.inside]
        here = here[torch.randint(len(here), (FREQUENCIES,), generator=generator)]
        unit = 2 * torch.rand(FREQUENCIES, d, generator=generator, dtype=torch.float64) - 1
        return math.pi * unit / (fineness * here[:, None] * self.unit)

    def _spread(
        self, spacing: Tensor, where: Tensor, more: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        cloud, spacing = self.cloud[where], spacing[where]
        density = spacing ** -cloud.shape[1]
        count = max(8, math.ceil(more * self.volume * density.sum().item()))
        if cloud.shape[1] > 1:
            chosen = torch.multinomial(density, min(count, len(cloud)), generator=generator)
            return cloud[chosen], spacing[chosen]
        # On a line, at equal steps of the cumulative density, with a random start.
        total = torch.cat([density.new_zeros(1), density.cumsum(0)]) / density.sum()
        start = torch.rand(1, generator=generator, dtype=torch.float64)
        at = (torch.arange(count, dtype=torch.float64) + start) / count
        cell = (torch.searchsorted(total, at, right=True) - 1).clamp(0, len(cloud) - 1)
        step = (cloud[1] - cloud[0]).item() if len(cloud) > 1 else 0.0
        share = (at - total[cell]) / (total[cell + 1] - total[cell]) - 0.5
        beside = (cell + share.sign().long()).clamp(0, len(cloud) - 1)
        between = torch.lerp(spacing[cell], spacing[beside], share.abs())
        return cloud[cell] + step * share[:, None], between
