"""Minima of quadratic forms over bases that are dependent to working precision."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...errors import InputError

NEGATIVE = 1e-6
UNBALANCED = 1e-3
"""Part of the largest slope from which on a slope is no matter of rounding or quadrature."""


def solve_positive(matrix: Tensor, side: Tensor) -> Tensor:
    r"""Minimise :math:`\tfrac12 c^T K c - b^T c` by the eigenvectors of K, scaled to a unit diagonal.

    Eigenvalues at the level of rounding are left out, with their share of b.

    Args:
        matrix: K, symmetric and positive semi-definite up to rounding, shape ``(n, n)``.
        side: b, shape ``(n,)``.

    Returns:
        The minimiser, shape ``(n,)``.

    Raises:
        InputError: K has a negative eigenvalue, so that there is no minimum.
    """
    diagonal = matrix.diagonal()
    scale = torch.where(diagonal > 0, diagonal, torch.ones_like(diagonal)).rsqrt()
    values, vectors = torch.linalg.eigh((matrix + matrix.mT) / 2 * scale * scale[:, None])
    if values[0] < -NEGATIVE * values[-1].abs() or (diagonal < 0).any():
        raise InputError(
            "the energy has no minimum: its quadratic form has a negative direction; check the signs of its terms, or "
            "state the problem by equations."
        )
    kept = values > torch.finfo(matrix.dtype).eps * math.sqrt(len(values)) * values[-1]
    parts = vectors[:, kept].mT @ (side * scale)
    return scale * (vectors[:, kept] @ (parts / values[kept]))


def check_balance(matrix: Tensor, side: Tensor) -> None:
    """Check that nothing pulls at a function that costs no energy, such as a constant.

    Args:
        matrix: K, shape ``(n, n)``.
        side: b, shape ``(n,)``.

    Raises:
        InputError: something does, so that there is no minimum.
    """
    if (side[matrix.diagonal() == 0].abs() > UNBALANCED * side.abs().max()).any():
        raise InputError(
            "the energy has no minimum: it is linear along some functions, such as constants, and falls for ever; fix "
            "values by a hard condition, balance the sources, or check that each unknown has a quadratic term."
        )
