"""A problem: a domain, unknowns, equations and conditions, written once in the notation of the book."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..domains import Boundary, Domain, Feature, Points, SpaceTime
from ..errors import InputError
from ..spaces import Regional, Space, as_space
from .arguments import check_arguments
from .by_region import ByRegion
from .conditions import Periodic, check_place
from .corners import singular_corners
from .coverage import unsaid
from .energy import second_order, state_energies
from .hard import HardConditions
from .interface import state_interfaces
from .junctions import singular_junctions
from .known import KnownPart
from .parameter import Parameter
from .quantity import Quantity, state_quantities
from .reference import check_reference
from .residual import Coordinates, Function, Residual, Values, bind
from .survey import Survey
from .trial import PeriodicEmbedding, Trial
from .weak import WeakForm, state_weak

TRACE_POINTS = 17
TRIED = (1.0, 1e3)
"""Sizes of the values at which superposition is tried."""


class Problem:
    """A partial differential equation with its domain and conditions.

    Every residual is called at least once when the problem is made: a wrong name, shape or number is an error here, not
    in the middle of a solve.

    Args:
        domain: where the equations hold.
        unknowns: their names, in one string ("u v q") or a sequence.
        equations: residuals by name, such as ``{"poisson": lambda u, p: u.laplacian + 1}``.
        energy: in place of equations, what the solution makes least: a density such as
            ``lambda u, p: (u.x**2 + u.y**2) / 2 - p.x * u``, an `Energy`, or a list of them whose integrals are added.
        weak: in place of equations, a weak form such as ``lambda u, v, p: u.x * v.x - p.x * v`` with the test function
            v, a `Weak`, or a list of them whose integrals are added.
        conditions: what holds on boundaries, at the start, at points.
        reference: the known solution, for true errors only: a function of points (a tensor, or a dict of them by
            unknown), or the path of a CSV table or of a mesh file with the unknowns as columns or point data.
        parameters: the named parameters that the equations use.
        name: a short name, for reports.
        quantities: what is to be read off the solution, by name.
        features: where something happens on a small scale (`Feature`), beside what the data show by themselves.
        lift: a known part of the solution, such as a singular one, that is added to the functions of the space: a
            function of points that gives a tensor, or a dict of them by unknown.
        guess: where the search for the solution of a nonlinear problem begins, and so which of several solutions is
            found: a number, a function of points that gives a tensor, or a dict of them by unknown (those left out
            are zero). Newton's method over frozen spaces starts from it; linear problems, and methods that march in
            time or train all parameters, do without.
        space: the trial space that suits the problem, where no other is asked for; None leaves it to the method.

    Raises:
        InputError: something does not fit; the message says what.
    """

    def __init__(
        self,
        *,
        domain: Domain,
        unknowns: str | Sequence[str],
        equations: Mapping[str, Callable[..., Tensor]] | None = None,
        energy: Any = None,
        weak: Any = None,
        conditions: Sequence[Any] = (),
        reference: Callable[..., Any] | str | Path | None = None,
        parameters: Sequence[Parameter] = (),
        name: str = "problem",
        space: nn.Module | None = None,
        quantities: Mapping[str, Quantity] | None = None,
        lift: Callable[[Points], Any] | None = None,
        features: Sequence[Feature] = (),
        guess: Any = None,
    ) -> None:
        """Check and trace the problem; see the class."""
        check_arguments(domain, unknowns, equations, energy, weak, conditions, parameters, features)
        generator = torch.Generator().manual_seed(0)
        # First of all, because an empty domain has an empty boundary, too, and is the better thing to complain of.
        inside = domain.interior(TRACE_POINTS, generator)
        self.domain, self.name, self.reference = domain, name, reference
        self.space = None if space is None else as_space(space)
        self.unknowns = tuple(unknowns.split() if isinstance(unknowns, str) else unknowns)
        if not self.unknowns or len(set(self.unknowns)) < len(self.unknowns):
            raise InputError(f"unknowns must be distinct names, got {unknowns!r}.")
        if "p" in self.unknowns:
            raise InputError("'p' is the point in residuals, not an unknown; call the pressure 'q'.")
        if clash := set(self.unknowns) & set(domain.names):
            raise InputError(f"{clash.pop()!r} names both an unknown and a coordinate; rename one.")
        self.conditions = tuple(conditions)
        self.parameters, self.features = tuple(parameters), tuple(features)
        space_axes = range(domain.dimension - isinstance(domain, SpaceTime))
        self.coordinates = Coordinates(domain.names, tuple(space_axes), domain.regions or None)
        self.hard = HardConditions(self.conditions, self.unknowns, domain)
        self.equations = [
            Residual(f"equation {key!r}", self._bound(f"equation {key!r}", function), domain, self.coordinates)
            for key, function in (equations or {}).items()
        ]
        self.energies: list[Residual] = []
        if energy is not None:
            self.energies = state_energies(energy, self.unknowns, domain, self.coordinates, self.conditions)
        self.weak: list[WeakForm] = []
        if weak is not None:
            self.weak = state_weak(
                weak, self.unknowns, domain, self.coordinates, self.conditions, self.trainable_parameters
            )
        self.soft: list[Residual] = []
        self._held: list[Residual] = []
        for condition in self.conditions:
            for title, function, region in condition.state(self.unknowns, domain, self.coordinates):
                if isinstance(region, Boundary) and not region.pieces:
                    raise InputError(f"{title}: the boundary it is on is empty; check the selection.")
                residual = Residual(self._unique(title), function, region, self.coordinates)
                residual.kind = getattr(condition, "kind", "model")
                residual.noise = getattr(condition, "noise", None)
                check_place(title, region, residual.sample(TRACE_POINTS, generator), domain)
                (self._held if condition.hard else self.soft).append(residual)
        for residual in [*self.energies, *self.residuals]:
            residual.trace(self.unknowns, residual.sample(TRACE_POINTS, generator), self.trainable_parameters)
        if domain.regions:
            self._join_regions()
        # Periodic axes are embedded before the space sees them, where a corner is none any more.
        self.corners = [] if self.periodic_axes else singular_corners(domain, self.soft)
        for residual in self.residuals:
            residual.corners = self.corners
        self.hard.check(inside, self.trainable_parameters)
        self._check_periodic()
        stated = [*self.equations, *self.energies, *self.factors]
        unused = [name for name in self.unknowns if not any(r.keys[name] for r in stated)]
        if unused:
            raise InputError(f"no equation uses the unknown {unused[0]!r}.")
        if lift is not None and any(condition.hard for condition in self.conditions):
            raise InputError("a lift and hard conditions would disagree; make the conditions soft.")
        trainable = self.trainable_parameters
        self.known = None if lift is None else KnownPart(lift, self.unknowns, domain.names, inside, trainable)
        self.guess = None
        if guess is not None:
            start = guess if callable(guess) else lambda p: guess
            self.guess = KnownPart(start, self.unknowns, domain.names, inside, title="guess")
        self._check_used()
        self.survey = Survey(self)
        self.quantities = state_quantities(quantities or {}, self.unknowns, domain, self.coordinates)
        # Here, because the reference is used after the solve, when a mistake in it would cost the solution.
        check_reference(self, inside)

    def _bound(self, title: str, function: Any) -> Function:
        """Make a function of all unknowns and points of what was given as an equation, maybe by region."""
        if not isinstance(function, ByRegion):
            return bind(title, function, self.unknowns)
        function.check([*self.domain.regions])
        parts = {name: bind(f"{title} in {name}", part, self.unknowns) for name, part in function.values.items()}
        return ByRegion(**parts)

    def _join_regions(self) -> None:
        """State what holds between regions, as soft conditions."""
        if self.energies:
            raise InputError("an energy needs one region; state materials by a weak form or by equations.")
        if self.periodic_axes:
            raise InputError("regions are not joined across periodic sides.")
        if self.weak:
            _ = self.domain.regions.breaks  # complains where cells would lie in two regions
        found = state_interfaces(
            self.conditions, self.unknowns, self.domain, self.coordinates, self.equations, bool(self.weak)
        )
        for residual in found:
            points = residual.sample(TRACE_POINTS, torch.Generator().manual_seed(0))
            residual.trace(self.unknowns, points, self.trainable_parameters)
            residual.check_sides()
        self.soft += found

    def _unique(self, title: str) -> str:
        """Number a condition that has the name of an earlier residual."""
        taken = {residual.name for residual in self.residuals}
        names = (f"{title} ({number})" if number > 1 else title for number in itertools.count(1))
        return next(name for name in names if name not in taken)

    def _check_used(self) -> None:
        """Check that something depends on each trainable parameter: no data could tell the others."""
        stated: list[Any] = [*self.residuals, *self.energies, *self.weak]
        used = {id(parameter) for part in stated for parameter in part.trainable} | {id(p) for p in self.built_in}
        for parameter in self.trainable_parameters:
            if id(parameter) not in used:
                raise InputError(
                    f"the parameter {parameter.name!r} is used nowhere, so that nothing could tell its value: use it "
                    "in an equation or a condition, as the tensor that it is, or give it trainable=False."
                )

    def _check_periodic(self) -> None:
        for face in itertools.chain(*self.hard.faces.values(), *self.hard.slopes.values()):
            if face.axis in self.periodic_axes:
                name = self.coordinates.names[face.axis]
                raise InputError(
                    f"{face.title} is on a face that Periodic({name!r}) joins to the opposite one; drop one of the two."
                )

    @property
    def residuals(self) -> list[Residual]:
        """All residuals to be made small: the equations, then the soft conditions."""
        return [*self.equations, *self.soft]

    @property
    def factors(self) -> list[Residual]:
        """What the weak form multiplies test functions and their derivatives by."""
        return [factor.residual for form in self.weak for factor in form.factors]

    @cached_property
    def prescribed(self) -> list[Residual]:
        """The residuals of hard conditions, which hold without being solved for."""
        for residual in self._held:
            points = residual.sample(TRACE_POINTS, torch.Generator().manual_seed(0))
            residual.trace(self.unknowns, points, self.trainable_parameters)
        return self._held

    @cached_property
    def unsaid(self) -> list[str]:
        """What the conditions leave open for sure, in words; see `coverage`."""
        return unsaid(self)

    @cached_property
    def junctions(self) -> list[tuple[Tensor, float]]:
        """Where interfaces meet or bend so that solutions are singular, with the exponents there."""
        return singular_junctions(self)

    @property
    def trainable_parameters(self) -> list[Parameter]:
        """The parameters to be found with the solution."""
        return [parameter for parameter in self.parameters if parameter.requires_grad]

    @property
    def built_in(self) -> list[Tensor]:
        """The trainable parameters in hard conditions and the lift, which trial functions depend on."""
        return [*self.hard.trainable, *([] if self.known is None else self.known.trainable)]

    @property
    def periodic_axes(self) -> tuple[int, ...]:
        """The axes along which the solution is periodic."""
        periodic = [c.coordinate for c in self.conditions if isinstance(c, Periodic)]
        return tuple(i for i, name in enumerate(self.coordinates.names) if name in periodic)

    def trial(self, space: Space, generator: torch.Generator, frequencies: Tensor | None = None) -> Trial:
        """Build a space for this problem and fit it to the periodic and hard conditions.

        Args:
            space: an unbuilt space.
            generator: source of random numbers.
            frequencies: angular frequencies for its first layer, shape ``(m, d)``.

        Returns:
            The trial function, float64 on the CPU.
        """
        bounds, embedding = self.domain.bounds, None
        if self.periodic_axes:
            embedding = PeriodicEmbedding(self.periodic_axes, bounds)
            bounds = embedding.bounds(bounds)
            frequencies = None if frequencies is None else embedding.frequencies(frequencies, generator)
        if self.domain.regions and not isinstance(space, Regional):
            space = Regional([space] * len(self.domain.regions), self.domain.regions)
        built = space.build(bounds, len(self.unknowns), generator, frequencies)
        return Trial(built, embedding, self.hard, self.known)

    @cached_property
    def nonlinear(self) -> str | None:
        """The first residual that fails the test of superposition; None if the problem is linear.

        The residual R must satisfy R(a + 3 b) - R(a) = 3 (R(b) - R(0)) at random points for random values a, b, of size
        one and of size one thousand, where exp((u - 1000) / 2) bends; so must the gradient of an energy's density.
        """
        if self.trainable_parameters:
            return f"the trainable parameter {self.trainable_parameters[0].name!r}"
        generator = torch.Generator().manual_seed(1)
        for residual, size in itertools.product([*self.residuals, *self.energies, *self.factors], TRIED):
            points = residual.sample(TRACE_POINTS, generator)
            zero = residual.zero(points)
            a, b = (
                {u: {k: size * _normal(v, generator) for k, v in d.items()} for u, d in zero.items()} for _ in range(2)
            )
            sums: Values = {u: {k: a[u][k] + 3 * b[u][k] for k in d} for u, d in zero.items()}
            at_zero, at_a, at_b, at_sum = (self._linear_part(residual, v, points) for v in (zero, a, b, sums))
            defect = (at_sum - at_a - 3 * (at_b - at_zero)).abs()
            # Relative to what depends on the unknowns: a large source must hide nothing but its own rounding.
            whole = (at_a - at_zero).abs() + (at_b - at_zero).abs() + (at_sum - at_zero).abs()
            rounding = 100 * torch.finfo(torch.float64).eps * at_zero.abs()
            if not (defect <= 1e-10 * whole.max() + rounding).all():
                return residual.name
        return None

    def _linear_part(self, residual: Residual, values: Values, points: Points) -> Tensor:
        """Give what is affine in the unknowns where the problem is linear: a residual, or the slopes of an energy."""
        if residual in self.energies:
            return torch.cat(second_order(residual, values, points)[0])
        with torch.no_grad():
            return residual(values, points)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, dtype=like.dtype)
