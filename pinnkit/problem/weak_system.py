"""A weak form against test functions on cells, as residuals and as rows of a linear system."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..domains import Boundary, Domain, Points
from ..domains.cells import Cells, Rule
from ..jets import Key
from .conditions import Dirichlet
from .hat_functions import DEGREE, HatFunctions
from .problem import Problem
from .trial import Trial
from .weak import WeakForm

CHUNK_NUMBERS = 2**19


class _Term:
    """One part of the form with its quadrature and tables of test functions."""

    def __init__(
        self, form: WeakForm, rule: Rule, normals: Tensor | None, tests: HatFunctions, names: tuple[str, ...],
        dtype: torch.dtype, device: torch.device | str,
    ) -> None:  # fmt: skip
        self.form = form
        self.nodes = rule.x.shape[1]
        tables, index = tests.tables(rule, list(dict.fromkeys(factor.key for factor in form.factors)))
        self.tables = {key: table.to(device, dtype) for key, table in tables.items()}
        self.index = index.to(device)
        normals = None if normals is None else normals.repeat_interleave(self.nodes, 0)
        self.points = Points(rule.x.flatten(0, 1), names, normals).to(dtype, device)
        for factor in form.factors:
            factor.residual.check(self.points)
        # All factors of a form use the same derivatives of the unknowns.
        self.unknowns = form.factors[0].residual

    def chunks(self, columns: int) -> Iterator[tuple[slice, Points]]:
        """Cut the cells so that a chunk's columns stay within memory."""
        step = max(1, CHUNK_NUMBERS // max(columns * self.nodes, 1))
        for start in range(0, len(self.index), step):
            cells = slice(start, start + step)
            yield cells, self.points[start * self.nodes : (start + step) * self.nodes]

    def tested(self, key: Key, values: Tensor, cells: slice, into: Tensor) -> Tensor:
        """Integrate `(C Q, m)` against the test functions' derivative, and add the result to ``into``."""
        table = self.tables[key][cells]
        local = torch.einsum("cqt,cqm->ctm", table, values.reshape(len(table), self.nodes, -1))
        return into.index_add(0, self.index[cells].flatten(), local.flatten(0, 1))


class WeakBlock:
    """The weak form of a problem: a row for each test function that no Dirichlet condition silences.

    Args:
        problem: the problem.
        count: how many rows there are to be, at least.
        dtype: of points and rows.
        device: where they live.
    """

    weight = 1.0

    def __init__(
        self, problem: Problem, count: int, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> None:
        """Choose cells and test functions; see the class."""
        self.problem = problem
        count = -(-count // len(problem.unknowns))
        d = problem.domain.dimension
        breaks = {name: {*at} for name, at in problem.domain.regions.breaks.items()}
        for form in problem.weak:
            for name, at in form.breaks.items():
                breaks.setdefault(name, set()).update(at)
        cells = problem.domain.partition(
            math.ceil(count / math.comb(d + DEGREE, d)), {name: sorted(at) for name, at in breaks.items()}
        )
        self.tests = HatFunctions(cells, count)
        self.terms = []
        names = problem.coordinates.names
        for form in problem.weak:
            if isinstance(form.region, Domain):
                self.terms.append(_Term(form, cells.rule(self.tests.per_axis), None, self.tests, names, dtype, device))
                continue
            for key, kept in _facets(cells, form.region):
                if not kept.any():
                    continue
                rule = cells.rule(self.tests.per_axis, key)
                part = Rule(rule.corners[kept], rule.x[kept], rule.weights[kept], rule.hats, None)
                normals = cells.facets[key][1][kept]
                self.terms.append(_Term(form, part, normals, self.tests, names, dtype, device))
        free = [self._free(cells, name) for name in problem.unknowns]
        self.kept = [nodes.repeat_interleave(len(self.tests.exponents)).to(device) for nodes in free]
        self.coarse = [self.tests.coarse(nodes).to(device, dtype) for nodes in free]

    def _free(self, cells: Cells, unknown: str) -> Tensor:
        """Tell at which nodes the hat functions vanish where an unknown is prescribed, bool `(N,)`."""
        free = torch.ones(len(cells.nodes), dtype=torch.bool)
        for condition in self.problem.conditions:
            if isinstance(condition, Dirichlet) and unknown in condition.data:
                for key, kept in _facets(cells, condition.on):
                    free[cells.facets[key][0][kept].flatten()] = False
        for axis in self.problem.periodic_axes:
            for side in (0, 1):
                free[cells.facets[axis, side][0].flatten()] = False
        return free

    def _all_levels(self, rows: list[Tensor]) -> Tensor:
        """Choose the rows of test functions that are not silenced, and add those of coarser levels."""
        step = len(self.tests.exponents)
        parts = zip(rows, self.kept, self.coarse, strict=True)
        return torch.cat([torch.cat([own[kept], torch.sparse.mm(coarse, own[::step])]) for own, kept, coarse in parts])

    def _empty(self, like: Tensor, columns: int) -> list[Tensor]:
        return [like.new_zeros(self.tests.size, columns) for _ in self.problem.unknowns]

    def evaluate(self, trial: Callable[[Any], Any]) -> Tensor:
        """Evaluate the form of a trial function against every test function, shape ``(rows,)``."""
        rows = self._empty(self.terms[0].points.coordinates, 1)
        for term in self.terms:
            values = term.unknowns.values(trial, term.points)
            for factor in term.form.factors:
                result = factor.residual(values, term.points)
                rows[factor.test] = term.tested(factor.key, result, slice(None), rows[factor.test])
        return self._all_levels(rows)[:, 0]

    @torch.no_grad()
    def system(
        self,
        trial: Trial,
        about: Callable[[Any], Any] | None = None,
        onto: Callable[[Any], Any] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Assemble the linearised form for the trial's head; see `Collocation.system`."""
        size, unknowns = trial.space.size + 1, len(self.problem.unknowns)
        rows = self._empty(self.terms[0].points.coordinates, size * unknowns + 1)
        for term in self.terms:
            for cells, points in term.chunks(size * unknowns + 1):
                values = term.unknowns.values(about or trial.lift, points)
                base = values if onto is None else term.unknowns.values(onto, points)
                columns = {
                    u: term.unknowns.derivatives(partial(trial.columns, unknown=k), points.coordinates)
                    for k, u in enumerate(self.problem.unknowns) if term.unknowns.keys[u]
                }
                for factor in term.form.factors:
                    result, slopes = factor.residual.linearise(values, points)
                    integrand = result.new_zeros(len(points), size * unknowns + 1)
                    for k, (unknown, found) in enumerate(slopes.items()):
                        for key, slope in found.items():
                            result = result + slope * (base[unknown][key] - values[unknown][key])
                            if slope.any():
                                integrand[:, k * size : (k + 1) * size] += slope[:, None] * columns[unknown][key]
                    integrand[:, -1] = -result
                    rows[factor.test] = term.tested(factor.key, integrand, cells, rows[factor.test])
        matrix = self._all_levels(rows)
        return matrix[:, :-1], matrix[:, -1]

    def column_sizes(self, trial: Trial, factor: Tensor | None = None) -> Tensor:
        """Give the root-mean-square of each column; rows of test functions have no factors."""
        return self.system(trial)[0].square().mean(0).sqrt()


def _facets(cells: Cells, region: Boundary) -> Iterator[tuple[Any, Tensor]]:
    """Find the facets of the cells whose centres lie in a part of the boundary."""
    for piece in region.pieces:
        key = piece.name if piece.face is None else piece.face
        if key not in cells.facets:  # the domain at its first time, say, seen by name only
            continue
        corners, normals = cells.facets[key]
        kept = torch.ones(len(corners), dtype=torch.bool)
        if piece.keep is not None:
            kept = piece.keep(cells.nodes[corners].mean(1), normals)
        yield key, kept
