"""The default method: what kind of problem is it?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ..domains import SpaceTime
from ..problem import energetic
from ..spaces import LRNN, Piecewise
from .adam import Adam
from .fallback import FallbackRun
from .frozen.least_squares import LeastSquares
from .frozen.ritz import Ritz, WeakRitzRun
from .frozen.rounds import Rounds
from .gauss_newton.method import GaussNewton
from .inverse.identification import Identification
from .inverse.posterior import has_noise
from .marching.time_marching import TimeMarching
from .quasi_newton.lbfgs import LBFGS
from .sequence import Sequence
from .stopping import Status, Step
from .task import Method, Run, Task, without_cells

SQUARED = 1e-6
"""Below this error an energy's minimum is a matter of rounding. (Our choice.)"""
FAST = 2
"""In up to so many dimensions the time of cells grows about linearly with their number."""


@dataclass(frozen=True)
class Auto:
    """What suits the problem: least squares, time marching or Ritz over frozen spaces, or else training.

    Least squares is for equations that are linear, do not depend on time, or are inverse, time marching for nonlinear
    evolutions, and Ritz for quadratic energies.

    Where a frozen space fails (it stalls with an estimated error above one percent, or diverges) and budget is left,
    all parameters are trained, and the better of the two solutions is kept. Where least squares is slow over one basis
    for the whole of a box, cells with a basis each are tried before.
    """

    name = "auto"

    def choose(self, task: Task) -> tuple[Method, str]:
        """Choose a method.

        Args:
            task: the problem and space.

        Returns:
            The method, and why in one line.
        """
        if isinstance(task.space, Piecewise):
            return LeastSquares(), "least squares joins the cells of the space"
        culprit, energy = task.problem.nonlinear, bool(task.problem.energies)
        steady = not isinstance(task.problem.domain, SpaceTime)
        training = self.fall_back(task)
        if task.problem.equations and has_noise(task.problem):
            what = culprit or "the data have noise, but the problem is linear"
            if task.space is None or task.space.frozen:
                return LeastSquares(), f"inverse ({what}): least squares weighed by the noise"
            return Identification(), f"inverse ({what}), and {task.space.title} needs training: Gauss-Newton"
        frozen = task.space is None or task.space.frozen
        if culprit is not None and not steady and frozen and TimeMarching().suits(task.problem):
            return TimeMarching(), f"{culprit} is not linear: Newton's method in windows of time"
        if culprit is not None and not steady and frozen and task.problem.domain.regions:
            return LeastSquares(), f"{culprit} is not linear: Newton's method over frozen spaces in all regions"
        if culprit is not None and (energy or task.problem.trainable_parameters or not steady):
            return training, f"{culprit} is not {'quadratic' if energy else 'linear'}: all parameters are trained"
        if task.space is not None and not task.space.frozen:
            return training, f"{task.space.title} needs training"
        if energy:
            return Ritz(), "the energy is quadratic: its minimum over a frozen space"
        if len(task.problem.unknowns) > 1 and energetic(task.problem) is not None:
            return Ritz(), "the weak form says that an energy is least: its minimum over a frozen space"
        if culprit is not None:
            return LeastSquares(), f"{culprit} is not linear: Newton's method over frozen spaces"
        return LeastSquares(), "the problem is linear: least squares over a frozen space"

    def fall_back(self, task: Task) -> Method:
        """Give the method that trains all parameters, where no other fits or the one that was chosen has failed."""
        # An energy that is not quadratic may not be convex, and its second derivative no metric.
        if task.problem.energies and task.problem.nonlinear:
            return Sequence([Adam(), LBFGS()])
        return GaussNewton()

    def start(self, task: Task) -> Run:
        """Begin work with the chosen method."""
        chosen, fallback = self.choose(task)[0], self.fall_back(task)
        run = chosen.start(task)
        # An inverse problem has no other method to fall back to; its parameters would have to be handed over, too.
        if hasattr(run, "training") or has_noise(task.problem) or isinstance(task.space, Piecewise):
            return run
        if isinstance(run, WeakRitzRun):
            space = task.space or LRNN()
            run = FallbackRun(run, chosen, LeastSquares(), task, space, partial(_rounded, task))
        if isinstance(run, Rounds) and _in_cells(task):
            run = FallbackRun(run, chosen, LeastSquares(), task, Piecewise(), partial(_slow, run, task))
        return FallbackRun(run, chosen, fallback, task)


def _rounded(task: Task, step: Step) -> str | None:
    """Tell that an energy is no longer the better measure: its quadratic form squares condition numbers."""
    error = step.estimated_error
    if step.stop is None and error is not None and task.tolerance < error < SQUARED:
        return f"is as good as squared condition numbers allow (estimated error {error:.1e})"
    return None


def _in_cells(task: Task) -> bool:
    """Tell whether a problem may be solved in cells: linear equations in a box, of whose data nothing sticks out."""
    few = task.space is None and task.problem.domain.dimension <= FAST
    # Charts at corners are functions of the whole box, so far.
    return few and without_cells(task) is None and not task.charted


def _slow(run: Rounds, task: Task, step: Step) -> str | None:
    """Tell why a basis for the whole domain will not do: twice as many functions square the error, at best."""
    error, size = step.estimated_error or 0.0, run.trial.space.size
    if step.stop is not None:
        # Cells may fit into a budget that the next round would not.
        spent = step.stop.status in (Status.STALLED, Status.BUDGET_SPENT)
        return f"is slow with one basis ({step.stop.reason})" if spent else None
    # Smaller ones say little, because frequencies are not met yet. (Our choice.)
    if 4 * size >= run.largest and min(error, 1.0) ** (run.largest / size) > task.tolerance:
        return f"is slow with one basis (estimated error {error:.1e} with {size} functions of the whole domain)"
    return None
