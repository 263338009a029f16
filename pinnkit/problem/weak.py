"""Weak forms: problems stated by integrals against test functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..domains import Between, Boundary, Domain, Points
from ..errors import InputError, NameNotFound
from ..jets import Key, Unknown
from .conditions import Neumann, Robin, check_region
from .residual import Coordinates, Residual, Values, bind

TRACE_POINTS = 17


@dataclass(frozen=True)
class Weak:
    r"""A part of a weak form, :math:`\int f(u, \nabla u, \dots; v, \nabla v; x)`, zero for every test function v.

    Parameters that are neither unknowns nor the point are test functions, one for each unknown in their order. The form
    is linear in them and uses their values and first derivatives. Test functions vanish where a Dirichlet condition
    prescribes their unknown; elsewhere the boundary terms of the integration by parts are natural conditions, whose
    data are parts on the boundary, such as ``pk.Weak(lambda v, p: -flux(p) * v, on=domain.boundary["right"])``.

    Args:
        form: the integrand, such as ``lambda u, v, p: kappa(p) * (u.x * v.x + u.y * v.y) - f(p) * v``.
        on: the part of the boundary to integrate over; the domain by default.
        breaks: coordinates, by name, at which boxes are cut so that coefficients are smooth in every cell.

    Reference:
        Kharazmi, Zhang and Karniadakis 2021 (hp-VPINNs), doi:10.1016/j.cma.2020.113547.
    """

    form: Callable[..., Tensor]
    on: Boundary | None = None
    breaks: Mapping[str, Sequence[float]] | None = None


@dataclass
class Factor:
    """What a form multiplies a test function, or a derivative of it, by.

    Attributes:
        test: which of the test functions.
        key: which derivative of it.
        residual: the factor, a local function of the unknowns.
    """

    test: int
    key: Key
    residual: Residual


@dataclass
class WeakForm:
    """A part of a weak form, taken apart by test functions and their derivatives.

    Attributes:
        region: where to integrate.
        factors: the form is the sum of these times the derivatives of the test functions.
        breaks: see `Weak`.
        trainable: the trainable parameters that it uses.
    """

    region: Domain | Boundary
    factors: list[Factor]
    breaks: Mapping[str, Sequence[float]]
    trainable: Sequence[Tensor] = ()


def state_weak(
    weak: Any,
    unknowns: tuple[str, ...],
    domain: Domain,
    coordinates: Coordinates,
    conditions: Sequence[Any],
    trainable: Sequence[Tensor] = (),
) -> list[WeakForm]:
    """Check the weak form of a problem and take it apart.

    Args:
        weak: a form, a `Weak`, or several of them.
        unknowns: names of the unknowns.
        domain: of the problem.
        coordinates: of the problem.
        conditions: of the problem.
        trainable: its parameters to be found.

    Returns:
        The parts.

    Raises:
        InputError: a form is something else, or stands beside a condition that is natural to it.
        NameNotFound: a form takes a test function that the longest one does not have.
    """
    parts = weak if isinstance(weak, (list, tuple)) else [weak]
    given = [part if isinstance(part, Weak) else Weak(part) for part in parts]
    names = [_tests(part.form, unknowns) for part in given]
    tests = max(names, key=len)
    if len(tests) != len(unknowns):
        taken = f"the test function{'s' * (len(tests) > 1)} {', '.join(tests)}" if tests else "no test function"
        raise InputError(
            f"a weak form takes one test function for each unknown, here {', '.join(unknowns)}, as v in lambda u, v, "
            f"p: u.x * v.x - p.x * v; this one takes {taken}. For several forms give a list."
        )
    for condition in conditions:
        if isinstance(condition, Neumann):
            robin = isinstance(condition, Robin)
            such = "lambda u, v, p: (alpha * u - g(p)) / beta * v" if robin else "lambda v, p: -g(p) * v"
            raise InputError(
                f"{type(condition).__name__} conditions are natural in a weak form: write their data as a part of it, "
                f"such as pk.Weak({such}, on=...) where it has the term u.x * v.x."
            )
    for part in given:
        domain.partition(1, _checked_breaks(part.breaks))
    found = []
    for number, (part, own) in enumerate(zip(given, names, strict=True), 1):
        title = "weak form" if len(given) == 1 else f"weak form {number}"
        if unknown := set(own) - set(tests):
            raise NameNotFound(f"argument of {title}", unknown.pop(), [*unknowns, *tests, "p"])
        region = domain if part.on is None else part.on
        if isinstance(region, Between):
            raise InputError(
                f"{title}: a weak form is not integrated over interfaces; state the problem by equations, with "
                "pk.Interface(flux_jump=...) for sources there."
            )
        if region is not domain and not isinstance(region, Boundary):
            raise InputError(
                f"{title}: on= takes a part of the boundary, such as domain.boundary['left'], got {region!r}; for a "
                "part of the domain multiply by what is zero elsewhere, and give breaks= along its sides."
            )
        check_region(title, region, domain)
        function = bind(title, part.form, [*unknowns, *tests])
        form = Residual(title, function, region, coordinates)
        factors = _factors(form, unknowns, tests, trainable)
        found.append(WeakForm(region, factors, part.breaks or {}, form.trainable))
    if not any(form.region is domain for form in found):
        raise InputError("a weak form needs a part that is integrated over the domain.")
    return found


def _checked_breaks(breaks: Any) -> Mapping[str, Sequence[float]]:
    given = breaks or {}
    if not isinstance(given, Mapping) or not all(isinstance(at, (list, tuple)) for at in given.values()):
        raise InputError(f"breaks must be a dict of lists, such as {{'x': [0.5]}}, got {breaks!r}.")
    return given


def _tests(form: Any, unknowns: tuple[str, ...]) -> list[str]:
    if not callable(form):
        raise InputError(
            "a weak form must be a function such as lambda u, v, p: u.x * v.x - v, a pk.Weak, or a list of them, got "
            f"{form!r}."
        )
    parameters = inspect.signature(form).parameters.values()
    taken = [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    return [name for name in taken if name != "p" and name not in unknowns]


def _factors(form: Residual, unknowns: tuple[str, ...], tests: list[str], trainable: Sequence[Tensor]) -> list[Factor]:
    generator = torch.Generator().manual_seed(0)
    points = form.sample(TRACE_POINTS, generator)
    form.trace([*unknowns, *tests], points, trainable)
    on_boundary = isinstance(form.region, Boundary)
    for name in tests:
        for key in form.keys[name]:
            if isinstance(key, str) or len(key) > (0 if on_boundary else 1):
                which = "values on the boundary" if on_boundary else "values and first derivatives"
                raise InputError(f"{form.name}: of the test function {name!r} a form may use {which} only.")
    _check_linear(form, unknowns, tests, points, generator)

    def factor(test: str, key: Key) -> Residual:
        def function(fields: Mapping[str, Unknown], at: Points) -> Tensor:
            zero = torch.zeros_like(at.coordinates[:, 0])

            def unit(name: str) -> Unknown:
                def lookup(asked: Key) -> Tensor:
                    return zero + 1 if (name, asked) == (test, key) else zero

                return Unknown(lookup, form.coordinates.names, form.coordinates.space, at.normals)

            return form.function({**fields, **{name: unit(name) for name in tests}}, at)

        return Residual(form.name, function, form.region, form.coordinates, {u: form.keys[u] for u in unknowns})

    return [Factor(i, key, factor(name, key)) for i, name in enumerate(tests) for key in form.keys[name]]


def _check_linear(
    form: Residual, unknowns: tuple[str, ...], tests: list[str], points: Points, generator: torch.Generator
) -> None:
    def made_up(names: Sequence[str]) -> Values:
        def draw() -> Tensor:
            return 0.5 + torch.rand(len(points), generator=generator, dtype=torch.float64)

        return {name: {key: draw() for key in form.keys[name]} for name in names}

    state, one, other = made_up(unknowns), made_up(tests), made_up(tests)
    both: Values = {name: {key: one[name][key] + 3 * other[name][key] for key in found} for name, found in one.items()}
    with torch.no_grad():
        a, b, c = (form({**state, **values}, points) for values in (one, other, both))
    if not ((c - a - 3 * b).abs() <= 1e-10 * (a.abs() + 3 * b.abs() + c.abs())).all():
        raise InputError(
            f"{form.name} must be linear in the test function{'s' if len(tests) > 1 else ''} {', '.join(tests)}: every "
            "term has one of them, or a derivative of it, as a factor, and only once."
        )
