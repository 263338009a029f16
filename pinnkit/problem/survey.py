"""Looking at data before they are believed: where sources, coefficients and boundary data vary, and on what scale."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..domains import Boundary, Domain, Feature, Points
from ..errors import InputError
from ..jets import LAPLACIAN, Key
from .energy import second_order
from .look import EVIDENT, FAINT, MOST, RARE, SAMPLES, TINY, Look, Sight, Spot
from .residual import Residual, Values, order
from .sides import NARROW, ON_BOUNDARY, Side

if TYPE_CHECKING:
    from .problem import Problem

AGAIN, LARGER, CHUNK = {1: 2**18, 2: 2**20, 3: 2**20}, 2.0, 2**14
"""Points of a second look, by what factor values that were not seen at first exceed all others there, and how many of
them are looked at at a time."""


class Survey:
    """What the data of a problem look like.

    Sources and coefficients are sampled at `SAMPLES` points, boundary and initial data at `ON_BOUNDARY`. Where their
    values (less the median) or their differences over a short distance are large in a small part of the domain only,
    the place is looked at ever more closely, until its extent is measured: by the covariance of the points at which
    half of the largest value is exceeded. Its narrow directions make it a peak, a tube or a layer. (Our choice; above
    three dimensions nothing is looked for.)

    Args:
        problem: the problem.
        more: points of the domain to look at beside the usual ones, ``(n, d)``.
    """

    def __init__(self, problem: Problem, more: Tensor | None = None) -> None:
        """Keep the problem; looking is left until it is asked for."""
        self.problem, self.domain, self._more = problem, problem.domain, more
        bounds = self.domain.bounds
        half = (bounds[1] - bounds[0]) / 2
        space = list(problem.coordinates.space)
        # Lengths have one unit in space, so that round peaks stay round.
        self.unit = half.clone()
        self.unit[space] = half[space].max()
        self.look = Look(self.domain, self.unit, NARROW.get(self.domain.dimension, 0.0))
        self.late: list[Sight] = []
        """What was seen by `again` only."""
        self._looked = False

    @cached_property
    def sights(self) -> list[Sight]:
        """What was seen, the most prominent first in each equation and condition."""
        if self.domain.dimension not in NARROW:
            return []
        found: list[Sight] = []
        largest = dict[str, float]()
        for residual, inside in self._parts() if self.domain.regions else ():
            size = self._source(residual)(inside).abs().max().item()
            largest[residual.name] = max(size, largest.get(residual.name, 0.0))
        for residual, inside in self._parts():
            # What is a peak in one region is none in another, where its tail is.
            least = EVIDENT * largest.get(residual.name, 0.0)
            found += self._sights(f"the source of {residual.name} has", self._source(residual), inside, least=least)
        found += [sight for *_, sight in self._coefficients]
        conditions = [*self.problem.soft, *self.problem.prescribed]
        return found + self._on_boundary([r for r in conditions if r.outer])

    @property
    def _stated(self) -> list[Residual]:
        return [*self.problem.equations, *self.problem.factors, *self.problem.energies]

    @cached_property
    def features(self) -> list[Feature]:
        """The features given by the user, then those found at places that no other one holds."""
        kept = list(self.problem.features)
        for sight in self.sights:
            new = sight.feature
            # Nodes of integrals would not tell functions inside from each other.
            if new is None or len(kept) >= MOST or sight.coefficient and self._integrals:
                continue
            if not any(old.holds(new) and old.codimension <= new.codimension for old in kept):
                kept.append(new)
        return kept

    @property
    def rough(self) -> list[Feature]:
        """The places where coefficients of equations and conditions vary: small residuals may be large errors."""
        seen = [] if self._integrals else [*self.sights, *self.late]
        return [sight.feature for sight in seen if sight.coefficient and sight.feature is not None]

    @property
    def _integrals(self) -> bool:
        return bool(self.problem.weak or self.problem.energies)

    @property
    def sharp(self) -> bool:
        """Whether the coefficients of equations have peaks with jumps at their edges."""
        return bool(self.rough) and any(sight.coefficient and sight.sharp for sight in [*self.sights, *self.late])

    def again(self) -> list[Sight]:
        """Look at equations again, at `AGAIN` fresh points, for what the first look has missed; give it each time."""
        if self.domain.dimension not in NARROW or self._looked:
            return self.late
        self._looked, found = True, []
        # In the box around the domain, as `Spectrum` does: only what is remarkable must be inside.
        (low, high), generator = self.domain.bounds, torch.Generator().manual_seed(1)
        shape = (AGAIN[len(low)], len(low))
        points = low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)
        regions = self.domain.regions
        label = regions.locate(points) if regions else torch.zeros(1)
        for residual, inside in self._parts():
            fresh = points[label == regions.locate(inside[:1])] if regions else points
            try:
                here, there = (torch.cat([self._whole(residual, x) for x in p.split(CHUNK)])
                               for p in (inside, fresh))
            except InputError:  # the data have no values at some points
                continue
            usual = here.median()
            more = fresh[(there - usual).abs() > LARGER * (here - usual).abs().max()]
            found.append(more[self.domain.contains(more)])
        if found and len(more := torch.cat(found)):
            self.late = [sight for sight in Survey(self.problem, more).sights if not self._known(sight)]
        return self.late

    def _known(self, sight: Sight) -> bool:
        """Tell whether something was seen at a place before, or in the same words."""
        if sight.feature is None:
            return sight.text in [old.text for old in self.sights]
        known = [*self.problem.features, *(old.feature for old in self.sights if old.feature is not None)]
        return any(old.holds(sight.feature) for old in known)

    def _whole(self, residual: Residual, x: Tensor) -> Tensor:
        """Evaluate a residual for unknowns and derivatives that are the same everywhere."""
        raw, points = replace(residual, corners=()), Points(x, self.domain.names)
        with torch.no_grad():
            return raw(self._made_up(raw, x), points)

    @cached_property
    def doubts(self) -> list[str]:
        """Mistakes that are probable: data that jump under hard conditions, coefficients that do under strong forms."""
        if self.domain.dimension not in NARROW:
            return []
        found = [
            f"{sight.text}; a hard condition carries its data into the whole solution, and derivatives do not see the "
            "jump: use the same condition without hard=True"
            for sight in self._on_boundary([r for r in self.problem.prescribed if isinstance(r.region, Boundary)])
            if sight.jump
        ]
        return found + [
            f"{sight.text}; there the equation holds on both sides, but not the flux between them: state the problem "
            "as a weak form, weak=lambda u, v, p: k(p) * (u.x * v.x + ...) - f(p) * v, with breaks={...} where the "
            "coefficient jumps"
            for residual, unknown, key, sight in self._coefficients
            if sight.jump and self._leads(residual, unknown, key)
        ]

    def _parts(self) -> Iterator[tuple[Residual, Tensor]]:
        """Give what is stated in the domain, with points to look at: region by region, as if there were no other."""
        stated, regions = [r for r in self._stated if isinstance(r.region, Domain)], self.domain.regions
        for name in regions or [""]:
            with regions.within(name) if name else nullcontext():
                yield from ((r, self._within(name) if name else self._inside) for r in stated)

    def _within(self, name: str) -> Tensor:
        """Give points of a region to look at: each has as many, however small it is."""
        part, count = self.domain.regions[name], SAMPLES // len(self.domain.regions)
        own = part.interior(count, torch.Generator().manual_seed(0)).coordinates
        return own if self._more is None else torch.cat([self._more[part.contains(self._more)], own])

    @cached_property
    def _inside(self) -> Tensor:
        usual = self.domain.interior(SAMPLES, torch.Generator().manual_seed(0)).coordinates
        return usual if self._more is None else torch.cat([self._more, usual])

    def _sights(
        self,
        start: str,
        data: Callable[[Tensor], Tensor],
        inside: Tensor,
        known: Tensor | None = None,
        least: float = 0.0,
    ) -> list[Sight]:
        """Look at data in the interior; of coefficients, whose values are known, for what is finite."""
        try:
            spots = self.look.spots(data, inside, least, known)
        except InputError:  # they have no values at some points
            return []
        if known is not None:
            spots = [spot for spot in spots if self._abrupt(spot) and not self.look.infinite(data, spot)]
        return [replace(self._sight(start, spot), coefficient=known is not None, inside=True) for spot in spots]

    def _abrupt(self, spot: Spot) -> bool:
        """Tell whether a coefficient varies faster there than one space follows; solutions are smoother than it is."""
        return spot.kind != "transition" or spot.widths.min().item() < TINY * self.look.narrow

    def _source(self, residual: Residual) -> Callable[[Tensor], Tensor]:
        """Give the source of a residual as a function of points; of an energy, the sum of its slopes."""
        raw = replace(residual, corners=())  # without the weights that belong to corners

        def source(x: Tensor) -> Tensor:
            points = Points(x, self.domain.names)
            if any(residual is density for density in self.problem.energies):
                return torch.stack(second_order(raw, raw.zero(points), points)[0]).sum(0)
            with torch.no_grad():
                return raw(raw.zero(points), points)

        return source

    def _leads(self, residual: Residual, unknown: str, key: Key) -> bool:
        """Tell whether a derivative is one of an equation's highest in space, of second order or more."""
        if not any(residual is equation for equation in self.problem.equations):
            return False
        space = {*self.problem.coordinates.space}
        spatial = [k for k in residual.keys[unknown] if k == LAPLACIAN or {*k} <= space and k]
        return key in spatial and order([key]) == order(spatial) > 1

    @cached_property
    def _coefficients(self) -> list[tuple[Residual, str, Key, Sight]]:
        """What was seen in what unknowns and their derivatives are multiplied by; where it is infinite is no peak."""
        found = []
        for residual, inside in self._parts():
            for unknown, key, slope, values in self.slopes(residual, inside):
                start = f"the coefficient of {self._name(unknown, key)} in {residual.name} has"
                sights = self._sights(start, slope, inside, values)
                found += [(residual, unknown, key, sight) for sight in sights]
        return found

    def slopes(
        self, residual: Residual, inside: Tensor, place: Callable[[Tensor], Points] | None = None
    ) -> list[tuple[str, Key, Callable[[Tensor], Tensor], Tensor]]:
        """Give the derivatives of a residual by unknowns and their derivatives, as functions of points, if they vary.

        Args:
            residual: the residual.
            inside: where to find out whether they vary, ``(n, k)``.
            place: makes points of such coordinates; by default they are those of the domain.

        Returns:
            Of each its unknown, derivative, function, and values inside.
        """
        raw = replace(residual, corners=())

        def slopes(x: Tensor) -> Values:
            points = place(x) if place else Points(x, self.domain.names)
            found = raw.linearise(self._made_up(raw, x), points)[1]
            if any(residual is density for density in self.problem.energies):
                # The slopes of an energy at zero are sources.
                zero = raw.linearise(raw.zero(points), points)[1]
                found = {
                    u: {k: slope - zero[u][k].nan_to_num(0.0, 0.0, 0.0) for k, slope in own.items()}
                    for u, own in found.items()
                }
            return found

        def slope(unknown: str, key: Key, x: Tensor) -> Tensor:
            return slopes(x)[unknown][key]

        try:
            found = slopes(inside)
        except InputError:  # the data have no values at some points
            return []
        return [
            (unknown, key, partial(slope, unknown, key), value)
            for unknown, values in found.items()
            for key, value in values.items()
            if (value - value[0]).abs().max() > EVIDENT * value.abs().max()
        ]

    def _made_up(self, residual: Residual, x: Tensor) -> Values:
        """Give each the same value everywhere: only the data may vary, and no two cancel."""
        numbers = itertools.count(1)
        return {
            u: {k: torch.full_like(x[:, 0], 0.5 + 0.618 * next(numbers) % 1) for k in keys}
            for u, keys in residual.keys.items()
        }

    def _name(self, unknown: str, key: Key) -> str:
        name = key if isinstance(key, str) else "".join(self.domain.names[axis] for axis in key)
        return f"{unknown}.{name}" if name else unknown

    def _sight(self, start: str, spot: Spot) -> Sight:
        """Put a place into words, and make it a feature where it can be."""
        names, frame, widths, kind = self.domain.names, spot.frame, spot.widths, spot.kind
        # A layer across one axis is told by that coordinate.
        direct = frame.abs() > 1e-3 * frame.norm(dim=1, keepdim=True)
        told = [i for i in range(len(names)) if direct[:, i].any()] if len(frame) < len(names) else range(len(names))
        at = ", ".join(f"{names[i]} = {spot.centre[i].item():.4g}" for i in told)
        # Told as a length, where it is one, and not as a time.
        lengths = frame[:, list(self.problem.coordinates.space)].norm(dim=1) > 0.1 * frame.norm(dim=1)
        wide = (1 / (frame / self.unit).norm(dim=1))[lengths if lengths.any() else slice(None)].min().item()
        if len(frame) < len(names) and kind != "kink":
            kind = "layer" if len(frame) == 1 else "tube"
        what = "jump" if spot.jump else kind if kind == "kink" else f"{'bent ' * spot.bent}{kind} {wide:.2g} wide"
        text = f"{start} a {what} at {at}"
        jump = spot.jump and bool(lengths.any())
        if spot.bent or kind == "kink":
            return Sight(None, text, jump, spot.kind == "peak", sharp=spot.sharp)
        frame = spot.resolved
        if len(frame) == len(names) and widths.max() < 3 * widths.min():
            # Round, so that Laplace's operator keeps its form.
            frame = torch.eye(len(names)).double() * frame.norm(dim=1).log().mean().exp()
        feature = Feature.found(spot.centre, frame / self.unit)
        return Sight(feature, text, jump, spot.kind == "peak", sharp=spot.sharp)

    def _on_boundary(self, residuals: Sequence[Residual]) -> list[Sight]:
        """Look at the data of conditions: side by side where sides are straight, for peaks only where they are not.

        What hardly varies beside the largest data for the same values or derivatives is passed over.

        Args:
            residuals: of the conditions.

        Returns:
            What was seen.
        """
        found: list[Sight] = []
        looks, largest = [], dict[str, float]()
        for residual in residuals:
            assert isinstance(residual.region, Boundary)
            sides = [Side.of(piece, self.unit) for piece in residual.region.pieces if piece.dimension]
            if None in sides:
                found += self._bent(residual)
                continue
            for side in filter(None, sides):
                data, inside = partial(self._datum, residual, side), side.inside
                try:
                    size = data(inside).abs().max().item()
                except InputError:  # the data have no values at some points
                    continue
                looks.append((residual, side, data, inside))
                largest[str(residual.keys)] = max(size, largest.get(str(residual.keys), 0.0))
                for unknown, key, slope, values in self.slopes(residual, inside, partial(self._place, side)):
                    start = f"the coefficient of {self._name(unknown, key)} in {residual.name} has"
                    spots = side.look.spots(slope, inside, known=values)
                    spots = [spot for spot in spots if not side.look.infinite(slope, spot)]
                    found += [replace(self._sight(start, side.seen(spot)), coefficient=True) for spot in spots]
        for residual, side, data, inside in looks:
            spots = side.look.spots(data, inside, FAINT * largest[str(residual.keys)])
            found += [self._sight(f"the data of {residual.name} have", side.seen(spot)) for spot in spots]
        return found

    def _datum(self, residual: Residual, side: Side, x: Tensor) -> Tensor:
        """Evaluate the data of a condition at points of the unit cube that is mapped to a side."""
        points = self._place(side, x)
        with torch.no_grad():
            return residual(residual.zero(points), points)

    def _place(self, side: Side, x: Tensor) -> Points:
        return Points(side.at(x), self.domain.names, side.normal.expand(len(x), -1))

    def _bent(self, residual: Residual) -> list[Sight]:
        """Look for peaks in the data and coefficients of a condition."""
        assert isinstance(residual.region, Boundary)
        points = residual.region.sample(ON_BOUNDARY, torch.Generator().manual_seed(0))
        with torch.no_grad():
            data = residual(residual.zero(points), points)
        found = self._peak(f"the data of {residual.name} have", points, data)
        for unknown, key, _, values in self.slopes(residual, points.coordinates, lambda x: points):
            if key:  # the normal varies, too
                continue
            start = f"the coefficient of {self._name(unknown, key)} in {residual.name} has"
            sights = self._peak(start, points, values)
            found += [replace(sight, coefficient=True) for sight in sights]
        return found

    def _peak(self, start: str, points: Points, values: Tensor) -> list[Sight]:
        """Look at values at points for one peak."""
        away = (values - values.median()).abs()
        high = away > away.max() / 2
        plain = away.max() <= EVIDENT * values.abs().max() or high.double().mean() > RARE
        if plain or not torch.isfinite(values).all():
            return []
        inside = points.coordinates[high] / self.unit
        middle = inside.mean(0)
        deviations = (inside - middle).square().mean(0).sqrt()
        narrow = deviations < 0.25
        width = 2 * deviations[narrow].max().item() if narrow.any() else math.inf
        if not 0 < width < 2 * self.look.narrow:
            return []
        frame = torch.eye(self.domain.dimension).double()[narrow] / width
        return [self._sight(start, Spot("peak", middle * self.unit, frame))]
