"""The energy of a problem by quadrature, as a loss and as the quadratic form of a head."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..domains import Boundary, Domain, Points
from .collocation import Block
from .energy import second_order
from .problem import Problem
from .residual import Residual
from .trial import Trial


class EnergyIntegral:
    """The energy of a problem by Gauss quadrature, as a loss and as the quadratic form of a head.

    Args:
        problem: the problem.
        points: number of interior nodes, at least.
        boundary_points: number of nodes on each face, at least.
        dtype: of nodes and values.
        device: where they live.
    """

    def __init__(
        self,
        problem: Problem,
        points: int,
        boundary_points: int,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        """Place the nodes; see the class."""
        self.problem = problem
        self.parts: list[tuple[Block, Tensor]] = []
        for density in problem.energies:
            nodes, weights = _quadrature(problem, density, points, boundary_points)
            density.check(nodes)
            self.parts.append((Block(density, nodes.to(dtype, device)), weights.to(device, dtype)))

    def loss(self, trial: Callable[[Any], Any]) -> Tensor:
        """Evaluate the energy of a trial function."""
        values = [
            weights @ block.residual(block.values(trial, block.points), block.points) for block, weights in self.parts
        ]
        return torch.stack(values).sum()

    @torch.no_grad()
    def system(self, trial: Trial, about: Callable[[Any], Any] | None = None) -> tuple[Tensor, Tensor]:
        r"""Assemble the quadratic model :math:`J(v + C c) \approx J(v) - b^T c + \tfrac12 c^T K c` for a head.

        Exact where the energy is quadratic; the Newton step :math:`K c = b` elsewhere.

        Args:
            trial: whose columns C are the functions to combine.
            about: the function v; None for the trial's lift.

        Returns:
            K, shape ``(n, n)`` with n = K (M + 1), and b, shape ``(n,)``.
        """
        block_size = trial.space.size + 1
        n = block_size * len(self.problem.unknowns)
        matrix, side = None, None
        for block, weights in self.parts:
            for chunk in block.chunks(n):
                points, weight = block.points[chunk], weights[chunk]
                slopes, curvatures = second_order(block.residual, block.values(about or trial.lift, points), points)
                if matrix is None or side is None:
                    matrix, side = points.coordinates.new_zeros(n, n), points.coordinates.new_zeros(n)
                columns = self._columns(block, trial, points)
                for i, (place, column) in enumerate(columns):
                    side[place] -= column.mT @ (weight * slopes[i])
                    for (other_place, other), curvature in list(zip(columns, curvatures[i], strict=True))[i:]:
                        if curvature is None or not curvature.any():
                            continue
                        part = column.mT @ ((weight * curvature)[:, None] * other)
                        matrix[place, other_place] += part
                        if other is not column:  # second derivatives are symmetric
                            matrix[other_place, place] += part.mT
        assert matrix is not None and side is not None
        return matrix, side

    @torch.no_grad()
    def change(self, move: Callable[[Any], Any], about: Callable[[Any], Any], columns: int) -> tuple[float, float]:
        r"""Evaluate the quadratic model of :math:`J(v + e) - J(v)`, without the rounding error of a difference.

        Args:
            move: the function e.
            about: the function v.
            columns: how many functions e and v are made of, by which memory is bounded.

        Returns:
            Its parts that are linear and quadratic in e.
        """
        linear, quadratic = 0.0, 0.0
        for block, weights in self.parts:
            for chunk in block.chunks(columns):
                points, weight = block.points[chunk], weights[chunk]
                slopes, curvatures = second_order(block.residual, block.values(about, points), points)
                moves = [value for found in block.values(move, points).values() for value in found.values()]
                for moved, slope, row in zip(moves, slopes, curvatures, strict=True):
                    linear += (weight @ (moved * slope)).item()
                    for curvature, other in zip(row, moves, strict=True):
                        if curvature is not None:
                            quadratic += 0.5 * (weight @ (moved * curvature * other)).item()
        return linear, quadratic

    def _columns(self, block: Block, trial: Trial, points: Points) -> list[tuple[slice, Tensor]]:
        """Evaluate, for each unknown and derivative that the density uses, its columns and their place in the head."""
        size = trial.space.size + 1
        found = []
        for k, keys in enumerate(block.residual.keys.values()):
            if keys:
                columns = block.derivatives(partial(trial.columns, unknown=k), points.coordinates)
                found += [(slice(k * size, (k + 1) * size), columns[key]) for key in keys]
        return found


def _quadrature(problem: Problem, density: Residual, points: int, boundary_points: int) -> tuple[Points, Tensor]:
    """Give a Gauss rule, in a domain with regions or breaks on cells that end there."""
    region = density.region
    if isinstance(region, Boundary):
        return region.quadrature(boundary_points)
    assert isinstance(region, Domain)
    if not any(density.breaks.values()):
        return region.quadrature(points)
    return region.partition(1, density.breaks).quadrature(points, region.names)
