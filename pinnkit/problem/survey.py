"""Looking at data before they are believed: where sources, coefficients and boundary data vary, and on what scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..domains import Boundary, Box, Domain, Feature, Interval, Points
from ..domains.boundary import Piece
from ..errors import InputError
from ..jets import LAPLACIAN, Key
from .energy import second_order
from .look import EVIDENT, FAINT, MOST, RARE, SAMPLES, STEPPED, Look, Spot
from .residual import Residual, Values, order

if TYPE_CHECKING:
    from .problem import Problem

ON_BOUNDARY = 2**15
NARROW = {1: 0.01, 2: 0.06, 3: 0.15}
"""Standard deviation, in halfwidths of the domain, up to which one space for the whole domain is not enough."""
PROBES, STRAIGHT = 64, 1e-9
"""Deviation of a straight side from an affine map, relative to its length, at so many points."""


@dataclass(frozen=True)
class Sight:
    """Something that was seen in the data.

    Attributes:
        feature: where and how wide it is; None where it is bent, or too small to be placed.
        text: the same in words.
        jump: whether values jump there, from one place to another.
        peak: whether it may lie between points.
    """

    feature: Feature | None
    text: str
    jump: bool
    peak: bool


@dataclass(frozen=True)
class Side:
    """A straight side of the boundary: the image of the unit cube under an affine map.

    Attributes:
        start: the image of zero, ``(d,)``.
        edges: those of the cube's edges, ``(k, d)``.
        normal: the outward normal, ``(d,)``.
        unit: lengths along the axes, ``(d,)``.
    """

    start: Tensor
    edges: Tensor
    normal: Tensor
    unit: Tensor

    @classmethod
    def of(cls, piece: Piece, unit: Tensor) -> Side | None:
        """Take a piece of the boundary for a side; None where it is bent, or only a part of one."""
        k = piece.dimension
        others = torch.rand(PROBES, k, generator=torch.Generator().manual_seed(0))
        probes = torch.cat([torch.zeros(1, k), torch.eye(k), others]).double()
        x, normals = piece.place(probes)
        side = cls(x[0], x[1 : k + 1] - x[0], normals[0], unit)
        off = (side.at(probes) - x).norm() + (normals - side.normal).norm() * side.edges.norm()
        return side if piece.keep is None and off < STRAIGHT * side.edges.norm() else None

    @property
    def look(self) -> Look:
        """Looks at functions on the unit cube, with lengths in units."""
        k = len(self.edges)
        cube = Interval(0, 1) if k == 1 else Box([0] * k, [1] * k)
        return Look(cube, 1 / (self.edges / self.unit).norm(dim=1), NARROW[len(self.start)])

    @property
    def inside(self) -> Tensor:
        """Points of the unit cube to begin with."""
        return self.look.domain.interior(ON_BOUNDARY, torch.Generator().manual_seed(0)).coordinates

    def at(self, x: Tensor) -> Tensor:
        """Map points of the unit cube to the boundary."""
        return self.start + x @ self.edges

    def seen(self, spot: Spot) -> Spot:
        """Give a place on the side as one in the domain, which reaches as far into it as it is wide."""
        along, inward = self.edges / self.unit, self.normal[None] / self.unit
        along, inward = (rows / rows.norm(dim=1, keepdim=True) for rows in (along, inward))
        frame = torch.cat([spot.frame @ along, inward / spot.widths.max()])
        return Spot(spot.kind, self.at(spot.centre[None])[0], frame, spot.bent)


class Survey:
    """What the data of a problem look like.

    Sources are sampled at `SAMPLES` points, leading coefficients at `STEPPED`, boundary and initial data at
    `ON_BOUNDARY`. Where their values (less the median) or their differences over a short distance are large in a small
    part of the domain only, the place is looked at ever more closely, until its extent is measured: by the covariance
    of the points at which half of the largest value is exceeded. Its narrow directions make it a peak, a tube or a
    layer. (Our choice; above three dimensions nothing is looked for.)

    Args:
        problem: the problem.
    """

    def __init__(self, problem: Problem) -> None:
        """Keep the problem; looking is left until it is asked for."""
        self.problem, self.domain = problem, problem.domain
        bounds = self.domain.bounds
        half = (bounds[1] - bounds[0]) / 2
        space = list(problem.coordinates.space)
        # Lengths have one unit in space, so that round peaks stay round.
        self.unit = half.clone()
        self.unit[space] = half[space].max()
        self.look = Look(self.domain, self.unit, NARROW.get(self.domain.dimension, 0.0))

    @cached_property
    def sights(self) -> list[Sight]:
        """What was seen, the most prominent first in each equation and condition."""
        if self.domain.dimension not in NARROW:
            return []
        found: list[Sight] = []
        inside = self._inside
        stated = [*self.problem.equations, *self.problem.factors, *self.problem.energies]
        for residual in [r for r in stated if isinstance(r.region, Domain)]:
            found += self._sights(f"the source of {residual.name} has", self._source(residual), inside)
        conditions = [*self.problem.soft, *self.problem.prescribed]
        return found + self._on_boundary([r for r in conditions if isinstance(r.region, Boundary)])

    @cached_property
    def features(self) -> list[Feature]:
        """The features given by the user, then those found that are no nearer than three widths to another one."""
        kept = list(self.problem.features)
        for sight in self.sights:
            new = sight.feature
            if new is None or len(kept) >= MOST:
                continue
            if all(old.distance(new.centre[None]).item() > 3 or old.codimension > new.codimension for old in kept):
                kept.append(new)
        return kept

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
        for residual in self.problem.equations:
            for what, data in self._leading(residual):
                for sight in self._sights(f"{what} has", data, self._inside[:STEPPED]):
                    if sight.jump:
                        found.append(
                            f"{sight.text}; there the equation holds on both sides, but not the flux between them: "
                            "state the problem as a weak form, weak=lambda u, v, p: k(p) * (u.x * v.x + ...) - f(p) * "
                            "v, with breaks={...} where the coefficient jumps"
                        )
        return found

    @cached_property
    def _inside(self) -> Tensor:
        return self.domain.interior(SAMPLES, torch.Generator().manual_seed(0)).coordinates

    def _sights(self, start: str, data: Callable[[Tensor], Tensor], inside: Tensor) -> list[Sight]:
        """Look at data in the interior."""
        try:
            return [self._sight(start, spot) for spot in self.look.spots(data, inside)]
        except InputError:  # they have no values at some points
            return []

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

    def _leading(self, residual: Residual) -> list[tuple[str, Callable[[Tensor], Tensor]]]:
        """Give the coefficients of the highest derivatives in space, of second order or more."""
        space = {*self.problem.coordinates.space}
        found = []
        for unknown, keys in residual.keys.items():
            spatial = [key for key in keys if key == LAPLACIAN or {*key} <= space and key]
            highest = order(spatial)
            for key in spatial if highest > 1 else []:
                if order([key]) == highest:
                    name = key if isinstance(key, str) else "".join(self.domain.names[axis] for axis in key)
                    what = f"the coefficient of {unknown}.{name} in {residual.name}"
                    found.append((what, self._slope(residual, unknown, key)))
        return found

    def _slope(self, residual: Residual, unknown: str, key: Key) -> Callable[[Tensor], Tensor]:
        raw = replace(residual, corners=())

        def slope(x: Tensor) -> Tensor:
            points = Points(x, self.domain.names)
            # The same made-up value everywhere: only the data may vary.
            values: Values = {u: {k: torch.full_like(x[:, 0], 0.7) for k in keys} for u, keys in raw.keys.items()}
            return raw.linearise(values, points)[1][unknown][key]

        return slope

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
            return Sight(None, text, jump, spot.kind == "peak")
        frame = spot.resolved
        if len(frame) == len(names) and widths.max() < 3 * widths.min():
            # Round, so that Laplace's operator keeps its form.
            frame = torch.eye(len(names)).double() * frame.norm(dim=1).log().mean().exp()
        return Sight(Feature.found(spot.centre, frame / self.unit), text, jump, spot.kind == "peak")

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
                found += self._peaks(residual)
                continue
            for side in filter(None, sides):
                data, inside = partial(self._datum, residual, side), side.inside
                try:
                    size = data(inside).abs().max().item()
                except InputError:  # the data have no values at some points
                    continue
                looks.append((residual, side, data, inside))
                largest[str(residual.keys)] = max(size, largest.get(str(residual.keys), 0.0))
        for residual, side, data, inside in looks:
            spots = side.look.spots(data, inside, FAINT * largest[str(residual.keys)])
            found += [self._sight(f"the data of {residual.name} have", side.seen(spot)) for spot in spots]
        return found

    def _datum(self, residual: Residual, side: Side, x: Tensor) -> Tensor:
        """Evaluate the data of a condition at points of the unit cube that is mapped to a side."""
        points = Points(side.at(x), self.domain.names, side.normal.expand(len(x), -1))
        with torch.no_grad():
            return residual(residual.zero(points), points)

    def _peaks(self, residual: Residual) -> list[Sight]:
        """Look for peaks in the data of a condition."""
        assert isinstance(residual.region, Boundary)
        points = residual.region.sample(ON_BOUNDARY, torch.Generator().manual_seed(0))
        with torch.no_grad():
            values = residual(residual.zero(points), points)
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
        return [self._sight(f"the data of {residual.name} have", Spot("peak", middle * self.unit, frame))]
