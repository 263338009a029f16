"""First-order methods: what Adam and SOAP share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..errors import InputError, NameNotFound
from ..spaces.space import positive, whole
from .sampling import Sampling
from .stopping import Budget, Step, diverged
from .task import Task
from .training import Training
from .weights import Weights

SCHEDULES = ("cosine", "exponential", "step", "constant")
LAST = 0.01
"""Where a half cosine ends, relative to the first learning rate."""


@dataclass(frozen=True)
class FirstOrder(ABC):
    """Options of a first-order method with a schedule of learning rates, full batch.

    Args:
        rate: learning rate, the largest one of its schedule.
        schedule: "cosine" falls over the budget as a half cosine to a hundredth; "exponential" falls by the factor
            `decay` over `every` steps, evenly; "step" falls by that factor at once after each `every` steps; or
            "constant".
        decay: see above.
        every: see above.
        warm_up: number of first steps in which the learning rate rises, besides, linearly from zero.
        points: interior collocation points.
        boundary_points: points shared by the soft conditions.
        weights: how residuals are weighed anew, such as ``Causal()``; None leaves them as they are.
        sampling: how points are drawn anew, such as ``RAD()``; None keeps them.
        directions: number of random directions in each of two estimates of a Laplacian in many dimensions; None takes
            the Laplacian itself.
    """

    rate: float = 2e-3
    schedule: str = "cosine"
    decay: float = 0.9
    every: int = 100
    warm_up: int = 0
    points: int = 2500
    boundary_points: int = 500
    weights: Weights | None = None
    sampling: Sampling | None = None
    directions: int | None = None
    name = ""

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        positive("rate", self.rate)
        if self.schedule not in SCHEDULES:
            raise NameNotFound("schedule", self.schedule, SCHEDULES)
        if not 0 < self.decay <= 1:
            raise InputError(f"decay must be above 0 and at most 1, got {self.decay!r}.")
        whole("every", self.every)
        if not isinstance(self.warm_up, int) or self.warm_up < 0:
            raise InputError(f"warm_up must be a whole number of steps, or 0, got {self.warm_up!r}.")
        whole("points", self.points)
        whole("boundary_points", self.boundary_points)
        whole("directions", self.directions)

    def rate_at(self, step: int, spent: float) -> float:
        """Give the learning rate.

        Args:
            step: number of steps done.
            spent: share of the budget that is spent.

        Returns:
            The rate of the next step.
        """
        factor = {
            "cosine": LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * min(spent, 1.0))),
            "exponential": self.decay ** (step / self.every),
            "step": self.decay ** (step // self.every),
            "constant": 1.0,
        }[self.schedule]
        return self.rate * factor * min(1.0, (step + 1) / (self.warm_up + 1))

    @abstractmethod
    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser."""

    def start(self, task: Task) -> FirstOrderRun:
        """Begin work on a task."""
        numbers = self.points, self.boundary_points
        return FirstOrderRun(self, Training(task, *numbers, self.weights, self.sampling, self.directions))


class FirstOrderRun:
    """A first-order method at work; see `FirstOrder`."""

    def __init__(self, method: FirstOrder, training: Training) -> None:
        """Prepare the optimiser."""
        self.method, self.training = method, training
        self.trial = training.trial
        self.optimizer = method.optimizer(training.parameters())
        self.steps = 0
        self.caution = 1.0

    def step(self, budget: Budget) -> Step:
        """Take one step."""
        self.training.refresh(budget.steps_done)
        for group in self.optimizer.param_groups:
            group["lr"] = self.caution * self.method.rate_at(self.steps, budget.spent)
        self.optimizer.zero_grad()
        loss = self.training.loss()
        loss.backward()
        value = loss.item()
        # Before the optimiser's step, so that what is not finite never gets into a state.
        slopes = [p.grad for p in self.training.parameters() if p.grad is not None]
        if not (math.isfinite(value) and torch.nn.utils.get_total_norm(slopes).isfinite()):
            return diverged(value)
        self.optimizer.step()
        self.steps += 1
        return Step(value)

    def calm(self, times: int) -> None:
        """Be more careful after divergence: a tenth of the learning rate for each time that it came to this."""
        self.caution *= 0.1**times

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""
        return {
            "training": self.training.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
            "caution": self.caution,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.training.load_state_dict(state["training"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps, self.caution = state["steps"], state["caution"]
