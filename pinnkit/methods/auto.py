"""The default method: what kind of problem is it?"""

from __future__ import annotations

from dataclasses import dataclass

from ..domains import SpaceTime
from .adam import Adam
from .lbfgs import LBFGS
from .least_squares import LeastSquares
from .ritz import Ritz
from .sequence import Sequence
from .task import Method, Run, Task


@dataclass(frozen=True)
class Auto:
    """Least squares for linear problems and Ritz for quadratic energies in spaces that serve frozen; else training."""

    name = "auto"

    def choose(self, task: Task) -> tuple[Method, str]:
        """Choose a method.

        Args:
            task: the problem and space.

        Returns:
            The method, and why in one line.
        """
        culprit, energy = task.problem.nonlinear, bool(task.problem.energies)
        steady = not isinstance(task.problem.domain, SpaceTime)
        if culprit is not None and (energy or task.problem.trainable_parameters or not steady):
            kind = "quadratic" if energy else "linear"
            return Sequence([Adam(), LBFGS()]), f"{culprit} is not {kind}: Adam, then L-BFGS"
        if task.space is not None and not task.space.frozen:
            return Sequence([Adam(), LBFGS()]), f"{task.space.title} needs training: Adam, then L-BFGS"
        if energy:
            return Ritz(), "the energy is quadratic: its minimum over a frozen space"
        if culprit is not None:
            return LeastSquares(), f"{culprit} is not linear: Newton's method over frozen spaces"
        return LeastSquares(), "the problem is linear: least squares over a frozen space"

    def start(self, task: Task) -> Run:
        """Begin work with the chosen method."""
        return self.choose(task)[0].start(task)
