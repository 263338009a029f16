"""Rules of elementwise functions: each gives the value, f', and f'' on demand."""

# A rule is documented by the torch function that it stands for.
# ruff: noqa: D103

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch

from .calculus import chain
from .jet import Jet, plain
from .rules import named, rule_for

Taylor = tuple[Any, Any, Callable[[], Any] | None]


def elementwise(*names: str) -> Callable[[Callable[..., Taylor]], Callable[..., Taylor]]:
    """Register ``f(x, ...) -> (f, f', lambda: f'')`` as the rule of the torch functions of these names."""

    def register(taylor: Callable[..., Taylor]) -> Callable[..., Taylor]:
        def rule(input: Jet, *args: Any, **kwargs: Any) -> Jet:
            return chain(input, *taylor(input.value, *args, **kwargs))

        # The guard of a rule reads its signature.
        first, *others = inspect.signature(taylor).parameters.values()
        rule.__signature__ = inspect.Signature([first.replace(name="input"), *others])  # type: ignore[attr-defined]
        rule_for(*named(*names))(rule)
        return taylor

    return register


@elementwise("sin")
def sin(x: Any) -> Taylor:
    y = torch.sin(x)
    return y, torch.cos(x), lambda: -y


@elementwise("cos")
def cos(x: Any) -> Taylor:
    y = torch.cos(x)
    return y, -torch.sin(x), lambda: -y


@elementwise("tan")
def tan(x: Any) -> Taylor:
    y = torch.tan(x)
    d1 = 1 + y * y
    return y, d1, lambda: 2 * y * d1


@elementwise("tanh")
def tanh(x: Any) -> Taylor:
    y = torch.tanh(x)
    d1 = 1 - y * y
    return y, d1, lambda: -2 * y * d1


@elementwise("sinh")
def sinh(x: Any) -> Taylor:
    y = torch.sinh(x)
    return y, torch.cosh(x), lambda: y


@elementwise("cosh")
def cosh(x: Any) -> Taylor:
    y = torch.cosh(x)
    return y, torch.sinh(x), lambda: y


@elementwise("exp")
def exp(x: Any) -> Taylor:
    y = torch.exp(x)
    return y, y, lambda: y


@elementwise("expm1")
def expm1(x: Any) -> Taylor:
    d = torch.exp(x)
    return torch.expm1(x), d, lambda: d


@elementwise("log")
def log(x: Any) -> Taylor:
    d1 = 1 / x
    return torch.log(x), d1, lambda: -d1 * d1


@elementwise("log1p")
def log1p(x: Any) -> Taylor:
    d1 = 1 / (1 + x)
    return torch.log1p(x), d1, lambda: -d1 * d1


@elementwise("sqrt")
def sqrt(x: Any) -> Taylor:
    y = torch.sqrt(x)
    d1 = 0.5 / y
    return y, d1, lambda: -0.5 * d1 / x


@elementwise("rsqrt")
def rsqrt(x: Any) -> Taylor:
    y = torch.rsqrt(x)
    d1 = -0.5 * y / x
    return y, d1, lambda: -1.5 * d1 / x


@elementwise("reciprocal")
def reciprocal(x: Any) -> Taylor:
    y = 1 / x
    d1 = -y * y
    return y, d1, lambda: -2 * y * d1


@elementwise("square")
def square(x: Any) -> Taylor:
    return x * x, 2 * x, lambda: torch.full_like(plain(x), 2.0)


@elementwise("sigmoid", "expit")
def sigmoid(x: Any) -> Taylor:
    y = torch.sigmoid(x)
    d1 = y * (1 - y)
    return y, d1, lambda: d1 * (1 - 2 * y)


@elementwise("erf")
def erf(x: Any) -> Taylor:
    d1 = torch.exp(-x * x) * (2 / math.sqrt(math.pi))
    return torch.erf(x), d1, lambda: -2 * x * d1


@elementwise("atan", "arctan")
def atan(x: Any) -> Taylor:
    d1 = 1 / (1 + x * x)
    return torch.atan(x), d1, lambda: -2 * x * d1 * d1


@elementwise("asin", "arcsin")
def asin(x: Any) -> Taylor:
    d1 = torch.rsqrt(1 - x * x)
    return torch.asin(x), d1, lambda: x * d1 * d1 * d1


@elementwise("acos", "arccos")
def acos(x: Any) -> Taylor:
    d1 = -torch.rsqrt(1 - x * x)
    return torch.acos(x), d1, lambda: x * d1 * d1 * d1


@elementwise("abs", "absolute")
def absolute(x: Any) -> Taylor:
    return torch.abs(x), torch.sign(plain(x)), None


@elementwise("asinh", "arcsinh")
def asinh(x: Any) -> Taylor:
    d1 = torch.rsqrt(1 + x * x)
    return torch.asinh(x), d1, lambda: -x * d1 * d1 * d1


@elementwise("acosh", "arccosh")
def acosh(x: Any) -> Taylor:
    d1 = torch.rsqrt(x * x - 1)
    return torch.acosh(x), d1, lambda: -x * d1 * d1 * d1


@elementwise("atanh", "arctanh")
def atanh(x: Any) -> Taylor:
    d1 = 1 / (1 - x * x)
    return torch.atanh(x), d1, lambda: 2 * x * d1 * d1


@elementwise("erfc")
def erfc(x: Any) -> Taylor:
    d1 = torch.exp(-x * x) * (-2 / math.sqrt(math.pi))
    return torch.erfc(x), d1, lambda: -2 * x * d1


@elementwise("exp2")
def exp2(x: Any) -> Taylor:
    y = torch.exp2(x)
    d1 = math.log(2) * y
    return y, d1, lambda: math.log(2) * d1


def _logarithm(function: Callable[[Any], Any], base: float) -> Callable[[Any], Taylor]:
    def taylor(x: Any) -> Taylor:
        r = 1 / x
        d1 = r / math.log(base)
        return function(x), d1, lambda: -d1 * r

    return taylor


elementwise("log2")(_logarithm(torch.log2, 2))
elementwise("log10")(_logarithm(torch.log10, 10))


@elementwise("clamp", "clip")
def clamp(x: Any, min: Any = None, max: Any = None) -> Taylor:
    # At the bounds the derivative is 1, as in torch.
    inside = torch.ones_like(plain(x), dtype=torch.bool)
    if min is not None:
        inside = inside & (plain(x) >= min)
    if max is not None:
        inside = inside & (plain(x) <= max)
    return torch.clamp(x, min, max), inside.to(x.dtype), None


@elementwise("clamp_min")
def clamp_min(x: Any, min: Any) -> Taylor:
    return clamp(x, min=min)


@elementwise("clamp_max")
def clamp_max(x: Any, max: Any) -> Taylor:
    return clamp(x, max=max)


def power(x: Any, exponent: float) -> Taylor:
    """Return x**p for a plain number p; derivatives that vanish identically are zero even at x = 0."""

    def derivative(k: int) -> Any:
        factor = exponent if k == 1 else exponent * (exponent - 1)
        return factor * x ** (exponent - k) if factor else torch.zeros_like(plain(x))

    return x**exponent, derivative(1), lambda: derivative(2)


def tensor_power(x: Any, exponent: Any) -> Taylor:
    """Return x**p for a tensor p, which may be learnable; where a derivative vanishes identically it is zero."""

    def derivative(k: int) -> Any:
        factor = exponent if k == 1 else exponent * (exponent - 1)
        # The power not taken is replaced first: zero times its infinity would be nan, in the gradient too.
        lowered = torch.where(factor == 0, torch.ones_like(exponent), exponent - k)
        return factor * x**lowered

    return x**exponent, derivative(1), lambda: derivative(2)
