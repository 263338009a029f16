"""Lehmer means of positive numbers, real and complex, with rules for jets."""

from __future__ import annotations

from typing import Any

import torch

from ...jets import Jet
from ...jets.calculus import contract

Complex = tuple[Any, Any]
"""Real and imaginary part: jets have rules for real functions only."""


def lehmer_mean(u: Any, log_weights: Any, s: Any) -> Any:
    r"""Give the weighted Lehmer mean :math:`L = \sum_i w_i x_i^s / \sum_i w_i x_i^{s-1}` of :math:`x = e^u`.

    Written as :math:`L = \sum_i q_i x_i` with :math:`q = \exp(\ln w + (s-1) u - \mathrm{logsumexp}(\ln w + (s-1) u))`,
    in which nothing overflows and which is a convex combination of x in rounded arithmetic, too.

    Args:
        u: ln x, shape ``(..., d, m)`` or ``(..., d, 1)`` for features that all units share; or a jet.
        log_weights: ln w, shape ``(d, m)``.
        s: the suddency, shape ``(m,)``.

    Returns:
        The means, shape ``(..., m)``.
    """
    value = u.value if isinstance(u, Jet) else u
    x = torch.exp(value)
    q = torch.softmax(log_weights + (s - 1) * value, -2)
    mean = (q * x).sum(-2)
    if not isinstance(u, Jet):
        return mean
    # With N = sum w x^s and D = sum w x^(s-1): L' = (N' - L D') / D and L'' = (N'' - L D'' - 2 L' D') / D.
    above = x - mean.unsqueeze(-2)
    slope = q * (x + (s - 1) * above)
    first = (slope[None] * u.first).sum(-2)
    if u.second is None:
        return Jet(mean, first, None, u.pairs)
    curvature = q * ((2 * s - 1) * x + (s - 1) ** 2 * above)
    denominator = (s - 1) * (q[None] * u.first).sum(-2)
    second = slope[None] * u.second + curvature[None] * contract(u.first, u.first, u.pairs)
    return Jet(mean, first, second.sum(-2) - 2 * contract(first, denominator, u.pairs), u.pairs)


def complex_lehmer_mean(u: Any, log_weights: Any, s: Complex, out: Complex) -> Any:
    r"""Give :math:`\alpha \Re L + \beta \Im L` of the Lehmer mean of complex suddency :math:`s = a + i b`.

    With :math:`x^s = x^a e^{i b \ln x}`, in real arithmetic, and stable as `lehmer_mean`: the weights q are the terms
    of the denominator over their sum. The terms' phases lie in an interval of width :math:`|b| R`, R the range of
    ln x, so that for :math:`|b| R < \pi` the sum is at least :math:`\cos(b R / 2)` times the sum of the moduli.

    Args:
        u: ln x, shape ``(..., d, m)`` or ``(..., d, 1)`` for features that all units share; or a jet.
        log_weights: ln w, shape ``(d, m)``.
        s: a and b, each of shape ``(m,)``.
        out: alpha and beta, each of shape ``(m,)`` or a number.

    Returns:
        The combinations, shape ``(..., m)``.
    """
    (a, b), (alpha, beta) = s, out
    value = u.value if isinstance(u, Jet) else u
    x = torch.exp(value)
    modulus = torch.softmax(log_weights + (a - 1) * value, -2)
    term = modulus * torch.cos(b * value), modulus * torch.sin(b * value)
    total = term[0].sum(-2), term[1].sum(-2)
    square = total[0] * total[0] + total[1] * total[1]
    inverse = total[0] / square, -total[1] / square
    mean = _times(((term[0] * x).sum(-2), (term[1] * x).sum(-2)), inverse)
    result = alpha * mean[0] + beta * mean[1]
    if not isinstance(u, Jet):
        return result
    # As in the real case, with complex q and s.
    q = _times(term, (inverse[0].unsqueeze(-2), inverse[1].unsqueeze(-2)))
    r = a - 1, b
    above = x - mean[0].unsqueeze(-2), -mean[1].unsqueeze(-2)
    bent = _times(r, above)
    slopes = _times(q, (x + bent[0], bent[1]))
    slope = alpha * slopes[0] + beta * slopes[1]
    if u.second is None:
        return Jet(result, (slope[None] * u.first).sum(-2), None, u.pairs)
    twice = _times(r, bent)
    curvatures = _times(q, ((2 * a - 1) * x + twice[0], 2 * b * x + twice[1]))
    curvature = alpha * curvatures[0] + beta * curvatures[1]
    first = tuple((part[None] * u.first).sum(-2) for part in slopes)
    denominator = _times(r, ((q[0][None] * u.first).sum(-2), (q[1][None] * u.first).sum(-2)))
    # alpha Re(L' D') + beta Im(L' D'), sorted by the parts of L'.
    cross = contract(first[0], alpha * denominator[0] + beta * denominator[1], u.pairs)
    cross = cross + contract(first[1], beta * denominator[0] - alpha * denominator[1], u.pairs)
    second = slope[None] * u.second + curvature[None] * contract(u.first, u.first, u.pairs)
    return Jet(result, alpha * first[0] + beta * first[1], second.sum(-2) - 2 * cross, u.pairs)


def _times(a: Complex, b: Complex) -> Complex:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]
