"""Cells: a box cut into boxes, with the functions of one space in each."""

from __future__ import annotations

import copy
from typing import Any, Self

import torch
from torch import Tensor

from ..errors import InputError
from ..jets import plain
from .chebyshev import Chebyshev
from .space import Space, whole

JITTER = 0.05
"""The lines of a grid are bent by up to so much of the box, so that no two draws have the same."""
SHARE = {1: 0.5, 2: 0.55, 3: 0.7}
"""A cell of N functions in all has about N to this power of them; the smoother a solution, the more. (Our choice.)"""


class Piecewise(Space):
    r"""The functions of one space in each cell of a box; the solution is what its cell says.

    The cells are those of a grid. All have the same functions, scaled to the cell, and a constant:
    :math:`u(x) = \sum_m c_{im} \psi_m((x - x_i) / h_i)` for x in cell i. They are joined by least squares: the jumps
    of values and derivatives from cell to cell are residuals like others. Each function vanishes outside its cell, so
    that time and memory grow linearly with the number of cells; see `algebra.dissect`. (Local extreme learning
    machines are the like with random features; that the grid is not quite even is our choice.)

    Args:
        cells: number of cells along each axis; None leaves it to the method.
        space: the space in each cell, which serves frozen; Chebyshev polynomials by default.

    Raises:
        InputError: an option is out of range.

    Reference:
        Dong and Li 2021, doi:10.1016/j.cma.2021.114129.
    """

    formula = "phi_im(x) = psi_m((x - x_i) / h_i) in cell i, else zero"
    references = ("dong2021local", "trefethen2000spectral")
    frozen = True
    boxes: Tensor
    tree: Tensor
    cuts: Tensor

    def __init__(self, cells: int | None = None, space: Space | None = None) -> None:
        """Keep the options; see the class."""
        super().__init__()
        whole("cells", cells)
        self.cells, self.local = cells, space or Chebyshev()
        if not self.local.frozen:
            raise InputError(f"cells need a space that serves frozen; {self.local.title} needs training.")
        if any(isinstance(part, Piecewise) for part in self.local.modules()):
            raise InputError(f"cells in cells would not be joined: give {self.local.title} more cells instead.")
        self.number: int | None = None
        self.more = 0
        self.towards: Tensor | None = None
        """Points on a face belong to the cell that is found after this step."""

    @property
    def title(self) -> str:
        """Name for reports."""
        return f"{self.local.title} in cells"

    def resized(self, size: int) -> Self:
        """Return the same space, unbuilt, with about ``size`` functions in all cells together."""
        if self.cells and self.local.resized(2) is self.local:
            return self
        other = type(self)(self.cells, self.local)
        other.number, other.more = size, self.more
        return other

    def finer(self, more: int) -> Self:
        """Return the same space, unbuilt, with so many cells more along each axis.

        Cells of other widths are wrong in other ways, so that two such solutions tell their errors. (Our choice.)
        """
        other = type(self)(self.cells, self.local)
        other.number, other.more = self.number, more
        return other

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        number = self.number or 64 * 60
        share = round(number ** SHARE.get(inputs, 0.7))
        along = self.cells or max(1, round((number / share) ** (1 / inputs)))
        boxes, tree, cuts = _grid(along + self.more, inputs, generator)
        count = len(boxes)
        self.register_buffer("boxes", boxes)
        self.register_buffer("tree", tree)
        self.register_buffer("cuts", cuts)
        unit = torch.tensor([[-1.0], [1.0]], dtype=torch.float64).expand(2, inputs)
        local = self.local.resized(max(3, round(number / along**inputs) - 1))
        self.reference = local.build(unit, 1, generator)
        functions = self.reference.size + 1
        del self.reference.head  # all cells have one head
        self.functions = functions
        return count * functions

    def locate(self, x: Tensor) -> Tensor:
        """Give the number of the cell of each point ``(n, d)`` in the domain's units, int64 ``(n,)``."""
        scaled = (plain(x) - self.centre) / self.halfwidth
        return self._locate(scaled)

    def _locate(self, x: Tensor) -> Tensor:
        x = x if self.towards is None else x + self.towards
        node = x.new_zeros(len(x), dtype=torch.long)
        while bool((inner := self.tree[node, 0] >= 0).any()):
            axis, cut = self.tree[node, 0].clamp_min(0), self.cuts[node]
            right = (x.gather(1, axis[:, None])[:, 0] >= cut).long()
            node = torch.where(inner, self.tree[node, 1] + right, node)
        return self.tree[node, 1]

    def _own(self, x: Any) -> tuple[Any, Tensor]:
        """Evaluate the functions of the cell of each scaled point, the constant last, ``(n, M)``; and give the cell."""
        cell = self._locate(plain(x))
        low, high = self.boxes[cell].unbind(1)
        basis = self.reference._basis((x - (low + high) / 2) * (2 / (high - low)))
        return torch.cat([basis, torch.ones_like(basis[:, :1])], -1), cell

    def _basis(self, x: Any) -> Any:
        own, cell = self._own(x)
        count = len(self.boxes)
        chosen = torch.nn.functional.one_hot(cell, count).to(self.boxes.dtype)
        return torch.cat([own * chosen[:, i : i + 1] for i in range(count)], -1)

    def forward(self, x: Any) -> Any:
        """Evaluate all unknowns; see `Space.forward`. Only the functions of each point's own cell are evaluated."""
        own, cell = self._own((x - self.centre) / self.halfwidth)
        heads = self.head.weight.reshape(-1, len(self.boxes), self.functions)[:, cell]
        return torch.stack([(own * head).sum(-1) for head in heads], -1) + self.head.bias

    def one(self, towards: Tensor | None = None) -> CellFunctions:
        """Give the functions of the cell that a point is in, as a space without a head.

        Args:
            towards: points on a face belong to the cell that is found after this small step, ``(d,)``, in units of the
                domain.

        Returns:
            The space; its functions are without the constant.
        """
        return CellFunctions(self.seen(towards))

    def seen(self, towards: Tensor | None) -> Self:
        """Give the same space with points on faces assigned to the cell that is found after a small step."""
        other = copy.copy(self)
        other.towards = None if towards is None else towards / self.halfwidth
        return other


class CellFunctions(Space):
    """The functions of the cell that a point is in; see `Piecewise.one`."""

    def __init__(self, of: Piecewise) -> None:
        """Refer to the cells; see the class."""
        super().__init__()
        self.of = [of]  # in a list, so that it is no submodule

    @property
    def size(self) -> int:
        """Number of basis functions of one cell, without the constant."""
        return self.of[0].functions - 1

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        raise InputError("cells are built together.")

    def basis(self, x: Any) -> Any:
        """Evaluate the functions at points ``(n, d)``, shape ``(n, M)``."""
        return self._basis((x - self.of[0].centre) / self.of[0].halfwidth)

    def _basis(self, x: Any) -> Any:
        return self.of[0]._own(x)[0][:, :-1]


def _grid(count: int, dimension: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Cut the cube [-1, 1]^d into a grid of cells, by halving it again and again.

    Returns:
        The boxes ``(count ** d, 2, d)``; for each node of the tree of cuts its axis and the first of its two children
        (-1 and the number of the cell where it is one), ``(nodes, 2)``; and where it is cut, ``(nodes,)``.
    """
    even = torch.linspace(-1, 1, count + 1, dtype=torch.float64)
    bend = JITTER * (2 * torch.rand(dimension, generator=generator, dtype=torch.float64) - 1)
    lines = even + bend[:, None] * (1 - even.square())
    nodes, cuts, cells = [[-1, 0]], [0.0], list[Tensor]()
    ranges = [(0, [[0] * dimension, [count] * dimension])]
    while ranges:
        node, (low, high) = ranges.pop()
        lengths = [b - a for a, b in zip(low, high, strict=True)]
        axis = lengths.index(max(lengths))
        if lengths[axis] == 1:
            nodes[node] = [-1, len(cells)]
            cells.append(torch.stack([lines[range(dimension), corner] for corner in (low, high)]))
            continue
        middle = low[axis] + lengths[axis] // 2
        nodes[node], cuts[node] = [axis, len(nodes)], lines[axis, middle].item()
        below, above = [*high], [*low]
        below[axis] = above[axis] = middle
        ranges += [(len(nodes) + 1, [above, high]), (len(nodes), [low, below])]
        nodes += [[-1, 0], [-1, 0]]
        cuts += [0.0, 0.0]
    return torch.stack(cells), torch.tensor(nodes), torch.tensor(cuts, dtype=torch.float64)
