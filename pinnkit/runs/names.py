"""The names that the command line knows: spaces, methods, number types, devices."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..errors import InputError, NameNotFound
from ..methods import LBFGS, Adam, Auto, LeastSquares, Method, Sequence
from ..spaces import LRNN, MLP, SIREN, RandomFeatures, Space

SPACES: dict[str, type[Space]] = {"mlp": MLP, "siren": SIREN, "lrnn": LRNN, "random-features": RandomFeatures}
METHODS: dict[str, Callable[..., Method]] = {
    "auto": Auto,
    "least-squares": LeastSquares,
    "adam": Adam,
    "lbfgs": LBFGS,
}
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def options_of(maker: Callable[..., Any]) -> list[str]:
    """List the options that can be given as text: those with numbers, words, yes or no as defaults."""
    parameters = inspect.signature(maker).parameters.values()
    plain = (int, float, str, bool, type(None))
    return [p.name for p in parameters if p.default is not p.empty and isinstance(p.default, plain)]


def _check(kind: str, name: str, makers: list[Callable[..., Any]], options: Mapping[str, Any]) -> None:
    known = {option for maker in makers for option in options_of(maker)}
    for option in options:
        if option not in known:
            raise NameNotFound(f"option of {kind} {name}", option, sorted(known))
    for maker in makers:
        for parameter in inspect.signature(maker).parameters.values():
            value, default = options.get(parameter.name), parameter.default
            if parameter.name in options and isinstance(default, (int, float)) and not isinstance(default, bool):
                whole = isinstance(default, int)
                if isinstance(value, (str, bool)) or value is None or (whole and value != int(value)):
                    wanted = "a whole number" if whole else "a number"
                    raise InputError(f"{kind}.{parameter.name} must be {wanted}, got {value!r}.")


def make_space(name: str | None, options: Mapping[str, Any]) -> Space | None:
    """Make a space by name.

    Args:
        name: one of `SPACES`; None leaves the choice to the method.
        options: of the space.

    Returns:
        The space, unbuilt.

    Raises:
        InputError: an unknown name or option, or a value out of range.
    """
    if name is None:
        if options:
            raise InputError(f"space.{next(iter(options))} needs a space: add --space {' | '.join(SPACES)}.")
        return None
    if name not in SPACES:
        raise NameNotFound("space", name, SPACES)
    _check("space", name, [SPACES[name]], options)
    try:
        return SPACES[name](**options)
    except TypeError as error:
        raise InputError(f"space {name}: {error}") from None


def make_method(name: str, options: Mapping[str, Any]) -> Method:
    """Make a method by name; names joined by "+" run in turn.

    Args:
        name: such as "auto" or "adam+lbfgs".
        options: given to each method that has them.

    Returns:
        The method.

    Raises:
        InputError: an unknown name or option.
    """
    parts = name.split("+")
    for part in parts:
        if part not in METHODS:
            raise NameNotFound("method", part, [*METHODS, "joined by + (adam+lbfgs)"])
    makers = [METHODS[part] for part in parts]
    _check("method", name, makers, options)
    methods = [maker(**{k: v for k, v in options.items() if k in options_of(maker)}) for maker in makers]
    return methods[0] if len(methods) == 1 else Sequence(methods)


def make_device(name: str) -> str:
    """Choose a device.

    Args:
        name: "auto" (CUDA if there is one), or a torch device.

    Returns:
        A torch device that works here.

    Raises:
        InputError: it does not.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"the device {name!r} does not work here: {str(error).splitlines()[0]}") from None
    return name


def make_dtype(name: str) -> torch.dtype:
    """Choose a number type.

    Args:
        name: float32 or float64.

    Returns:
        The torch type.

    Raises:
        NameNotFound: another name.
    """
    if name not in DTYPES:
        raise NameNotFound("dtype", name, DTYPES)
    return DTYPES[name]
