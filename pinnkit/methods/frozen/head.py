"""The head of a trial function: by least squares on residuals, or as the minimum of an energy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...algebra import solve_least_squares
from ...errors import InputError
from ...problem import Collocation, EnergyIntegral, Trial
from ...problem.collocation import CONSTANT
from ...spaces import Piecewise
from ..task import Task
from .patch_solve import divisible, solve_patches
from .spectral_solve import check_balance, solve_positive

CROWDED = 0.4
"""Nodes of Chebyshev in cells for each point that is spread evenly. (Our choice.)"""
FINER = 2
"""How many times as many nodes an energy is measured on as it was made least on."""


def collocation_sizes(trial: Trial, task: Task, oversampling: float) -> tuple[int, int]:
    """Choose the numbers of points in the interior, for each equation, and on the boundary, for all conditions."""
    # Each node of an energy serves all unknowns.
    unknowns = 1 if task.problem.energies else len(task.problem.unknowns)
    rows = math.ceil(oversampling * (trial.space.size + 1) * unknowns)
    return -(-rows // max(1, len(task.problem.equations))), rows // 2


@torch.no_grad()
def solve_head(
    trial: Trial,
    task: Task,
    generator: torch.Generator,
    oversampling: float = 4.0,
    about: Callable[[Any], Any] | None = None,
) -> float:
    """Find the head that makes the residuals (or the energy) of a linear or linearised problem least, on fresh points.

    Args:
        trial: its head is set.
        task: the problem.
        generator: source of the collocation points.
        oversampling: interior points for each unknown coefficient.
        about: the function to linearise about, whose correction is sought; None solves the linear problem itself.

    Returns:
        What was made least: the relative residual, or the energy over that at the start; infinite, with the head left
        as it is, where the system is not finite, or a general energy not convex.

    Raises:
        InputError: a quadratic energy has no minimum.
    """
    unknowns, problem = len(task.problem.unknowns), task.problem
    if isinstance(trial.space, Piecewise):
        made = task.in_cells(trial.space, CROWDED * oversampling, generator)
        coefficients, least = made.solve(trial, about)
        if not math.isfinite(least):
            return math.inf
        trial.set_head(coefficients)
        return least / made.size(about or trial)
    points, boundary_points = collocation_sizes(trial, task, oversampling)
    discretisation = task.discretisation(points, boundary_points, generator)
    if isinstance(discretisation, Collocation) and divisible(trial, discretisation):
        coefficients, least = solve_patches(trial, discretisation, about)
        if not math.isfinite(least):
            return math.inf
        trial.set_head(coefficients)
        return discretisation.relative_residual(trial) if about is None else least
    matrix, side = discretisation.system(trial, about)
    if not (torch.isfinite(matrix).all() and torch.isfinite(side).all()):
        return math.inf
    if not problem.energies:
        coefficients, least = solve_least_squares(matrix, side)
        trial.set_head(coefficients.reshape(unknowns, -1))
        return least * side.norm().item() / _varying(matrix, side, trial)
    if about is None:
        check_balance(matrix, side)
    try:
        coefficients = solve_positive(matrix, side)
    except InputError:
        if about is None or problem.nonlinear is None:
            raise
        return math.inf  # where a general energy is not convex, there is no Newton step
    trial.set_head(coefficients.reshape(unknowns, -1))
    # On other and more nodes: an energy may be far too low where functions are rough between the nodes.
    finer = EnergyIntegral(problem, FINER * points, FINER * boundary_points, task.dtype, task.device)
    return sum(finer.change(lambda x: trial(x) - trial.lift(x), about or trial.lift, trial.space.size + 1))


def _varying(matrix: Tensor, side: Tensor, trial: Trial) -> float:
    """Give the size of a right-hand side without what constants do for it; see `Collocation.relative_residual`."""
    size, width = side.norm().item(), trial.space.size + 1
    constants = [k * width + width - 1 for k in range(matrix.shape[1] // width) if trial.hard.free(k)]
    if constants:
        least = solve_least_squares(matrix[:, constants], side)[1]
        size *= least if least > CONSTANT else 1.0
    return size if size > 0 else 1.0
