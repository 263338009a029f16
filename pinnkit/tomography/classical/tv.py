r"""Total variation: the image of least variation that fits the data, nowhere negative.

.. math:: \min_{x \ge 0} \tfrac12 |W (A x - b)|^2 + \lambda \sum_{ij} |\nabla x|_{ij}

with isotropic forward differences. The weight :math:`\lambda` follows from the discrepancy principle in the same run:
at the solution the residual is :math:`\lambda` times its dual y, so that after every step
:math:`\lambda = \sqrt m / |y|` for m rays; a fixed point is a solution whose residual has the norm :math:`\sqrt m`.
Where no image fits the data so well, and by the other rule, the weight falls by halves from a large one, each started
from the last, and the largest whose residual is nearly as white as the whitest is taken (both our choice).

Reference: Rudin, Osher and Fatemi, Physica D 60 (1992), 259-268, doi:10.1016/0167-2789(92)90242-F; Wen and Chan, IEEE
Transactions on Image Processing 21 (2012), 1770-1781, doi:10.1109/TIP.2011.2181401, also find the weight on the way.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

from ...errors import NameNotFound
from ..projector import Projector
from ..scan import Scan
from .primal_dual import PrimalDual
from .reconstruction import Classical, Reconstruction, Whitened, positive
from .stopping import redness

RULES = ("discrepancy", "whitest")
HALVINGS, STEPS = 14, 25
"""Weights to try where the discrepancy principle fails, and steps with each."""
RISE = 0.05
"""How much redder than the whitest residual one must be to end the search: smaller weights fit noise (our choice)."""


@dataclass(frozen=True)
class TotalVariation(Classical):
    """Least squares with total variation, x >= 0; see the module for the choice of the weight.

    Args:
        weight: lambda, mm, beside data in units of their standard deviation; chosen if None.
        rule: how to choose it, "discrepancy" (first) or "whitest" (alone).
        iterations: at most, and again after a search for a weight.
        tolerance: relative change of the image in a step at which to stop.
        name: for tables.

    Raises:
        InputError: a number is not positive.
        NameNotFound: there is no such rule.
    """

    weight: float | None = None
    rule: str = "discrepancy"
    iterations: int = 500
    tolerance: float = 1e-4
    name: str = "TV"

    def __post_init__(self) -> None:
        """Check the numbers; see the class."""
        positive(iterations=self.iterations, tolerance=self.tolerance)
        if self.weight is not None:
            positive(weight=self.weight)
        if self.rule not in RULES:
            raise NameNotFound("rule for the weight", self.rule, RULES)

    def solve(self, scan: Scan, projector: Projector | None = None) -> Reconstruction:
        """Reconstruct a scan; see `Classical.solve`."""
        start = PrimalDual(Whitened(scan, projector))
        if self.weight is not None:
            start.weight = self.weight
            return self._run(start, "weight as given")
        missed = ""
        if self.rule == "discrepancy":
            state = copy.copy(start)
            found = self._run(state, "discrepancy principle", math.sqrt(scan.sinogram.size))
            chi2 = float(state.residual.square().mean())
            if chi2 < 1.1:
                return found
            missed = f", as chi^2 stays at {chi2:.3g} a ray"
        whiten(start)
        return self._run(start, "whitest residual" + missed)

    def _run(self, state: PrimalDual, reason: str, target: float | None = None) -> Reconstruction:
        """Take steps until the image stands still and the residual, if its norm has a target, is there."""
        for _ in range(self.iterations):
            still = state.step() < self.tolerance
            if target is not None:
                state.weight = target / max(float(state.y.norm()), 1e-30)
                still &= abs(float(state.residual.norm()) / target - 1) < 0.01
            if still:
                break
        return Reconstruction(state.x, state.steps, reason, state.weight)


def whiten(state: PrimalDual) -> None:
    """Search for the weight with the whitest residual by halves, and set it.

    Args:
        state: with the first weight; goes on with smaller ones.
    """
    tried: list[tuple[float, float]] = []
    for _ in range(HALVINGS):
        for _ in range(STEPS):
            state.step()
        tried.append((redness(state.residual), state.weight))
        least = min(tried)[0]
        if tried[-1][0] > least + RISE:
            break
        state.weight /= 2
    # Where it hardly becomes whiter, what is left is an error of the model, and smaller weights would fit that too.
    state.weight = max(weight for red, weight in tried if red <= 1.25 * least + 0.01)
