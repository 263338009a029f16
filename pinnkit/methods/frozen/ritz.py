"""The Ritz method: the head of a frozen space that makes a quadratic energy least."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ...errors import InputError
from ...problem import EnergyIntegral, Trial
from ..task import Task
from .head import FINER
from .rounds import FrozenSpaces, Rounds

LEAST_SHARE = 0.1


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
