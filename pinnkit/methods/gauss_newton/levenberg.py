"""Levenberg's damped least squares: the gain ratio, and the dense solution."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

FALL = 0.1
RISE = 2.0
PARTS = 4


@dataclass
class Damping:
    r"""The damping of a step, changed by the gain ratio :math:`\rho` = actual / predicted decrease of the loss.

    After a step that made the loss smaller it is multiplied by :math:`\max(0.1, 1 - (2 \rho - 1)^3)`; after each
    failure by 2, 4, 8, ... in turn. (Nielsen's rule, which has 1/3 in place of our 0.1.)

    Attributes:
        value: the damping.
        growth: what the next failure multiplies it by.

    Reference:
        Nielsen 1999, "Damping parameter in Marquardt's method", report IMM-REP-1999-05.
    """

    value: float
    growth: float = RISE

    def succeed(self, ratio: float) -> None:
        """Take note of a smaller loss."""
        self.value *= max(FALL, 1 - (2 * min(ratio, 1.0) - 1) ** 3)
        self.growth = RISE

    def fail(self) -> None:
        """Take note of a step that did not make the loss smaller, or of a singular system."""
        self.value *= self.growth
        self.growth *= 2


class DampedSystem:
    r"""Minimise :math:`\|J d + r\|^2 + \mu \|d\|^2` for one J and several r and :math:`\mu`.

    By Cholesky factors of :math:`J^T J + \mu` or :math:`J J^T + \mu`, whichever is smaller, and one step of refinement
    whose residual is evaluated through J itself: corrected semi-normal equations, about as accurate as QR.

    Args:
        jacobian: J, shape ``(m, P)``.
        rows: whether the right-hand sides are rows r; otherwise they are gradients :math:`J^T r`, for which only the
            first form serves.

    Reference:
        Bjorck 1987, doi:10.1016/0024-3795(87)90101-7.
    """

    def __init__(self, jacobian: Tensor, rows: bool = True) -> None:
        """Form the smaller Gram matrix; see the class."""
        self.jacobian, self.rows = jacobian, rows
        self.by_rows = rows and jacobian.shape[0] < jacobian.shape[1]
        self.gram = gram(jacobian.mT if self.by_rows else jacobian)
        self.factor = torch.empty(0)
        self.damping = 0.0

    @property
    def size(self) -> float:
        """The largest entry of the Gram matrix: damping is measured by it."""
        return self.gram.diagonal().max().item()

    def product(self, step: Tensor) -> Tensor:
        """Multiply by J: ``(P,)`` to ``(m,)``."""
        return self.jacobian @ step

    def transposed(self, rows: Tensor) -> Tensor:
        """Multiply by the transpose of J: ``(m,)`` to ``(P,)``."""
        return self.jacobian.mT @ rows

    def damp(self, damping: float) -> bool:
        """Set the damping; False where the system is singular to working precision."""
        damped = self.gram.clone()
        damped.diagonal().add_(damping)
        self.factor, info = torch.linalg.cholesky_ex(damped)
        self.damping = damping
        return not info.item()

    def solve(self, side: Tensor) -> Tensor:
        """Give the minimiser d, shape ``(P,)``, for a right-hand side."""
        j, damping = self.jacobian, self.damping
        if self.by_rows:
            found = self._backward(side)
            found = found - self._backward(j @ (j.mT @ found) + damping * found - side)
            return -(j.mT @ found)
        step = -self._backward(j.mT @ side if self.rows else side)
        error = j.mT @ (side + j @ step) if self.rows else side + j.mT @ (j @ step)
        return step - self._backward(error + damping * step)

    def _backward(self, side: Tensor) -> Tensor:
        return torch.cholesky_solve(side[:, None], self.factor)[:, 0]


def gram(matrix: Tensor) -> Tensor:
    r"""Multiply :math:`A^T A`, a block of columns at a time and only up to the diagonal, which saves three eighths."""
    n = matrix.shape[1]
    product = matrix.new_empty(n, n)
    cuts = [round(i * n / PARTS) for i in range(PARTS + 1)]
    for start, end in zip(cuts, cuts[1:], strict=False):
        product[start:end, :end] = matrix[:, start:end].mT @ matrix[:, :end]
        product[:start, start:end] = product[start:end, :start].mT
    return product
