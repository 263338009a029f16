"""What all methods share that train a trial function on fixed collocation points."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..problem import Collocation, Trial
from ..spaces import LRNN, MLP
from .least_squares import solve_least_squares
from .stopping import Budget
from .task import Task

ESTIMATES = 4
"""A run estimates its error this many times, evenly over its budget."""

ESTIMATE_SIZE = 400


class Training:
    """A trial function, its collocation points and everything trainable.

    Args:
        task: the problem and space; without a space, an MLP.
        points: interior collocation points.
        boundary_points: points shared by the soft conditions.
    """

    def __init__(self, task: Task, points: int, boundary_points: int) -> None:
        """Draw trial function and points; see the class."""
        self.task = task
        self.trial: Trial = task.trial(task.space or MLP(), task.generator(0, 0))
        self.collocation = task.collocation(points, boundary_points, task.generator(0, 1))
        self.collocation.balance(self.trial)
        # The problem's own parameters are trained in place; a copy of their first values lets a run start again.
        self.unknown_parameters = task.problem.trainable_parameters

    def parameters(self) -> list[nn.Parameter]:
        """Everything that is trained."""
        return [*(p for p in self.trial.parameters() if p.requires_grad), *self.unknown_parameters]

    def loss(self) -> Tensor:
        """Evaluate the weighted loss."""
        return self.collocation.loss(self.trial)

    def state_dict(self) -> dict[str, Any]:
        """Give the values of everything that is trained, and the weights."""
        return {
            "trial": dict(self.trial.state_dict()),
            "problem": {p.name: p.detach() for p in self.unknown_parameters},
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the values from a state."""
        self.trial.load_state_dict(state["trial"])
        for parameter in self.unknown_parameters:
            parameter.copy_(state["problem"][parameter.name])


def estimate_error(trial: Trial, task: Task) -> float:
    """Estimate the relative error of a trial function without a reference.

    The residual of the trial function u is a source of the linearised problem L'(u) e = -R(u), which is solved for
    the correction e by least squares over an independent space; the estimate is |e| / |u + e|, root mean square. (Our
    choice: one Newton step in a space that the trial function has never seen.)

    Args:
        trial: the trial function.
        task: its problem.

    Returns:
        The estimate; infinite where the trial function is not finite.
    """
    generator = task.generator(7, 7)
    space = LRNN().resized(ESTIMATE_SIZE)
    unknowns = len(task.problem.unknowns)
    best = (math.inf, None)
    for spread in (1.0, 4.0):
        correction = task.trial(space, generator, spread)
        size = 4 * (correction.space.size + 1) * unknowns
        collocation: Collocation = task.collocation(size, size // 2, generator)
        collocation.balance(correction)
        matrix, side = collocation.system(correction, about=trial)
        if not (torch.isfinite(matrix).all() and torch.isfinite(side).all()):
            return math.inf
        coefficients, residual = solve_least_squares(matrix, side)
        if residual < best[0]:
            correction.set_head(coefficients.reshape(unknowns, -1))
            best = (residual, correction)
    return _relative_size(best[1], trial, task)


@torch.no_grad()
def _relative_size(correction: Trial | None, trial: Trial, task: Task) -> float:
    from ..problem import validation_points

    if correction is None:
        return math.inf
    x = validation_points(task.problem, 2048).to(task.dtype, task.device).coordinates
    # The lift belongs to the trial function, not to the correction.
    e, u = correction(x) - correction.lift(x), trial(x)
    size = (u + e).norm().item()
    return e.norm().item() / (size if size > 0 else 1.0)


def due(before: float, budget: Budget) -> bool:
    """Tell whether the budget has passed a point at which the error is to be estimated."""
    return math.floor(ESTIMATES * min(budget.spent, 1.0)) > math.floor(ESTIMATES * min(before, 1.0))


