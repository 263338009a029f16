"""Annuli."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .approximate_distance import conjunction, round_wall
from .arguments import positive, vector
from .ball import directions, polar, sphere
from .boundary import Piece
from .domain import Domain
from .points import Points
from .quadrature import gauss_legendre


class Annulus(Domain):
    """The annulus inner <= |x - center| <= outer; its boundary is the pieces "inner" and "outer"."""

    unit_dimension = 2

    def __init__(self, center: Any, inner: float, outer: float, names: Sequence[str] | None = None) -> None:
        """Check and keep centre and radii.

        Args:
            center: `(2,)`.
            inner: the radius of the hole.
            outer: the outer radius.
            names: the coordinate names.

        Raises:
            InputError: if the centre is not in the plane, or not 0 < inner < outer.
        """
        self.center = vector(center, "the center of an annulus")
        self.inner = positive(inner, "the inner radius of an annulus")
        self.outer = positive(outer, "the outer radius of an annulus")
        if len(self.center) != 2:
            raise InputError(
                f"an annulus has a center (x, y), got {self.center.tolist()}: subtract two balls in space"
            )
        if self.outer <= self.inner:
            raise InputError(
                f"the outer radius of an annulus must exceed the inner one, got inner {self.inner:g} "
                f"and outer {self.outer:g}"
            )
        super().__init__(torch.stack([self.center - self.outer, self.center + self.outer]), names)

    @property
    def cavities(self) -> list[tuple[Tensor, float]]:
        """The hole."""
        return [(self.center, self.inner)]

    @property
    def measure(self) -> float:
        """Area, pi (outer^2 - inner^2)."""
        return math.pi * (self.outer - self.inner) * (self.outer + self.inner)

    def _quadrature(self, n: int) -> tuple[Points, Tensor]:
        m = max(1, math.ceil((n / 2) ** 0.5 - 1e-6))
        unit, weights = gauss_legendre(m + 1, 1)
        radii = self.inner + (self.outer - self.inner) * unit[:, 0]
        weights = weights * (self.outer - self.inner) * 2 * math.pi * radii
        return polar(self.center, radii, weights, m, self.names)

    def implicit(self, x: Any) -> Any:
        """Evaluate a function that is positive inside; see Domain."""
        walls = (round_wall(self.center, radius, sign) for radius, sign in ((self.inner, -1.0), (self.outer, 1.0)))
        return conjunction(*(wall.within(x) for wall in walls))

    def _distance(self, x: Tensor) -> Tensor:
        r = torch.linalg.vector_norm(x - self.center.to(x), dim=-1)
        return torch.maximum(self.inner - r, r - self.outer)

    def place(self, unit: Tensor) -> Tensor:
        """Map the unit square onto the annulus, uniform to uniform.

        Args:
            unit: `(n, 2)`.

        Returns:
            `(n, 2)`.
        """
        squared = self.inner**2 + unit[:, 1:] * (self.outer - self.inner) * (self.outer + self.inner)
        return self.center + squared.sqrt() * directions(unit[:, :1], 2)

    def _pieces(self) -> list[Piece]:
        return [sphere("inner", self.center, self.inner, -1.0), sphere("outer", self.center, self.outer)]
