"""What holds where two regions touch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..domains import Between, Domain, Points
from ..errors import InputError, NameNotFound
from ..jets import LAPLACIAN, Key, Unknown
from .conditions import Datum, Stated
from .residual import Coordinates, Function, Residual, Values, bind, order
from .two_sided import JUMP, LOOKED, PROBE, InterfaceResidual

Side = Callable[[Mapping[str, Unknown], Points], Tensor]
"""What is asked for on one side: a function of the unknowns there, and of points seen from there."""


class Interface:
    r"""What holds where two regions touch: given jumps of the unknown and of its flux.

    Without it, unknowns and their fluxes are continuous. The flux is what the equation is the divergence of, the sum
    of :math:`a_{ij} n_i \partial_j u` with the coefficients of its second derivatives; where these do not tell it
    (equations with second derivatives of several unknowns, or coefficients that depend on the unknown), it must be
    given. In weak forms it is continuous by itself.

    Args:
        on: the two regions, such as ``("steel", "copper")``; normals point from the first to the second, and a jump is
            the value in the second less that in the first. None means all interfaces.
        jump: of the unknown: a number, a function of points, or a function of unknowns, which are two-sided here, and
            the point: ``jump=lambda T, p: R * k(p.minus) * T.minus.normal`` for a contact resistance R. A dict of
            them by unknown where there are several; unknowns that are not named are continuous.
        flux_jump: of the flux, in the same way.
        flux: a function of unknowns and the point, such as ``lambda T, p: k(p) * T.normal``; a dict by unknown where
            there are several.
        residual: in place of all these a function of two-sided unknowns and the point, or a list of them, that vanish:
            ``lambda u, p: u.plus - u.minus``.
    """

    hard = False

    def __init__(
        self,
        *,
        on: Sequence[str] | Between | None = None,
        jump: Any = None,
        flux_jump: Any = None,
        flux: Any = None,
        residual: Callable[..., Tensor] | Sequence[Callable[..., Tensor]] | None = None,
    ) -> None:
        """Keep what holds; see the class."""
        if residual is not None and not (jump is flux_jump is flux is None):
            raise InputError("Interface(residual=...) says all that holds; leave out jump, flux_jump and flux.")
        if on is not None and not isinstance(on, Between) and not (isinstance(on, (tuple, list)) and len(on) == 2):
            raise InputError(f"Interface(on=...) takes two names of regions or domain.interfaces[...], got {on!r}.")
        self.on = on
        self.jump, self.flux_jump, self.flux = jump, flux_jump, flux
        self.residual = [residual] if callable(residual) else residual

    def places(self, domain: Domain) -> list[Between]:
        """Give the interfaces that it is on."""
        if not domain.regions:
            raise InputError("Interface: the domain has no regions; name them, as in domain.regions(a=..., b=...).")
        if self.on is None:
            return domain.regions.interfaces
        if not isinstance(self.on, Between):
            return [domain.regions.interface(*self.on)]
        if self.on.coordinate_names != domain.names or {*self.on.sides} - {*domain.regions}:
            raise InputError("Interface(on=...) is of another domain; take domain.interfaces[...] of the problem's.")
        return [self.on]

    def over(self, general: Interface) -> Interface:
        """Add what is said of all interfaces, and is not said here."""
        if self.residual is not None or general.residual is not None:
            return self
        both = {name: getattr(self, name) for name in ("jump", "flux_jump", "flux")}
        both = {name: getattr(general, name) if value is None else value for name, value in both.items()}
        return Interface(on=self.on, **both)

    def state(self, unknowns: tuple[str, ...], domain: Domain, coordinates: Coordinates) -> Stated:
        """Give nothing yet: equations must be traced before they tell fluxes; see `state_interfaces`."""
        self.places(domain)
        return []

    def of(self, what: str, unknown: str, unknowns: tuple[str, ...]) -> Any:
        """Give a jump, or the flux, of one unknown; None where none is given."""
        given = getattr(self, what)
        if not isinstance(given, Mapping):
            if given is not None and len(unknowns) > 1:
                raise InputError(f"Interface({what}=...) takes a dict by unknown where there are several.")
            return given
        if unknown_names := set(given) - set(unknowns):
            raise NameNotFound(f"unknown in Interface({what}=...)", unknown_names.pop(), unknowns)
        return given.get(unknown)


def state_interfaces(
    conditions: Sequence[Any], unknowns: tuple[str, ...], domain: Domain, coordinates: Coordinates,
    equations: Sequence[Residual], weak: bool,
) -> list[InterfaceResidual]:
    """State what holds on all interfaces between regions.

    Args:
        conditions: of the problem, among them interfaces.
        unknowns: their names.
        domain: with or without regions.
        coordinates: of the problem.
        equations: traced, in strong form.
        weak: whether the problem is stated by a weak form, in which fluxes are continuous by themselves.

    Returns:
        The residuals.

    Raises:
        InputError: the flux is not told.
    """
    given = [condition for condition in conditions if isinstance(condition, Interface)]
    general = [condition for condition in given if condition.on is None]
    if len(general) > 1:
        raise InputError("two pk.Interface without on= say what holds on all interfaces; make one of them.")
    everywhere = general[0] if general else Interface()
    taken: list[Between] = []
    found: list[InterfaceResidual] = []
    # What is said of one interface comes before what is said of all.
    for condition in [*(c.over(everywhere) for c in given if c.on is not None), everywhere]:
        for place in condition.places(domain):
            before = place.measure
            for other in (o for o in taken if {*o.sides} == {*place.sides}):
                place = place.without(other)
            if condition.on is not None and place.measure < (1 - PROBE) * before:
                raise InputError(
                    f"two pk.Interface hold on the interface {place.sides[0]}-{place.sides[1]}; say all of it in one."
                )
            taken.append(place)
            if not place.pieces:
                continue
            title = f"interface {place.sides[0]}-{place.sides[1]}"
            if title in {residual.name.split(":")[0].split(",")[0] for residual in found}:
                title = f"{title} on {', '.join(place.names)} ({len(taken)})"
            found += _stated(condition, place, title, unknowns, coordinates, equations, weak)
    return found


def _stated(
    condition: Interface, place: Between, title: str, unknowns: tuple[str, ...], coordinates: Coordinates,
    equations: Sequence[Residual], weak: bool,
) -> list[InterfaceResidual]:
    """State a condition on one interface."""
    if condition.residual is not None:
        functions = [(f"{title} ({i + 1})", bind(title, f, unknowns)) for i, f in enumerate(condition.residual)]
    else:
        functions = [
            entry for u in unknowns for entry in _continuity(condition, place, title, u, unknowns, equations, weak)
        ]
    return [InterfaceResidual(name, function, place, coordinates) for name, function in functions]


def _continuity(
    condition: Interface, place: Between, title: str, unknown: str, unknowns: tuple[str, ...],
    equations: Sequence[Residual], weak: bool,
) -> list[tuple[str, Function]]:
    """State the jumps of an unknown and of its flux."""
    name = f"{title}, {unknown}" if len(unknowns) > 1 else title
    jump, flux_jump, flux = (condition.of(what, unknown, unknowns) for what in ("jump", "flux_jump", "flux"))
    value = partial(_jump, f"{name}: jump", _value(unknown), _datum(f"{name}: jump", jump, unknowns))
    highest = max((order(_spatial(r, unknown)) for r in equations), default=0)
    if weak:
        if flux is not None or flux_jump is not None:
            raise InputError(f"{name}: in a weak form a flux is continuous by itself; state jumps by equations.")
        return [(f"{name}: value", value)]
    side: Side
    stated: list[tuple[str, Function]]
    if highest < 2 and flux is not None:  # a conserved quantity of first order
        side = _one_sided(bind(f"{name}: flux", flux, unknowns))
        datum = _datum(f"{name}: flux_jump", flux_jump, unknowns)
        stated = [(f"{name}: flux", partial(_jump, f"{name}: flux", side, datum))]
        return stated if jump is None else [*stated, (f"{name}: value", value)]
    if highest < 2:
        if flux_jump is not None:
            raise InputError(f"{name}: no equation has second derivatives of {unknown}; give the flux, too: flux=...")
        return [(f"{name}: value", value)] if highest or jump is not None else []
    if flux is None:
        told = [r for r in equations if order(_spatial(r, unknown)) > 1]
        # First derivatives of another unknown, such as a pressure, belong to the flux, too.
        several = [r for r in told if any(order(_spatial(r, u)) > 0 for u in unknowns if u != unknown)]
        if len(told) != 1 or several or highest > 2 or not _told(told[0]):
            raise InputError(
                f"{name}: the equations do not tell what the flux of {unknown} is; give it, such as "
                f"pk.Interface(flux=lambda {unknown}, p: k({unknown}, p) * {unknown}.normal), or all by residual=."
            )
        _check_flux(name, told[0], unknown, place)
        side = partial(_conormal, told[0], unknown)
    else:
        side = _one_sided(bind(f"{name}: flux", flux, unknowns))
    datum = _datum(f"{name}: flux_jump", flux_jump, unknowns)
    return [(f"{name}: value", value), (f"{name}: flux", partial(_jump, f"{name}: flux", side, datum))]


def _spatial(residual: Residual, unknown: str) -> list[Key]:
    """Give the derivatives of an unknown in space that a residual uses."""
    space = {*residual.coordinates.space}
    return [key for key in residual.keys[unknown] if key == LAPLACIAN or {*key} <= space]


def _jump(title: str, side: Side, datum: Any, fields: Mapping[str, Any], p: Points) -> Tensor:
    """Give a jump from the minus to the plus side, less what it should be."""
    minus = side({name: field.minus for name, field in fields.items()}, p.minus)
    plus = side({name: field.plus for name, field in fields.items()}, p.plus)
    return plus - minus - datum(fields, p)


def _value(unknown: str) -> Side:
    return lambda fields, p: fields[unknown].value


def _one_sided(function: Function) -> Side:
    return lambda fields, p: function(fields, p)


def _datum(title: str, given: Datum | Callable[..., Any] | None, unknowns: tuple[str, ...]) -> Callable[..., Any]:
    """Make a jump a function of two-sided unknowns and points."""
    if callable(given):
        return bind(title, given, unknowns)
    return lambda fields, p: 0.0 if given is None else given


def _conormal(residual: Residual, unknown: str, fields: Mapping[str, Unknown], p: Points) -> Tensor:
    """Sum the normal components of what an equation is the divergence of, on one side of an interface."""
    field, normal = fields[unknown], p.normal
    total: Tensor | None = None
    for key, slope in _slopes(residual, p)[unknown].items():
        if key == LAPLACIAN:
            part = slope * field.normal
        elif not isinstance(key, str) and len(key) == 2 and {*key} <= {*residual.coordinates.space}:
            i, j = key
            part = slope * (normal[:, i] * field._lookup((j,)) + normal[:, j] * field._lookup((i,))) / 2
        else:
            continue
        total = part if total is None else total + part
    assert total is not None
    return total


def _check_flux(title: str, residual: Residual, unknown: str, place: Between) -> None:
    """Check that the flux which an equation tells has one sign on both sides, and is likely to be meant.

    Raises:
        InputError: it changes its sign.
    """
    points = place.sample(LOOKED, torch.Generator().manual_seed(0))
    points = replace(points, regions=residual.coordinates.regions, sides=place.sides)
    space = {*residual.coordinates.space}
    minus, plus = (_slopes(residual, p)[unknown] for p in (points.minus, points.plus))
    jumps = {}
    for key in minus:
        size = torch.maximum(minus[key].abs(), plus[key].abs()).max()
        jumps[key] = bool((minus[key] - plus[key]).abs().max() > JUMP * size)
        pure = key == LAPLACIAN or len(key) == 2 and key[0] == key[1] and {*key} <= space
        if pure and (minus[key] * plus[key] < 0).any():
            raise InputError(
                f"{title}: the second derivatives in {residual.name} have opposite signs on both sides, so that fluxes "
                "cannot be compared; write the equation with one sign, or give the flux by pk.Interface(flux=...)."
            )
    in_time = [key for key in minus if key != LAPLACIAN and not {*key} <= space]
    leading = [key for key in minus if order([key]) > 1 and key not in in_time]
    if in_time and any(jumps[key] for key in leading) and not any(jumps[key] for key in in_time):
        name = "u_t" if order(in_time) == 1 else "u_tt"
        warnings.warn(
            f"{title}: the flux of {unknown} is read off {residual.name} as it is written, and what {name} is "
            "multiplied by does not jump. Where capacities or densities differ, write c u_t - k laplacian(u), not "
            "u_t - (k / c) laplacian(u), or give the flux: pk.Interface(flux=...), which also silences this.",
            stacklevel=6,
        )


def _slopes(residual: Residual, p: Points) -> Values:
    raw = replace(residual, corners=())  # without the weights that belong to corners
    return raw.linearise(raw.zero(p), p)[1]


def _told(residual: Residual) -> bool:
    """Tell whether the coefficients of second derivatives do not depend on the unknowns."""
    points = residual.sample(17, torch.Generator().manual_seed(0))
    zero = residual.zero(points)
    other = {u: {k: v + 0.37 + 0.1 * i for i, (k, v) in enumerate(found.items())} for u, found in zero.items()}
    slopes, moved = (residual.linearise(values, points)[1] for values in (zero, other))
    return all(
        torch.allclose(slopes[u][k], moved[u][k], rtol=1e-10, atol=0.0)
        for u, found in slopes.items() for k in found if order([k]) > 1
    )  # fmt: skip

