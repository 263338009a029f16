"""The chain rule and the product rule on jets, and how components broadcast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .jet import Jet, Pairs


def contract(a: Any, b: Any, pairs: Pairs) -> Any:
    r"""Contract first derivatives to second-order components: :math:`\sum_{(i,j)} (a_i b_j + a_j b_i)/2`.

    Args:
        a: first derivatives, shape ``(d, *s)``.
        b: first derivatives of the same number of dimensions, broadcastable against ``a``.
        pairs: the components.

    Returns:
        The contraction, shape ``(len(pairs), *s)``.
    """
    return contract_with(torch.mul, a, b, pairs, symmetric=a is b)


def contract_with(product: Callable[[Any, Any], Any], a: Any, b: Any, pairs: Pairs, symmetric: bool = False) -> Any:
    """Do as `contract` does, for any bilinear ``product`` that keeps leading dimensions apart.

    Args:
        product: the product of components stacked in front.
        a: first derivatives of the first factor, stacked in front.
        b: first derivatives of the second factor, stacked in front.
        pairs: the components.
        symmetric: whether a_i b_j is a_j b_i. A matrix product is not, not even of a matrix with itself.

    Returns:
        The contraction, stacked in front.
    """
    d = a.shape[0]
    if pairs == (tuple((i, i) for i in range(d)),):
        return product(a, b).sum(0, keepdim=True)
    if pairs == tuple(((i, i),) for i in range(d)):
        return product(a, b)
    components = []
    for component in pairs:
        total: Any = None
        for i, j in component:
            term = product(a[i : i + 1], b[j : j + 1])
            if i != j and not symmetric:
                term = 0.5 * (term + product(a[j : j + 1], b[i : i + 1]))
            total = term if total is None else total + term
        components.append(total)
    return components[0] if len(components) == 1 else torch.cat(components)


def chain(x: Jet, y: Any, d1: Any, d2: Callable[[], Any] | None) -> Jet:
    """Apply the chain rule for an elementwise function.

    Args:
        x: the argument.
        y: the function at ``x.value``.
        d1: its first derivative there.
        d2: gives its second derivative there when needed; None where it is zero.

    Returns:
        The jet of the function of ``x``.
    """
    x = align(x, rank_of(y))
    # With a leading dimension of its own, the gradient of d1 needs no sum over a single component.
    d1 = d1[None]
    second = None
    if x.second is not None:
        second = d1 * x.second
        if d2 is not None:
            second = torch.addcmul(second, d2()[None], contract(x.first, x.first, x.pairs))
    return Jet(y, d1 * x.first, second, x.pairs)


def raise_rank(component: Any, rank: int) -> Any:
    """Insert dimensions after the leading one until the component has ``rank`` dimensions besides it."""
    missing = rank - (component.ndim - 1)
    return component.reshape(component.shape[0], *[1] * missing, *component.shape[1:]) if missing > 0 else component


def align(x: Jet, rank: int) -> Jet:
    """Give derivative components the rank that broadcasting against a value of ``rank`` dimensions needs."""
    return x if x.ndim >= rank else x.apply(x.value, lambda c: raise_rank(c, rank))


def rank_of(x: Any) -> int:
    """Return the number of dimensions of a jet, a tensor or a number."""
    return getattr(x, "ndim", 0)


def leibniz(product: Callable[[Any, Any], Any], a: Any, b: Any, batched: Callable[[Any, Any], Any]) -> Jet:
    """Apply the product rule to a bilinear ``product``.

    Args:
        product: the product of two values.
        a: first factor, jet or constant.
        b: second factor, jet or constant.
        batched: the same product where one or both factors carry the stacking dimension in front.

    Returns:
        The jet of the product.
    """
    if not isinstance(b, Jet):
        return a.apply(product(a.value, b), lambda c: batched(c, b))
    if not isinstance(a, Jet):
        return b.apply(product(a, b.value), lambda c: batched(a, c))
    first = batched(a.first, b.value) + batched(a.value, b.first)
    second = None
    if a.second is not None:
        second = batched(a.second, b.value) + batched(a.value, b.second)
        second = second + 2 * contract_with(batched, a.first, b.first, a.pairs)
    return Jet(product(a.value, b.value), first, second, a.pairs)
