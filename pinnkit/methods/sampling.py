"""Collocation points drawn anew while a trial function is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from ..domains import Points
from ..errors import InputError
from ..problem import Collocation
from ..problem.collocation import Block
from ..spaces.space import whole

if TYPE_CHECKING:
    from .training import Training

Drawn = list[tuple[Points, Tensor | None]]
"""For each residual its points, and factors of their squared residuals that keep the loss a mean over the region."""
CHUNK = 4096


class Sampling(Protocol):
    """A way to draw points anew: small options, a name, and `draw`."""

    name: str

    @property
    def every(self) -> int:
        """Number of steps between two draws."""

    def draw(self, training: Training, generator: torch.Generator) -> Drawn:
        """Draw points for all residuals."""


@dataclass(frozen=True)
class Resample:
    """All points anew, evenly distributed.

    Args:
        every: number of steps between two draws.
    """

    every: int = 100
    name = "resample"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        whole("every", self.every)

    def draw(self, training: Training, generator: torch.Generator) -> Drawn:
        """Draw points for all residuals."""
        task = training.task
        fresh = Collocation(task.problem, *training.numbers, generator, task.dtype, task.device)
        blocks = [block for block in fresh.blocks if isinstance(block, Block)]
        return [(block.points, factor) for block, factor in zip(blocks, fresh.factors, strict=True)]


@dataclass(frozen=True)
class RAD:
    r"""Residual-based adaptive distribution: all interior points anew, denser where the residual is large.

    Points are drawn from evenly distributed candidates with the density :math:`p(x) \propto |r(x)|^k / E|r|^k + c`,
    in proportion as exactly as a whole number of points allows (systematic sampling). With the importance 1 / p the
    loss stays an unbiased estimate of the mean square over the domain; without it, as published, it is a larger one
    that weighs large residuals more.

    Args:
        every: number of steps between two draws.
        k: exponent of the residual.
        c: share of the even distribution.
        candidates: number of candidates for each point.
        importance: whether the loss stays an estimate of the mean over the domain.

    Raises:
        InputError: an option is out of range.

    Reference:
        Wu et al. 2023, equation (2), doi:10.1016/j.cma.2022.115671.
    """

    every: int = 100
    k: float = 1.0
    c: float = 1.0
    candidates: int = 10
    importance: bool = True
    name = "rad"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        whole("every", self.every)
        whole("candidates", self.candidates)
        for name, value in {"k": self.k, "c": self.c}.items():
            if not 0 <= value < math.inf:
                raise InputError(f"{name} must not be negative or infinite, got {value!r}.")

    def draw(self, training: Training, generator: torch.Generator) -> Drawn:
        """Draw points for the equations; those of the conditions stay."""
        points, size, length = _candidates(training, self.candidates, generator)
        density = size.pow(self.k)
        mean = density.mean()
        density = density / mean + self.c if 0 < mean < math.inf else torch.ones_like(density)
        density = density / density.mean()
        n = training.numbers[0]
        chosen = _systematic(density, n, generator)
        factor = 1 / density[chosen] if self.importance else None
        if length is not None:
            factor = length[chosen].square() * (1.0 if factor is None else factor)
        return _with_equations(training, points[chosen], factor)


@dataclass(frozen=True)
class RAR:
    """Residual-based adaptive refinement: the worst of some candidates join the points of the equations.

    The loss is no mean over the domain any more: greedily chosen points have no density to divide by. No more points
    are added than there were at the start. (Our choice.)

    Args:
        every: number of steps between two additions.
        add: how many points are added.
        candidates: number of candidates for each point of the start.

    Reference:
        Lu et al. 2021, section 2.8, doi:10.1137/19M1274067; Wu et al. 2023, doi:10.1016/j.cma.2022.115671.
    """

    every: int = 100
    add: int = 25
    candidates: int = 4
    name = "rar"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        for name in ("every", "add", "candidates"):
            whole(name, getattr(self, name))

    def draw(self, training: Training, generator: torch.Generator) -> Drawn:
        """Add points to those of the equations."""
        old = training.blocks[0].points
        room = 2 * training.numbers[0] - len(old)
        points, size, length = _candidates(training, self.candidates, generator)
        worst = size.topk(max(0, min(self.add, room, len(size)))).indices
        joined = torch.cat([old.coordinates, points[worst].coordinates])
        factor = training.factors[0]
        if factor is not None:
            added = factor.new_ones(len(worst)) if length is None else length[worst].square()
            factor = torch.cat([factor, added])
        return _with_equations(training, Points(joined, old.names), factor)


@torch.no_grad()
def _candidates(
    training: Training, number: int, generator: torch.Generator
) -> tuple[Points, Tensor, Tensor | None]:
    """Draw even candidates, with the root of the sum of their squared residuals, and by what length these count."""
    task = training.task
    blocks = training.blocks[: len(task.problem.equations)]
    drawn = task.problem.equations[0].sample(number * training.numbers[0], generator).to(task.dtype, task.device)
    squares = []
    for part in (drawn[start : start + CHUNK] for start in range(0, len(drawn), CHUNK)):
        found = [b.weight * b.residual(b.values(training.trial, part), part) for b in blocks]
        squares.append(torch.stack(found).square().sum(0))
    size = torch.cat(squares).sqrt()
    length = training.collocation.length(task.problem.equations[0], drawn)
    if length is None:
        return drawn, size, None
    length = length.to(size)
    return drawn, size * length, length


def _systematic(density: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Choose n rows, each as often as its density says: the expected number of times is exact."""
    # In random order, because even steps through a Sobol sequence would pick neighbours.
    order = torch.randperm(len(density), generator=generator).to(density.device)
    steps = (torch.arange(n) + torch.rand(1, generator=generator)).to(density) / n
    ends = density[order].cumsum(0)
    return order[torch.searchsorted(ends, steps * ends[-1], right=True).clamp_max(len(density) - 1)]


def _with_equations(training: Training, points: Points, factor: Tensor | None) -> Drawn:
    equations = len(training.task.problem.equations)
    conditions = zip(training.blocks[equations:], training.factors[equations:], strict=True)
    kept: Drawn = [(block.points, factor) for block, factor in conditions]
    return [(points, factor)] * equations + kept
