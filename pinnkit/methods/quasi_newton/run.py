"""Quasi-Newton methods at work: what L-BFGS and the self-scaled Broyden method share."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from ..stopping import Budget, Status, Step, Stop, diverged
from ..training import Training
from .line_search import Point, strong_wolfe

RECOVERED = 10
"""After so many updates a run that began anew may do so once more."""
CURVATURE = 1e-12
"""Rounding has made of smaller cosines between step and change of gradient what they are. (Our choice.)"""


class QuasiNewtonRun(ABC):
    """A quasi-Newton method at work: a direction, a line search, and what is learnt from the step.

    Numbers are double precision, whatever the type of the parameters. Where the line search finds no better point, the
    method forgets what it has learnt and begins anew from the gradient, once; when that does not help either, the run
    stops and says so.

    Args:
        training: what is trained.
    """

    remembers: tuple[str, ...]
    """Names of what the method has learnt: tensors, lists of tensors or None."""

    def __init__(self, training: Training) -> None:
        """Evaluate nothing yet; see the class."""
        self.training, self.trial = training, training.trial
        self.parameters = training.parameters()
        self.value, self.gradient = math.nan, torch.empty(0)
        self.updates = 0
        self.restarted = False
        self.caution = 1.0
        self.forget()

    @abstractmethod
    def forget(self) -> None:
        """Forget everything learnt."""

    @abstractmethod
    def newton(self, gradient: Tensor) -> Tensor:
        """Apply the inverse Hessian, as far as it is known; it is the identity before anything is learnt."""

    @abstractmethod
    def learn(self, s: Tensor, y: Tensor, curvature: float) -> None:
        """Learn from a step s, the change y of the gradient over it, and s . B s, with B the Hessian known so far."""

    def step(self, budget: Budget) -> Step:
        """Take one step, or begin anew."""
        # What was learnt stays after the loss has changed, as far as it is still true.
        if self.training.refresh(budget.steps_done) or not len(self.gradient):
            self.value, self.gradient = self._evaluate()
        value, gradient = self.value, self.gradient
        if not (math.isfinite(value) and torch.isfinite(gradient).all()):
            return diverged(value)
        origin, direction = self.training.flat(self.parameters), -self.newton(gradient)

        def along(step: float) -> Point:
            self.training.move(origin + step * direction)
            value, gradient = self._evaluate()
            return Point(step, value, (direction @ gradient).item(), gradient)

        start = Point(0.0, value, (direction @ gradient).item(), gradient)
        # A gradient alone has the units of the loss, and says nothing of how far to go: all entries by one in sum.
        first = 1.0 if self.updates or not start.slope else self.caution / gradient.abs().sum().item()
        found = strong_wolfe(along, start, first) if start.slope < 0 else None
        if found is None:
            self.training.move(origin)
            return self._failed()
        self.training.move(origin + found.step * direction)
        s, y = self.training.flat(self.parameters) - origin, found.gradient - gradient
        if y @ s > CURVATURE * y.norm() * s.norm():
            # The step was -found.step * H g, hence B s = -found.step * g.
            self.learn(s, y, -found.step * (gradient @ s).item())
            self.updates += 1
        if self.updates >= RECOVERED:
            self.restarted = False
        self.value, self.gradient = found.value, found.gradient
        return Step(found.value)

    def _failed(self) -> Step:
        text = f"the line search finds no smaller loss than {self.value:.3e}"
        if self.updates and not self.restarted:
            self.forget()
            self.updates, self.restarted = 0, True
            return Step(self.value, note=f"{text}; beginning anew from the gradient")
        steepest = self.gradient.abs().max().item()
        return Step(self.value, stop=Stop(Status.STALLED, f"{text} (largest gradient entry {steepest:.1e})"))

    def _evaluate(self) -> tuple[float, Tensor]:
        """Give the loss and its gradient ``(n,)``."""
        for p in self.parameters:
            p.grad = None
        loss = self.training.loss()
        loss.backward()
        slopes = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        return loss.item(), self.training.flat(slopes)

    def calm(self, times: int) -> None:
        """Be more careful after divergence: begin anew, with a first step a tenth as long for each time of it."""
        self.forget()
        self.updates, self.restarted = 0, False
        self.caution *= 0.1**times

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""
        own = ("value", "gradient", "updates", "restarted", "caution", *self.remembers)
        return {"training": self.training.state_dict()} | {name: getattr(self, name) for name in own}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        # What is learnt is changed in place; the state is not ours to change.
        state = copy.deepcopy(state)
        self.training.load_state_dict(state.pop("training"))
        for name, value in state.items():
            setattr(self, name, value)
