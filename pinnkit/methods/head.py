"""The head of a trial function: by least squares on residuals, or as the minimum of an energy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from ..problem import Trial
from .ridge import solve_least_squares
from .spectral_solve import solve_positive
from .task import Task


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
        as it is, where the system is not finite.
    """
    unknowns = len(task.problem.unknowns)
    rows = math.ceil(oversampling * (trial.space.size + 1) * unknowns)
    equations = max(1, len(task.problem.equations))
    matrix, side = task.discretisation(-(-rows // equations), rows // 2, generator).system(trial, about)
    if not (torch.isfinite(matrix).all() and torch.isfinite(side).all()):
        return math.inf
    solve = solve_positive if task.problem.energies else solve_least_squares
    coefficients, least = solve(matrix, side)
    trial.set_head(coefficients.reshape(unknowns, -1))
    return least
