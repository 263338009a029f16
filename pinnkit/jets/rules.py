"""How a rule is registered for the torch functions it serves, and guarded against calls that it cannot take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from .jet import RULES, Jet, MissingRule

_SPELLINGS = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x1": "input", "x2": "other"}
"""NumPy's names of arguments, which torch takes too."""


def rule_for(*functions: Any, several: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a rule for torch functions.

    A call that the rule cannot take (an option it does not know, a jet where it expects a constant) is a `MissingRule`,
    so that such a call falls back instead of going wrong.

    Args:
        functions: the torch functions.
        several: whether the rule takes jets in other places than the first argument.

    Returns:
        A decorator that gives the rule back, unguarded.
    """

    def register(rule: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            RULES[function] = _guarded(rule, function, several)
        return rule

    return register


def _guarded(rule: Callable[..., Any], function: Any, several: bool) -> Callable[..., Any]:
    parameters = inspect.signature(rule).parameters
    kinds = [parameter.kind for parameter in parameters.values()]
    any_keyword = inspect.Parameter.VAR_KEYWORD in kinds
    any_number = inspect.Parameter.VAR_POSITIONAL in kinds
    most = sum(kind == inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)
    known = frozenset(parameters)
    name = getattr(function, "__name__", str(function))

    def guarded(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            kwargs = {_SPELLINGS.get(k, k): v for k, v in kwargs.items() if k != "out" or v is not None}
            if not any_keyword:
                for keyword in kwargs:
                    if keyword not in known:
                        raise MissingRule(f"{name} with {keyword}")
        if len(args) > most and not any_number:
            raise MissingRule(f"{name} with {len(args)} arguments")
        if not several:
            if args and not isinstance(args[0], Jet):
                raise MissingRule(f"{name} with a jet as another argument than the first")
            for argument in (*args[1:], *(v for k, v in kwargs.items() if k != "input")):
                if isinstance(argument, Jet):
                    raise MissingRule(f"{name} with a jet as another argument than the first")
        return rule(*args, **kwargs)

    return guarded


def on_component(function: Any) -> Callable[..., Any]:
    """Make a function that takes a component, which may be a jet: a tensor method does not ask it for its rule."""

    def call(component: Any, *args: Any, **kwargs: Any) -> Any:
        chosen = RULES[function] if isinstance(component, Jet) else function
        return chosen(component, *args, **kwargs)

    return call


def named(*names: str) -> list[Any]:
    """Collect every torch callable of these names: function, tensor method, functional, special and linear algebra."""
    homes = (torch, torch.Tensor, torch.nn.functional, torch.special, torch.linalg)
    found = [getattr(home, name, None) for home in homes for name in names]
    # The last two only call the tensor method, and never ask for a rule themselves.
    silent = (torch.nn.functional.tanh, torch.nn.functional.sigmoid)
    return [function for function in found if callable(function) and function not in silent]
