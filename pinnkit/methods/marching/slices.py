"""The system of one window: Galerkin in space, collocation in time, Newton's method."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...domains import Points
from ...jets import Derivatives, Key
from ...problem import Residual
from ...problem.residual import Values
from .evolution import Evolution, State, spatial_key, time_order
from .march import Window
from .time_polynomials import TimePolynomials, radau_points

RANK = 1e-11
ITERATIONS = 12
FACTORISATIONS = 4
REFRESH = 0.2
"""Steps that shrink more slowly than this make the method factorise anew."""
BOUNDARY = 10.0


class Place:
    """Points of space where a residual is looked at, with the columns of each unknown and their derivatives there.

    Args:
        residual: the residual.
        points: n points of space, with normals where they have them (in space and time).
        window: whose columns.
        bases: for each unknown the combinations of the columns that are used, ``(M + 1, r)``.
        axis: of time.
    """

    def __init__(self, residual: Residual, points: Points, window: Window, bases: list[Tensor], axis: int) -> None:
        """Evaluate the columns; see the class."""
        self.residual, self.points, self.window, self.axis = residual, points, window, axis
        self.parts: list[dict[Key, Tensor]] = []
        plans: dict[tuple[Key, ...], dict[Key, Tensor]] = {}
        for k, (keys, basis) in enumerate(zip(residual.keys.values(), bases, strict=True)):
            wanted = tuple(dict.fromkeys(spatial_key(key, axis) for key in keys))
            found: dict[Key, Tensor] = {}
            if wanted:
                free = window.hard.factor(points.coordinates, k) is None
                found = plans.get(wanted, {}) if free else {}
                if not found:
                    plan = Derivatives(wanted, tuple(range(axis)))
                    columns = plan(partial(window.columns, unknown=k), points.coordinates)
                    found = {key: column @ basis for key, column in columns.items()}
                    if free:
                        plans[wanted] = found
            self.parts.append(found)
        all_keys = dict.fromkeys(key for keys in residual.keys.values() for key in keys)
        self.plan = Derivatives(all_keys, tuple(range(axis)))

    def at(self, times: Tensor) -> Points:
        """Repeat the points at times, time by time."""
        x = self.points.coordinates
        repeated = torch.cat([x.repeat(len(times), 1), times.repeat_interleave(len(x))[:, None]], 1)
        normals = None if self.points.normals is None else self.points.normals.repeat(len(times), 1)
        return Points(repeated, self.residual.coordinates.names, normals)

    def values(
        self, coefficients: list[Tensor], polynomials: list[TimePolynomials], scaled: Any, points: Points
    ) -> Values:
        """Evaluate what the residual uses at those points, for coefficients ``(order + count, r)`` of each unknown."""
        lift = self.plan(self.window.lift, points.coordinates) if self.window.hard.faces else None
        found: Values = {}
        for k, (name, keys) in enumerate(self.residual.keys.items()):
            found[name] = {}
            for key in keys:
                time = polynomials[k].values(scaled, time_order(key, self.axis)).to(points.coordinates)
                value = ((time @ coefficients[k]) @ self.parts[k][spatial_key(key, self.axis)].T).reshape(-1)
                found[name][key] = value if lift is None else value + lift[key][:, k]
        return found


class Slices:
    """A window's equations at slices in time.

    In space the residual is projected onto an orthonormal basis of the space, by a rule of weighted points; in time it
    is collocated at Radau points. Soft conditions are rows of their own, so that the system is solved in the sense of
    least squares.

    Args:
        evolution: the problem.
        window: its head is to be found.
        points: n points of space.
        weights: of the points, with sum one.
        boundary: for each lateral residual its points in space.
        stages: slices.
    """

    def __init__(
        self, evolution: Evolution, window: Window, points: Tensor, weights: Tensor, boundary: list[Points], stages: int
    ) -> None:
        """Orthonormalise the space; see the class."""
        self.evolution, self.window, self.stages = evolution, window, stages
        self.degree = stages - 1 + max(evolution.orders)
        self.polynomials = [TimePolynomials(m, stages, self.degree, window.length) for m in evolution.orders]
        self.points, self.weights = points, weights
        self.bases: list[Tensor] = []
        self.tests: list[Tensor] = []
        root = weights.sqrt()[:, None]
        for k in range(len(evolution.orders)):
            if k and window.hard.factor(points, k) is None and window.hard.factor(points, k - 1) is None:
                self.bases.append(self.bases[-1])
                self.tests.append(self.tests[-1])
                continue
            u, s, v = torch.linalg.svd(root * window.columns(points, k), full_matrices=False)
            kept = s > RANK * s[0]
            self.bases.append(v[kept].T / s[kept])
            self.tests.append((root * u[:, kept]).T)
        names = evolution.domain.space.names
        axis = evolution.axis
        self.equations = [
            Place(r, Points(points, names), window, self.bases, axis) for r in evolution.problem.equations
        ]
        self.lateral = [
            Place(r, p, window, self.bases, axis) for r, p in zip(evolution.lateral, boundary, strict=True)
        ]

    def times(self, scaled: Any) -> Tensor:
        """Map times scaled to [-1, 1] to the window."""
        return self.window.start + self.window.length * (torch.from_numpy(scaled) + 1) / 2

    def project(self, state: State) -> list[Tensor]:
        """Give coefficients that take over a state and stand still, ``(order + count, r)`` for each unknown."""
        start = torch.full_like(self.points[:, :1], self.window.start)
        lift: list[Tensor] = [torch.zeros(())] * len(self.evolution.span)
        if self.window.hard.faces:
            keys = [(self.evolution.axis,) * q for q in self.evolution.span]
            found = Derivatives(keys, ())(self.window.lift, torch.cat([self.points, start], 1))
            lift = [found[key] for key in keys]
        given = [part - offset for part, offset in zip(state(self.points), lift, strict=True)]
        result = []
        for k, (order, test) in enumerate(zip(self.evolution.orders, self.tests, strict=True)):
            coefficients = test.new_zeros(order + self.stages, len(test))
            for q in range(order):
                coefficients[q] = self.window.length**q * (test @ given[q][:, k])
            result.append(coefficients)
        return result

    def newton(self, coefficients: list[Tensor], tolerance: float, linear: bool) -> int:
        """Solve for all coefficients but those of the state, in place; `left` is the relative size of what is left.

        Args:
            coefficients: those of the state, and a first guess of the others.
            tolerance: relative size of what may be left.
            linear: whether one step is enough.

        Returns:
            How many matrices were factorised; zero where the iteration failed.
        """
        factorised, self.left = 0, 0.0
        before, solve = math.inf, None
        for _ in range(ITERATIONS):
            matrix, side = self._system(coefficients, solve is None)
            if not torch.isfinite(side).all():
                return 0
            if matrix is not None:
                factorised, solve = factorised + 1, _factorised(matrix)
            if solve is None or factorised > FACTORISATIONS:
                return 0
            change = solve(side)
            parts = change.split([self.stages * b.shape[1] for b in self.bases])
            size = math.sqrt(sum(c.square().sum().item() for c in coefficients)) + change.norm().item()
            for c, part, order in zip(coefficients, parts, self.evolution.orders, strict=True):
                c[order:] += part.reshape(self.stages, -1)
            step = change.norm().item() / size if size else 0.0
            # What is left is about the next step, as the last two tell; after the first one, by a guess.
            shrinks = step / before if before < math.inf else step
            if linear or step * shrinks < tolerance:
                self.left = 0.0 if linear else step * shrinks
                return factorised
            if not math.isfinite(step) or shrinks > 1:
                return 0
            if shrinks > REFRESH:
                solve = None
            before = step
        return 0

    def _system(self, coefficients: list[Tensor], whole: bool) -> tuple[Tensor | None, Tensor]:
        """Give the matrix, if the whole system is asked for, and the side of Newton's method."""
        tests = [*self.tests, *[self.tests[-1]] * len(self.equations)]
        tasks = [*zip(self.equations, tests, strict=False), *((place, None) for place in self.lateral)]
        parts = [self._rows(place, coefficients, test, whole) for place, test in tasks]
        if whole:
            sizes = [matrix.square().mean().sqrt().item() for matrix, _ in parts if matrix is not None]
            inside = max(sizes[: len(self.equations)])
            lateral = [BOUNDARY * inside / max(size, 1e-300) for size in sizes[len(self.equations) :]]
            self.scales = [1.0] * len(self.equations) + lateral
        sides = torch.cat([scale * side for scale, (_, side) in zip(self.scales, parts, strict=True)])
        if not whole:
            return None, sides
        rows = [scale * matrix for scale, (matrix, _) in zip(self.scales, parts, strict=True) if matrix is not None]
        return torch.cat(rows) if len(rows) > 1 else rows[0], sides

    def _rows(
        self, place: Place, coefficients: list[Tensor], test: Tensor | None, whole: bool
    ) -> tuple[Tensor | None, Tensor]:
        scaled = radau_points(self.stages)
        points = place.at(self.times(scaled))
        result, slopes = place.residual.linearise(
            place.values(coefficients, self.polynomials, scaled, points), points
        )
        slices, n = self.stages, len(place.points)
        outputs = n if test is None else len(test)
        side = -result.reshape(slices, n)
        side = (side if test is None else side @ test.T).reshape(-1)
        if not whole:
            return None, side
        blocks = []
        for k, found in enumerate(slopes.values()):
            polynomials, width = self.polynomials[k], self.bases[k].shape[1]
            by_order: dict[int, Tensor] = {}
            for key, slope in found.items():
                part = slope.reshape(slices, n, 1) * place.parts[k][spatial_key(key, place.axis)]
                p = time_order(key, place.axis)
                by_order[p] = part if p not in by_order else by_order[p] + part
            block = result.new_zeros(slices, outputs, self.stages, width)
            for p, part in by_order.items():
                part = part if test is None else test @ part
                time = polynomials.values(scaled, p)[:, polynomials.order :]
                block.addcmul_(time[:, None, :, None], part[:, :, None, :])
            blocks.append(block.reshape(slices * outputs, -1))
        return torch.cat(blocks, 1) if len(blocks) > 1 else blocks[0], side

    @torch.no_grad()
    def defect(self, coefficients: list[Tensor], points: Tensor, weights: Tensor, scaled: Any) -> float:
        """Give the residual at other points and times over the size of its terms, that of the worst equation."""
        worst = 0.0
        names = self.evolution.domain.space.names
        for residual in self.evolution.problem.equations:
            place = Place(residual, Points(points, names), self.window, self.bases, self.evolution.axis)
            at = place.at(self.times(scaled))
            values = place.values(coefficients, self.polynomials, scaled, at)
            result, slopes = residual.linearise(values, at)
            w = weights.repeat(len(scaled)) / len(scaled)
            terms = [slopes[u][key] * v for u, found in values.items() for key, v in found.items()]
            size = sum((w * term.square()).sum().sqrt().item() for term in terms)
            here = (w * result.square()).sum().sqrt().item()
            # A residual that is no number is as bad as can be, which `max` does not know.
            worst = max(worst, here / (size or 1.0) if math.isfinite(here) else math.inf)
        return worst

    @torch.no_grad()
    def jump(self, state: State, points: Tensor) -> Tensor:
        """Give the relative difference of a finished window from the state that it starts from, ``(n,)``."""
        given = state(points)[0]
        found = self.window(torch.cat([points, torch.full_like(points[:, :1], self.window.start)], 1))
        marched = torch.tensor([order > 0 for order in self.evolution.orders])
        size = given.square().mean(0).sqrt()
        return ((found - given).abs() / torch.where(size > 0, size, torch.ones_like(size)))[:, marched].amax(1)

    def finish(self, coefficients: list[Tensor]) -> None:
        """Set the window's head."""
        self.window.set_head(
            [b @ (p.series.T @ c).T for b, p, c in zip(self.bases, self.polynomials, coefficients, strict=True)]
        )


def _factorised(matrix: Tensor) -> Callable[[Tensor], Tensor] | None:
    """Factorise a system, square or with more rows; None where it is singular or not finite."""
    if not torch.isfinite(matrix).all():
        return None
    if len(matrix) == matrix.shape[1]:
        factors, pivots, info = torch.linalg.lu_factor_ex(matrix)
        return None if info.item() else lambda side: torch.linalg.lu_solve(factors, pivots, side[:, None])[:, 0]
    q, r = torch.linalg.qr(matrix)
    if not r.diagonal().abs().min() > 0:
        return None
    return lambda side: torch.linalg.solve_triangular(r, (q.T @ side)[:, None], upper=True)[:, 0]
