"""Activations by name; those that torch lacks have rules of their own for jets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, NameNotFound
from ..jets import Jet, MissingRule, plain
from ..jets.calculus import chain

Activation = Callable[[Any], Any]
"""An elementwise function of a tensor or a jet."""


def spder(z: Any) -> Any:
    r"""Compute SPDER's activation :math:`\sin(z) \sqrt{|z|}`.

    It is once continuously differentiable: its derivative behaves as :math:`\frac32 \sqrt{|z|}` around 0, its second
    as :math:`\frac34 \mathrm{sign}(z) |z|^{-1/2}`, which is unbounded. At 0 itself, and closer to it than the square
    root of the smallest normal number, all derivatives are zero (our choice: the mean of both sides of the odd ones),
    so that gradients and jets are finite. A squared residual of second order is not integrable there.

    Args:
        z: a tensor or a jet.

    Returns:
        The activation, of the same shape.

    Reference:
        Shah and Sitawarin 2023, arXiv:2306.15242.
    """
    if not isinstance(z, Jet):
        return torch.sin(z) * (z.abs() * _inverse_root(z))
    v = z.value
    s, c, inverse = torch.sin(v), torch.cos(v), _inverse_root(v)
    root, slope = torch.abs(v) * inverse, 0.5 * torch.sign(plain(v)) * inverse
    return chain(
        z, s * root, c * root + s * slope, lambda: 2 * c * slope - s * (root + 0.25 * inverse * inverse * inverse)
    )


def _inverse_root(z: Any) -> Any:
    """Compute 1/sqrt|z|, and 0 where z is too small for the derivatives that are asked for."""
    zero = plain(z).abs() < torch.finfo(z.dtype).tiny ** 0.5
    ones = torch.ones_like(plain(z))
    return torch.where(zero, torch.zeros_like(ones), torch.rsqrt(torch.where(zero, ones, torch.abs(z))))


def sin_arctan(z: Any) -> Any:
    r"""Compute :math:`\sin(z) \arctan(z)`.

    Args:
        z: a tensor or a jet.

    Returns:
        The activation, of the same shape.

    Reference:
        Shah and Sitawarin 2023, arXiv:2306.15242.
    """
    if not isinstance(z, Jet):
        return torch.sin(z) * torch.atan(z)
    v = z.value
    s, c, a, q = torch.sin(v), torch.cos(v), torch.atan(v), 1 / (1 + v * v)
    return chain(z, s * a, c * a + s * q, lambda: 2 * q * (c - v * q * s) - s * a)


ACTIVATIONS: dict[str, Activation] = {
    "sin": torch.sin,
    "spder": spder,
    "sin-arctan": sin_arctan,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "softplus": torch.nn.functional.softplus,
    "sigmoid": torch.sigmoid,
}
"""Activations that options take by name."""
KINKED = (torch.relu, torch.nn.functional.relu)
"""Activations whose second derivative says nothing: no basis of theirs serves residuals of second order as drawn."""


def as_activation(activation: str | Activation) -> Activation:
    """Take a callable as it is, and a name as the activation that it stands for.

    Args:
        activation: a name among `ACTIVATIONS`, or any elementwise function.

    Returns:
        The function.

    Raises:
        NameNotFound: an unknown name.
        InputError: neither a name nor callable.
    """
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise NameNotFound("activation", activation, ACTIVATIONS)
        return ACTIVATIONS[activation]
    if not callable(activation):
        raise InputError(
            f"an activation must be an elementwise function or one of {', '.join(ACTIVATIONS)}, got {activation!r}."
        )
    return activation


def value_and_slope(activation: Activation, z: Tensor) -> tuple[Tensor, Tensor]:
    """Compute an elementwise function and its derivative, without a graph.

    Args:
        activation: the function.
        z: the arguments.

    Returns:
        The values and the derivatives, of the shape of ``z``.
    """
    try:
        jet = activation(Jet(z, torch.ones_like(z)[None], None, ()))
        return jet.value, jet.first[0]
    except MissingRule:
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            y = activation(z)
            return y.detach(), torch.autograd.grad(y.sum(), z)[0]
