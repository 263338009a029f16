"""Options given as text: which ones a maker has, and whether a value fits."""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from .errors import InputError, NameNotFound

PLAIN = (int, float, str, bool, NoneType)
PLAIN_SET: set[type] = set(PLAIN)
EXAMPLES = {"problem": "problem.n=32", "geometry": "geometry.rows=256"}
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word", NoneType: "None"}


def kinds_of(parameter: inspect.Parameter) -> set[type]:
    """Give the plain types that a parameter takes, by its annotation or else by its default.

    Args:
        parameter: of a function or class.

    Returns:
        Some of int, float, str, bool and NoneType; empty where its values cannot be written as text.
    """
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return set()
    annotation = parameter.annotation
    found = set(get_args(annotation)) if get_origin(annotation) in (Union, UnionType) else {annotation}
    # A function cannot be given as text, but may have a name that can.
    found = {kind for kind in found if get_origin(kind) is not Callable}
    if annotation is parameter.empty:
        # A whole number as a default says too little: it may stand for 1.0.
        found = {float} if type(parameter.default) is int else {type(parameter.default)}
        found = PLAIN_SET if parameter.default in (None, parameter.empty) else found
    return found if found <= PLAIN_SET else set()


def parameters_of(maker: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Give the parameters of a function or class, with their annotations where these can be evaluated."""
    try:
        return inspect.signature(maker, eval_str=True).parameters
    except NameError:  # annotations for type checkers only, or those of a class in another module
        parameters = inspect.signature(maker).parameters
    try:
        hints = get_type_hints(maker) if inspect.isclass(maker) else {}
    except NameError:
        hints = {}
    return {name: p.replace(annotation=hints.get(name, p.annotation)) for name, p in parameters.items()}


def options_of(maker: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Give the parameters of a function or class that can be given as text."""
    return {name: parameter for name, parameter in parameters_of(maker).items() if kinds_of(parameter)}


def describe(maker: Callable[..., Any]) -> str:
    """Write the options with their defaults, such as ``width=40, depth=4``; without a default, the name alone."""
    texts = []
    for name, parameter in options_of(maker).items():
        bare = parameter.default in (None, parameter.empty, "")
        shown = f"{parameter.default:.4g}" if isinstance(parameter.default, float) else str(parameter.default)
        texts.append(name if bare else f"{name}={shown}")
    return ", ".join(texts)


def fitting(label: str, value: Any, parameter: inspect.Parameter) -> Any:
    """Check that a value fits a parameter.

    Args:
        label: what to call it in messages, such as "space.rank".
        value: the value as read from text.
        parameter: the parameter.

    Returns:
        The value; a whole number where the parameter takes nothing else.

    Raises:
        InputError: it does not fit.
    """
    kinds = kinds_of(parameter)
    if kinds == PLAIN_SET:  # nothing is known of it
        return value
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if number and float in kinds:
        return value
    if number and int in kinds and value == int(value):
        return int(value)
    if not isinstance(value, float) and type(value) in kinds:
        return value
    wanted = " or ".join(WORDS[kind] for kind in PLAIN if kind in kinds and not (kind is int and float in kinds))
    default = "" if parameter.default in (None, parameter.empty, "") else f", such as its default {parameter.default}"
    raise InputError(f"{label} must be {wanted}{default}, got {value!r}.")


def parse_settings(
    settings: list[str], parts: tuple[str, ...] = ("problem", "space", "method")
) -> dict[str, dict[str, Any]]:
    """Read ``--set problem.n=32`` and the like.

    Args:
        settings: texts of the form ``part.option=value``.
        parts: that there are.

    Returns:
        For each part the options given.

    Raises:
        InputError: a text has another form.
        NameNotFound: there is no such part.
    """
    found: dict[str, dict[str, Any]] = {part: {} for part in parts}
    for setting in settings:
        key, equals, text = setting.partition("=")
        part, dot, option = key.partition(".")
        if not equals or not dot or not option:
            more = " or --set space.rank=64" if "space" in parts else f"; parts are {', '.join(parts)}"
            raise InputError(f"--set {setting!r}: write it like --set {EXAMPLES[parts[0]]}{more}.")
        if part not in found:
            raise NameNotFound("part of --set", part, found)
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            value = {"true": True, "false": False}.get(text.lower(), text)
        # Python would take words such as 16,24,32 for tuples.
        found[part][option] = text if isinstance(value, tuple) and not text.startswith("(") else value
    return found
