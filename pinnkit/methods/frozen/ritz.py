"""The Ritz method: the head of a frozen space that makes a quadratic energy least."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from ...errors import InputError
from ...problem import Collocation, EnergyIntegral, Trial, energetic
from ...spaces import Chebyshev
from ..stopping import Budget, Status, Step, Stop
from ..task import Task
from .head import FINER
from .null_space import undetermined
from .rounds import FrozenSpaces, Rounds

LEAST_SHARE = 0.1
RESIDUAL, TESTS = 0.25, 1000
"""Part of the weak residual, in its dual norm, that the error is at least, as measured on an elastic L-shape (errors of
0.053 and 0.034 at residuals of 0.21 and 0.13), and how many test functions it is measured by, about."""
FREE, MOTION = 1e-12, 500
"""Energy, relative to that of others, below which a motion is free, and the nodes by which it is measured."""


@dataclass(frozen=True)
class Ritz(FrozenSpaces):
    r"""The Ritz method over frozen spaces of growing size, for quadratic energies.

    Each round draws two independent spaces of one size and solves for both heads. The solution u is the one with the
    lower energy J. In the norm of the energy the errors e, e' of both satisfy :math:`|e|^2 - |e'|^2 = 2 (J - J')`, and
    :math:`|e|^2 + |e'|^2 = |u - u'|^2` if they are independent; so e is what the two differ by, times
    :math:`(1/2 + (J - J') / |u - u'|^2)^{1/2}`. (Our choice.)

    Args:
        start_size: basis functions of the first round, where the space leaves its size open.
        max_size: of the last round.
        oversampling: quadrature nodes for each unknown coefficient.
    """

    name = "ritz"

    def start(self, task: Task) -> RitzRun:
        """Begin.

        Args:
            task: the problem and space.

        Returns:
            The run.

        Raises:
            InputError: the problem is no energy, or one that is not quadratic.
        """
        if task.problem.weak:
            if (stated := energetic(task.problem)) is None:
                raise InputError(
                    "the Ritz method needs an energy; this weak form is not the first variation of a convex one, "
                    "because it is not symmetric and positive: use least-squares."
                )
            return WeakRitzRun(self, replace(task, problem=stated), task)
        if not task.problem.energies:
            raise InputError("the Ritz method needs an energy, but this problem has equations: use least-squares.")
        if (culprit := task.problem.nonlinear) is not None:
            raise InputError(f"the Ritz method needs a quadratic energy, but {culprit} is none; use gauss-newton.")
        return RitzRun(self, task)


class RitzRun(Rounds):
    """Rounds of the Ritz method; see `Ritz`."""

    @torch.no_grad()
    def _share(self, best: tuple[float, Trial], other: tuple[float, Trial]) -> float:
        u, v = best[1], other[1]
        columns = u.space.size + 1
        points = math.ceil(FINER * self.method.oversampling * columns)
        energy = EnergyIntegral(self.task.problem, points, points, self.task.dtype, self.task.device)
        # J(u) - J(v) and |u - v|^2, without the rounding error of a difference.
        linear, quadratic = energy.change(lambda x: u(x) - v(x), v, 2 * columns)
        if not quadratic > 0:
            return 1.0  # equal up to rounding
        return math.sqrt(max(LEAST_SHARE**2, min(1.0, 1 + linear / (2 * quadratic))))


class WeakRitzRun(RitzRun):
    """Rounds for the energy of a weak form.

    Args:
        method: the method.
        task: that of the energy.
        weak: that of the weak form, which tells what is not determined.
    """

    def __init__(self, method: Ritz, task: Task, weak: Task) -> None:
        """Keep both; see the class."""
        super().__init__(method, task)
        self.weak = weak

    def step(self, budget: Budget) -> Step:
        """Solve one round, the first one only if the problem determines its solution."""
        if not self.round and self._moves():
            free = undetermined(self.weak.typical, self.weak, zero=True) or (
                "there are motions, of shifts and turns, that cost no energy; is a condition missing?"
            )
            return Step(1.0, 1, 1.0, Stop(Status.UNDETERMINED, free), checked=True)
        return super().step(budget)

    @cached_property
    def tests(self) -> Collocation:
        """The weak form against its test functions."""
        return self.weak.collocation(TESTS, TESTS, self.weak.generator(18, 0))

    def _seen(self) -> float:
        """Give a part of the residual: draws may miss a corner alike, and agree on an energy that is not least."""
        return RESIDUAL * self.tests.relative_residual(self.trial)

    def _moves(self) -> bool:
        """Tell whether a polynomial of low degree, such as a shift or a turn, costs no energy."""
        d = self.task.problem.domain.dimension
        probe = self.task.trial(Chebyshev(d * (d + 1) // 2), self.task.generator(17, 0))
        matrix, _ = EnergyIntegral(self.task.problem, MOTION, MOTION, self.task.dtype, self.task.device).system(probe)
        diagonal = matrix.diagonal()
        scale = torch.where(diagonal > 0, diagonal, diagonal.max()).rsqrt()
        values = torch.linalg.eigvalsh(matrix * scale * scale[:, None])
        return bool(values[0] < FREE * values[-1])
