"""Many polynomials at once: coefficients ``(..., degree + 1, K)``, lowest degree first, at points ``(..., K)``."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...jets import Jet, plain


def evaluate(c: Any, tau: Any, order: int = 0) -> Any:
    """Evaluate a derivative of the polynomials, by Horner's rule; for tensors and jets alike.

    Args:
        c: coefficients, shape ``(..., R, K)``.
        tau: points, shape ``(..., K)``.
        order: which derivative.

    Returns:
        The values, shape ``(..., K)``.
    """
    top = c.shape[-2]
    if order >= top:
        return torch.zeros_like(c[..., 0, :]) * tau
    value = _falling(top - 1, order) * c[..., top - 1, :]
    for i in range(top - 2, order - 1, -1):
        value = value * tau + _falling(i, order) * c[..., i, :]
    return value


def _falling(i: int, order: int) -> float:
    return float(math.perm(i, order))


def linearly(x: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a linear map that keeps leading dimensions to a tensor or to every component of a jet."""
    return x.each(lambda c: linearly(c, function)) if isinstance(x, Jet) else function(x)


def antiderivatives(v: Any, tau: Any, rows: int) -> Any:
    r"""Evaluate :math:`\int_0^{\tau_k} t^r v_k(t) dt` for r = 0 ... rows - 1.

    Args:
        v: coefficients, shape ``(..., R, K)``.
        tau: points, shape ``(..., K)``.
        rows: number of powers.

    Returns:
        The values, shape ``(..., rows, K)``.
    """
    size = v.shape[-2]
    if size <= 3:
        return _antiderivatives_of_few(v, tau, rows)
    powers = [torch.ones_like(plain(tau)), tau]
    while len(powers) < max(rows + 1, size):
        powers.append(powers[-1] * tau)
    power = torch.stack(powers, -2)
    weights = integral_weights(rows, size, plain(tau))
    return power[..., 1 : rows + 1, :] * linearly(v * power[..., :size, :], functools.partial(torch.matmul, weights))


def _antiderivatives_of_few(v: Any, tau: Any, rows: int) -> Any:
    """Do as `antiderivatives` does for few coefficients: term by term is faster than small matrix products."""
    terms, power = [v[..., 0, :]], tau
    for i in range(1, v.shape[-2]):
        terms.append(v[..., i, :] * power)
        power = power * tau
    found, power = [], tau
    for r in range(rows):
        total = terms[0] * (1 / (r + 1))
        for i, term in enumerate(terms[1:], 1):
            total = torch.add(total, term, alpha=1 / (i + r + 1))
        found.append(power * total)
        power = power * tau if r < rows - 1 else power
    return torch.stack(found, -2)


def integral_weights(rows: int, size: int, like: Tensor) -> Tensor:
    """Return the matrix of 1 / (i + r + 1), shape ``(rows, size)``."""
    i, r = (torch.arange(n, dtype=like.dtype, device=like.device) for n in (size, rows))
    return 1 / (i + r[:, None] + 1)


def parity_weights(rows: int, size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Split `integral_weights` by whether the antiderivative of t^(i + r) is odd or even."""
    weights = integral_weights(rows, size, like)
    i, r = (torch.arange(n, device=like.device) for n in (size, rows))
    odd = (i + r[:, None]) % 2 == 0
    return torch.where(odd, weights, 0.0), torch.where(odd, 0.0, weights)


def halves(size: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Matrices that give the coefficients of v(tau/2 - 1/2) and v(tau/2 + 1/2), each scaled to [-1, 1] again."""
    matrices = []
    for centre in (-0.5, 0.5):
        rows = [[math.comb(j, i) * centre ** (j - i) * 0.5**i if j >= i else 0.0 for j in range(size)]
                for i in range(size)]
        matrices.append(torch.tensor(rows, dtype=like.dtype, device=like.device))
    return matrices[0], matrices[1]
