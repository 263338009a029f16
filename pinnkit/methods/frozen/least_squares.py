"""Least squares: the head of a frozen space in one shot, or by Newton's method."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import Any

from ...errors import InputError
from ...problem import Trial
from ..inverse.frozen import InverseRun
from ..inverse.posterior import has_noise
from ..stopping import Budget, Status, Stop
from ..task import Task
from .rounds import DOUBTFUL, FrozenSpaces, Rounds
from .several import another, reconciled
from .starts import search


@dataclass(frozen=True)
class LeastSquares(FrozenSpaces):
    """Least squares over frozen spaces of growing size, with Newton's method where the problem is not linear.

    Each round draws two independent spaces of one size on independent points and solves for both heads. The solution
    is the one with the smaller residual r, and what the two differ by, times r / sqrt(r^2 + r'^2), estimates its error:
    independent errors in the proportion of the residuals add up like that. Frequencies are spread around the spectrum
    of the data by as many cells as give the smallest residual.

    A nonlinear problem is linearised about the solution of the round before, so that one step or two are enough in
    every round but the first. That starts from the problem's guess, else from zero; where it ends at no solution, other
    starts and paths to solutions are searched (`search`), and where two draws end at two solutions, they are made to
    agree on one of them and the other one is reported.

    Args:
        start_size: basis functions of the first round, where the space leaves its size open.
        max_size: of the last round.
        oversampling: interior points for each unknown coefficient.
    """

    max_size: int = 2400
    name = "least-squares"

    def start(self, task: Task) -> LeastSquaresRun | InverseRun:
        """Begin.

        Args:
            task: the problem and space.

        Returns:
            The run.

        Raises:
            InputError: the problem is an energy, or is inverse and a weak form.
        """
        if task.problem.energies:
            raise InputError("least squares needs equations, but this problem is an energy: use the method ritz.")
        if not has_noise(task.problem):
            return LeastSquaresRun(self, task)
        if task.problem.weak:
            raise InputError("least squares solves inverse problems by equations, not by weak forms; use gauss-newton.")
        return InverseRun(self, task)


class LeastSquaresRun(Rounds):
    """Rounds of least squares; see `LeastSquares`."""

    def __init__(self, method: LeastSquares, task: Task) -> None:
        """Prepare the first round; see the class."""
        super().__init__(method, task)
        self.several: str | None = None
        """What there is to say of a second solution."""
        self.left, self.searching = math.inf, 0.0
        """The relative residual of this round, and the seconds that its search took, as none of the next ones will."""

    def _pair(self, ways: list[tuple[float, bool]], budget: Budget) -> list[tuple[float, Trial]]:
        """Draw a pair; where Newton's method finds no solution, start it elsewhere, and settle which of several."""
        pair = super()._pair(ways, budget)
        if self.task.problem.nonlinear is None:
            return pair
        others: list[Trial] = []
        started = time.perf_counter()
        if not self.round and not _least(pair) <= DOUBTFUL:
            usual, way = pair, (self.spread, self.grouped, self.tried)
            found, scale = search(self.task, self.method.oversampling, self.first_guess, budget)
            self.doubt = 1 / scale
            self.searching = time.perf_counter() - started
            if found:
                self.first_guess = found[0][1]
                pair, others = super()._pair(ways, budget), [trial for _, trial in found[1:]]
            if not _least(pair) < _least(usual):
                pair, others, (self.spread, self.grouped, self.tried) = usual, [], way
        else:
            self.searching = 0.0
        pair, several = reconciled(pair, self._again, self.task)
        self.several = several or another(pair, others, self._again, self.task) or self.several
        self.left = self.doubt * _least(pair)
        return pair

    def _stop(self, numerical: float, seconds: float, budget: Budget) -> Stop | None:
        stop = super()._stop(numerical, seconds - self.searching, budget)
        if stop is None or self.task.problem.nonlinear is None or not math.isfinite(self.left):
            return stop
        words = [stop.reason, self.several]
        if self.left > DOUBTFUL and stop.status is not Status.CONVERGED:
            words.append("the residual is not small but stationary, as at no solution; start near one with guess=")
        return replace(stop, reason="; ".join(filter(None, words)))

    def _again(self, draw: int, guess: Trial) -> tuple[float, Trial]:
        """Solve in the space of a draw of this round from another function."""
        return self._candidate(draw, self.spread, self.grouped, guess)

    def state_dict(self) -> dict[str, Any]:
        """Give what the next round and the solution depend on."""
        return super().state_dict() | {"several": self.several}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        super().load_state_dict(state)
        self.several = state["several"]

    def _share(self, best: tuple[float, Trial], other: tuple[float, Trial]) -> float:
        size = math.hypot(best[0], other[0])
        return best[0] / size if size > 0 else 1.0


def _least(pair: list[tuple[float, Trial]]) -> float:
    return min(residual for residual, _ in pair)
