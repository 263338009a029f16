"""The linear model that a Gauss-Newton step is made of, as a matrix or as products alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .levenberg import DampedSystem
from .nystroem import NystroemPreconditioner, conjugate_gradients

RANK = 50
"""Of the preconditioner, as many products with the matrix."""
TOLERANCE = 1e-4
ITERATIONS = 200


class FreeSystem:
    r"""Minimise :math:`\|J d + r\|^2 + \mu \|d\|^2` by products with J and its transpose alone.

    Conjugate gradients on :math:`J^T J + \mu`, with a Nystroem preconditioner made once for all dampings. Products run
    through one graph of the residuals and its derivative, so that memory is a few times that of a loss. The parameters
    may be moved in between, but must be where they were whenever a product is asked for.

    Args:
        residuals: evaluates the residuals ``(m,)`` with a graph.
        parameters: what to differentiate by.
        flat: joins tensors like the parameters to one vector ``(P,)``, double precision.
        split: undoes that.
        generator: source of the preconditioner's random vectors.
        rows: whether the right-hand sides are rows r; otherwise they are gradients :math:`J^T r`.
    """

    def __init__(
        self,
        residuals: Callable[[], Tensor],
        parameters: Sequence[nn.Parameter],
        flat: Callable[[Sequence[Tensor]], Tensor],
        split: Callable[[Tensor], Sequence[Tensor]],
        generator: torch.Generator,
        rows: bool = True,
    ) -> None:
        """Build the graphs and sample the matrix; see the class."""
        self.rows = rows
        self.parameters, self.flat, self.split = parameters, flat, split
        self.evaluate = residuals
        self._build()
        like = flat([p.detach() for p in parameters])
        self.preconditioner = NystroemPreconditioner(self._squared, len(like), RANK, generator, like)
        self.damping = 0.0

    def _build(self) -> None:
        """Make the graphs: the transposed product is linear in its weights, and its derivative is the product."""
        self.versions = [p._version for p in self.parameters]
        with torch.enable_grad():
            self.residuals = self.evaluate()
            self.weights = torch.ones_like(self.residuals, requires_grad=True)
            sums = torch.autograd.grad(
                self.residuals, self.parameters, self.weights, create_graph=True, materialize_grads=True
            )
        self.used = [total.requires_grad for total in sums]
        self.sums = [total for total in sums if total.requires_grad]

    def _current(self) -> None:
        """Make the graphs again where the parameters have been moved away and back: graphs do not survive that."""
        if self.versions != [p._version for p in self.parameters]:
            self._build()

    @property
    def size(self) -> float:
        """The largest eigenvalue of the matrix, about."""
        values = self.preconditioner.values
        return values[0].item() if len(values) else 1.0

    def _squared(self, vectors: Tensor) -> Tensor:
        return torch.stack([self.transposed(self.product(vector)) for vector in vectors])

    def product(self, step: Tensor) -> Tensor:
        """Multiply by J: ``(P,)`` to ``(m,)``."""
        self._current()
        parts = [part for part, used in zip(self.split(step), self.used, strict=True) if used]
        if not parts:
            return torch.zeros_like(self.residuals, dtype=torch.float64)
        (rows,) = torch.autograd.grad(self.sums, self.weights, parts, retain_graph=True)
        return rows.double()

    def transposed(self, rows: Tensor) -> Tensor:
        """Multiply by the transpose of J: ``(m,)`` to ``(P,)``."""
        self._current()
        return self.flat(torch.autograd.grad(
            self.residuals, self.parameters, rows.to(self.residuals), retain_graph=True, allow_unused=True,
            materialize_grads=True,
        ))  # fmt: skip

    def damp(self, damping: float) -> bool:
        """Set the damping; conjugate gradients do not break down."""
        self.damping = damping
        return True

    def solve(self, side: Tensor) -> Tensor:
        """Give the minimiser d, shape ``(P,)``, for a right-hand side, up to the tolerance of the iterations."""
        return conjugate_gradients(
            lambda d: self.transposed(self.product(d)) + self.damping * d,
            -(self.transposed(side) if self.rows else side),
            lambda v: self.preconditioner(self.damping, v),
            TOLERANCE,
            ITERATIONS,
        )[0]


System = DampedSystem | FreeSystem
