"""Rounds of frozen spaces of growing size: what least squares and Ritz share."""

from __future__ import annotations

import itertools
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ...domains import Feature
from ...errors import InputError
from ...problem import Trial
from ...spaces import LRNN, Piecewise, Space
from ...spaces.space import whole
from ..error_estimate import apart, difference, explained_error, geometric_error, sampled
from ..stopping import Budget, Status, Step, Stop
from ..task import Task
from ..verification import BOUND, examine, missed, rough
from .contradiction import contradiction
from .head import solve_head
from .kantorovich import ambiguous
from .newton import newton_head
from .null_space import amplified, undetermined

SPREADS = (0.5, 1.0, 2.0, 4.0, 8.0)
DECISIVE, PROMISING = 0.04, 3
"""Relative residuals above the first say little about spreads; up to there so many of the best ones go on. (Our choice:
at one tenth, an advected wave still prefers spreads that are far too small.)"""
EQUAL, SLOW = 1.5, 0.25
"""Residuals within the first factor are equal; a round that leaves more than the second part of the last is slow."""
CELLS = (16, 64)
"""In cells so many times as many functions are taken, in the first and in the last round. (Our choice.)"""
SINGULAR = 30.0
"""Where interfaces meet in singular places, squared residuals of equations understate errors by up to so much: as
measured on checkerboards of contrasts 3 and 10, whose exact solutions are known. (Weak forms do not.)"""
SMALLER = (0.125, 0.25)
"""In many dimensions the frequencies of plane waves add up."""
DOUBTFUL = 1e-2
"""Draws that differ by more, with residuals smaller than that by as much again, suggest several solutions."""

CONFLICT, LEVEL = 1e-3, 0.9
"""A relative residual above the first, that has not fallen by the second part, suggests a contradiction."""
REMAINS = 0.3
"""A share of the errors of the round before that estimates neither far too much nor too little (our choice)."""
SETTLED = 0.01
"""A solution with less than this error tells about what facets cost; the last one tells it again. (Our choice.)"""
TELLING = 3
"""Rounds whose changes tell how the error of an energy falls; before, a correction is solved for."""
STATE = (
    "round", "grouped", "draw", "resolved", "spread", "promising", "residual", "apart", "moved", "geometric", "doubt",
)  # fmt: skip
UNTOLD = 0.1
"""Where coefficients oscillate, one round tells the error no better than so: residuals relative to those of
constants are small there although what they add up to is not. (Our choice.)"""

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

    Frequencies are spread around the spectrum of the data by as many cells as give the best solution: all spreads are
    tried until the residual says something, then the best one and its double, and its half where progress is slow.
    So it is chosen, in more than three dimensions, whether functions depend on groups of coordinates or on all of them.

    Args:
        method: the options.
        task: the problem and space.
    """

    def __init__(self, method: FrozenSpaces, task: Task) -> None:
        """Prepare the first round; see the class."""
        self.method, self.task = method, task
        self.base = task.space or LRNN()
        self.space = task.suited(self.base)
        self.resolved = 0
        """How many features of the task, beside those of its data, the trial function resolves."""
        self.round = 0
        self.spread = 0.0
        self.grouped = True
        self.draw = 0
        self.first_guess: Callable[[Any], Any] | None = task.problem.guess
        """What Newton's method starts from in the first round."""
        self.doubt = 1.0
        """How many times larger residuals are relative to those of the equations alone."""
        self.grows = self.space.resized(2) is not self.space
        self.residual, self.apart, self.moved = math.inf, math.inf, 0.0
        self.promising: list[float] = []
        self.tried: dict[float, float] = {}
        self.ends: list[Trial] = []
        self.values: list[Tensor] = []
        """Of the ends, `sampled`."""
        self.geometric: float | None = None
        """What facets cost; None until the solution is known well enough to tell."""
        self.trial: Trial = task.trial(self._sized(0), task.generator(0, 0), 1.0)

    @property
    def largest(self) -> int:
        """The number of functions of the last round."""
        return self.method.max_size * (CELLS[1] if isinstance(self.base, Piecewise) else 1)

    def _size(self, number: int) -> int:
        """Give the number of functions that a round asks for; a space may round it."""
        start = self.method.start_size
        if isinstance(self.base, Piecewise):
            start *= CELLS[0] if self.task.problem.domain.dimension > 1 else 1
        return min(start * 2**number, self.largest)

    def _sized(self, number: int, draw: int = 0) -> Space:
        space = self.space.resized(self._size(number))
        return space.finer(draw) if isinstance(space, Piecewise) else space

    def _guess(self, draw: int) -> Callable[[Any], Any] | None:
        """Give the function that Newton's method starts from: the one that the draw ended at before.

        Draws that started from one and the same function would agree on where a layer is, wherever that is.

        Args:
            draw: which of the two.

        Returns:
            The function; None for what the hard conditions prescribe, else zero.
        """
        return self.ends[draw] if self.ends else self.first_guess

    def _candidate(self, draw: int, spread: float, grouped: bool, guess: Trial | None = None) -> tuple[float, Trial]:
        """Draw a space, solve for its head, and return what is made least (residual or energy) with it."""
        space = self._sized(self.round, draw)
        trial = self.task.trial(space, self.task.generator(self.round, draw), spread, grouped)
        points = self.task.points(draw)
        if self.task.problem.nonlinear is None:
            return solve_head(trial, self.task, points, self.method.oversampling), trial
        return newton_head(trial, self.task, points, self.method.oversampling, guess or self._guess(draw)), trial

    def _pair(self, ways: list[tuple[float, bool]], budget: Budget) -> list[tuple[float, Trial]]:
        """Find the best spread and grouping by the first draw, and take a second one of that kind."""
        tried = [(*self._candidate(0, *way), *way) for way in ways]
        residual, trial, self.spread, self.grouped = min(tried, key=lambda entry: entry[0])
        self.tried = {entry[2]: entry[0] for entry in tried if entry[3] == self.grouped}
        return [(residual, trial), self._candidate(1, self.spread, self.grouped)]

    @abstractmethod
    def _share(self, best: tuple[float, Trial], other: tuple[float, Trial]) -> float:
        """Estimate the error of the better of two candidates as a share of what they differ by."""

    def step(self, budget: Budget) -> Step:
        """Solve one round."""
        started = time.perf_counter()
        spreads = self._spreads()
        many = self.space.spectral and self.task.spectrum.interactions is not None
        groupings: tuple[bool, ...] = (self.grouped,)
        if many and not self.round:
            spreads, groupings = (*SMALLER, *spreads), (True, False)
        ways = itertools.product(spreads, groupings)
        pair = self._pair(list(ways), budget)
        self._settle(self.tried, self.residual)
        self.draw = int(pair[1][0] < pair[0][0])
        best, other = pair[self.draw], pair[1 - self.draw]
        self.ends = [trial for _, trial in pair]
        earlier, self.values = self.values, [sampled(trial, self.task) for trial in self.ends]
        self.trial = best[1]
        self.resolved = len(self.task.features)
        # Measured first draw first, because where both are of one fixed basis it is the first one's correction.
        drawn_apart = difference(self.ends[0], self.ends[1], self.task, (self.values[0], self.values[1]))
        moves = [apart(new, old, self.task) for new, old in zip(self.values, earlier, strict=False)]
        moved = max(moves, default=0.0)
        numerical = max(drawn_apart * self._share(best, other), self._outlived(moved, best[0], drawn_apart))
        problem, residual = self.task.problem, self.doubt * best[0]
        doubted = problem.nonlinear is not None or problem.weak or problem.hard.rough and not problem.energies
        if doubted and best[0] > CLEAR:
            # Both draws may have found one and the same wrong function, whose residual is large then.
            numerical = max(numerical, residual)
        elif not problem.energies:
            numerical = max(numerical, max(BOUND, best[0]) * best[0])
        if not problem.energies and best[0] > CLEAR:
            numerical = max(numerical, rough(self.task) * residual)
        if problem.energies or problem.weak:
            numerical = max(numerical, missed(self.task, self.trial).error, self._seen())
        first = not self.round and self.grows and self._size(0) < self.largest
        if first and best[0] > CLEAR and self.space.spectral and self.task.spectrum.oscillating:
            numerical = max(numerical, UNTOLD)
        if self.geometric is None and numerical < SETTLED:
            self.geometric = geometric_error(self.trial, self.task)
        self.round += 1
        if numerical > DOUBTFUL and residual < DOUBTFUL * numerical and (free := self._undetermined()):
            return Step(best[0], 1, 1.0, Stop(Status.UNDETERMINED, free), checked=True)
        before, self.residual, self.apart, self.moved = self.residual, best[0], drawn_apart, moved
        if not problem.energies and best[0] > max(CONFLICT, LEVEL * before):
            about = None if problem.nonlinear is None else self.trial
            if (clash := contradiction(self.task, about)) is not None:
                return Step(best[0], 1, max(numerical, best[0]), Stop(Status.CONTRADICTORY, clash), checked=True)
        seconds = time.perf_counter() - started
        stop, fresh = self._stop(numerical, seconds, budget), None
        if stop is not None and stop.status is not Status.DIVERGED:
            numerical, stop, fresh = self._examined(stop, numerical, seconds, budget)
        return Step(best[0], 1, self._error(numerical), stop, checked=True, residual=fresh)

    def _seen(self) -> float:
        """Give a least error that is known otherwise."""
        return 0.0

    def _undetermined(self) -> str | None:
        """Describe what no residual sees of the functions, or of those that stand for all of those in cells."""
        if isinstance(self.base, Piecewise):
            return undetermined(self.task.typical, self.task, zero=True)
        return undetermined(self.trial, self.task)

    def _error(self, numerical: float) -> float:
        """Give the error of the space and of the facets together."""
        if self.task.problem.equations and self.task.problem.junctions:
            numerical = min(max(numerical, 1.0), SINGULAR * numerical)
        return math.hypot(numerical, self.geometric or 0.0)

    def _outlived(self, moved: float, residual: float, apart: float) -> float:
        """Estimate what is left of the errors of the round before, which this one shows.

        Two draws may miss a kink or a layer alike, and agree; but a larger space does not miss it as they did. What was
        wrong with the smaller space is, to a part `REMAINS`, as much smaller now as the residual is; where the draws
        have come closer by more, their word counts as much (the geometric mean: smooth errors fall like the draws'
        difference, kinks and layers like the residual). Where an energy is made least, what was wrong is as much
        smaller as the changes from round to round are. (Our choice.)

        Args:
            moved: by how much the draws differ from those of the round before.
            residual: the relative residual of this round.
            apart: by how much its draws differ.

        Returns:
            The relative error.
        """
        if self.task.problem.energies:
            return moved * min(1.0, moved / self.moved) if self.moved > 0 else 0.0
        fallen = min(1.0, residual / self.residual) if self.residual > 0 else 0.0
        closer = apart / self.apart if self.apart > 0 else 1.0
        return REMAINS * moved * min(fallen, math.sqrt(fallen * closer))

    def _spreads(self) -> tuple[float, ...]:
        """Choose the spreads to try in this round."""
        if not self.space.spectral:
            return (1.0,)
        if not self.round:
            return SPREADS
        return tuple(self.promising)

    def _settle(self, residuals: dict[float, float], before: float) -> None:
        """Choose the spreads to try in the next round: larger spaces have a use for wider spreads, rarely for less."""
        ranked = sorted(residuals, key=lambda spread: residuals[spread])
        best, least = ranked[0], residuals[ranked[0]]
        if self.task.problem.energies:  # of which nothing tells how far they are from the least
            self.promising = [best, 2 * best]
        elif least > DECISIVE:
            beyond = {min(residuals): [best / 2], max(residuals): [2 * best]}.get(best, [])
            self.promising = [*(ranked[:PROMISING] if self.round else SPREADS), *beyond]
        else:
            # The widest of equals has more to offer to a larger space.
            widest = max(spread for spread, residual in residuals.items() if residual <= EQUAL * least)
            self.promising = [best, max(widest, 2 * best), *([best / 2] if least > SLOW * before else [])]

    def _examined(
        self, stop: Stop, numerical: float, seconds: float, budget: Budget
    ) -> tuple[float, Stop | None, float | None]:
        """Look at the solution with fresh eyes before the last word; what is found makes the next round better."""
        self.geometric = geometric_error(self.trial, self.task)
        # Solutions in cells of one problem agree, even where it has many: each is the least of them.
        if isinstance(self.base, Piecewise) and (free := self._undetermined()):
            return 1.0, Stop(Status.UNDETERMINED, free), None
        verdict = examine(self.trial, self.task, self._error(numerical), self.residual)
        if verdict.status is Status.UNDETERMINED:
            return verdict.error, Stop(verdict.status, verdict.reason), None
        numerical = max(numerical, verdict.error, amplified(self.trial, self.task, self.residual))
        if self.task.problem.energies and self.round < TELLING:
            numerical = max(numerical, explained_error(self.trial, self.task)[0])
        if verdict.features and isinstance(self.base, Piecewise):
            at = ", ".join(f"{value:.4g}" for value in verdict.features[0].centre.tolist())
            large = verdict.reason or f"the residual at ({at}) is far larger than where it was made small"
            return max(numerical, verdict.error), Stop(Status.UNRESOLVED, f"{stop.reason}; {large}"), verdict.residual
        if verdict.features:
            self._resolve((*self.task.features, *verdict.features))
        if (why := ambiguous(self.trial, self.task)) is not None:
            verdict, numerical = replace(verdict, status=Status.UNRESOLVED, reason=why), max(numerical, 1.0)
        again = self._stop(numerical, seconds, budget)
        if again is not None and verdict.reason:
            status = verdict.status or again.status
            again = Stop(status, f"{again.reason}; {verdict.reason}")
        return numerical, again, verdict.residual

    def _resolve(self, features: tuple[Feature, ...]) -> None:
        """Put points and functions at features from now on."""
        self.task = replace(self.task, features=features)
        self.space = self.task.suited(self.base)

    def _stop(self, numerical: float, seconds: float, budget: Budget) -> Stop | None:
        size, error, geometric = self.trial.space.size, self._error(numerical), self.geometric or 0.0
        if not math.isfinite(error):
            return Stop(Status.DIVERGED, f"the solution of {size} functions is not finite")
        if error <= self.task.tolerance:
            return Stop(Status.CONVERGED, f"estimated error {error:.1e} within {self.task.tolerance:g}")
        if 10 * numerical < geometric:
            return Stop(Status.STALLED, f"the mesh's facets limit the accuracy to about {geometric:.1e}; refine it")
        if not self.grows or self._size(self.round - 1) == self.largest:
            return Stop(Status.STALLED, f"estimated error {error:.1e} with all of {size} functions")
        # Twice the functions cost four to eight times as much, but the first round also searched all spreads.
        longer = 2 if self.round == 1 else 8 if self.task.problem.energies else 4
        if longer * seconds > budget.remaining_seconds:
            more = min(2 * size, self.largest)
            return Stop(Status.BUDGET_SPENT, f"the next round, of {more} functions, would not fit into the budget")
        return None

    def state_dict(self) -> dict[str, Any]:
        """Give what the next round and the solution depend on."""
        return {
            **{name: getattr(self, name) for name in STATE},
            "late": bool(self.task.problem.survey.late),
            "features": [[feature.centre, feature.frame] for feature in self.task.features],
            "head": _saved(self.trial),
            "ends": [_saved(trial) for trial in self.ends],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state: spaces are drawn again from the seed, heads are taken from the state."""
        for name in STATE:
            setattr(self, name, state[name])
        if state.get("late"):
            self.task.problem.survey.again()
        features = tuple(Feature.found(centre.cpu(), frame.cpu()) for centre, frame in state["features"])
        self._resolve(features[: self.resolved])
        self.trial = self._loaded(self.draw, state["head"])
        self.ends = [self._loaded(draw, head) for draw, head in enumerate(state["ends"])]
        self.values = [sampled(trial, self.task) for trial in self.ends]
        self._resolve(features)

    def _loaded(self, draw: int, head: dict[str, Any]) -> Trial:
        number, spread = (self.round - 1, self.spread) if self.round else (0, 1.0)
        trial = self.task.trial(self._sized(number, draw), self.task.generator(number, draw), spread, self.grouped)
        trial.space.head.load_state_dict(head)
        return trial


def _saved(trial: Trial) -> dict[str, Any]:
    head = trial.space.head
    return {"weight": head.weight.detach(), "bias": head.bias.detach()}
