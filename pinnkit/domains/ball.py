"""Disks, and balls of any dimension."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .approximate_distance import round_wall
from .arguments import positive, vector
from .boundary import Piece
from .domain import Domain
from .points import Points
from .quadrature import gauss_jacobi, gauss_sphere


def direction_coordinates(dimension: int) -> int:
    """Return the number of unit coordinates that `directions` takes."""
    return dimension - 1 if 1 < dimension <= 3 else dimension


def directions(unit: Tensor, dimension: int) -> Tensor:
    """Map the unit cube onto the unit sphere, uniform to uniform.

    The angle in two dimensions, Archimedes' cylinder in three, normalised normal deviates beyond.

    Args:
        unit: `(n, k)` with k = `direction_coordinates(dimension)`.
        dimension: d.

    Returns:
        `(n, d)`.
    """
    if dimension == 1:
        return torch.where(unit < 0.5, -1.0, 1.0).to(unit)
    if dimension <= 3:
        angle = 2 * math.pi * unit[:, 0]
        circle = torch.stack([angle.cos(), angle.sin()], dim=1)
        if dimension == 2:
            return circle
        height = 2 * unit[:, 1:] - 1
        return torch.cat([(1 - height**2).sqrt() * circle, height], dim=1)
    normal = torch.special.ndtri(unit)
    return normal / torch.linalg.vector_norm(normal, dim=1, keepdim=True)


def sphere(name: str, center: Tensor, radius: float, outward: float = 1.0) -> Piece:
    """Compose the boundary piece that is a sphere (a circle in two dimensions).

    Args:
        name: the name of the piece.
        center: `(d,)`.
        radius: its radius.
        outward: 1 if its outside is outside the domain, -1 if it is the wall of a hole.

    Returns:
        The piece.
    """
    d = len(center)

    def place(unit: Tensor) -> tuple[Tensor, Tensor]:
        direction = directions(unit, d)
        return center + radius * direction, outward * direction

    def rule(n: int) -> tuple[Tensor, Tensor]:
        return gauss_sphere(max(1, math.ceil((n / 2) ** (1 / max(d - 1, 1)) - 1e-6)), d)

    area = d * unit_ball(d) * math.prod([radius] * (d - 1))
    return Piece(
        name, area, direction_coordinates(d), place, rule=rule if d <= 3 else None,
        distances=round_wall(center, radius, outward),
    )  # fmt: skip


def polar(
    center: Tensor, radii: Tensor, weights: Tensor, m: int, names: tuple[str, ...]
) -> tuple[Points, Tensor]:
    """Compose a quadrature rule of spheres.

    Args:
        center: `(d,)`.
        radii: `(q,)`, of the spheres.
        weights: `(q,)`, what the nodes of each sphere weigh together.
        m: fineness of the rule on each, see `gauss_sphere`.
        names: of the coordinates.

    Returns:
        Nodes and weights.
    """
    unit, share = gauss_sphere(m, len(center))
    x = center + radii[:, None, None] * directions(unit, len(center))
    return Points(x.flatten(0, 1), names), (weights[:, None] * share).flatten()


def unit_ball(dimension: int) -> float:
    """Return the volume of the unit ball, pi^(d/2) / Gamma(d/2 + 1)."""
    return math.exp(dimension / 2 * math.log(math.pi) - math.lgamma(dimension / 2 + 1))


class Ball(Domain):
    """The ball |x - center| <= radius; its boundary is the piece "sphere"."""

    piece_name = "sphere"

    def __init__(self, center: Any, radius: float, names: Sequence[str] | None = None) -> None:
        """Check and keep centre and radius.

        Args:
            center: `(d,)`.
            radius: the radius.
            names: the coordinate names.
        """
        self.center = vector(center, f"the center of a {type(self).__name__.lower()}")
        self.radius = positive(radius, f"the radius of a {type(self).__name__.lower()}")
        super().__init__(torch.stack([self.center - self.radius, self.center + self.radius]), names)
        self.unit_dimension = direction_coordinates(self.dimension) + 1

    @property
    def measure(self) -> float:
        """Volume, pi^(d/2) / Gamma(d/2 + 1) radius^d."""
        return unit_ball(self.dimension) * math.prod([self.radius] * self.dimension)

    def _quadrature(self, n: int) -> tuple[Points, Tensor] | None:
        d = self.dimension
        if d > 3:
            return None
        m = max(1, math.ceil((n / 2) ** (1 / d) - 1e-6))
        inward, radial = gauss_jacobi(m, d - 1)
        return polar(self.center, self.radius * (1 - inward), self.measure * radial, m, self.names)

    def implicit(self, x: Any) -> Any:
        """Evaluate a function that is positive inside; see Domain."""
        return round_wall(self.center, self.radius, 1.0).within(x)

    def _distance(self, x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x - self.center.to(x), dim=-1) - self.radius

    def place(self, unit: Tensor) -> Tensor:
        """Map the unit cube onto the ball, uniform to uniform.

        Args:
            unit: `(n, k)`, the last coordinate being the share of the volume within the radius.

        Returns:
            `(n, d)`.
        """
        r = self.radius * unit[:, -1:] ** (1 / self.dimension)
        return self.center + r * directions(unit[:, :-1], self.dimension)

    def _pieces(self) -> list[Piece]:
        return [sphere(self.piece_name, self.center, self.radius)]


class Disk(Ball):
    """The disk |x - center| <= radius in the plane; its boundary is the piece "circle"."""

    piece_name = "circle"

    def __init__(self, center: Any, radius: float, names: Sequence[str] | None = None) -> None:
        """Check and keep centre and radius.

        Args:
            center: `(2,)`.
            radius: the radius.
            names: the coordinate names.

        Raises:
            InputError: if the centre is not in the plane, or the radius not positive.
        """
        super().__init__(center, radius, names)
        if self.dimension != 2:
            raise InputError(
                f"a disk has a center (x, y), got {self.center.tolist()}: use Ball in other dimensions"
            )
