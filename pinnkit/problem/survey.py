"""Looking at data before they are believed: where sources, coefficients and boundary data vary, and on what scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..domains import Boundary, Domain, Feature, Points
from ..errors import InputError
from ..jets import LAPLACIAN, Key
from .residual import Residual, Values, order

if TYPE_CHECKING:
    from .problem import Problem

SAMPLES = 2**17
ON_BOUNDARY = 2**15
LOCAL = 2**12
NARROW = {1: 0.01, 2: 0.06, 3: 0.15}
"""Standard deviation, in halfwidths of the domain, up to which one space for the whole domain is not enough."""
RARE = 0.1
"""Part of the domain up to which large values are a feature of it, and not its nature."""
NEAR = 6.0
"""What is within so many widths belongs to a feature."""
MOST = 8
"""More features than this are an oscillation."""
FAINT = 0.1
"""Features that are less prominent than this, relative to the first one, are left out."""
STEP, STEPPED = 1e-3, 2**15
"""Distance of the points whose difference is looked at, in halfwidths, and how many there are."""
FILLS = 0.42
"""Standard deviation, in views, from which on a direction is filled (evenly: 0.58), and not narrow."""
STEPS, RESOLVED = 0.05, 3.0
"""Step of differences, in views; a transition has been seen to its width when it is this many steps wide."""
SHARP = 1e-6
"""Transitions narrower than this, in halfwidths, are jumps."""
FINEST = 1e-3
"""Jumps are resolved to this width, in halfwidths."""
EVIDENT = 1e-6
"""Variation below this, relative to the size of the data, is rounding."""

Field = Callable[[Tensor, float], Tensor]
"""What is looked at: of points ``(n, d)`` and a length, numbers ``(n,)`` that are large where something happens."""


@dataclass(frozen=True)
class Sight:
    """Something that was seen in the data.

    Attributes:
        feature: where and how wide it is; None where it is bent, or too small to be placed.
        text: the same in words.
        jump: whether values jump there.
    """

    feature: Feature | None
    text: str
    jump: bool


class Survey:
    """What the data of a problem look like.

    Sources and coefficients of the equations are sampled at `SAMPLES` points, boundary and initial data at
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

    @cached_property
    def sights(self) -> list[Sight]:
        """What was seen, the most prominent first in each equation and condition."""
        if self.domain.dimension not in NARROW:
            return []
        found: list[Sight] = []
        inside = self._inside
        stated = [*self.problem.equations, *self.problem.factors, *self.problem.energies]
        regions = [r for r in self.problem.soft if isinstance(r.region, Boundary)]
        for residual in [r for r in stated if isinstance(r.region, Domain)]:
            for what, data in self._data(residual):
                found += self._look(what, data, inside)
        for residual in regions:
            found += self._look_on_boundary(residual)
        return found

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
        """Mistakes that are probable: jumps in the leading coefficient of an equation that is not in weak form."""
        if self.domain.dimension not in NARROW:
            return []
        found = []
        for residual in self.problem.equations:
            for what, data in self._leading(residual):
                for sight in self._look(what, data, self._inside[:STEPPED]):
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

    def _data(self, residual: Residual) -> list[tuple[str, Callable[[Tensor], Tensor]]]:
        """Give the source of a residual as a function of points, with its name."""
        raw = replace(residual, corners=())  # without the weights that belong to corners

        def source(x: Tensor) -> Tensor:
            points = Points(x, self.domain.names)
            with torch.no_grad():
                return raw(raw.zero(points), points)

        return [(f"the source of {residual.name}", source)]

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

    def _look(self, what: str, data: Callable[[Tensor], Tensor], inside: Tensor) -> list[Sight]:
        """Look for peaks in the values of a function, then for layers and jumps in its differences."""
        try:
            values = data(inside)
        except InputError:
            return []
        usual, size = values.median(), values.abs().max()
        if not torch.isfinite(values).all() or (values - usual).abs().max() <= EVIDENT * size:
            return []
        peaks = self._search(lambda x, length: (data(x) - usual).abs(), inside, (values - usual).abs())
        found = [self._sight(f"{what} has", "peak", *seen) for seen in peaks]
        taken = [sight.feature for sight in found if sight.feature is not None]

        def steepness(x: Tensor, length: float) -> Tensor:
            here = data(x)
            steps = [data(self._within(x + length * self.unit[a] * _axis(a, x.shape[1]))) for a in range(x.shape[1])]
            change = torch.stack([(there - here).abs() for there in steps]).amax(0)
            for peak in taken:  # its slopes belong to it
                change = torch.where(peak.distance(x) < NEAR, 0.0, change)
            return change

        inside = inside[:STEPPED]
        changes = steepness(inside, STEP)
        if changes.max() > EVIDENT * size:
            layers = self._search(steepness, inside, changes)
            found += [self._sight(f"{what} has", "transition", *seen) for seen in layers]
        return found or self._kinks(what, data, inside, size.item())

    def _kinks(self, what: str, data: Callable[[Tensor], Tensor], inside: Tensor, size: float) -> list[Sight]:
        """Look for jumps of the slope where values are smooth: they cost accuracy, but need no places of their own."""

        def bend(x: Tensor, length: float) -> Tensor:
            here, total = data(x), torch.zeros_like(x[:, 0])
            for a in range(x.shape[1]):
                step = length * self.unit[a] * _axis(a, x.shape[1])
                middle = self._within(self._within(x + step) - step)  # so that both sides are as far away
                both = data(middle + step) + data(middle - step)
                total = torch.maximum(total, (both - 2 * data(middle)).abs())
            return torch.where(here.isfinite(), total, 0.0)

        bends = bend(inside, STEP)
        if bends.max() <= EVIDENT * STEP * size:
            return []
        found = [(centre, frame) for centre, frame, _ in self._search(bend, inside, bends)]
        sharp = [(c, f) for c, f in found if 1 / f.norm(dim=1).max() < 10 * SHARP]
        return [Sight(None, self._sight(f"{what} has", "kink", c, f, False).text, False) for c, f in sharp]

    def _within(self, x: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(x, self.domain.bounds[0]), self.domain.bounds[1])

    def _search(self, field: Field, x: Tensor, values: Tensor) -> list[tuple[Tensor, Tensor, bool]]:
        """Find the places where a field is large: centre, frame ``(k, d)`` in units, and whether it is bent."""
        first = values.max().item()
        found: list[tuple[Tensor, Tensor, bool]] = []
        free = torch.ones_like(values, dtype=torch.bool)
        while free.any() and (here := torch.where(free, values, 0.0)).max().item() > FAINT * first:
            if len(found) == MOST:
                return []
            if (here > here.max() / 2).double().mean() > RARE:
                return found
            seen = self._measure(field, x, here)
            if seen is None:
                return []
            found.append(seen)
            centre, frame, bent = seen
            if bent:
                return found
            reach = NEAR * torch.maximum(1 / frame.norm(dim=1), frame.new_tensor(STEP))
            across = frame / frame.norm(dim=1, keepdim=True)
            near = ((((x - centre) / self.unit) @ across.mT) / reach).norm(dim=1) < 1
            near[here.argmax()] = True
            free &= ~near
        return found

    def _measure(self, field: Field, points: Tensor, values: Tensor) -> tuple[Tensor, Tensor, bool] | None:
        """Look closer and closer at the largest value until what is there fills a fair part of the view."""
        centre, d = points[values.argmax()], points.shape[1]
        generator = torch.Generator().manual_seed(0)
        share = (values > values.max() / 2).double().mean().item()
        view = min(1.0, 4 * max(share, 1 / SAMPLES) ** (1 / d))
        for _ in range(40):
            offset = 2 * torch.rand(LOCAL, d, generator=generator, dtype=torch.float64) - 1
            x = self._within(centre + view * self.unit * offset)
            x = torch.cat([x[self.domain.contains(x)], centre[None]])
            length = STEPS * view
            here = torch.nan_to_num(field(x, length), 0.0, 0.0, 0.0)
            high = here > here.max() / 2
            inside = (x[high] - centre) / self.unit
            middle = inside.mean(0)
            spread = (inside - middle).mT @ (inside - middle) / len(inside)
            variances, axes = torch.linalg.eigh(spread)
            narrow = variances.sqrt() < FILLS * view
            widths = 2 * variances.clamp_min((1e-3 * view) ** 2).sqrt()
            small = narrow.any() and widths[narrow].min() < (1.5 if narrow.all() else 0.75) * NARROW[d]
            # What is no wider than the step by which it is looked for may be narrower still.
            seen = variances[0].sqrt() > RESOLVED * length and int(high.sum()) > 0.015 * len(x)
            if small and seen or view < SHARP / 4:
                break
            if seen and high.double().mean() > 0.3:
                return None
            centre, view = x[here.argmax()], view / 2
        centre = centre + middle * self.unit
        across, bent = axes.mT[narrow], False
        if not narrow.all():
            across, bent = self._straightened(points[values > values.max() / 2], centre, across, widths[narrow])
        return centre, across / widths[narrow][:, None], bent

    def _straightened(self, high: Tensor, centre: Tensor, across: Tensor, widths: Tensor) -> tuple[Tensor, bool]:
        """Turn the directions across a layer or tube to those that hold for all of it; tell whether it is bent."""
        away = (high - centre) / self.unit
        reach = torch.full_like(widths, 0.2)
        for _ in range(6):
            near = away[((away @ across.mT).abs() < reach).all(1)]
            if len(near) < 3 * away.shape[1]:
                break
            off = near - near.mean(0)
            variances, axes = torch.linalg.eigh(off.mT @ off / len(near))
            across = axes.mT[: len(across)]
            reach = torch.minimum(reach, 3 * variances[: len(across)].sqrt().clamp_min(STEP))
        return across, bool((reach > 3 * torch.maximum(widths, widths.new_tensor(STEP))).any())

    def _sight(self, start: str, kind: str, centre: Tensor, frame: Tensor, bent: bool) -> Sight:
        """Put a place into words, and make it a feature where it can be."""
        widths = 1 / frame.norm(dim=1)
        jump = kind == "transition" and widths.min().item() < SHARP * 10
        names = self.domain.names
        # A layer across one axis is told by that coordinate.
        direct = frame.abs() > 1e-3 * frame.norm(dim=1, keepdim=True)
        told = [i for i in range(len(names)) if direct[:, i].any()] if len(frame) < len(names) else range(len(names))
        at = ", ".join(f"{names[i]} = {centre[i].item():.4g}" for i in told)
        wide = (widths.min() * self.unit.min()).item()
        if len(frame) < len(names) and kind != "kink":
            kind = "layer" if len(frame) == 1 else "tube"
        what = "jump" if jump else kind if kind == "kink" else f"{'bent ' * bent}{kind} {wide:.2g} wide"
        text = f"{start} a {what} at {at}"
        if bent:
            return Sight(None, text, jump)
        frame = frame * (widths / widths.clamp_min(FINEST))[:, None] / self.unit
        if len(frame) == len(names) and widths.max() < 3 * widths.min():
            # Round, so that Laplace's operator keeps its form.
            frame = torch.eye(len(names)).double() / (widths.log().mean().exp() * self.unit)
        return Sight(Feature.found(centre, frame), text, jump)

    def _look_on_boundary(self, residual: Residual) -> list[Sight]:
        """Look for peaks in the data of a condition."""
        assert isinstance(residual.region, Boundary)
        if all(piece.dimension == 0 for piece in residual.region.pieces):
            return []
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
        if not 0 < width < 2 * NARROW[self.domain.dimension]:
            return []
        frame = torch.eye(self.domain.dimension).double()[narrow] / width
        return [self._sight(f"the data of {residual.name} have", "peak", middle * self.unit, frame, False)]


def _axis(a: int, d: int) -> Tensor:
    return torch.eye(d, dtype=torch.float64)[a]
