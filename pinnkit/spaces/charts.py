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
        space: the kind of all the parts.
        cavities: centre ``(d,)`` and radius of each.
    """

    spectral = True

    def __init__(self, space: Space, cavities: Sequence[tuple[Tensor, float]]) -> None:
        """Keep the parts; see the class."""
        super().__init__()
        self.kind, self.cavities = space, list(cavities)

    def resized(self, size: int) -> Self:
        """Share the functions out: a quarter for each cavity, three fifths at least for the domain."""
        here = min(SHARE, 0.4 / len(self.cavities))
        part = self.kind.resized(max(8, round(here * size)))
        if part is self.kind:
            return self
        made = type(self)(self.kind.resized(max(8, round((1 - here * len(self.cavities)) * size))), self.cavities)
        made.part = part
        return made

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        box = torch.tensor([[-1.0] * inputs, [1.0] * inputs], dtype=torch.float64)
        kind = getattr(self, "part", self.kind)
        self.domain = self.kind.build(box, 1, generator, frequencies)
        self.inversions = nn.ModuleList(Inversion(c, r) for c, r in self.cavities)
        self.around = nn.ModuleList()
        for _ in self.cavities:
            low = SPREAD * math.pi * torch.randn(512, inputs, generator=generator, dtype=torch.float64)
            self.around.append(kind.build(box, 1, generator, low))
        sizes = [self.domain.size, *(space.size + 1 for space in self.around)]
        for space in (self.domain, *self.around):
            del space.head
        self.name = type(self.kind).__name__
        del self.kind
        return sum(sizes)

    def _basis(self, x: Any) -> Any:
        parts = [self.domain.basis(x)]
        away = x * self.halfwidth + self.centre
        for inversion, space in zip(self.inversions, self.around, strict=True):
            y = inversion(away)
            square = (y * y).sum(-1, keepdim=True)
            d = y.shape[-1]
            parts += [space.basis(y), torch.log(square) if d == 2 else square ** (d / 2 - 1)]
        return torch.cat(parts, -1)
