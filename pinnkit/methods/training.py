"""What all methods share that train a trial function on fixed collocation points."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..problem import Trial
from ..spaces import MLP
from .stopping import Budget
from .task import Task

ESTIMATES = 4
"""A run estimates its error this many times, evenly over its budget."""


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
        self.unknown_parameters = task.problem.trainable_parameters
        # They belong to the problem and are trained in place: another solve must not start from where this one ends.
        for parameter in self.unknown_parameters:
            parameter.reset()
        self.trial: Trial = task.trial(task.space or MLP(), task.generator(0, 0))
        self.discretisation = task.discretisation(points, boundary_points, task.generator(0, 1))

    def parameters(self) -> list[nn.Parameter]:
        """Everything that is trained."""
        return [*(p for p in self.trial.parameters() if p.requires_grad), *self.unknown_parameters]

    def loss(self) -> Tensor:
        """Evaluate the weighted loss."""
        return self.discretisation.loss(self.trial)

    def state_dict(self) -> dict[str, Any]:
        """Give the values of everything that is trained."""
        return {
            "trial": dict(self.trial.state_dict()),
            # Copies, because the next `Training` of the same problem resets the parameters themselves.
            "problem": {p.name: p.detach().clone() for p in self.unknown_parameters},
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the values from a state."""
        self.trial.load_state_dict(state["trial"])
        for parameter in self.unknown_parameters:
            parameter.copy_(state["problem"][parameter.name])


def due(before: float, budget: Budget) -> bool:
    """Tell whether the budget has passed a point at which the error is to be estimated."""
    return math.floor(ESTIMATES * min(budget.spent, 1.0)) > math.floor(ESTIMATES * min(before, 1.0))


