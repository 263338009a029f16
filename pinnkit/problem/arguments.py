"""What a problem is made of, checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..domains import Domain, Feature, Time
from ..errors import InputError
from .parameter import Parameter


def check_arguments(
    domain: Any, unknowns: Any, equations: Any, energy: Any, weak: Any, conditions: Any, parameters: Any, features: Any
) -> None:
    """Check that the arguments of a `Problem` are of the kinds it takes.

    Args:
        domain: as for `Problem`, and so are the others.
        unknowns: see there.
        equations: see there.
        energy: see there.
        weak: see there.
        conditions: see there.
        parameters: see there.
        features: see there.

    Raises:
        InputError: one of them is something else; the message says what.
    """
    if isinstance(domain, Time):
        ends = f"{domain.t0:g}, {domain.t1:g}, name={domain.name!r}"
        raise InputError(f"the domain is time alone: for an ordinary differential equation use pk.Interval({ends}).")
    if not isinstance(domain, Domain):
        raise InputError(f"the domain must be a domain such as pk.Box([0, 0], [1, 1]), got {domain!r}.")
    if not isinstance(unknowns, Sequence) or not all(isinstance(name, str) for name in unknowns):
        raise InputError(f"unknowns must be names in a string or a list, such as 'u v', got {unknowns!r}.")
    if sum(form is not None for form in (equations, energy, weak)) > 1:
        raise InputError("a problem has equations, an energy or a weak form; leave all but one of them out.")
    if energy is None and weak is None and not isinstance(equations, Mapping):
        raise InputError(f"equations must be a dict such as {{'poisson': lambda u: u.laplacian}}, got {equations!r}.")
    if not equations and energy in (None, [], ()) and weak in (None, [], ()):
        raise InputError("a problem needs at least one equation, an energy or a weak form.")
    for name, value in [("conditions", conditions), ("parameters", parameters), ("features", features)]:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise InputError(f"{name} must be a list: write {name}=[...], got {value!r}.")
    for condition in conditions:
        if isinstance(condition, type) or not hasattr(condition, "state"):
            raise InputError(
                "each condition must be an object such as pk.Dirichlet(u=0.0, on=domain.boundary) or "
                f"pk.Condition(lambda u: u.x, on=...), got {condition!r}."
            )
    for feature in features:
        if not isinstance(feature, Feature):
            raise InputError(f"each feature must be one such as pk.Feature([0.5, 0.5], width=0.01), got {feature!r}.")
        feature.check(domain)
    for parameter in parameters:
        if not isinstance(parameter, Parameter):
            raise InputError(f"each parameter must be one such as pk.Parameter('nu', 0.1), got {parameter!r}.")
    names = [parameter.name for parameter in parameters]
    if len(set(names)) < len(names):
        raise InputError(f"parameters must have distinct names, got {', '.join(map(repr, names))}.")
