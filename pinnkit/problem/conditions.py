"""Conditions: what holds on boundaries, at the start, around a period, and at measured points."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from ..domains import Between, Boundary, Domain, Points, SpaceTime
from ..errors import InputError, NameNotFound
from ..jets import Jet, Unknown
from .residual import Coordinates, FixedPoints, Function, bind, check_precision

Datum = float | Tensor | Callable[[Points], Any]
"""A number, or a function of points that gives a tensor ``(n,)``."""

Region = Boundary | Domain | FixedPoints
Stated = list[tuple[str, Function, Region]]

# Distance, relative to the size of the domain, at which the two sides of a boundary are looked at.
PROBE = 1e-6


def evaluate_datum(datum: Datum, points: Points, what: str) -> Any:
    """Evaluate boundary or initial data.

    Args:
        datum: a number or a function of points.
        points: n points; their coordinates may be jets.
        what: for messages.

    Returns:
        A tensor or jet of shape ``(n,)``, or a scalar.

    Raises:
        InputError: a function returned another shape, or numbers of lower precision than the points.
    """
    value = datum(points) if callable(datum) else datum
    shape = getattr(value, "shape", ())
    if tuple(shape) not in ((len(points),), ()):
        raise InputError(f"{what}: data must have shape (n,) = ({len(points)},), got {tuple(shape)}.")
    if not isinstance(value, (Tensor, Jet, int, float)):
        raise InputError(f"{what}: data must be a number or a function that gives a tensor, got {value!r}.")
    check_precision(what, value, points)
    return value


def check_region(
    title: str, region: Any, domain: Domain, kinds: tuple[type[Boundary] | type[Domain], ...] = (Boundary, Domain)
) -> None:
    """Check where a condition holds.

    Args:
        title: of the condition.
        region: what it was given.
        domain: of the problem.
        kinds: what it may be.

    Raises:
        InputError: it is something else, or belongs to a domain with other coordinates.
    """
    if not isinstance(region, kinds):
        raise InputError(f"{title}: on= takes a part of the boundary, such as domain.boundary['left'], got {region!r}.")
    names = region.coordinate_names if isinstance(region, Boundary) else region.names
    if tuple(names) != domain.names:
        raise InputError(
            f"{title}: the place has the coordinates {', '.join(names)}, the problem's domain has "
            f"{', '.join(domain.names)}; take a part of the problem's own domain."
        )


def check_place(title: str, region: Region, points: Points, domain: Domain) -> None:
    """Check that a condition is on the boundary of the domain, or else within its bounding box.

    Args:
        title: of the condition.
        region: where it holds.
        points: some points of the region.
        domain: of the problem.

    Raises:
        InputError: it is somewhere else.
    """
    if isinstance(region, Between):
        raise InputError(
            f"{title}: this is an interface, where unknowns have two values: write "
            "pk.Interface(on=..., residual=[lambda u: u.minus - 1.0, lambda u: u.plus - 1.0]), say."
        )
    x, probe = points.coordinates, PROBE * (domain.bounds[1] - domain.bounds[0])
    if isinstance(region, Boundary):
        # The two sides of a slit both have the domain in front of them.
        if set(region.pieces) <= set(domain.boundary.pieces):
            return
        step = probe * points.normal
        # Not all of them: within the distance of a corner, a step may end on the wrong side of it.
        if (domain.contains(x - step) & ~domain.contains(x + step)).double().mean() < 0.9:
            own = domain.boundary.names
            name = next((name for name in region.names if name in own), own[0])
            raise InputError(
                f"{title}: this is no part of the domain's boundary with the domain on its inner side; take it from "
                f"the problem's own domain, such as domain.boundary[{name!r}]."
            )
    elif (strayed := outside(domain, x)).any():
        at = ", ".join(f"{v:.6g}" for v in x[strayed][0].tolist())
        raise InputError(
            f"{title}: {int(strayed.sum())} of {len(x)} points are outside the domain, first ({at}); the domain lies "
            f"in {domain.bounds.tolist()}."
        )


def outside(domain: Domain, x: Tensor) -> Tensor:
    """Tell which points are outside by more than rounding, or than facets may be off the boundary that they stand for.

    Args:
        domain: the domain.
        x: points, shape ``(n, d)``.

    Returns:
        bool ``(n,)``.
    """
    slack = PROBE * (domain.bounds[1] - domain.bounds[0]).norm()
    if domain.facet_offsets is not None:
        slack = slack + (domain.bounds[1] - domain.bounds[0]).norm() / 20
    return domain.signed_distance(x) > slack


class Condition:
    """Any residual that shall vanish on a part of the boundary or in a domain.

    Args:
        residual: a function of unknowns and, last, the point, such as ``lambda u, p: u.xx - p.x``.
        on: where.
        name: for messages and histories.
    """

    hard = False

    def __init__(self, residual: Callable[..., Tensor], on: Boundary | Domain, name: str = "condition") -> None:
        """Keep what holds where; see the class."""
        self.residual, self.on, self.name = residual, on, name

    def state(self, unknowns: tuple[str, ...], domain: Domain, coordinates: Coordinates) -> Stated:
        """Give the residuals of this condition with their regions."""
        check_region(self.name, self.on, domain)
        return [(self.name, bind(self.name, self.residual, unknowns), self.on)]


class Regularisation(Condition):
    """What is probable rather than exact: a residual that is made as small as the noise of the data allows.

    It is how unknown coefficient fields are kept smooth, as by ``pk.Regularisation(lambda k: k.laplacian, on=domain)``.

    Args:
        residual: as for `Condition`.
        on: where.
        name: for messages and histories.

    Reference:
        Morozov 1966 (the discrepancy principle); Hansen 1998, doi:10.1137/1.9780898719697.
    """

    kind = "prior"

    def __init__(self, residual: Callable[..., Tensor], on: Boundary | Domain, name: str = "regularisation") -> None:
        """Keep what is probable where; see the class."""
        super().__init__(residual, on, name)


class _Prescribed(ABC):
    """A condition that prescribes data for some unknowns: residual(unknown, p, datum) on a region."""

    verb = ""
    hard = False

    def __init__(self, data: Mapping[str, Datum]) -> None:
        if not data:
            raise InputError(f"{self.verb} prescribes nothing: name an unknown, such as {self.verb}(u=0.0, ...).")
        self.data = dict(data)

    @abstractmethod
    def region(self, domain: Domain) -> Boundary:
        """Give the part of the boundary."""

    @abstractmethod
    def residual(self, field: Any, points: Points, datum: Any) -> Tensor:
        """Compare the unknown with its datum."""

    def state(self, unknowns: tuple[str, ...], domain: Domain, coordinates: Coordinates) -> Stated:
        """Give the residuals of this condition with their regions."""
        region = self.region(domain)
        check_region(self.verb, region, domain, (Boundary,))
        return [self._one(key, datum, unknowns, region) for key, datum in self.data.items()]

    def _one(self, key: str, datum: Datum, unknowns: tuple[str, ...], region: Boundary) -> Any:
        unknown, derivative = split_key(key, unknowns, self.verb)
        name = f"{self.verb} {key} on {', '.join(region.names) or 'nothing'}"

        def function(fields: Mapping[str, Unknown], points: Points) -> Tensor:
            field = fields[unknown]
            quantity: Any = getattr(field, derivative) if derivative else field
            return self.residual(quantity, points, evaluate_datum(datum, points, name))

        return name, function, region


def split_key(key: str, unknowns: tuple[str, ...], where: str) -> tuple[str, str]:
    """Read a keyword such as ``u`` or ``u_t``.

    Args:
        key: the keyword.
        unknowns: names of the unknowns.
        where: for messages.

    Returns:
        The unknown, and the name of its derivative ("" for itself).

    Raises:
        NameNotFound: there is no such unknown.
    """
    if key in unknowns:
        return key, ""
    unknown, _, derivative = key.rpartition("_")
    if unknown not in unknowns:
        raise NameNotFound(f"field in {where}", key, unknowns)
    return unknown, derivative


class Dirichlet(_Prescribed):
    """Prescribed values, ``u = g``; ``u_xx=0.0`` prescribes a derivative.

    A hard condition is the more accurate one on smooth boundaries and convex polygons. The soft one is where edges meet
    at a re-entrant corner, on meshes, and where hard normal derivatives meet another hard piece: what builds them in is
    not smooth there. On boundaries other than faces of boxes, hard data are continued into the domain as they are
    written, and know no normal.

    Args:
        on: the part of the boundary.
        hard: build the condition into the trial space, so that it holds exactly.
        data: for each unknown a number or a function of points.
    """

    verb = "Dirichlet"

    def __init__(self, *, on: Boundary, hard: bool = False, **data: Datum) -> None:
        """Keep what holds where; see the class."""
        super().__init__(data)
        self.on, self.hard = on, hard

    def region(self, domain: Domain) -> Boundary:
        """Give the part of the boundary."""
        return self.on

    def residual(self, field: Any, points: Points, datum: Any) -> Tensor:
        """Return u - g."""
        return field - datum


class Neumann(_Prescribed):
    """Prescribed outward normal derivative, ``du/dn = g``.

    Args:
        on: the part of the boundary.
        hard: build the condition into the trial space, so that it holds exactly; see `Dirichlet` for its accuracy.
        data: for each unknown a number or a function of points.
    """

    verb = "Neumann"

    def __init__(self, *, on: Boundary, hard: bool = False, **data: Datum) -> None:
        """Keep what holds where; see the class."""
        super().__init__(data)
        self.on, self.hard = on, hard

    def region(self, domain: Domain) -> Boundary:
        """Give the part of the boundary."""
        return self.on

    def residual(self, field: Any, points: Points, datum: Any) -> Tensor:
        """Return du/dn - g."""
        return field.normal - datum

    def _one(self, key: str, datum: Datum, unknowns: tuple[str, ...], region: Boundary) -> Any:
        unknown, derivative = split_key(key, unknowns, self.verb)
        if derivative:
            raise InputError(
                f"{self.verb}({key}=...): it prescribes normal derivatives of unknowns only; write "
                f"{self.verb}({unknown}=...), or Dirichlet({key}=...) for this derivative itself."
            )
        return super()._one(key, datum, unknowns, region)


class Robin(Neumann):
    """Prescribed combination, ``alpha u + beta du/dn = g``.

    Args:
        on: the part of the boundary.
        alpha: coefficient of the value, a number or a function of points.
        beta: coefficient of the normal derivative.
        hard: build the condition into the trial space, so that it holds exactly; see `Dirichlet` for its accuracy.
        data: for each unknown a number or a function of points.
    """

    verb = "Robin"

    def __init__(
        self, *, on: Boundary, alpha: Datum = 1.0, beta: Datum = 1.0, hard: bool = False, **data: Datum
    ) -> None:
        """Keep what holds where; see the class."""
        super().__init__(on=on, hard=hard, **data)
        self.alpha, self.beta = alpha, beta

    def residual(self, field: Any, points: Points, datum: Any) -> Tensor:
        """Return alpha u + beta du/dn - g."""
        alpha = evaluate_datum(self.alpha, points, "Robin alpha")
        beta = evaluate_datum(self.beta, points, "Robin beta")
        return alpha * field.value + beta * field.normal - datum


class Initial(_Prescribed):
    """Prescribed state at the first time, ``u = g``; ``u_t=...`` prescribes the first time derivative.

    Args:
        hard: build the condition into the trial space, so that it holds exactly.
        data: for each unknown a number or a function of points.
    """

    verb = "Initial"

    def __init__(self, *, hard: bool = False, **data: Datum) -> None:
        """Keep what holds; see the class."""
        super().__init__(data)
        self.hard = hard

    def region(self, domain: Domain) -> Boundary:
        """Give the domain at its first time."""
        if not isinstance(domain, SpaceTime):
            raise InputError("Initial needs a domain with time, such as pk.Interval(0, 1) * pk.Time(0, 1).")
        return domain.initial

    def residual(self, field: Any, points: Points, datum: Any) -> Tensor:
        """Return u - g."""
        return field - datum


class Periodic:
    """Periodicity along a coordinate, exact: the space sees sine and cosine of it instead.

    Args:
        coordinate: its name; the period is the length of the domain along it.
    """

    hard = False

    def __init__(self, coordinate: str) -> None:
        """Keep the coordinate; see the class."""
        self.coordinate = coordinate

    def state(self, unknowns: tuple[str, ...], domain: Domain, coordinates: Coordinates) -> Stated:
        """Check the coordinate; nothing remains to be solved for."""
        if self.coordinate not in coordinates.names:
            raise NameNotFound("coordinate in Periodic", self.coordinate, coordinates.names)
        return []
