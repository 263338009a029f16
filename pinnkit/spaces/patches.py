"""Patches: a partition of unity over the boxes of a grid, with a space of its own on each."""

from __future__ import annotations

import itertools
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..errors import InputError
from .lrnn import LRNN
from .space import Space, whole

OVERLAP = 0.25


class Patches(Space):
    r"""Spaces of their own on the overlapping boxes of a grid, joined by a partition of unity.

    The solution is :math:`u = \sum_i w_i(x) u_i(x)` with :math:`\sum_i w_i = 1`. The bounding box is cut into
    ``counts`` cells along each axis; patches reach a quarter of a cell into their neighbours. The weights are products
    of steps with four continuous derivatives. Each function vanishes outside its patch, so that linear least squares
    takes the patches one after the other. (Our choices.)

    Args:
        counts: cells along each axis.
        space: the space on each patch, which serves frozen; LRNN by default.

    Raises:
        InputError: an option is out of range.

    Reference:
        Melenk and Babuska 1996, doi:10.1016/S0045-7825(96)01087-0; Babuska and Melenk 1997,
        doi:10.1002/(SICI)1097-0207(19970228)40:4<727::AID-NME86>3.0.CO;2-N.
    """

    formula = "phi_im(x) = w_i(x) psi_im(x),  w_i a partition of unity over boxes"
    references = ("melenk1996partition", "babuska1997partition")
    edges: Tensor
    spectral = True
    frozen = True

    def __init__(self, counts: int = 2, space: Space | None = None) -> None:
        """Keep the options; see the class."""
        super().__init__()
        whole("counts", counts)
        self.counts, self.local = counts, space or LRNN()
        if not self.local.frozen:
            raise InputError(f"patches need a space that serves frozen; {self.local.title} needs training.")
        self.number: int | None = None

    @property
    def title(self) -> str:
        """Name for reports."""
        return f"{self.local.title} on {self.counts} patches along each axis"

    def resized(self, size: int) -> Self:
        """Share the functions out evenly."""
        other = type(self)(self.counts, self.local)
        other.number = size
        return other

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        cells = list(itertools.product(range(self.counts), repeat=inputs))
        side = 2 / self.counts
        edges = [torch.tensor([[-1 + side * i for i in cell], [-1 + side * (i + 1) for i in cell]]) for cell in cells]
        local = self.local if self.number is None else self.local.resized(max(4, round(self.number / len(cells)) - 1))
        self.register_buffer("edges", torch.stack(edges).to(torch.float64))
        parts = []
        for box in self.edges:
            reach = OVERLAP * side * box.new_tensor([[-1.0], [1.0]])
            parts.append(local.build((box + reach).clamp(-1, 1), 1, generator, frequencies))
            del parts[-1].head  # the direct sum has one head
        self.parts = nn.ModuleList(parts)
        self.sizes = [self.part(torch.zeros(1, inputs, dtype=torch.float64), i).shape[1] for i in range(len(cells))]
        return sum(self.sizes)

    def part(self, x: Any, i: int) -> Any:
        """Evaluate the functions of patch i, the weighted constant last, at points scaled to the cube."""
        part: Any = self.parts[i]
        weight = self.weight(x, i)
        return torch.cat([part.basis(x) * weight, weight], -1)

    def weight(self, x: Any, i: int) -> Any:
        """Evaluate the weight of patch i at points ``(n, d)`` scaled to the cube, shape ``(n, 1)``."""
        side = 2 / self.counts
        product: Any = x[:, :1] * 0.0 + 1.0
        for axis, (low, high) in enumerate(self.edges[i].T.tolist()):
            for edge, sign in ((low, 1.0), (high, -1.0)):
                if abs(edge) < 1 - side / 2:  # not a side of the whole box
                    t = sign * (x[:, axis : axis + 1] - edge) / (2 * OVERLAP * side) + 0.5
                    product = product * _step(torch.clamp(t, 0.0, 1.0))
        return product

    def covers(self, x: Tensor, i: int) -> Tensor:
        """Tell which points ``(n, d)`` in the domain's units are in patch i, bool ``(n,)``."""
        scaled = (x - self.centre) / self.halfwidth
        return self.weight(scaled, i)[:, 0] > 0

    def one(self, i: int) -> Patch:
        """Give patch i as a space of its own, without a head."""
        return Patch(self, i)

    def _basis(self, x: Any) -> Any:
        return torch.cat([self.part(x, i) for i in range(len(self.sizes))], -1)


class Patch(Space):
    """One patch of `Patches`: its functions alone."""

    def __init__(self, whole_space: Patches, number: int) -> None:
        """Refer to the patch; see the class."""
        super().__init__()
        self.of = [whole_space]  # in a list, so that it is no submodule
        self.number = number

    @property
    def size(self) -> int:
        """Number of basis functions."""
        return self.of[0].sizes[self.number]

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        raise InputError("a patch is built with the others.")

    def basis(self, x: Any) -> Any:
        """Evaluate the functions at points ``(n, d)``, shape ``(n, M)``."""
        return self._basis((x - self.of[0].centre) / self.of[0].halfwidth)

    def _basis(self, x: Any) -> Any:
        return self.of[0].part(x, self.number)


def _step(t: Any) -> Any:
    """Rise from 0 to 1 with four vanishing derivatives at both ends, and s(t) + s(1 - t) = 1."""
    return t**5 * (126 + t * (-420 + t * (540 + t * (-315 + 70 * t))))
