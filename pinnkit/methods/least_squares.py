"""Least squares: the head of a frozen space in one shot, for linear problems."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..problem import Trial
from ..spaces import LRNN, Space
from ..spaces.space import whole
from .error_estimate import difference, geometric_error
from .head import solve_head
from .stopping import Budget, Status, Step, Stop
from .task import Task

SPREADS = (0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class LeastSquares:
    """Least squares over frozen spaces of growing size, for linear problems.

    Each round draws two independent spaces of one size on independent points and solves for both heads. The solution
    is the one with the smaller residual r, and what the two differ by, times r / sqrt(r^2 + r'^2), estimates its error:
    independent errors in the proportion of the residuals add up like that. Frequencies are spread around the spectrum
    of the data by as many cells as give the smallest residual.

    Args:
        start_size: basis functions of the first round, where the space leaves its size open.
        max_size: of the last round.
        oversampling: interior points for each unknown coefficient.
    """

    start_size: int = 150
    max_size: int = 1200
    oversampling: float = 4.0
    name = "least-squares"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        whole("start_size", self.start_size)
        whole("max_size", self.max_size)
        if not 1 <= self.oversampling < math.inf:
            raise InputError(f"oversampling must be at least 1, got {self.oversampling!r}.")

    def start(self, task: Task) -> LeastSquaresRun:
        """Begin.

        Args:
            task: the problem and space.

        Returns:
            The run.

        Raises:
            InputError: the problem is not linear.
        """
        if (culprit := task.problem.nonlinear) is not None:
            raise InputError(
                f"least squares needs a linear problem, but {culprit} fails the test of superposition; "
                "use the method adam+lbfgs instead."
            )
        return LeastSquaresRun(self, task)


class LeastSquaresRun:
    """Rounds of least squares; see `LeastSquares`."""

    def __init__(self, method: LeastSquares, task: Task) -> None:
        """Prepare the first round."""
        self.method, self.task = method, task
        self.space = task.suited(task.space or LRNN())
        self.round = 0
        self.spread = 0.0
        self.draw = 0
        self.grows = self.space.resized(2) is not self.space
        self.trial: Trial = task.trial(self._sized(0), task.generator(0, 0), 1.0)

    def _sized(self, number: int) -> Space:
        return self.space.resized(min(self.method.start_size * 2**number, self.method.max_size))

    def _candidate(self, draw: int, spread: float) -> tuple[float, Trial]:
        """Draw a space, solve for its head and return the relative residual with it."""
        generator = self.task.generator(self.round, draw)
        trial = self.task.trial(self._sized(self.round), generator, spread)
        return solve_head(trial, self.task, generator, self.method.oversampling), trial

    def step(self, budget: Budget) -> Step:
        """Solve one round."""
        started = time.perf_counter()
        spreads: tuple[float, ...] = (1.0,)
        if self.space.spectral:
            spreads = (self.spread, 2 * self.spread) if self.round else SPREADS
        tried = [(*self._candidate(0, spread), spread) for spread in spreads]
        residual, trial, self.spread = min(tried, key=lambda entry: entry[0])
        other_residual, other = self._candidate(1, self.spread)
        self.draw = int(other_residual < residual)
        self.trial = other if self.draw else trial
        least = min(residual, other_residual)
        size = math.hypot(residual, other_residual)
        numerical = difference(trial, other, self.task) * (least / size if size > 0 else 1.0)
        geometric = geometric_error(self.trial, self.task)
        self.round += 1
        stop = self._stop(numerical, geometric, time.perf_counter() - started, budget)
        return Step(least, 1, math.hypot(numerical, geometric), stop)

    def _stop(self, numerical: float, geometric: float, seconds: float, budget: Budget) -> Stop | None:
        size, error = self.trial.space.size, math.hypot(numerical, geometric)
        if not math.isfinite(error):
            return Stop(Status.DIVERGED, f"the solution of {size} functions is not finite")
        if error <= self.task.tolerance:
            return Stop(Status.CONVERGED, f"estimated error {error:.1e} within {self.task.tolerance:g}")
        if 10 * numerical < geometric:
            return Stop(Status.STALLED, f"the mesh's facets limit the accuracy to about {geometric:.1e}; refine it")
        if not self.grows or size >= self.method.max_size:
            return Stop(Status.STALLED, f"estimated error {error:.1e} with all of {size} functions")
        # Twice the functions cost four to eight times as much, but the first round also searched all spreads.
        if (2 if self.round == 1 else 4) * seconds > budget.remaining_seconds:
            more = min(2 * size, self.method.max_size)
            return Stop(Status.BUDGET_SPENT, f"the next round, of {more} functions, would not fit into the budget")
        return None

    def state_dict(self) -> dict[str, Any]:
        """Give what the next round and the solution depend on."""
        head = self.trial.space.head
        return {
            "round": self.round,
            "spread": self.spread,
            "draw": self.draw,
            "head": {"weight": head.weight.detach(), "bias": head.bias.detach()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state: spaces are drawn again from the seed, heads are taken from the state."""
        for name in ("round", "spread", "draw"):
            setattr(self, name, state[name])
        number, spread = (self.round - 1, self.spread) if self.round else (0, 1.0)
        self.trial = self.task.trial(self._sized(number), self.task.generator(number, self.draw), spread)
        self.trial.space.head.load_state_dict(state["head"])
