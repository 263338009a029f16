"""Weights that let a solution be learned in the order of time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...errors import InputError
from ...spaces.space import whole
from .weights import unit

if TYPE_CHECKING:
    from ..training import Training

LEARNED = 0.99
"""With all weights above this, the solution is learned up to the last slab."""
STEEPER = 10.0
"""How many times epsilon grows then."""


@dataclass(frozen=True)
class Causal:
    r"""Residuals at later times count only where those at earlier times are small.

    Time is cut into slabs; the mean square L_i of the equations over slab i has the weight
    :math:`w_i = \exp(-\epsilon \sum_{k < i} L_k)`, L_0 being the loss of the conditions at the start. When all weights
    are above 0.99, epsilon grows tenfold; after the last one all weights are one. Losses are in units of the first
    mean over the slabs. (Our choice; the paper takes them as they are.)

    Args:
        eps: the first epsilon; with zero all weights are one.
        last: the last epsilon.
        slabs: number of slabs.
        every: number of steps between two updates; each costs one evaluation of the residuals.

    Raises:
        InputError: an option is out of range.

    Reference:
        Wang, Sankaran and Perdikaris 2024, section 3, doi:10.1016/j.cma.2024.116813.
    """

    eps: float = 0.01
    last: float = 100.0
    slabs: int = 32
    every: int = 1
    name = "causal"
    pointwise = False
    in_time = True

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        for name, value in {"eps": self.eps, "last": self.last}.items():
            if not 0 <= value < math.inf:
                raise InputError(f"{name} must not be negative or infinite, got {value!r}.")
        whole("slabs", self.slabs)
        whole("every", self.every)

    @torch.no_grad()
    def update(self, training: Training, memory: dict[str, Any]) -> None:
        """Measure the losses of the slabs."""
        problem = training.task.problem
        start, end = problem.domain.bounds[:, -1].tolist()
        squares, blocks = training.squares(), training.blocks
        sums = squares[0].new_zeros(self.slabs)
        first = squares[0].new_zeros(())
        for i, (block, square) in enumerate(zip(blocks, squares, strict=True)):
            t = block.points.coordinates[:, -1]
            if i < len(problem.equations):
                slab = _slab(t, start, end, self.slabs)
                factor = training.factors[i]
                share = torch.ones_like(square) if factor is None else factor
                if (length := training.collocation.length(block.residual, block.points)) is not None:
                    share = share / length.to(share).square()  # lengths are no part of a mean's weights
                total, of = (torch.zeros_like(sums).index_add(0, slab, part) for part in (square, share))
                sums += torch.where(of > 0, total / of, 0.0)
            elif (t == start).all():
                first = first + square.mean()
        before = torch.cat([first[None], sums[:-1]]).cumsum(0) / unit(memory, sums.mean())
        eps = memory.setdefault("eps", self.eps)
        memory["weights"] = torch.exp(-eps * before)
        if eps > 0 and memory["weights"].min() > LEARNED:
            # Zero ends the ladder: the plain loss.
            memory["eps"] = STEEPER * eps if STEEPER * eps <= 1.001 * self.last else 0.0
            memory["weights"] = torch.exp(-memory["eps"] * before)

    def factors(self, training: Training, memory: dict[str, Any]) -> list[Tensor | None]:
        """Give each point of an equation the weight of its slab."""
        problem = training.task.problem
        start, end = problem.domain.bounds[:, -1].tolist()
        equations = len(problem.equations)
        blocks = training.blocks
        times = [block.points.coordinates[:, -1] for block in blocks[:equations]]
        weights: list[Tensor | None] = [memory["weights"][_slab(t, start, end, self.slabs)] for t in times]
        return weights + [None] * (len(blocks) - equations)


def _slab(t: Tensor, start: float, end: float, slabs: int) -> Tensor:
    return ((t - start) / (end - start) * slabs).long().clamp(0, slabs - 1)
