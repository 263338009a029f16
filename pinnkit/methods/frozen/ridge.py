"""Linear least squares for bases that are dependent to working precision."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def solve_least_squares(matrix: Tensor, side: Tensor) -> tuple[Tensor, float]:
    r"""Minimise :math:`\|A c - b\|^2 + \lambda^2 \|D c\|^2`, D the norms of A's columns.

    One Householder QR of the stacked matrix. The ridge, at the level of rounding, takes the place of a rank decision:
    for columns dependent to working precision it reaches residuals near rounding, where truncation by pivoted QR
    stops at the square root of it. Rows and columns are not modified.

    Args:
        matrix: A, shape ``(rows, columns)``, rows >= columns.
        side: b, shape ``(rows,)``.

    Returns:
        The minimiser, shape ``(columns,)``, and the root of the minimum relative to ``|b|`` (absolute where b = 0),
        which is the relative residual up to rounding.
    """
    rows, n = matrix.shape
    scale = matrix.norm(dim=0)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    stacked = matrix.new_zeros(rows + n, n + 1)
    torch.div(matrix, scale, out=stacked[:rows, :n])
    stacked[:rows, n] = side
    ridge = torch.finfo(matrix.dtype).eps * math.sqrt(rows)
    stacked[rows:, :n].fill_diagonal_(ridge)
    r = torch.linalg.qr(stacked, mode="r").R
    solution = torch.linalg.solve_triangular(r[:n, :n], r[:n, n:], upper=True)[:, 0]
    size = side.norm().item()
    return solution / scale, r[n, n].abs().item() / (size if size > 0 else 1.0)
