"""Collocation in the cells of a box: nodes in each, on the faces between them, and what joins them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..algebra import Joint, dissect
from ..domains import Boundary, Points
from ..jets import Derivatives, Key
from ..spaces import Piecewise
from .collocation import Block, Collocation
from .problem import Problem
from .residual import Residual
from .trial import Trial

FACE = 1.2
"""Nodes on a face along each axis, for each of the root of as many functions as a cell has. (Our choice.)"""
GROUP = 2**23
"""How many numbers the rows of a group of cells may have, whose systems are assembled at a time."""
STEP = 0.5
"""A step off a face, in parts of the smallest cell: it only tells which side of the face is meant."""


class JumpBlock:
    """The jump of a derivative of one unknown across all faces between cells that one axis is normal to.

    Args:
        unknown: which unknown, of how many.
        key: the derivative.
        points: nodes, face after face.
        step: from a face into the cell above it, ``(d,)``.
        space_axes: the coordinates of space.
    """

    def __init__(
        self, unknown: tuple[int, int], key: Key, points: Points, step: Tensor, space_axes: tuple[int, ...]
    ) -> None:
        """Keep them; see the class."""
        (self.unknown, self.unknowns), self.key, self.points, self.step = unknown, key, points, step
        self.weight = 1.0
        self.derivatives = Derivatives([key], space_axes)

    def columns(self, trial: Trial, side: float) -> Tensor:
        """Differentiate the functions of the cells below (-1) or above (+1), the constant last, ``(n, M + 1)``."""
        assert isinstance(trial.space, Piecewise)
        local = Trial(trial.space.one(side * self.step), None, trial.hard, trial.known)
        return self._each(partial(local.columns, unknown=self.unknown), self.points.coordinates)

    def evaluate(self, trial: Callable[[Any], Any]) -> Tensor:
        """Evaluate the jump; functions that know of no cells have none."""
        x = self.points.coordinates
        if not (isinstance(trial, Trial) and isinstance(trial.space, Piecewise)):
            return x.new_zeros(len(x))
        above, below = (
            Trial(trial.space.seen(side * self.step), None, trial.hard, trial.known) for side in (1.0, -1.0)
        )
        return (self._each(above, x) - self._each(below, x))[:, self.unknown]

    def column_sizes(self, trial: Trial, factor: Tensor | None = None) -> Tensor:
        """Estimate the root-mean-square of the derivative of each column of any trial function, at some points."""
        few = torch.linspace(0, len(self.points) - 1, 256).long().unique()
        found = self._each(partial(trial.columns, unknown=self.unknown), self.points.coordinates[few])
        sizes = found.new_zeros(self.unknowns, found.shape[1])
        sizes[self.unknown] = found.square().mean(0).sqrt()
        return sizes.reshape(-1)

    def _each(self, function: Callable[[Any], Any], x: Tensor) -> Tensor:
        return torch.cat([self.derivatives(function, part)[self.key] for part in x.split(2**13)])


class CellCollocation(Collocation):
    """A problem at nodes in the cells of a trial space.

    Nodes are those of Chebyshev in each cell, on each face between two, and on each part of the boundary that is a
    side of a cell; conditions elsewhere are collocated as usual.

    Args:
        problem: the problem; its domain is a box, maybe in time.
        space: the cells.
        oversampling: nodes for each function of a cell.
        generator: source of random numbers, for conditions that do not hold on sides of the box.
        dtype: of points and residuals.
        device: where they live.
    """

    def __init__(
        self,
        problem: Problem,
        space: Piecewise,
        oversampling: float,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        """Place the nodes; see the class."""
        self.problem, self.space = problem, space
        self.blocks: list[Any] = []
        boxes = (space.centre + space.halfwidth * space.boxes).cpu().double()
        d = boxes.shape[2]
        names = problem.coordinates.names
        inside = math.ceil((oversampling * space.functions) ** (1 / d))
        self.across = math.ceil(FACE * space.functions ** (1 / d))
        interior = Points(_nodes(boxes, inside, tuple(range(d))).reshape(-1, d), names)
        for residual in problem.equations:
            residual.check(interior)
            self.blocks.append(Block(residual, interior.to(dtype, device)))
        for residual in problem.soft:
            points = self._on_sides(residual, boxes)
            if points is None:
                points = residual.sample(math.ceil(oversampling * self.across ** (d - 1)) * len(boxes), generator)
            residual.check(points)
            self.blocks.append(Block(residual, points.to(dtype, device)))
        self.joined: list[tuple[Tensor, list[JumpBlock]]] = []
        """For each axis the pairs of cells on both sides of faces ``(faces, 2)``, and what jumps there."""
        for axis in range(d):
            pairs, faces = _touching(boxes, axis)
            if not len(pairs):
                continue
            others = tuple(i for i in range(d) if i != axis)
            points = Points(_nodes(faces, self.across, others).reshape(-1, d), names).to(dtype, device)
            step = torch.zeros(d, dtype=dtype, device=device)
            step[axis] = STEP * (boxes[:, 1, axis] - boxes[:, 0, axis]).min()
            jumps = [
                JumpBlock((k, len(problem.unknowns)), (axis,) * order, points, step, problem.coordinates.space)
                for k, unknown in enumerate(problem.unknowns)
                for order in range(_order(problem, unknown, axis))
            ]
            self.joined.append((pairs, jumps))
            self.blocks += jumps
        self.factors = [None] * len(self.blocks)

    def _on_sides(self, residual: Residual, boxes: Tensor) -> Points | None:
        """Give nodes on the sides of cells that a condition holds on; None where they would miss it."""
        region = residual.region
        if not isinstance(region, Boundary) or any(piece.face is None for piece in region.pieces):
            return None
        bounds, d = self.problem.domain.bounds, boxes.shape[2]
        found, normals = [], []
        for piece in region.pieces:
            assert piece.face is not None
            axis, side = piece.face
            at_side = boxes[(boxes[:, side, axis] - bounds[side, axis]).abs() <= 1e-12 * (bounds[1] - bounds[0])[axis]]
            at_side = at_side.clone()
            at_side[:, :, axis] = bounds[side, axis]
            x = _nodes(at_side, self.across, tuple(i for i in range(d) if i != axis)).reshape(-1, d)
            normal = torch.zeros_like(x)
            normal[:, axis] = 2.0 * side - 1.0
            kept = torch.ones(len(x), dtype=torch.bool) if piece.keep is None else piece.keep(x, normal)
            if kept.sum() < min(self.across, len(x)):
                return None  # a part so small falls between the nodes
            found.append(x[kept])
            normals.append(normal[kept])
        return Points(torch.cat(found), self.problem.coordinates.names, torch.cat(normals))

    def solve(
        self,
        trial: Trial,
        about: Callable[[Any], Any] | None = None,
        onto: Callable[[Any], Any] | None = None,
    ) -> tuple[Tensor, float]:
        """Find the head by nested dissection; see `Collocation.solve`."""
        joints = self._joints(trial, onto or about or trial.lift)
        boxes = self.space.boxes
        parts, least = dissect(self._cells(trial, about, onto), joints, boxes.mean(1))
        if not math.isfinite(least):
            return trial.coefficients, math.inf
        heads = torch.stack([part.reshape(len(self.problem.unknowns), -1) for part in parts], 1).flatten(1)
        return torch.cat([heads, heads.new_zeros(len(heads), 1)], 1), least

    def _cells(
        self, trial: Trial, about: Callable[[Any], Any] | None, onto: Callable[[Any], Any] | None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Assemble the rows of each cell in turn, some at a time."""
        local = Trial(self.space.one(), None, trial.hard, trial.known)
        blocks = [block for block in self.blocks if isinstance(block, Block)]
        where = [self.space.locate(block.points.coordinates) for block in blocks]
        orders = [cell.argsort(stable=True) for cell in where]
        counts = [torch.bincount(cell, minlength=len(self.space.boxes)) for cell in where]
        width = self.space.functions * len(self.problem.unknowns)
        step = max(1, GROUP * len(self.space.boxes) // (width * sum(len(cell) for cell in where)))
        starts = [0] * len(blocks)
        for first in range(0, len(self.space.boxes), step):
            last = min(first + step, len(self.space.boxes))
            rows, sides = [], []
            for i, block in enumerate(blocks):
                here = counts[i][first:last].tolist()
                chosen = orders[i][starts[i] : starts[i] + sum(here)]
                starts[i] += sum(here)
                if not len(chosen):
                    rows.append([block.points.coordinates.new_zeros(0, width)] * (last - first))
                    sides.append([block.points.coordinates.new_zeros(0)] * (last - first))
                    continue
                matrix, side = Block(block.residual, block.points[chosen]).system(local, about, onto)
                scale = block.weight / math.sqrt(len(block.points))
                rows.append(list((matrix * scale).split(here)))
                sides.append(list((side * scale).split(here)))
            for parts, values in zip(zip(*rows, strict=True), zip(*sides, strict=True), strict=True):
                yield torch.cat(parts), torch.cat(values)

    def _joints(self, trial: Trial, onto: Callable[[Any], Any]) -> list[Joint]:
        """Assemble the rows of each face: jumps in the mean with polynomials, which are fewer than its nodes."""
        joints = []
        tests = _polynomials(self.across, self.space.boxes.shape[2] - 1).to(self.space.boxes)
        for pairs, jumps in self.joined:
            above, below, sides = list[Tensor](), list[Tensor](), list[Tensor]()
            for jump in jumps:
                scale = jump.weight / math.sqrt(len(jump.points))
                for found, side in ((above, 1.0), (below, -1.0)):
                    columns = tests @ jump.columns(trial, side).unflatten(0, (len(pairs), -1))
                    rows = columns.new_zeros(*columns.shape[:2], jump.unknowns, columns.shape[2])
                    rows[:, :, jump.unknown] = side * scale * columns
                    found.append(rows.flatten(2))
                sides.append(-scale * jump.evaluate(onto).unflatten(0, (len(pairs), -1)) @ tests.mT)
            parts = [torch.cat(found, 1).unbind(0) for found in (below, above, sides)]
            joints += [
                Joint((low, high), (under, over), side)
                for (low, high), under, over, side in zip(pairs.tolist(), *parts, strict=True)
            ]
        return joints


def _nodes(boxes: Tensor, n: int, axes: tuple[int, ...]) -> Tensor:
    """Give Chebyshev's nodes in boxes ``(c, 2, d)`` along some axes, in their lower sides along the others.

    Returns:
        The nodes, shape ``(c, n ** len(axes), d)``.
    """
    one = -torch.cos(math.pi * (torch.arange(n, dtype=boxes.dtype) + 0.5) / n) / 2 + 0.5
    unit = boxes.new_zeros(n ** len(axes), boxes.shape[2])
    if axes:
        unit[:, list(axes)] = torch.cartesian_prod(*[one] * len(axes)).reshape(-1, len(axes))
    return boxes[:, :1] + unit * (boxes[:, 1:] - boxes[:, :1])


def _polynomials(n: int, dimension: int) -> Tensor:
    """Give the polynomials of Euclidean degree below n at Chebyshev's nodes, orthonormal, ``(count, n^dimension)``."""
    if not dimension:
        return torch.ones(1, 1, dtype=torch.float64)
    angles = math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n
    one = torch.cos(torch.arange(n, dtype=torch.float64)[:, None] * angles) * math.sqrt(2 / n)
    one[0] /= math.sqrt(2)
    degrees = torch.cartesian_prod(*[torch.arange(n)] * dimension).reshape(-1, dimension)
    kept = degrees[degrees.square().sum(1) < n * n]
    values = one[kept[:, 0]]
    for axis in range(1, dimension):
        values = (values[:, :, None] * one[kept[:, axis]][:, None]).flatten(1)
    return values


def _touching(boxes: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Find the faces between boxes ``(c, 2, d)`` that an axis is normal to.

    Returns:
        The numbers of the boxes below and above, ``(faces, 2)``, and the faces as boxes without height.
    """
    # Cells that a cut has made have the same number there.
    below, above = (boxes[:, 1, axis][:, None] == boxes[:, 0, axis]).nonzero(as_tuple=True)
    low = torch.maximum(boxes[below, 0], boxes[above, 0])
    high = torch.minimum(boxes[below, 1], boxes[above, 1])
    others = [i for i in range(boxes.shape[2]) if i != axis]
    shared = (low < high)[:, others].all(1)
    faces = torch.stack([low, high], 1)
    faces[:, :, axis] = boxes[below, 1, axis][:, None]
    return torch.stack([below, above], 1)[shared], faces[shared]


def _order(problem: Problem, unknown: str, axis: int) -> int:
    """Count the derivatives along an axis that are continuous: one less than the highest, and the value."""
    space = axis in problem.coordinates.space
    keys = itertools.chain(*(r.keys[unknown] for r in problem.equations))
    return max([1, *(2 * space if isinstance(key, str) else key.count(axis) for key in keys)])
