"""A method that takes the place of another one that has failed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch

from ..problem import Trial
from ..spaces import Space
from .stopping import Budget, Status, Step, Stop
from .task import Method, Run, Task
from .verification import examine

USELESS = 1e-2
"""From this error estimate on, a method that stalled has failed."""
TRAINED, IN_CELLS = 0.5, 0.8
"""When so much of the budget is spent, it is too late to train all parameters, or to begin in cells. (Our choice.)"""
POINTS = 2000


class FallbackRun:
    """A run whose place another method takes when it fails.

    The problem has no trainable parameters: both runs would have to share them.

    Args:
        run: the run of the first method.
        method: its method.
        fallback: the other method.
        task: their task.
        space: the space of the other method, whose solutions have error estimates as good as those of the first one;
            None takes that of the task, and compares losses.
        failed: tells of a step of the first run, in words, why the other one must go on; by default because the first
            one stalls with a large error, or diverges.
    """

    def __init__(
        self,
        run: Run,
        method: Method,
        fallback: Method,
        task: Task,
        space: Space | None = None,
        failed: Callable[[Step], str | None] | None = None,
    ) -> None:
        """Begin with the first run; see the class."""
        self.first, self.method, self.fallback, self.task = run, method, fallback, task
        self.space, self.failed = space, failed or _failed
        self.second: Run | None = None
        self.failure: Step | None = None
        self.because = ""
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
        first = getattr(self.first, "name", self.method.name)
        return first if self.second is None else f"{first}, {self._other}"

    @property
    def _other(self) -> str:
        return self.fallback.name if self.space is None else f"{self.fallback.name} in {self.space.title}"

    def step(self, budget: Budget) -> Step:
        """Take a step of the method whose turn it is, and pass on when the first one has failed."""
        if self.second is None:
            step = self.first.step(budget)
            if not (why := self.failed(step)) or budget.spent >= (TRAINED if self.space is None else IN_CELLS):
                return step
            self._fall_back(step, f"{self.method.name} {why}")
            note = f"{self.because}: {self._other}"
            if self.space is not None:
                return replace(step, stop=None, note=note, checked=True)
            return Step(1.0, step.steps, step.estimated_error, note=note)
        step = self.second.step(budget)
        self.kept_first = False
        if hasattr(self.second, "training"):
            step = replace(step, loss=self._relative(step.loss))
        spent = budget.spent >= 1 or budget.steps_done + step.steps >= budget.steps
        stop = step.stop or (Stop(Status.BUDGET_SPENT, f"the budget of {budget} is spent") if spent else None)
        return step if stop is None else self._better(step, stop)

    def _better(self, last: Step, stop: Stop) -> Step:
        """Keep the better one of the two solutions, and say why there were two."""
        assert self.second is not None and self.failure is not None
        if self.space is None:
            first, second = self._loss(self.first.trial), self._loss(self.second.trial)
        else:
            first, second = (math.inf if s.estimated_error is None else s.estimated_error for s in (self.failure, last))
        # What is wrong with the problem is not mended by the first solution.
        doubted = self.space is not None and not stop.status.usable and stop.status is not Status.DIVERGED
        if second < first or doubted:
            return replace(last, stop=Stop(stop.status, f"{self.because}; {self._other}: {stop.reason}"))
        self.kept_first = True
        status = Status.STALLED if math.isfinite(first) else Status.DIVERGED
        if self.space is not None and math.isfinite(first):
            # It was left in the middle of its rounds, where nothing is examined.
            verdict = examine(self.first.trial, self.task, first)
            status = verdict.status or status
            error = max(first, verdict.error)
            self.failure = replace(self.failure, estimated_error=error, residual=verdict.residual)
        reason = f"{self.because}, and {self._other} found nothing better ({stop.reason})"
        return replace(self.failure, steps=last.steps, stop=Stop(status, reason))

    def _fall_back(self, failure: Step, because: str) -> None:
        self.failure, self.because, self.kept_first = failure, because, True
        self.second = self.fallback.start(replace(self.task, space=self.space or self.task.space))

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
        if self.second is None or self.failure is None:
            return state
        failure = {"loss": self.failure.loss, "estimated_error": self.failure.estimated_error, "because": self.because}
        return state | {"second": self.second.state_dict(), "failure": failure}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.first.load_state_dict(state["first"])
        if "second" in state:
            failure = state["failure"]
            self._fall_back(Step(failure["loss"], 1, failure["estimated_error"]), failure["because"])
            assert self.second is not None
            self.second.load_state_dict(state["second"])
        else:
            self.second = self.failure = None
        self.kept_first = state["kept_first"]


def _failed(step: Step) -> str | None:
    if step.stop is None:
        return None
    stalled = step.stop.status is Status.STALLED and (step.estimated_error or 0.0) > USELESS
    return f"failed ({step.stop.reason})" if stalled or step.stop.status is Status.DIVERGED else None
