r"""The primal-dual iteration for total variation, with diagonal preconditioning.

With B = W A and r = W b, and the duals y of the data and q of the differences,

.. math:: y \leftarrow \frac{y + \Sigma (B \bar x - r)}{1 + \lambda \Sigma}, \quad
   q \leftarrow \frac{q + \sigma \nabla \bar x}{\max(1, |q + \sigma \nabla \bar x|)}, \quad
   x \leftarrow \max(0, x - T (B^T y + \nabla^T q)),

where :math:`\bar x` carries x on along its last step. It converges to a minimiser of
:math:`\tfrac12 |B x - r|^2 + \lambda \sum |\nabla x|` over :math:`x \ge 0`, where :math:`B x - r = \lambda y`.

References: Chambolle and Pock, Journal of Mathematical Imaging and Vision 40 (2011), 120-145,
doi:10.1007/s10851-010-0251-1; Pock and Chambolle, ICCV (2011), 1762-1769, doi:10.1109/ICCV.2011.6126441.
"""

from __future__ import annotations

from itertools import islice

import torch
from torch import Tensor

from .reconstruction import Whitened
from .sirt import sirt

START = 20
"""Steps of SIRT from which to start."""
STEP = 2e-3
"""Primal step in units of the start's root mean square (our choice: the fastest on CT slices)."""
SHARE = 0.3
"""Column sums of the scaled differences, relative to those of the data (our choice, likewise)."""


def differences(x: Tensor) -> Tensor:
    """Subtract from the next pixel along columns and rows; the last ones have none.

    Args:
        x: shape ``(rows, columns)``.

    Returns:
        Shape ``(2, rows, columns)``.
    """
    result = x.new_zeros(2, *x.shape)
    torch.sub(x[:, 1:], x[:, :-1], out=result[0, :, :-1])
    torch.sub(x[1:], x[:-1], out=result[1, :-1])
    return result


def differences_transposed(q: Tensor) -> Tensor:
    """Apply the transpose of `differences`, for q that are zero where these are.

    Args:
        q: shape ``(2, rows, columns)``.

    Returns:
        Shape ``(rows, columns)``.
    """
    result = -q[0] - q[1]
    result[:, 1:] += q[0, :, :-1]
    result[1:] += q[1, :-1]
    return result


def variation(x: Tensor) -> float:
    """Measure the total variation: lengths of the differences, added up.

    Args:
        x: shape ``(rows, columns)``.

    Returns:
        In units of x.
    """
    return float(torch.hypot(*differences(x)).sum())


class PrimalDual:
    """The state of the iteration; its tensors are replaced, never changed, so that a shallow copy is a snapshot.

    Args:
        B: the equations.

    Attributes:
        pull: a penalty rho and an image u, for a term rho / 2 |x - u|^2 beside the data; None without.
        varies: whether the total variation counts.
        x: the image.
        y, q: the duals.
        residual: of the image, B x - r.
        weight: lambda, to be set by whoever takes steps; at first one that smoothes too much.
        steps: taken so far.
    """

    def __init__(self, B: Whitened) -> None:
        """Start from a few steps of SIRT; see the class."""
        self.B = B
        self.x, residual = next(islice(sirt(B), START, None))
        self.residual = self._ahead = -residual
        self.y, self.q = torch.zeros_like(residual), differences(B.zeros())
        rows, columns = B.sums()
        mean = float(columns.mean())
        differing = SHARE * mean / 4  # what a difference, whose four entries in a column are 1, is scaled by
        scale = STEP * (1 + SHARE) * mean * (float(self.x.square().mean().sqrt()) or 1.0)
        self._primal = scale / (columns + 4 * differing)
        # Rays that miss the image have a residual too, for the discrepancy: their dual is it, over the weight.
        self._dual = 1 / (scale * rows.clamp(min=1e-6 * float(rows.max())))
        self._dual_of_differences = differing / (2 * scale)
        self.weight = 4 * float(residual.square().mean().sqrt()) * mean
        self._x_ahead = self.x
        self.pull: tuple[float, Tensor] | None = None
        self.varies = True
        self.steps = 0

    def restart(self) -> None:
        """Go on from an image that was set."""
        self.residual = self._ahead = self.B(self.x) - self.B.right
        self._x_ahead = self.x

    def step(self) -> float:
        """Take a step.

        Returns:
            The relative change of the image.
        """
        self.y = (self.y + self._dual * self._ahead) / (1 + self.weight * self._dual)
        slope = self.B.T(self.y)
        if self.varies:
            q = self.q + self._dual_of_differences * differences(self._x_ahead)
            self.q = q / torch.hypot(q[0], q[1]).clamp(min=1)
            slope += differences_transposed(self.q)
        x = self.x - self._primal * slope
        if self.pull is not None:
            strength = self._primal * (self.pull[0] / self.weight)
            x = (x + strength * self.pull[1]) / (1 + strength)
        x = x.clamp(min=0)
        residual = self.B(x) - self.B.right
        change = float((x - self.x).norm() / x.norm().clamp(min=1e-30))
        self._x_ahead, self._ahead = 2 * x - self.x, 2 * residual - self.residual
        self.x, self.residual, self.steps = x, residual, self.steps + 1
        return change
