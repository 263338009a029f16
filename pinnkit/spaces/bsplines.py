"""Uniform B-splines of any degree, with exact derivatives for jets."""

from __future__ import annotations

from typing import Any

import torch

from ..jets import Jet
from ..jets.calculus import chain


def bsplines(x: Any, grid: int, degree: int) -> Any:
    r"""Evaluate the B-splines on a uniform grid of [-1, 1], extended by ``degree`` cells on both sides.

    They sum to 1 on [-1, 1], fall to 0 over the extension and stay 0 beyond it.

    Args:
        x: a tensor or jet of shape ``(*s)``.
        grid: number of cells of [-1, 1].
        degree: polynomial degree k.

    Returns:
        The splines, shape ``(*s, grid + degree)``.
    """
    return cardinal((x + 1) * (grid / 2) + degree, degree, grid + degree)


def cardinal(u: Any, degree: int, count: int) -> Any:
    r"""Evaluate the shifts :math:`N_k(u - s)`, s = 0 ... count - 1, of the B-spline with knots 0, 1, ..., k + 1.

    Args:
        u: a tensor or jet of shape ``(*s)``.
        degree: polynomial degree k.
        count: number of shifts.

    Returns:
        The splines, shape ``(*s, count)``.
    """
    if isinstance(u, Jet):
        v = u.value
        return chain(
            u.unsqueeze(-1), cardinal(v, degree, count), _derivative(v, degree, count, 1),
            lambda: _derivative(v, degree, count, 2),
        )  # fmt: skip
    u = torch.clamp(u, -1, degree + count + 1)  # what lies further out meets no spline
    cell = torch.floor(u.detach())
    r = u - cell
    # Cox and de Boor's recursion for those splines alone that do not vanish in the cell: one more for each degree.
    zero, values = torch.zeros_like(r), [torch.ones_like(r)]
    for p in range(1, degree + 1):
        rising = [zero, *((r + (p - i)) * values[i - 1] for i in range(1, p + 1))]
        falling = [*((1 - r + i) * values[i] for i in range(p)), zero]
        values = [(a + b) / p for a, b in zip(rising, falling, strict=True)]
    # Columns from -(degree + 1) on hold the splines that reach over the ends, and are dropped.
    before = degree + 1
    first = torch.nan_to_num(cell).long() + 1
    index = first.unsqueeze(-1) + torch.arange(degree + 1, device=u.device)
    padded = torch.zeros((*u.shape, count + 2 * degree + 4), dtype=u.dtype, device=u.device)
    return padded.scatter(-1, index, torch.stack(values, -1)).narrow(-1, before, count)


def _derivative(u: Any, degree: int, count: int, order: int) -> Any:
    """Differentiate: N_k' is the difference of two neighbours of degree k - 1."""
    if order > degree:
        return 0 * cardinal(u, degree, count)
    lower = cardinal(u, degree - order, count + order)
    for _ in range(order):
        lower = lower[..., :-1] - lower[..., 1:]
    return lower
