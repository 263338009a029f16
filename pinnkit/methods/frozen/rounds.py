"""Rounds of frozen spaces of growing size: what least squares and Ritz share."""

from __future__ import annotations

import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import InputError
from ...problem import Trial
from ...spaces import LRNN, Space
from ...spaces.space import whole
from ..error_estimate import difference, geometric_error
from ..stopping import Budget, Status, Step, Stop
from ..task import Task
from .head import solve_head
from .newton import newton_head
from .null_space import undetermined

SPREADS = (0.5, 1.0, 2.0, 4.0, 8.0)
SMALLER = (0.125, 0.25)
"""In many dimensions the frequencies of plane waves add up."""
DOUBTFUL = 1e-2
"""Draws that differ by more, with residuals smaller than that by as much again, suggest several solutions."""

CLEAR = 1e-8
"""Relative residuals up to this are those of a solution, and would only overstate its error (our choice)."""


@dataclass(frozen=True)
class FrozenSpaces:
    """Options of a method that solves for the heads of frozen spaces.

    Args:
        start_size: basis functions of the first round, where the space leaves its size open.
        max_size: of the last round.
        oversampling: interior points for each unknown coefficient.
    """

    start_size: int = 150
    max_size: int = 1200
    oversampling: float = 4.0

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        whole("start_size", self.start_size)
        whole("max_size", self.max_size)
        if not 1 <= self.oversampling < math.inf:
            raise InputError(f"oversampling must be at least 1, got {self.oversampling!r}.")


class Rounds(ABC):
    """Rounds at work: each draws two independent spaces of one size, and the next ones are twice as large.

    Frequencies are spread around the spectrum of the data by as many cells as give the best solution. So it is chosen,
    in more than three dimensions, whether functions depend on groups of coordinates or on all of them.

    Args:
        method: the options.
        task: the problem and space.
    """

    def __init__(self, method: FrozenSpaces, task: Task) -> None:
        """Prepare the first round; see the class."""
        self.method, self.task = method, task
        self.space = task.suited(task.space or LRNN())
        self.round = 0
        self.spread = 0.0
        self.grouped = True
        self.draw = 0
        self.first_guess: Callable[[Any], Any] | None = task.problem.guess
        """What Newton's method starts from in the first round."""
        self.doubt = 1.0
        """How many times larger residuals are relative to those of the equations alone."""
        self.grows = self.space.resized(2) is not self.space
        self.trial: Trial = task.trial(self._sized(0), task.generator(0, 0), 1.0)

    def _size(self, number: int) -> int:
        """Give the number of functions that a round asks for; a space may round it."""
        return min(self.method.start_size * 2**number, self.method.max_size)

    def _sized(self, number: int) -> Space:
        return self.space.resized(self._size(number))

    def _guess(self) -> Callable[[Any], Any] | None:
        """Give the function that Newton's method starts from."""
        return self.trial if self.round else self.first_guess

    def _candidate(self, draw: int, spread: float, grouped: bool, guess: Trial | None = None) -> tuple[float, Trial]:
        """Draw a space, solve for its head, and return what is made least (residual or energy) with it."""
        trial = self.task.trial(self._sized(self.round), self.task.generator(self.round, draw), spread, grouped)
        points = self.task.points(draw)
        if self.task.problem.nonlinear is None:
            return solve_head(trial, self.task, points, self.method.oversampling), trial
        return newton_head(trial, self.task, points, self.method.oversampling, guess or self._guess()), trial

    def _pair(self, ways: list[tuple[float, bool]], budget: Budget) -> list[tuple[float, Trial]]:
        """Find the best spread and grouping by the first draw, and take a second one of that kind."""
        tried = [(*self._candidate(0, *way), *way) for way in ways]
        residual, trial, self.spread, self.grouped = min(tried, key=lambda entry: entry[0])
        return [(residual, trial), self._candidate(1, self.spread, self.grouped)]

    @abstractmethod
    def _share(self, best: tuple[float, Trial], other: tuple[float, Trial]) -> float:
        """Estimate the error of the better of two candidates as a share of what they differ by."""

    def step(self, budget: Budget) -> Step:
        """Solve one round."""
        started = time.perf_counter()
        spreads: tuple[float, ...] = (1.0,)
        if self.space.spectral:
            spreads = (self.spread, 2 * self.spread) if self.round else SPREADS
        many = self.space.spectral and self.task.spectrum.interactions is not None
        groupings: tuple[bool, ...] = (self.grouped,)
        if many and not self.round:
            spreads, groupings = (*SMALLER, *spreads), (True, False)
        ways = itertools.product(spreads, groupings)
        pair = self._pair(list(ways), budget)
        self.draw = int(pair[1][0] < pair[0][0])
        best, other = pair[self.draw], pair[1 - self.draw]
        self.trial = best[1]
        # Measured first draw first, because where both are of one fixed basis it is the first one's correction.
        numerical = difference(pair[0][1], pair[1][1], self.task) * self._share(best, other)
        problem, residual = self.task.problem, self.doubt * best[0]
        doubted = problem.nonlinear is not None or problem.weak or problem.hard.rough and not problem.energies
        if doubted and best[0] > CLEAR:
            # Both draws may have found one and the same wrong function, whose residual is large then.
            numerical = max(numerical, residual)
        geometric = geometric_error(self.trial, self.task)
        self.round += 1
        if numerical > DOUBTFUL and residual < DOUBTFUL * numerical and (free := undetermined(self.trial, self.task)):
            return Step(best[0], 1, numerical, Stop(Status.UNDETERMINED, free))
        stop = self._stop(numerical, geometric, time.perf_counter() - started, budget)
        return Step(best[0], 1, math.hypot(numerical, geometric), stop)

    def _stop(self, numerical: float, geometric: float, seconds: float, budget: Budget) -> Stop | None:
        size, error = self.trial.space.size, math.hypot(numerical, geometric)
        if not math.isfinite(error):
            return Stop(Status.DIVERGED, f"the solution of {size} functions is not finite")
        if error <= self.task.tolerance:
            return Stop(Status.CONVERGED, f"estimated error {error:.1e} within {self.task.tolerance:g}")
        if 10 * numerical < geometric:
            return Stop(Status.STALLED, f"the mesh's facets limit the accuracy to about {geometric:.1e}; refine it")
        if not self.grows or self._size(self.round - 1) == self.method.max_size:
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
            "grouped": self.grouped,
            "draw": self.draw,
            "doubt": self.doubt,
            "head": {"weight": head.weight.detach(), "bias": head.bias.detach()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state: spaces are drawn again from the seed, heads are taken from the state."""
        for name in ("round", "spread", "grouped", "draw", "doubt"):
            setattr(self, name, state[name])
        number, spread = (self.round - 1, self.spread) if self.round else (0, 1.0)
        self.trial = self.task.trial(self._sized(number), self.task.generator(number, self.draw), spread, self.grouped)
        self.trial.space.head.load_state_dict(state["head"])
