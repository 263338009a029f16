"""Spaces for domains with holes and corners: one part on the domain, one in coordinates of its own around each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..errors import InputError
from .core import CoreMap
from .corner import CornerMap, PolarMap
from .space import Space

SHARE, LARGEST = 0.25, 0.4
"""Part of the functions for each chart, and for all together; one feature has as much."""
SPREAD = 0.7


class Inversion(nn.Module):
    r"""Inversion in a sphere, :math:`y = R (x - c) / |x - c|^2`: the outside of the ball becomes the unit ball.

    Args:
        centre: c, shape ``(d,)``.
        radius: R.
    """

    def __init__(self, centre: Tensor, radius: float) -> None:
        """Keep the sphere; see the class."""
        super().__init__()
        self.register_buffer("centre", centre.to(torch.float64))
        self.radius = radius

    def forward(self, x: Any) -> Any:
        """Map points ``(n, d)`` outside the ball into the unit ball."""
        away = x - self.centre
        return self.radius * away / (away * away).sum(-1, keepdim=True)


class Charts(Space):
    r"""A direct sum of spaces: on the domain, in the inverted coordinates of each cavity, and straightened corners.

    The analytic continuation of a solution ends inside the holes of its domain, so that a basis of entire functions
    needs frequencies of the order of a few over their radius. In inverted coordinates the part of the solution that
    decays from a hole is smooth again (the decomposition behind Laurent series). Each cavity has the functions of a
    space of low frequency in y, and :math:`\log |y|^2` in two dimensions or :math:`|y|^{d-2}` above. (Our choice.)
    At corners derivatives are unbounded, and at features large; see `CornerMap` and `CoreMap` for the coordinates in
    which they are not.

    Args:
        space: the part on the domain.
        cavities: centre ``(d,)`` and radius of each.
        around: the part around each cavity and corner; of the same kind by default.
        corners: the map of each corner or feature.

    Raises:
        InputError: there is neither cavity nor corner.

    Reference:
        Kondratiev 1967 (corners).
    """

    spectral = True
    frozen = True

    def __init__(
        self,
        space: Space,
        cavities: Sequence[tuple[Tensor, float]] = (),
        around: Space | None = None,
        corners: Sequence[CornerMap | PolarMap | CoreMap] = (),
    ) -> None:
        """Keep the parts; see the class."""
        super().__init__()
        self.inside, self.around = space, around or space
        self.cavities, self.corners = list(cavities), list(corners)
        self.references = ("kondratiev1967boundary",) if corners else ()
        if not self.count:
            raise InputError("charts need at least one cavity or corner; without them take the space itself.")

    @property
    def title(self) -> str:
        """Name for reports."""
        return f"{self.inside.title} with {self.count} chart{'s' * (self.count > 1)}"

    @property
    def count(self) -> int:
        """Number of charts besides the domain's own coordinates."""
        return len(self.cavities) + len(self.corners)

    def resized(self, size: int) -> Self:
        """Share the functions out: three fifths at least for the domain, see `SHARE`."""
        features = any(isinstance(chart, CoreMap) for chart in self.corners)
        share = min(LARGEST if features else SHARE, LARGEST / self.count)
        around = self.around.resized(max(8, round(share * size)))
        inside = self.inside.resized(max(8, round((1 - share * self.count) * size)))
        unchanged = around is self.around and inside is self.inside
        return self if unchanged else type(self)(inside, self.cavities, around, self.corners)

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        self.inversions = nn.ModuleList(Inversion(centre, radius) for centre, radius in self.cavities)
        parts = [self.inside.build(_cube(inputs), 1, generator, frequencies)]
        for _ in self.cavities:
            parts.append(self._low(inputs, generator))
        self.straightened = nn.ModuleList(self.corners)
        parts += [self._low(corner.dimension, generator) for corner in self.corners]
        sizes = [part.size for part in parts]
        for part in parts:
            del part.head  # the direct sum has one head
        self.parts = nn.ModuleList(parts)
        return sum(sizes) + len(self.cavities)

    def _low(self, inputs: int, generator: torch.Generator) -> Space:
        """Draw a part around a cavity or corner."""
        low = SPREAD * math.pi * torch.randn(512, inputs, generator=generator, dtype=torch.float64)
        return self.around.build(_cube(inputs), 1, generator, low)

    def _basis(self, x: Any) -> Any:
        parts: list[Any] = list(self.parts)
        columns = [parts[0].basis(x)]
        x = x * self.halfwidth + self.centre
        around, corners = parts[1 : len(self.inversions) + 1], parts[len(self.inversions) + 1 :]
        for inversion, part in zip(self.inversions, around, strict=True):
            y = inversion(x)
            square = (y * y).sum(-1, keepdim=True)
            d = y.shape[-1]
            columns += [part.basis(y), torch.log(square) if d == 2 else square ** (d / 2 - 1)]
        maps: list[Any] = list(self.straightened)
        for straight, part in zip(maps, corners, strict=True):
            y = straight(x)
            basis, window = part.basis(y), straight.window(y)
            columns.append(basis if window is None else basis * window)
        return torch.cat(columns, -1)


def _cube(dimension: int) -> Tensor:
    return torch.tensor([[-1.0] * dimension, [1.0] * dimension], dtype=torch.float64)
