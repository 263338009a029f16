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
    n = matrix.shape[1]
    r, scale = triangular_factor(matrix, side)
    solution = torch.linalg.solve_triangular(r[:n, :n], r[:n, n:], upper=True)[:, 0]
    size = side.norm().item()
    return solution / scale, r[n, n].abs().item() / (size if size > 0 else 1.0)


def triangular_factor(
    matrix: Tensor, side: Tensor | None = None, ridge: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Factor a matrix, with its columns scaled to norm one and a ridge below: the R of Q R.

    Args:
        matrix: shape ``(rows, columns)``, rows >= columns.
        side: a last column of the factored matrix, shape ``(rows,)``, neither scaled nor with a ridge.
        ridge: relative to the scaled columns, and no less than rounding.

    Returns:
        R, square, and what the columns of the matrix were divided by.
    """
    rows, n = matrix.shape
    scale = matrix.norm(dim=0)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    stacked = matrix.new_zeros(rows + n, n + (side is not None))
    torch.div(matrix, scale, out=stacked[:rows, :n])
    if side is not None:
        stacked[:rows, n] = side
    stacked[rows:, :n].fill_diagonal_(max(ridge, torch.finfo(matrix.dtype).eps * math.sqrt(rows)))
    return torch.linalg.qr(stacked, mode="r").R, scale
