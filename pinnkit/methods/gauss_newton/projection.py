"""Variable projection: Gauss-Newton steps of everything but the linear head, which is always at its best."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .levenberg import DampedSystem


class ProjectedSystem(DampedSystem):
    r"""Minimise :math:`\|J d + A e + r\|^2 + \mu \|d\|^2` over the head's step e as well, which is not damped.

    With A = QR it is the damped system of :math:`(1 - Q Q^T) J`: the columns of what the head cannot do itself. Steps
    given by `solve` are zero in the head; `follow` adds e. A ridge at the level of rounding serves dependent columns.
    (The derivative of the projection itself, small as the residual is, is left out after Kaufman.)

    Args:
        jacobian: J and A together, shape ``(m, P)``; it is overwritten.
        head: which of the columns are A's, shape ``(P,)``, boolean.
        eps: rounding unit of the numbers that the head is solved in.

    Reference:
        Golub and Pereyra 1973, doi:10.1137/0710036; Kaufman 1975, doi:10.1007/BF01932995.
    """

    def __init__(self, jacobian: Tensor, head: Tensor, eps: float) -> None:
        """Factor the head's columns, and project all columns; see the class."""
        self.head, columns = head, jacobian[:, head]
        rows, n = columns.shape
        norms = columns.norm(dim=0)
        self.scale = torch.where(norms > 0, norms, torch.ones_like(norms))
        ridge = eps * math.sqrt(rows) * torch.eye(n).to(columns)
        q, self.triangle = torch.linalg.qr(torch.cat([columns / self.scale, ridge]))
        self.inside = q[:rows].mT @ jacobian
        jacobian.addmm_(q[:rows], self.inside, alpha=-1)
        jacobian[:, head] = 0
        super().__init__(jacobian)

    def follow(self, step: Tensor) -> Tensor:
        """Add to a step, shape ``(P,)``, that of the best head to first order."""
        followed = torch.linalg.solve_triangular(self.triangle, (self.inside @ step)[:, None], upper=True)[:, 0]
        return step.masked_scatter(self.head, -followed / self.scale)
