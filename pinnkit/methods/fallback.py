"""A method that takes the place of another one that has failed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch

from ..problem import Trial
from .stopping import Budget, Status, Step, Stop
from .task import Method, Run, Task

USELESS = 1e-2
"""From this error estimate on, a method that stalled has failed."""
POINTS = 2000


class FallbackRun:
    """A run whose place another method takes when it fails.

    The problem has no trainable parameters: both runs would have to share them.

    Args:
        run: the run of the first method.
        method: its method.
        fallback: the other method.
        task: their task.
    """

    def __init__(self, run: Run, method: Method, fallback: Method, task: Task) -> None:
        """Begin with the first run; see the class."""
        self.first, self.method, self.fallback, self.task = run, method, fallback, task
        self.second: Run | None = None
        self.failure: Step | None = None
        self.kept_first = True

    @property
    def kept(self) -> Run:
        """The run whose solution it is."""
        return self.first if self.kept_first or self.second is None else self.second

    @property
    def trial(self) -> Trial:
        """The trial function as it stands."""
        return self.kept.trial

    @property
    def shortfall(self) -> Stop | None:
        """What is missing from the solution that is kept."""
        return getattr(self.kept, "shortfall", None)

    @property
    def name(self) -> str:
        """The methods that have been at work."""
        return self.method.name if self.second is None else f"{self.method.name}, {self.fallback.name}"

    def step(self, budget: Budget) -> Step:
        """Take a step of the method whose turn it is, and pass on when the first one has failed."""
        if self.second is None:
            step = self.first.step(budget)
            if not _failed(step) or budget.spent >= 0.5:
                return step
            self._fall_back(step)
            return Step(1.0, step.steps, step.estimated_error)
        step = self.second.step(budget)
        step = replace(step, loss=self._relative(step.loss))
        spent = budget.spent >= 1 or budget.steps_done + step.steps >= budget.steps
        stop = step.stop or (Stop(Status.BUDGET_SPENT, f"the budget of {budget} is spent") if spent else None)
        return step if stop is None else self._better(step, stop)

    def _better(self, last: Step, stop: Stop) -> Step:
        """Keep the better one of the two solutions, and say why there were two."""
        assert self.second is not None and self.failure is not None and self.failure.stop is not None
        because = f"{self.method.name} failed ({self.failure.stop.reason})"
        first, second = self._loss(self.first.trial), self._loss(self.second.trial)
        if second < first:
            return replace(last, stop=Stop(stop.status, f"{because}; {self.fallback.name}: {stop.reason}"))
        self.kept_first = True
        status = Status.STALLED if math.isfinite(first) else Status.DIVERGED
        reason = f"{because}, and {self.fallback.name} found nothing better ({stop.reason})"
        return replace(self.failure, steps=last.steps, stop=Stop(status, reason))

    def _fall_back(self, failure: Step) -> None:
        self.failure, self.kept_first = failure, False
        self.second = self.fallback.start(self.task)

    def _relative(self, loss: float) -> float:
        """Give the relative residual, which the first method reports, too."""
        if self.task.problem.energies:
            return loss
        return math.sqrt(loss / self.zero) if loss >= 0 else loss

    @cached_property
    def zero(self) -> float:
        """The loss of the zero function."""
        loss = self._loss(lambda x: 0.0 * self.first.trial(x))
        return loss if 0 < loss < math.inf else 1.0

    @torch.no_grad()
    def _loss(self, function: Callable[[Any], Any]) -> float:
        loss = self.task.discretisation(POINTS, POINTS // 2, self.task.generator(9, 9)).loss(function).item()
        return loss if math.isfinite(loss) else math.inf

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""
        state = {"first": self.first.state_dict(), "kept_first": self.kept_first}
        if self.second is None or self.failure is None or self.failure.stop is None:
            return state
        failure = {"loss": self.failure.loss, "estimated_error": self.failure.estimated_error,
                   "status": self.failure.stop.status.value, "reason": self.failure.stop.reason}
        return state | {"second": self.second.state_dict(), "failure": failure}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.first.load_state_dict(state["first"])
        if "second" in state:
            failure = state["failure"]
            stop = Stop(Status(failure["status"]), failure["reason"])
            self._fall_back(Step(failure["loss"], 1, failure["estimated_error"], stop))
            assert self.second is not None
            self.second.load_state_dict(state["second"])
        else:
            self.second = self.failure = None
        self.kept_first = state["kept_first"]


def _failed(step: Step) -> bool:
    if step.stop is None:
        return False
    stalled = step.stop.status is Status.STALLED and (step.estimated_error or 0.0) > USELESS
    return stalled or step.stop.status is Status.DIVERGED
