"""Collocation: a problem's residuals at points, as a loss and as a linear system."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..algebra import solve_least_squares
from ..domains import Boundary, Domain, Feature, Points, SpaceTime, importance, locality
from ..domains.feature import SHARE
from ..jets import Key
from .parameter import parameter_slopes
from .problem import Problem
from .residual import FixedPoints, Residual, order
from .trial import Trial
from .weak_system import WeakBlock

CONSTANT = 1e-10
"""What varies by less than this, relative to all, is constant but for rounding."""
CHUNK_NUMBERS = 2**19
"""How many numbers the columns of one chunk of points may have, before derivatives; 4 MB stay near the cores."""
POOL = 16
"""Boundary points, for each one that is used, of which those near a feature are chosen."""
EVALUATED = {True: 512, False: 8192}
"""Points at which a residual is evaluated at a time: of one space, all that it makes of them stays near the cores;
other functions may be those of many windows in time."""


class Block:
    """One residual with its points and its weight.

    Args:
        residual: the residual.
        points: where it is collocated.
        weight: multiplies the residual.
    """

    def __init__(self, residual: Residual, points: Points, weight: float = 1.0) -> None:
        """Keep them; see the class."""
        self.residual, self.points, self.weight = residual, points, weight
        self.derivatives, self.values, self.by_unknown = residual.derivatives, residual.values, residual.by_unknown

    def evaluate(self, trial: Callable[[Any], Any]) -> Tensor:
        """Evaluate the residual, unweighted, one number a row; by chunks where no gradient is asked for."""
        step = len(self.points) if torch.is_grad_enabled() else EVALUATED[isinstance(trial, Trial)]
        parts = [self.points[start : start + step] for start in range(0, len(self.points), max(step, 1))]
        found = [self.residual(self.values(trial, part), part) for part in parts]
        return self.points.average(torch.cat(found))

    def system(
        self,
        trial: Trial,
        about: Callable[[Any], Any] | None = None,
        onto: Callable[[Any], Any] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Assemble the rows of the residual, unweighted; see `Collocation.system`."""
        columns = (trial.space.size + 1) * len(self.residual.keys)
        parts = [_rows(self, self.points[chunk], trial, about, onto) for chunk in self.chunks(columns)]
        matrix, side = (self.points.average(torch.cat(part)) for part in zip(*parts, strict=True))
        return matrix, side

    def parameter_columns(self, about: Callable[[Any], Any], parameters: Sequence[Tensor]) -> Tensor:
        """Differentiate the residual by parameters, unweighted, shape ``(rows, number of parameters)``."""
        with torch.enable_grad():
            # A trial function's own numbers are held; what hard conditions prescribe moves with the parameters.
            values = self.values(about.held if isinstance(about, Trial) else about, self.points)
            result = self.residual(values, self.points)
        return self.points.average(parameter_slopes(result, parameters))

    def column_sizes(self, trial: Trial, factor: Tensor | None = None) -> Tensor:
        """Estimate the root-mean-square of each column, at some of the points, with a factor of each row's square."""
        few = torch.linspace(0, len(self.points) - 1, 256).long().unique()
        squares = _rows(self, self.points[few], trial)[0].square()
        return (squares if factor is None else squares * factor[few, None]).mean(0).sqrt()

    def chunks(self, columns: int) -> Iterator[slice]:
        """Cut the points so that a chunk's columns stay within memory."""
        step = max(1, CHUNK_NUMBERS // max(columns, 1))
        return (slice(start, start + step) for start in range(0, len(self.points), step))


class Collocation:
    """A problem at collocation points.

    Args:
        problem: the problem.
        points: number of interior points of each equation.
        boundary_points: number of points shared by the soft conditions' regions.
        generator: source of random numbers.
        dtype: of points and residuals.
        device: where they live.
        features: around which there are more points, beside those of the problem's data.
    """

    def __init__(
        self,
        problem: Problem,
        points: int,
        boundary_points: int,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
        features: Sequence[Feature] = (),
    ) -> None:
        """Sample the points; see the class."""
        features = [*problem.survey.features, *features]
        self.problem = problem
        self.blocks: list[Block | WeakBlock] = []
        # Factors of the squared residuals, a number or one for each row: adaptive weights, importance, lengths.
        self.factors: list[Tensor | None] = []
        drawn = []
        if problem.weak:
            self.blocks.append(WeakBlock(problem, points, dtype, device))
            self.factors.append(None)
        else:
            interior = _crowded(problem, problem.equations[0], points, generator, features)
            drawn = [(residual, interior) for residual in problem.equations]
        for residual, share in zip(problem.soft, _shares(problem, boundary_points), strict=True):
            drawn.append((residual, _crowded(problem, residual, share, generator, features)))
        for residual, here in drawn:
            residual.check(here)
            even = residual.region if isinstance(residual.region, Domain) and features else None
            factor = importance(here.coordinates, features, even) if even else None
            if (length := self.length(residual, here)) is not None:
                factor = length.square() * (1.0 if factor is None else factor)
            self.factors.append(None if factor is None else factor.to(device, dtype))
            self.blocks.append(Block(residual, here.to(dtype, device)))

    def length(self, residual: Residual, points: Points) -> Tensor | None:
        """Give the length on which solutions vary at points, by which residuals count where coefficients peak.

        As in error estimates for finite elements, those of equations count by the length, fluxes by its root (the
        points of conditions crowd as its inverse, without importance), and values as they are.

        Args:
            residual: the residual.
            points: n points of it.

        Returns:
            Numbers up to one, shape ``(n,)``; None where all are one.
        """
        rough, whole = self.problem.survey.rough, isinstance(residual.region, Domain)
        flux = isinstance(residual.region, Boundary) and points.rows is None and order(residual.derivatives.keys) > 0
        return locality(points.coordinates.cpu(), rough, self.problem.domain) if rough and (whole or flux) else None

    def residuals(self, trial: Callable[[Any], Any]) -> list[Tensor]:
        """Evaluate the residual of each block, unweighted, one number a row."""
        return [block.evaluate(trial) for block in self.blocks]

    def rows(self, trial: Callable[[Any], Any]) -> Tensor:
        """Give all residuals weighted, so that the sum of their squares is the loss."""
        parts = zip(self.blocks, self.residuals(trial), self.factors, strict=True)
        return torch.cat([values * _scale(block, factor, values) for block, values, factor in parts])

    def loss(self, trial: Callable[[Any], Any]) -> Tensor:
        """Sum the weighted mean squares of all residuals."""
        return self.total([r.square() for r in self.residuals(trial)])

    def total(self, squares: Sequence[Tensor]) -> Tensor:
        """Sum the weighted means of squared residuals, given for each block."""
        parts = zip(self.blocks, squares, self.factors, strict=True)
        return torch.stack([b.weight**2 * (s if f is None else f * s).mean() for b, s, f in parts]).sum()

    @torch.no_grad()
    def relative_residual(self, trial: Callable[[Any], Any]) -> float:
        """Give the weighted residual relative to `size`."""
        return self.loss(trial).sqrt().item() / self.size(trial)

    @torch.no_grad()
    def size(self, trial: Callable[[Any], Any]) -> float:
        """Give the weighted residual of a constant: zero, or a function's mean over the points of a block.

        The least of them is taken, so that an offset does not hide the residual of a small variation.

        Args:
            trial: the function.

        Returns:
            The size; that of zero where nothing varies, and one where that is zero or infinite.
        """
        points = [block.terms[0].points if isinstance(block, WeakBlock) else block.points for block in self.blocks]
        # Residuals may share their points.
        distinct = {id(x.coordinates): x.coordinates for x in points}.values()
        means = [torch.cat([trial(part) for part in x.split(EVALUATED[False])]).mean(0) for x in distinct]
        zero, *varying = (self.loss(constant(c)).sqrt().item() for c in (0 * means[0], *means))
        least = min(varying)
        size = least if CONSTANT * zero < least < zero else zero
        return size if 0 < size < math.inf else 1.0

    @torch.no_grad()
    def balance(self, trial: Trial) -> None:
        """Weigh each condition like the equations, by the size of the head's columns.

        A condition's weight is the ratio of the equations' column norms to its own, the median over the columns: the
        ratio of the operators' scales on a typical function. (Our choice; the ratio of the traces of the head's tangent
        kernels is the same with a mean in place of the median.)

        Args:
            trial: whose columns look like the solution.
        """
        sizes = [block.column_sizes(trial, f) for block, f in zip(self.blocks, self.factors, strict=True)]
        equations = len(self.problem.equations) or 1
        scale = torch.stack(sizes[:equations]).square().mean(0).sqrt()
        for block, size in list(zip(self.blocks, sizes, strict=True))[equations:]:
            # An operator that is singular at u = 0, such as 1 / u, has no finite scale there.
            used = (size > 0) & (scale > 0) & torch.isfinite(size) & torch.isfinite(scale)
            block.weight = (scale[used] / size[used]).median().item() if used.any() else 1.0

    @torch.no_grad()
    def system(
        self,
        trial: Trial,
        about: Callable[[Any], Any] | None = None,
        onto: Callable[[Any], Any] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Assemble the weighted linear system for the trial's head.

        Args:
            trial: whose columns are the functions to combine.
            about: the function to linearise about; None for the trial's lift.
            onto: the function that the combination is added to: None for `about`, whose correction it is then; the
                trial's lift for a whole trial function.

        Returns:
            The matrix ``(rows, K (M + 1))`` and the right-hand side ``(rows,)``.
        """
        matrices, sides = zip(*self.systems(trial, about, onto), strict=True)
        return torch.cat(matrices), torch.cat(sides)

    @torch.no_grad()
    def systems(
        self,
        trial: Trial,
        about: Callable[[Any], Any] | None = None,
        onto: Callable[[Any], Any] | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Assemble the weighted rows of each block in turn; see `system`."""
        for block, factor in zip(self.blocks, self.factors, strict=True):
            matrix, side = block.system(trial, about, onto)
            scale = _scale(block, factor, side)
            yield matrix.mul_(scale[:, None]), side * scale

    @torch.no_grad()
    def solve(
        self,
        trial: Trial,
        about: Callable[[Any], Any] | None = None,
        onto: Callable[[Any], Any] | None = None,
    ) -> tuple[Tensor, float]:
        """Find the head that makes the linear system of `system` least.

        Args:
            trial: whose columns are the functions to combine; it is not changed.
            about: the function to linearise about; see `system`.
            onto: the function that the combination is added to; see `system`.

        Returns:
            Coefficients ``(K, M + 1)``, and the norm of what is left, infinite where the system is not finite.
        """
        matrix, side = self.system(trial, about, onto)
        if not (torch.isfinite(matrix).all() and torch.isfinite(side).all()):
            return trial.coefficients, math.inf
        coefficients, least = solve_least_squares(matrix, side)
        return coefficients.reshape(len(self.problem.unknowns), -1), least * side.norm().item()

    def parameter_columns(self, about: Callable[[Any], Any]) -> Iterator[Tensor]:
        """Differentiate the weighted residual of each block by the trainable parameters.

        Args:
            about: the function at which to differentiate.

        Yields:
            The columns, shape ``(rows, number of parameters)``.
        """
        for block, factor in zip(self.blocks, self.factors, strict=True):
            assert isinstance(block, Block)
            columns = block.parameter_columns(about, self.problem.trainable_parameters)
            yield columns * _scale(block, factor, columns)[:, None]


def _scale(block: Block | WeakBlock, factor: Tensor | None, rows: Tensor) -> Tensor:
    """Give what the rows are multiplied by, so that their sum of squares is the weighted mean square."""
    scale = rows.new_ones(1) if factor is None else factor.sqrt().reshape(-1)
    return scale * (block.weight / math.sqrt(len(rows)))


def _rows(
    block: Block,
    points: Points,
    trial: Trial,
    about: Callable[[Any], Any] | None = None,
    onto: Callable[[Any], Any] | None = None,
) -> tuple[Tensor, Tensor]:
    values = block.values(about or trial.lift, points)
    result, coefficients = block.residual.linearise(values, points)
    if onto is not None:
        for unknown, found in block.values(onto, points).items():
            for key, value in found.items():
                result = result + coefficients[unknown][key] * (value - values[unknown][key])
    parts = []
    shared: dict[Key, Tensor] | None = None
    for k, slopes in enumerate(coefficients.values()):
        if not slopes:
            parts.append(result.new_zeros(len(points), trial.space.size + 1))
            continue
        free = trial.hard.free(k)
        columns = shared if free and shared is not None else block.derivatives(
            partial(trial.columns, unknown=k), points.coordinates
        )
        shared = columns if free else shared
        total = torch.zeros_like(next(iter(columns.values())))
        for key, slope in slopes.items():
            total.addcmul_(slope[:, None].expand_as(total), columns[key])
        parts.append(total)
    return torch.cat(parts, 1), -result


def _crowded(
    problem: Problem, residual: Residual, n: int, generator: torch.Generator, features: Sequence[Feature]
) -> Points:
    """Draw points for a residual: about n, and half as many more around features."""
    points = residual.sample(n, generator)
    if not features or isinstance(residual.region, FixedPoints) or points.rows is not None or _ends(residual.region):
        return points
    share = max(1, math.ceil(SHARE * n / len(features)))
    if isinstance(residual.region, Domain):
        more = [residual.region.around(feature, share, generator) for feature in features]
        return Points(torch.cat([points.coordinates, *more]), points.names)
    assert isinstance(residual.region, Boundary)
    pool = residual.region.sample(POOL * n, generator)
    chosen = []
    for feature in features:
        density = feature.density(pool.coordinates, problem.domain)
        chosen.append(torch.multinomial(density, min(share, len(pool)), generator=generator))
    near = pool[torch.cat(chosen)]
    assert points.normals is not None and near.normals is not None
    return Points(
        torch.cat([points.coordinates, near.coordinates]), points.names, torch.cat([points.normals, near.normals])
    )


def _shares(problem: Problem, total: int) -> list[int]:
    """Share points among the conditions: evenly among kinds of regions, within a kind by measure."""
    regions = [residual.region for residual in problem.soft]
    kinds = [_kind(region, problem.domain) for region in regions]
    whole = {kind: sum(_measure(r) for r, k in zip(regions, kinds, strict=True) if k == kind) for kind in kinds}
    least = max(2, total // (10 * max(len(regions), 1)))
    # Boundary, slices in time and interior have measures of different units. Nobody gets less than a tenth of an
    # even share, and points given once and for all count for nothing.
    shares = []
    for region, kind in zip(regions, kinds, strict=True):
        share = max(least, round(total / len(set(kinds) - {"points"} or {0}) * _measure(region) / whole[kind]))
        shares.append(_ends(region) or share)
    return shares


def _kind(region: object, domain: Domain) -> str:
    if isinstance(region, Boundary):
        time = domain.dimension - 1 if isinstance(domain, SpaceTime) else None
        return "slice" if all(piece.face and piece.face[0] == time for piece in region.pieces) else "boundary"
    return "interior" if isinstance(region, Domain) else "points"


def _measure(region: object) -> float:
    return region.measure if isinstance(region, (Boundary, Domain)) else 1.0


def _ends(region: object) -> int | None:
    """Count the ends of an interval, which need no more than one point each; None for other regions."""
    if isinstance(region, Boundary) and all(piece.dimension == 0 for piece in region.pieces):
        return len(region.pieces)
    return None


def constant(values: Tensor) -> Callable[[Any], Any]:
    """Make a constant function of given values ``(K,)``."""
    return lambda x: x[:, :1] * 0.0 + values
