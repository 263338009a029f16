"""Rules of activation functions: each gives the value, f', and f'' on demand."""

# A rule is documented by the torch function that it stands for.
# ruff: noqa: D103

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from .jet import plain
from .scalar_functions import Taylor, elementwise

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


def _step(x: Any, below: Any) -> Any:
    """Return 1 where x > 0 and ``below`` elsewhere: at the kink the derivative is the one from below, as in torch."""
    ones = torch.ones_like(plain(x))
    return torch.where(plain(x) > 0, ones, ones * below)


@elementwise("logsigmoid")
def logsigmoid(x: Any) -> Taylor:
    d1 = torch.sigmoid(-x)
    return -F.softplus(-x), d1, lambda: -d1 * (1 - d1)


@elementwise("softplus")
def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Taylor:
    # Past the threshold torch returns x itself, so that its derivative is 1 there.
    s = torch.sigmoid(beta * x)
    past = plain(x) * beta > threshold
    d1 = torch.where(past, torch.ones_like(plain(x)), s)
    return F.softplus(x, beta, threshold), d1, lambda: beta * d1 * (1 - d1)


@elementwise("silu")
def silu(x: Any, inplace: bool = False) -> Taylor:
    s = torch.sigmoid(x)
    ds = s * (1 - s)
    return x * s, s + x * ds, lambda: ds * (2 + x * (1 - 2 * s))


@elementwise("gelu")
def gelu(x: Any, approximate: str = "none") -> Taylor:
    if approximate == "none":
        cdf = 0.5 * (1 + torch.erf(x * math.sqrt(0.5)))
        pdf = torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return x * cdf, cdf + x * pdf, lambda: (2 - x * x) * pdf
    k, c = math.sqrt(2 / math.pi), 0.044715
    t = torch.tanh(k * (x + c * x * x * x))
    dz = k * (1 + 3 * c * x * x)
    dt = (1 - t * t) * dz
    d1 = 0.5 * (1 + t) + 0.5 * x * dt
    return 0.5 * x * (1 + t), d1, lambda: dt + 0.5 * x * ((1 - t * t) * 6 * k * c * x - 2 * t * dt * dz)


@elementwise("relu")
def relu(x: Any, inplace: bool = False) -> Taylor:
    # At the kink the derivative is 0, as in torch.
    return torch.relu(x), (plain(x) > 0).to(x.dtype), None


@elementwise("leaky_relu")
def leaky_relu(x: Any, negative_slope: float = 0.01, inplace: bool = False) -> Taylor:
    slope = _step(x, negative_slope)
    return slope * x, slope, None


def _exponential_unit(x: Any, alpha: float) -> tuple[Any, Any, Callable[[], Any]]:
    # The exponential is taken of min(x, 0) so that the branch not chosen cannot overflow.
    above = plain(x) > 0
    e = alpha * torch.exp(torch.where(above, torch.zeros_like(plain(x)), x))
    return (
        torch.where(above, x, e - alpha),
        torch.where(above, torch.ones_like(plain(x)), e),
        lambda: torch.where(above, torch.zeros_like(plain(x)), e),
    )


@elementwise("elu")
def elu(x: Any, alpha: float = 1.0, inplace: bool = False) -> Taylor:
    return _exponential_unit(x, alpha)


@elementwise("celu")
def celu(x: Any, alpha: float = 1.0, inplace: bool = False) -> Taylor:
    y, d1, d2 = _exponential_unit(x / alpha, 1.0)
    return alpha * y, d1, lambda: d2() / alpha


@elementwise("selu")
def selu(x: Any, inplace: bool = False) -> Taylor:
    y, d1, d2 = _exponential_unit(x, _SELU_ALPHA)
    return _SELU_SCALE * y, _SELU_SCALE * d1, lambda: _SELU_SCALE * d2()


@elementwise("prelu")
def prelu(x: Any, weight: Any) -> Taylor:
    if x.ndim > 1:
        weight = weight.reshape(-1, *[1] * (x.ndim - 2))
    slope = _step(x, weight)
    return slope * x, slope, None


@elementwise("hardtanh")
def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Taylor:
    # Unlike clamp, torch's hardtanh has derivative 0 at the bounds.
    inside = (plain(x) > min_val) & (plain(x) < max_val)
    return torch.clamp(x, min_val, max_val), inside.to(x.dtype), None


@elementwise("relu6")
def relu6(x: Any, inplace: bool = False) -> Taylor:
    return hardtanh(x, 0.0, 6.0)


@elementwise("mish")
def mish(x: Any, inplace: bool = False) -> Taylor:
    s = torch.sigmoid(x)
    t = torch.tanh(F.softplus(x))
    dt = (1 - t * t) * s
    return x * t, t + x * dt, lambda: 2 * dt + x * dt * (1 - s - 2 * t * s)


@elementwise("softsign")
def softsign(x: Any) -> Taylor:
    r = 1 / (1 + torch.abs(x))
    d1 = r * r
    return x * r, d1, lambda: -2 * torch.sign(plain(x)) * d1 * r


@elementwise("tanhshrink")
def tanhshrink(x: Any) -> Taylor:
    y = torch.tanh(x)
    return x - y, y * y, lambda: 2 * y * (1 - y * y)
