"""What all methods share that train a trial function on collocation points."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ..domains import Points, SpaceTime
from ..errors import InputError
from ..jets import LAPLACIAN, StochasticLaplacian
from ..problem import Collocation, Trial
from ..problem.collocation import Block
from ..spaces import MLP
from .sampling import Sampling
from .stopping import Budget
from .task import Task
from .weights import Weights

ESTIMATES = 4
"""A run estimates its error this many times, evenly over its budget."""


class Training:
    """A trial function, its collocation points with their weights, and everything trainable.

    Args:
        task: the problem and space; without a space, an MLP.
        points: interior collocation points.
        boundary_points: points shared by the soft conditions.
        weights: how residuals are weighed anew in the course of the run; None leaves them as they are.
        sampling: how points are drawn anew; None keeps them.
        directions: number of random directions that each of two independent estimates of a Laplacian takes; the
            product of the two residuals is an unbiased square where they are affine in it (Hu et al. 2024,
            arXiv:2312.14499). None takes the Laplacian itself.

    Raises:
        InputError: any of them for a problem without equations, or what does not go together.
    """

    def __init__(
        self,
        task: Task,
        points: int,
        boundary_points: int,
        weights: Weights | None = None,
        sampling: Sampling | None = None,
        directions: int | None = None,
    ) -> None:
        """Draw trial function and points; see the class."""
        task.one_basis("training")
        self.task, self.numbers = task, (points, boundary_points)
        self.weights, self.sampling = weights, sampling
        noisy = [residual.name for residual in task.problem.soft if residual.noise is not None]
        if noisy and not (weights and weights.name == "noise"):
            ways = "least-squares and identification weigh data by their noise"
            warnings.warn(f"the noise of {noisy[0]} is passed over, as if the data were exact; {ways}.", stacklevel=2)
        adaptive = weights.name if weights else sampling.name if sampling else "directions" if directions else None
        if adaptive and not task.problem.equations:
            raise InputError(f"{adaptive} needs equations at collocation points, which this problem has not.")
        if weights and sampling and weights.pointwise:
            raise InputError(f"{weights.name} weights belong to points that stay; leave sampling {sampling.name} out.")
        if weights and weights.in_time and not isinstance(task.problem.domain, SpaceTime):
            raise InputError(f"{weights.name} weights follow time, and the domain has none; use other weights.")
        self.unknown_parameters = task.problem.trainable_parameters
        # They belong to the problem and are trained in place: another solve must not start from where this one ends.
        for parameter in self.unknown_parameters:
            parameter.reset()
        self.trial: Trial = task.trial(task.space or MLP(), task.generator(0, 0))
        self.discretisation = task.discretisation(points, boundary_points, task.generator(0, 1))
        self.estimates = {} if directions is None else self._estimates(directions)
        made = self.discretisation
        # Of the squared residuals at their points: importance, and lengths where coefficients peak.
        self.factors = [*made.factors] if isinstance(made, Collocation) else []
        self.balanced = [block.weight for block in self.blocks] if weights else []
        self.memory: dict[str, Any] = {}
        self.refreshed = -1

    def parameters(self) -> list[nn.Parameter]:
        """Everything that is trained."""
        return [*(p for p in self.trial.parameters() if p.requires_grad), *self.unknown_parameters]

    def flat(self, parts: Sequence[Tensor]) -> Tensor:
        """Join tensors like `parameters` to one vector ``(P,)``, double precision."""
        # Parameters of problems are float64 on the CPU, whatever the others are.
        home = self.parameters()[0].device
        return torch.cat([part.detach().reshape(-1).to(home, torch.float64) for part in parts])

    def split(self, vector: Tensor) -> list[Tensor]:
        """Undo `flat`."""
        parameters = self.parameters()
        parts = vector.split([p.numel() for p in parameters])
        return [part.view_as(p).to(p) for p, part in zip(parameters, parts, strict=True)]

    @torch.no_grad()
    def move(self, position: Tensor) -> None:
        """Set everything that is trained from a vector ``(P,)``."""
        for p, part in zip(self.parameters(), self.split(position), strict=True):
            p.copy_(part)

    @property
    def collocation(self) -> Collocation:
        """The discretisation of a problem with equations."""
        assert isinstance(self.discretisation, Collocation)
        return self.discretisation

    @property
    def blocks(self) -> list[Block]:
        """The residuals with their collocation points, the equations first."""
        return [block for block in self.collocation.blocks if isinstance(block, Block)]

    def _estimates(self, directions: int) -> dict[int, StochasticLaplacian]:
        found = {}
        for number, block in enumerate(self.blocks):
            keys, space = block.derivatives.keys, block.derivatives.space_axes
            if LAPLACIAN in keys:
                found[number] = StochasticLaplacian(keys, space, directions)
        if not found:
            raise InputError("directions estimate u.laplacian, which no equation of this problem uses; leave them out.")
        return found

    def loss(self) -> Tensor:
        """Evaluate the weighted loss, or an unbiased estimate of it with the random directions of the step."""
        if not self.estimates:
            return self.discretisation.loss(self.trial)
        generator = self.task.generator(12, self.refreshed)
        squares = []
        for number, block in enumerate(self.blocks):
            if plan := self.estimates.get(number):
                found = plan(self.trial, block.points.coordinates, generator)
                one, other = (block.residual(block.by_unknown(values), block.points) for values in found)
                squares.append(block.points.average(one) * block.points.average(other))
            else:
                squares.append(block.evaluate(self.trial).square())
        return self.collocation.total(squares)

    def squares(self) -> list[Tensor]:
        """Evaluate the squared residuals of each block, one a row, with all weights but those of `weights`."""
        found = self.collocation.residuals(self.trial)
        parts = zip(self.blocks, found, self.factors, strict=True)
        return [block.weight**2 * r.square() * (1.0 if factor is None else factor) for block, r, factor in parts]

    def refresh(self, step: int) -> bool:
        """Draw points and weigh residuals anew where that is due; to be called before each step.

        Args:
            step: number of steps done, which also chooses the random numbers.

        Returns:
            Whether the loss is another one now, so that curvature gathered from it may mislead.
        """
        before, self.refreshed = self.refreshed, step
        moved = self.sampling is not None and _passed(before, step, self.sampling.every) and step > 0
        if moved and self.sampling is not None:
            drawn = self.sampling.draw(self, self.task.generator(11, step))
            self._place([points for points, _ in drawn], [factor for _, factor in drawn])
        weighed = self.weights is not None and (moved or _passed(before, step, self.weights.every))
        if weighed and self.weights is not None:
            self.weights.update(self, self.memory)
        if moved or weighed:
            self._weigh()
        return moved or weighed

    def _place(self, points: list[Points], factors: list[Tensor | None]) -> None:
        for block, here in zip(self.blocks, points, strict=True):
            block.points = here.to(self.task.dtype, self.task.device)
        self.factors = factors

    @torch.no_grad()
    def _weigh(self) -> None:
        """Join the factors of the points and the weights to those of the loss."""
        count = len(self.blocks)
        weights = self.weights.factors(self, self.memory) if self.weights and self.memory else [None] * count
        pairs = zip(self.factors, weights, strict=True)
        self.collocation.factors = [b if a is None else a if b is None else a * b for a, b in pairs]

    def state_dict(self) -> dict[str, Any]:
        """Give the values of everything that is trained, and what points and weights have become."""
        state: dict[str, Any] = {
            "trial": dict(self.trial.state_dict()),
            # Copies, because the next `Training` of the same problem resets the parameters themselves.
            "problem": {p.name: p.detach().clone() for p in self.unknown_parameters},
        }
        if self.sampling or self.weights:
            state["refreshed"] = self.refreshed
        if self.sampling:
            points = [block.points for block in self.blocks]
            state["points"] = [[p.coordinates, p.normals, p.rows] for p in points]
            state["importance"] = [*self.factors]
        if self.weights:
            # Copies, because the next update may change them in place.
            state["weights"] = {"name": self.weights.name, "memory": _copied(self.memory)}
        return state

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the values from a state; points and weights of another kind of training begin anew."""
        self.trial.load_state_dict(state["trial"])
        for parameter in self.unknown_parameters:
            parameter.copy_(state["problem"][parameter.name])
        if self.sampling and "points" in state:
            pairs = zip(self.blocks, state["points"], strict=True)
            # Replaced in place, because points of measurements carry what was measured.
            points = [replace(b.points, coordinates=x, normals=n, rows=r) for b, (x, n, r) in pairs]
            self._place(points, state["importance"] or self.factors)
        # Weights may have changed what blocks weigh, and find their memory in the state or begin anew.
        for block, weight in zip(self.blocks if self.weights else [], self.balanced, strict=True):
            block.weight = weight
        saved = state.get("weights", {})
        self.memory = _copied(saved["memory"]) if self.weights and saved.get("name") == self.weights.name else {}
        # Weights that are still unknown are due at the next step, whichever it is.
        self.refreshed = -1 if self.weights and not self.memory else state.get("refreshed", -1)
        if self.sampling or self.weights:
            self._weigh()


def _passed(before: int, step: int, every: int) -> bool:
    """Tell whether a multiple of ``every`` lies between two numbers of steps."""
    return step // every != before // every


def _copied(memory: dict[str, Any]) -> dict[str, Any]:
    def copy(value: Any) -> Any:
        if isinstance(value, list):
            return [copy(item) for item in value]
        return value.clone() if isinstance(value, Tensor) else value

    return {name: copy(value) for name, value in memory.items()}


def due(before: float, budget: Budget) -> bool:
    """Tell whether the budget has passed a point at which the error is to be estimated."""
    return math.floor(ESTIMATES * min(budget.spent, 1.0)) > math.floor(ESTIMATES * min(before, 1.0))
