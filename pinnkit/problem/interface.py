"""What holds where two regions touch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from ..domains import Between, Domain, Points
from ..errors import InputError, NameNotFound
from ..jets import LAPLACIAN, Derivatives, Key, Unknown
from .conditions import Datum, Stated
from .residual import Coordinates, Function, Residual, Values, bind, order

LOOKED, PROBE, JUMP = 64, 1e-6, 1e-3
"""Points of an interface at which coefficients are looked at, distance from it relative to the domain, and by what part
of them values there may be off."""


@dataclass(frozen=True)
class Sided:
    """A derivative on one side of an interface: 0 is the one that normals point away from.

    Attributes:
        side: which side.
        key: the derivative.
    """

    side: int
    key: Key

    def __len__(self) -> int:
        """Give the order of the derivative."""
        return order([self.key])


Side = Callable[[Mapping[str, Unknown], Points], Tensor]
"""What is asked for on one side: a function of the unknowns there, and of points seen from there."""


class SidedDerivatives:
    """A plan of derivatives on both sides of an interface; called as `Derivatives` is."""

    def __init__(self, keys: Sequence[Sided], space: tuple[int, ...], region: Between, regions: Any) -> None:
        """Plan each side."""
        self.keys, self.region, self.regions = tuple(keys), region, regions
        self.plans = [Derivatives([k.key for k in keys if k.side == side], space) for side in (0, 1)]

    def __call__(self, function: Callable[[Any], Any], x: Any) -> dict[Sided, Any]:
        """Evaluate a function as it is in one region, and as it is in the other."""
        found: dict[Sided, Any] = {}
        for side, plan in enumerate(self.plans):
            if plan.keys:
                with self.regions.within(self.region.sides[side]):
                    found |= {Sided(side, key): value for key, value in plan(function, x).items()}
        return found


class TwoSided:
    """An unknown on an interface; ``u.minus`` and ``u.plus`` are what it is on both sides.

    The normal points from the minus side to the plus side; on both it is the one that derivatives along the normal
    are taken of.
    """

    def __init__(self, minus: Unknown, plus: Unknown) -> None:
        """Keep both sides."""
        self.minus, self.plus = minus, plus

    def __getattr__(self, name: str) -> Any:
        """Refuse what has two values."""
        if name.startswith("__"):
            raise AttributeError(name)
        raise InputError(f"an unknown has two values on an interface: write u.minus.{name} or u.plus.{name}.")


def _two_values(self: TwoSided, *others: Any) -> Any:
    raise InputError("an unknown has two values on an interface: write u.minus or u.plus.")


for _name in "add radd sub rsub mul rmul truediv rtruediv pow rpow neg abs".split():
    setattr(TwoSided, f"__{_name}__", _two_values)


class InterfaceResidual(Residual):
    """A residual on an interface, of what the unknowns are on both sides."""

    @cached_property
    def derivatives(self) -> Any:
        """The plan of the derivatives in `keys`."""
        assert isinstance(self.region, Between)
        keys = dict.fromkeys(itertools.chain(*self.keys.values()))
        return SidedDerivatives([*keys], self.coordinates.space, self.region, self.coordinates.regions)  # type: ignore[list-item]

    def _unknown(self, lookup: Callable[[Any], Tensor], points: Points) -> Any:
        minus, plus = (
            Unknown(partial(_on_side, lookup, side), self.coordinates.names, self.coordinates.space, points.normals)
            for side in (0, 1)
        )
        return TwoSided(minus, plus)

    def _evaluate(self, unknowns: Mapping[str, Any], points: Points) -> Tensor:
        assert isinstance(self.region, Between)
        return super()._evaluate(unknowns, replace(points, regions=self.coordinates.regions, sides=self.region.sides))


def _on_side(lookup: Callable[[Any], Tensor], side: int, key: Key) -> Tensor:
    return lookup(Sided(side, key))


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
        if on is not None and not isinstance(on, Between) and (isinstance(on, str) or len(on) != 2):
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
        return [self.on if isinstance(self.on, Between) else domain.regions.interface(*self.on)]

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
    # What is said of one interface comes before what is said of all; whatever is left is continuous.
    ranked = [*(c for c in given if c.on is not None), *(c for c in given if c.on is None), Interface()]
    taken: set[tuple[frozenset[str], str | None]] = set()
    found: list[InterfaceResidual] = []
    for condition, place in [(c, place) for c in ranked for place in c.places(domain)]:
        pair = frozenset(place.sides)
        pieces = [piece for piece in place.pieces if not {(pair, piece.name), (pair, None)} & taken]
        # Groups of facets have one name on both sides, sides of shapes have not.
        taken |= {(pair, None)} if place.whole else {(pair, piece.name) for piece in pieces}
        if not pieces:
            continue
        place = Between(pieces, place.coordinate_names, place.sides)
        title = f"interface {place.sides[0]}-{place.sides[1]}"
        if title in {residual.name.split(":")[0].split(",")[0] for residual in found}:
            title = f"{title} on {', '.join(place.names)}"
        if condition.residual is not None:
            functions = [(f"{title} ({i + 1})", bind(title, f, unknowns)) for i, f in enumerate(condition.residual)]
        else:
            functions = [
                entry for u in unknowns for entry in _continuity(condition, place, title, u, unknowns, equations, weak)
            ]
        found += [InterfaceResidual(name, function, place, coordinates) for name, function in functions]
    return found


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
            raise InputError(f"{name}: in a weak form a flux is continuous by itself; state jumps as parts of it.")
        return [(f"{name}: value", value)]
    if highest == 0 and jump is None:
        return []
    if highest < 2:
        return [(f"{name}: value", value)]
    side: Side
    if flux is None:
        told = [r for r in equations if order(_spatial(r, unknown)) > 1]
        several = [r for r in told if sum(order(_spatial(r, u)) > 1 for u in unknowns) > 1]
        if len(told) != 1 or several or highest > 2 or not _told(told[0]):
            raise InputError(
                f"{name}: the equations do not tell what the flux of {unknown} is; give it, such as "
                f"pk.Interface(flux=lambda {unknown}, p: k({unknown}, p) * {unknown}.normal), or all by residual=."
            )
        _check_sides(name, told[0], place)
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


def _check_sides(title: str, residual: Residual, place: Between) -> None:
    """Check that coefficients next to an interface are those at it: jumps must be told by region.

    Raises:
        InputError: one jumps across the interface in another way.
    """
    regions, points = residual.coordinates.regions, place.sample(LOOKED, torch.Generator().manual_seed(0))
    assert regions is not None and points.normals is not None
    points = replace(points, regions=regions, sides=place.sides)
    step = PROBE * (regions.domain.bounds[1] - regions.domain.bounds[0]).norm()
    for seen, away in ((points.minus, -step), (points.plus, step)):
        near = seen.replace(points.coordinates + away * points.normals)
        at, next_to = _slopes(residual, seen), _slopes(residual, replace(near, regions=regions))
        for slope, other in ((s, next_to[u][k]) for u, found in at.items() for k, s in found.items() if order([k]) > 1):
            if ((slope - other).abs() > JUMP * slope.abs().max()).double().mean() > 0.1:
                raise InputError(
                    f"{title}: a coefficient of {residual.name} jumps there, but not by region, so that nothing tells "
                    "its values on both sides: use pk.ByRegion(...), or give the flux by pk.Interface(flux=...)."
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

