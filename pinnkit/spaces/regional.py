"""A space for a domain with regions: functions of its own in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from ..jets import Jet, plain
from .space import Space

if TYPE_CHECKING:
    from ..domains import Regions


class Regional(Space):
    r"""Functions of their own in each region: :math:`u(x) = \sum_m c_{im} \psi_{im}(x)` for x in region i.

    Each region has a space that is scaled to its own bounding box, a constant and the coordinates; its functions vanish
    in all other regions. So solutions may have kinks and jumps where materials meet; conditions on the interfaces join
    them. (As in domain decomposition by extreme learning machines, Dong and Li 2021, with regions for cells.)

    Args:
        spaces: one for each region.
        regions: of the domain.
    """

    formula = "phi_im = psi_im(x) in region i, 0 elsewhere"
    references = ("dong2021local",)

    def __init__(self, spaces: Sequence[Space], regions: Regions) -> None:
        """Keep them; see the class."""
        super().__init__()
        self.spaces, self.regions = [*spaces], regions
        self.spectral = any(space.spectral for space in spaces)
        self.frozen = all(space.frozen for space in spaces)

    @property
    def title(self) -> str:
        """Name for reports."""
        return f"{self.spaces[0].title} in {len(self.regions)} regions"

    def resized(self, size: int) -> Self:
        """Share the functions out evenly."""
        spaces = [space.resized(max(3, size // len(self.spaces))) for space in self.spaces]
        return type(self)(spaces, self.regions)

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        frequencies = None if frequencies is None else frequencies / self.halfwidth
        parts = [
            space.build(part.bounds, 1, generator, frequencies)
            for space, part in zip(self.spaces, self.regions.values(), strict=True)
        ]
        self.sizes = [part.size + inputs + 1 for part in parts]
        for part in parts:
            del part.head  # all regions have one head
        self.parts = nn.ModuleList(parts)
        return sum(self.sizes)

    def basis(self, x: Any) -> Any:
        """Evaluate the functions at points ``(n, d)``, ``(n, M)``; only those of each point's own region are."""
        label = self.regions.locate(plain(x))
        found, order, before = [], [], 0
        parts: list[Any] = list(self.parts)
        for number, (part, size) in enumerate(zip(parts, self.sizes, strict=True)):
            here = (label == number).nonzero()[:, 0]
            if len(here):
                own = part.basis(x[here])
                y = (x[here] - part.centre) / part.halfwidth
                own = torch.cat([own, y, torch.ones_like(y[:, :1])], -1)
                found.append(_beside(own, before, sum(self.sizes) - before - size))
                order.append(here)
            before += size
        if not found:
            return x[:, :1].expand(0, before)
        return torch.cat(found, 0)[torch.cat(order).argsort()]

    def _basis(self, x: Any) -> Any:
        return self.basis(x * self.halfwidth + self.centre)


def _beside(own: Any, left: int, right: int) -> Any:
    """Put columns of zeros on both sides of a matrix or a jet of one."""
    if isinstance(own, Jet):
        return own.each(_beside, left, right)
    return torch.nn.functional.pad(own, (left, right))
