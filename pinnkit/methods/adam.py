"""Adam, with a cosine or step-wise decay of the learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

from ..spaces.space import positive, whole
from .stopping import Budget, Status, Step, Stop
from .task import Task
from .training import Training


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015) on all parameters, full batch.

    The learning rate falls over the budget as a half cosine, from `rate` to a hundredth of it.

    Args:
        rate: first learning rate.
        points: interior collocation points.
        boundary_points: points shared by the soft conditions.
    """

    rate: float = 2e-3
    points: int = 2500
    boundary_points: int = 500
    name = "adam"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        positive("rate", self.rate)
        whole("points", self.points)
        whole("boundary_points", self.boundary_points)

    def start(self, task: Task) -> AdamRun:
        """Begin work on a task."""
        return AdamRun(self, Training(task, self.points, self.boundary_points))


class AdamRun:
    """Adam at work; see `Adam`."""

    def __init__(self, method: Adam, training: Training) -> None:
        """Prepare the optimiser."""
        self.method, self.training = method, training
        self.trial = training.trial
        self.optimizer = torch.optim.Adam(training.parameters(), lr=method.rate)

    def step(self, budget: Budget) -> Step:
        """Take one step of Adam."""
        decay = 0.5 * (1 + math.cos(math.pi * min(budget.spent, 1.0)))
        for group in self.optimizer.param_groups:
            group["lr"] = self.method.rate * (0.01 + 0.99 * decay)
        self.optimizer.zero_grad()
        loss = self.training.loss()
        loss.backward()
        value = loss.item()
        if not math.isfinite(value):
            return Step(value, 1, None, Stop(Status.DIVERGED, f"the loss became {value}"))
        self.optimizer.step()
        return Step(value)

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""
        return {"training": self.training.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.training.load_state_dict(state["training"])
        self.optimizer.load_state_dict(state["optimizer"])
