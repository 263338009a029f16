"""Spaces for domains with holes and fillets: one part on the domain, one in the inverted coordinates of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from .space import Space

SHARE = 0.25
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
    r"""A direct sum of spaces: on the domain, and in the inverted coordinates of each cavity.

    The analytic continuation of a solution ends inside the holes of its domain, so that a basis of entire functions
    needs frequencies of the order of a few over their radius. In inverted coordinates the part of the solution that
    decays from a hole is smooth again (the decomposition behind Laurent series). Each cavity has the functions of a
    space of low frequency in y, and :math:`\log |y|^2` in two dimensions or :math:`|y|^{d-2}` above. (Our choice.)

    Args:
        space: the part on the domain.
        cavities: centre ``(d,)`` and radius of each.
        around: the part around each cavity; of the same kind by default.
    """

    spectral = True
    frozen = True

    def __init__(
        self, space: Space, cavities: Sequence[tuple[Tensor, float]], around: Space | None = None
    ) -> None:
        """Keep the parts; see the class."""
        super().__init__()
        self.inside, self.around, self.cavities = space, around or space, list(cavities)

    @property
    def title(self) -> str:
        """Name for reports."""
        return f"{self.inside.title} with {len(self.cavities)} chart{'s' * (len(self.cavities) > 1)}"

    def resized(self, size: int) -> Self:
        """Share the functions out: a quarter for each cavity, but three fifths at least for the domain."""
        share = min(SHARE, 0.4 / len(self.cavities))
        around = self.around.resized(max(8, round(share * size)))
        inside = self.inside.resized(max(8, round((1 - share * len(self.cavities)) * size)))
        unchanged = around is self.around and inside is self.inside
        return self if unchanged else type(self)(inside, self.cavities, around)

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        box = torch.tensor([[-1.0] * inputs, [1.0] * inputs], dtype=torch.float64)
        self.inversions = nn.ModuleList(Inversion(centre, radius) for centre, radius in self.cavities)
        parts = [self.inside.build(box, 1, generator, frequencies)]
        for _ in self.cavities:
            low = SPREAD * math.pi * torch.randn(512, inputs, generator=generator, dtype=torch.float64)
            parts.append(self.around.build(box, 1, generator, low))
        sizes = [part.size for part in parts]
        for part in parts:
            del part.head  # the direct sum has one head
        self.parts = nn.ModuleList(parts)
        return sum(sizes) + len(self.cavities)

    def _basis(self, x: Any) -> Any:
        parts: list[Any] = list(self.parts)
        columns = [parts[0].basis(x)]
        x = x * self.halfwidth + self.centre
        for inversion, part in zip(self.inversions, parts[1:], strict=True):
            y = inversion(x)
            square = (y * y).sum(-1, keepdim=True)
            d = y.shape[-1]
            columns += [part.basis(y), torch.log(square) if d == 2 else square ** (d / 2 - 1)]
        return torch.cat(columns, -1)
