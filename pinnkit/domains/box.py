"""Boxes of any dimension, and intervals."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .approximate_distance import box_face, conjunction
from .arguments import interval, vector
from .boundary import Piece
from .cells import Cells, box_cells
from .domain import Domain
from .points import Points
from .quadrature import gauss_legendre

# Only where the words are beyond doubt: in three dimensions the third axis may be height or depth.
ALIASES = {1: (("left", "right"),), 2: (("left", "right"), ("bottom", "top"))}


class Box(Domain):
    """The box of all x with lower <= x <= upper.

    Its boundary has the pieces "x_min", "x_max", "y_min", ... by coordinate name; in one and two dimensions
    they answer to "left", "right", "bottom" and "top", too.
    """

    def __init__(self, lower: Any, upper: Any, names: Sequence[str] | None = None) -> None:
        """Check and keep the corners.

        Args:
            lower: `(d,)`, the lower corner.
            upper: `(d,)`, the upper corner.
            names: the coordinate names.

        Raises:
            InputError: if the corners do not match or enclose nothing.
        """
        low, high = vector(lower, "the lower corner of a box"), vector(upper, "the upper corner of a box")
        if low.shape != high.shape:
            raise InputError(
                f"the corners of a box must have equally many coordinates, got {len(low)} and {len(high)}"
            )
        super().__init__(torch.stack([low, high]), names)
        for name, a, b in zip(self.names, low.tolist(), high.tolist(), strict=True):
            interval(a, b, f"the side {name} of a box")
        self.unit_dimension = self.dimension

    @property
    def measure(self) -> float:
        """Product of the sides."""
        return math.prod((self.bounds[1] - self.bounds[0]).tolist())

    def _quadrature(self, n: int) -> tuple[Points, Tensor]:
        unit, weights = gauss_legendre(n, self.dimension)
        x = self.bounds[0] + unit * (self.bounds[1] - self.bounds[0])
        return Points(x, self.names), weights * self.measure

    def _cells(self, n: int, breaks: Sequence[Sequence[float]]) -> Cells:
        return box_cells(self.bounds, n, breaks)

    def implicit(self, x: Any) -> Any:
        """Evaluate a function that is positive inside; see Domain."""
        bounds = self.bounds.to(dtype=x.dtype, device=x.device)
        inside = (x - bounds[0]) * (bounds[1] - x) / (bounds[1] - bounds[0])
        result = inside[:, 0]
        for axis in range(1, self.dimension):
            result = conjunction(result, inside[:, axis])
        return result

    def _distance(self, x: Tensor) -> Tensor:
        bounds = self.bounds.to(x)
        beyond = torch.maximum(bounds[0] - x, x - bounds[1])
        outside = torch.linalg.vector_norm(beyond.clamp_min(0), dim=-1)
        return outside + beyond.amax(dim=-1).clamp_max(0)

    def _straight(self) -> Tensor:
        if self.dimension != 2:
            return super()._straight()
        low, high = self.bounds
        ends = torch.stack([low, torch.stack([high[0], low[1]]), high, torch.stack([low[0], high[1]])])
        return torch.stack([ends, ends.roll(-1, 0)], 1)

    def _pieces(self) -> list[Piece]:
        return [self._face(axis, side) for axis in range(self.dimension) for side in (0, 1)]

    def _face(self, axis: int, side: int) -> Piece:
        others = [i for i in range(self.dimension) if i != axis]
        lengths = (self.bounds[1] - self.bounds[0])[others]

        def place(unit: Tensor) -> tuple[Tensor, Tensor]:
            x = self.bounds[side].repeat(len(unit), 1)
            x[:, others] = self.bounds[0, others] + unit * lengths
            normal = torch.zeros_like(x)
            normal[:, axis] = 2.0 * side - 1.0
            return x, normal

        alias = ALIASES[self.dimension][axis][side] if self.dimension in ALIASES else None
        name = f"{self.names[axis]}_{('min', 'max')[side]}"
        k = self.dimension - 1
        rule = partial(gauss_legendre, dimension=k)
        return Piece(
            name, math.prod(lengths.tolist()), k, place, (axis, side), alias, rule=rule,
            distances=box_face(self.bounds, axis, side),
        )  # fmt: skip

    def __mul__(self, other: Any) -> Domain:
        """Return the product with a box or with a time interval.

        Args:
            other: a Box, or Time.

        Returns:
            A Box with the names of both, or the space-time domain.
        """
        if isinstance(other, Box):
            bounds = torch.cat([self.bounds, other.bounds], dim=1)
            return Box(bounds[0], bounds[1], self.names + other.names)
        return super().__mul__(other)


class Interval(Box):
    """The interval [a, b]; its boundary is "x_min" ("left") and "x_max" ("right")."""

    def __init__(self, a: float, b: float, name: str = "x") -> None:
        """Check and keep the ends.

        Args:
            a: the lower end.
            b: the upper end.
            name: the coordinate name.
        """
        low, high = interval(a, b, f"the interval {name}")
        super().__init__([low], [high], [name])
