"""Several methods one after the other on the same trial function."""

from __future__ import annotations

import math
from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from typing import Any, Protocol

import torch

from ..errors import InputError
from ..problem import Trial
from .first_order import FirstOrder
from .frozen.least_squares import LeastSquares
from .stopping import Budget, Status, Step
from .task import Method, Run, Task
from .training import Training

WARM_UP = 0.25
"""The share of a first-order method that others follow, relative to theirs. (Our choice.)"""


class Sequence:
    """Methods in turn, each starting from what the last one left.

    They share the budget evenly, except that a first-order method gets a quarter of a share where another kind comes
    after it, as its work is then to find a good start. What a method leaves of its share goes to the next ones. The
    history notes why one method passes on to the next.

    Args:
        methods: methods that train all parameters.

    Raises:
        InputError: there are none, or one finds its own space.
    """

    def __init__(self, methods: SequenceOf[Method]) -> None:
        """Keep the methods; see the class."""
        if not methods:
            raise InputError("a sequence needs at least one method.")
        if own := [method for method in methods if isinstance(method, (LeastSquares, Sequence))]:
            raise InputError(f"{own[0].name} cannot be part of a sequence; name methods such as adam and lbfgs.")
        self.methods = tuple(methods)
        kinds = [isinstance(method, FirstOrder) for method in methods]
        weights = [WARM_UP if first and not all(kinds[i:]) else 1.0 for i, first in enumerate(kinds)]
        self.ends = tuple(sum(weights[: i + 1]) / sum(weights) for i in range(len(weights)))
        self.name: str = "+".join(method.name for method in self.methods)

    def __repr__(self) -> str:
        """Write it as it is made."""
        return f"Sequence({list(self.methods)!r})"

    def start(self, task: Task) -> SequenceRun:
        """Begin with the first method."""
        return SequenceRun(self, task)


class _TrainingRun(Run, Protocol):
    training: Training


class SequenceRun:
    """A sequence at work; see `Sequence`."""

    def __init__(self, method: Sequence, task: Task) -> None:
        """Start the first method."""
        self.method, self.task = method, task
        self.number = 0
        self.begun = (0, 0.0)
        """Steps and seconds at which the running method's turn began."""
        self.run = self._start(0)

    def _start(self, number: int) -> _TrainingRun:
        run: Any = self.method.methods[number].start(self.task)
        if not hasattr(run, "training"):
            name = self.method.methods[number].name
            raise InputError(f"{name} cannot be part of a sequence: it finds its own space.")
        return run

    @property
    def trial(self) -> Trial:
        """The trial function."""
        return self.run.trial

    @property
    def training(self) -> Training:
        """What the running method trains."""
        return self.run.training

    def calm(self, times: int) -> None:
        """Let the running method be more careful, if it knows how."""
        if hasattr(self.run, "calm"):
            self.run.calm(times)

    def _share(self, budget: Budget) -> Budget:
        """Give the running method the part of the budget that is its turn, as a budget of its own."""
        end, (steps, seconds) = self.method.ends[self.number], self.begun
        return replace(
            budget,
            seconds=max(budget.seconds * end - seconds, 1e-9),
            steps=max(1.0, math.floor(budget.steps * end) - steps) if math.isfinite(budget.steps) else math.inf,
            seconds_before=budget.seconds_before - seconds,
            steps_done=budget.steps_done - steps,
        )

    def step(self, budget: Budget) -> Step:
        """Take a step of the method whose turn it is, and pass on when it is done."""
        share = self._share(budget)
        step = self.run.step(share)
        share.steps_done += step.steps
        more = self.number + 1 < len(self.method.methods)
        failed = step.stop is not None and step.stop.status is Status.DIVERGED
        if not more or failed or (step.stop is None and share.spent < 1):
            return step
        handed = self.run.training.state_dict()
        old = self.method.methods[self.number].name
        self.number, self.begun = self.number + 1, (budget.steps_done + step.steps, budget.elapsed)
        self.run = self._start(self.number)
        self.run.training.load_state_dict(handed)
        why = "its share of the budget is spent" if step.stop is None else step.stop.reason
        return replace(step, stop=None, note=f"{old} passes on to {self.method.methods[self.number].name}: {why}")

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""
        return {"number": self.number, "begun": self.begun, "run": self.run.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.begun = state["begun"]
        if state["number"] != self.number:
            self.number = state["number"]
            self.run = self._start(self.number)
        with torch.no_grad():
            self.run.load_state_dict(state["run"])
