"""Checks of what a user passes to a shape: sizes, centres, names."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .points import RESERVED


def number(value: Any, what: str) -> float:
    """Read one finite number.

    Args:
        value: a number or a tensor of one element.
        what: what it is, for the error.

    Returns:
        The number.

    Raises:
        InputError: if it is not a finite number.
    """
    try:
        result = float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InputError(f"{what} must be a number, got {value!r}") from None
    if not math.isfinite(result):
        raise InputError(f"{what} must be finite, got {result}")
    return result


def positive(value: Any, what: str) -> float:
    """Read one positive finite number.

    Args:
        value: a number or a tensor of one element.
        what: what it is, for the error.

    Returns:
        The number.

    Raises:
        InputError: if it is not positive and finite.
    """
    result = number(value, what)
    if result <= 0:
        raise InputError(f"{what} must be positive, got {result:g}")
    return result


def interval(lower: Any, upper: Any, what: str) -> tuple[float, float]:
    """Read two ends in increasing order.

    Args:
        lower: the lower end.
        upper: the upper end.
        what: what it is, for the error.

    Returns:
        Both ends.

    Raises:
        InputError: if an end is not finite or they are not increasing.
    """
    a, b = number(lower, f"the lower end of {what}"), number(upper, f"the upper end of {what}")
    if b <= a:
        hint = "exchange them" if b < a else "give it a length"
        raise InputError(f"{what} must have its upper end above its lower end, got [{a:g}, {b:g}]: {hint}")
    return a, b


def vector(value: Any, what: str) -> Tensor:
    """Read a point.

    Args:
        value: a sequence of `d` numbers or a tensor `(d,)`.
        what: what it is, for the error.

    Returns:
        float64 `(d,)` on the CPU.

    Raises:
        InputError: if it is not a non-empty sequence of finite numbers.
    """
    try:
        result = torch.as_tensor(value, dtype=torch.float64, device="cpu").detach().clone()
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise InputError(f"{what} must be a sequence of numbers, got {value!r}") from None
    if result.ndim != 1 or len(result) == 0:
        raise InputError(f"{what} must be a sequence of numbers such as [0, 1], got {value!r}")
    if not torch.isfinite(result).all():
        raise InputError(f"{what} must be finite, got {result.tolist()}")
    return result


def coordinate_names(names: Sequence[str] | None, dimension: int) -> tuple[str, ...]:
    """Check coordinate names, or give the usual ones.

    Args:
        names: the names, or None for x | x, y | x, y, z | x1 .. xd.
        dimension: how many there must be.

    Returns:
        The names.

    Raises:
        InputError: if there are too many or too few, or one cannot be written as `p.name`, or two are equal.
    """
    if names is None:
        return tuple("xyz"[:dimension]) if dimension <= 3 else tuple(f"x{i + 1}" for i in range(dimension))
    result = (names,) if isinstance(names, str) else tuple(names)
    if len(result) != dimension:
        raise InputError(f"{dimension} coordinate names are needed, got {len(result)}: {result}")
    for name in result:
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_") or name in RESERVED:
            raise InputError(
                f"{name!r} cannot be a coordinate name: take a Python identifier that does not start with an "
                f"underscore and is none of {', '.join(sorted(RESERVED))}"
            )
    if len(set(result)) < dimension:
        raise InputError(
            f"coordinate names must differ, got {', '.join(result)}: name them, "
            "as in Interval(0, 1, name='y')"
        )
    return result


def count(n: Any) -> int:
    """Check a number of points.

    Args:
        n: how many points to draw.

    Returns:
        The number.

    Raises:
        InputError: if it is not a positive whole number.
    """
    if isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 1:
        raise InputError(f"the number of points must be a positive whole number, got {n!r}")
    return n.__index__()
