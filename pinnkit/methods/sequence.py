"""Several methods one after the other on the same trial function."""

from __future__ import annotations

import math
from collections.abc import Sequence as SequenceOf
from dataclasses import replace
from typing import Any, Protocol

import torch

from ..errors import InputError
from ..problem import Trial
from .least_squares import LeastSquares
from .stopping import Budget, Step
from .task import Method, Run, Task
from .training import Training


class Sequence:
    """Methods in turn, each starting from what the last one left, with equal shares of the budget.

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

    def _share(self, budget: Budget) -> Budget:
        """Give the running method the part of the budget that ends with its turn."""
        last = (self.number + 1) / len(self.method.methods)
        steps = budget.steps if math.isinf(budget.steps) else max(1.0, math.floor(budget.steps * last))
        return replace(budget, seconds=budget.seconds * last, steps=steps)

    def step(self, budget: Budget) -> Step:
        """Take a step of the method whose turn it is, and pass on when it is done."""
        share = self._share(budget)
        step = self.run.step(share)
        more = self.number + 1 < len(self.method.methods)
        share.steps_done += step.steps
        failed = step.stop is not None and not math.isfinite(step.loss)
        if more and not failed and (step.stop is not None or share.spent >= 1):
            handed = self.run.training.state_dict()
            self.number += 1
            self.run = self._start(self.number)
            self.run.training.load_state_dict(handed)
            return replace(step, stop=None)
        return step

    def state_dict(self) -> dict[str, Any]:
        """Give everything that the next step depends on."""
        return {"number": self.number, "run": self.run.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        if state["number"] != self.number:
            self.number = state["number"]
            self.run = self._start(self.number)
        with torch.no_grad():
            self.run.load_state_dict(state["run"])
