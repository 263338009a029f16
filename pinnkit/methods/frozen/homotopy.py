"""Newton's homotopy: all solutions on the path along which a residual shrinks to zero."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ...algebra import solve_least_squares
from ...problem import Collocation, Trial
from .newton import newton_steps

STEPS = 40
CORRECTIONS = 4
FIRST = 0.1
"""The first step, in arc length: the parameter and the relative change of the function count alike."""
LONGEST = 1.0
SHORTEST = 1e-6
NEAR = 0.05
"""Corrections end when they are smaller than this share of the step."""
FAR = 50.0
"""Where the parameter leaves for infinity, so does the function."""


class Path:
    r"""The path of :math:`R(u) = (1 - s) R(u_0)` through :math:`u_0`, where s = 0; where s = 1 a solution is met.

    The path is followed by its arc length: predictors along the tangent, corrections across it, each from one
    least-squares problem for function and parameter together. So it turns where a linearisation is singular, at which
    Newton's method ends, and after the first solution it may lead to a second one. Functions are measured by their
    mean square at points, each unknown relative to itself at the start or in the first tangent. (Our choice.)

    Args:
        trial: the trial function; its head is changed on the way.
        collocation: the residuals.
        points: where functions are measured, shape ``(n, d)``.
        head: that of the function :math:`u_0`, shape ``(K, M + 1)``.

    Reference: Allgower and Georg 1990, Numerical Continuation Methods, doi:10.1007/978-3-642-61257-2.
    """

    @torch.no_grad()
    def __init__(self, trial: Trial, collocation: Collocation, points: Tensor, head: Tensor) -> None:
        """Measure the start; see the class."""
        self.trial, self.collocation, self.head = trial, collocation, head
        trial.set_head(head)
        self.start = collocation.rows(trial)
        self.columns = [trial.columns(points, k) / math.sqrt(len(points)) for k in range(len(head))]
        self.sizes = trial(points).square().mean(0).sqrt()

    @torch.no_grad()
    def roots(self, direction: float) -> Iterator[tuple[float, Tensor]]:
        """Follow the path.

        Args:
            direction: the sign of the first change of s.

        Yields:
            The relative residual and the head of each solution that is met; s passes 1 there.
        """
        if not torch.isfinite(self.start).all():
            return
        head, s, length = self.head, 0.0, FIRST
        matrix, _ = self._linearised(head)
        tangent = (torch.zeros_like(head), direction)
        for step in range(STEPS):
            tangent = self._tangent(matrix, tangent, first=not step)
            if not 0 < self._size(*tangent) < math.inf:
                return
            found = None
            while found is None and length >= SHORTEST:
                found = self._corrected(head + length * tangent[0], s + length * tangent[1], tangent, length)
                length = length if found else length / 2
            if found is None:
                return
            after, there, matrix, corrections = found
            if (s - 1) * (there - 1) <= 0 and s != 1:
                self.trial.set_head(head + (1 - s) / (there - s) * (after - head))
                yield newton_steps(self.trial, self.collocation), self.trial.coefficients
            head, s = after, there
            if abs(s) > FAR:
                return
            length = min(2 * length, LONGEST) if corrections <= 2 else length

    def _linearised(self, head: Tensor) -> tuple[Tensor, Tensor]:
        self.trial.set_head(head)
        matrix, side = self.collocation.system(self.trial, copy.deepcopy(self.trial))
        return matrix, -side

    def _tangent(self, matrix: Tensor, last: tuple[Tensor, float], first: bool) -> tuple[Tensor, float]:
        """Find the unit tangent that goes on in the direction of the last one."""
        row = torch.zeros_like(last[0]) if first else self._dual(last[0])
        change, ds = self._bordered(matrix, torch.zeros_like(self.start), row, last[1], 1.0)
        if first:
            self.sizes = torch.maximum(self.sizes, self._sizes(change))
            self.sizes = torch.where(self.sizes > 0, self.sizes, torch.ones_like(self.sizes))
        size = self._size(change, ds)
        return change / size, ds / size

    def _corrected(
        self, head: Tensor, s: float, tangent: tuple[Tensor, float], length: float
    ) -> tuple[Tensor, float, Tensor, int] | None:
        """Return to the path across the tangent; None where that fails."""
        row = self._dual(tangent[0])
        for number in range(CORRECTIONS):
            matrix, residual = self._linearised(head)
            off = residual - (1 - s) * self.start
            if not (torch.isfinite(matrix).all() and torch.isfinite(off).all()):
                return None
            change, ds = self._bordered(matrix, -off, row, tangent[1], 0.0)
            size = self._size(change, ds)
            if not size <= length:
                return None
            head, s = head + change, s + ds
            if size < NEAR * length:
                return head, s, matrix, number + 1
        return None

    def _bordered(
        self, matrix: Tensor, side: Tensor, row: Tensor, last: float, product: float
    ) -> tuple[Tensor, float]:
        """Solve for a change of head and parameter whose product with a row is prescribed."""
        weight = matrix.norm()
        border = weight * torch.cat([row.reshape(-1), row.new_tensor([last])])
        bordered = torch.cat([torch.cat([matrix, self.start[:, None]], 1), border[None]])
        solution, _ = solve_least_squares(bordered, torch.cat([side, (weight * product)[None]]))
        return solution[:-1].reshape(self.head.shape), solution[-1].item()

    def _sizes(self, head: Tensor) -> Tensor:
        return torch.stack([(columns @ part).norm() for columns, part in zip(self.columns, head, strict=True)])

    def _size(self, head: Tensor, s: float) -> float:
        return math.hypot((self._sizes(head) / self.sizes).norm().item(), s)

    def _dual(self, head: Tensor) -> Tensor:
        """Give the row whose product with a head is the scalar product of the two functions."""
        parts = zip(self.columns, head, self.sizes, strict=True)
        return torch.stack([columns.mT @ (columns @ part) / size**2 for columns, part, size in parts])
