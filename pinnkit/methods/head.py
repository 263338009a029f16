"""The head of a trial function by least squares."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from ..problem import Trial
from .ridge import solve_least_squares
from .task import Task


@torch.no_grad()
def solve_head(
    trial: Trial,
    task: Task,
    generator: torch.Generator,
    oversampling: float = 4.0,
    about: Callable[[Any], Any] | None = None,
) -> float:
    """Find the head that makes the residuals of a linear (or linearised) problem least, on fresh points.

    Args:
        trial: its head is set.
        task: the problem.
        generator: source of the collocation points.
        oversampling: interior points for each unknown coefficient.
        about: the function to linearise about, whose correction is sought; None solves the linear problem itself.

    Returns:
        The relative residual; infinite, with the head left as it is, where the system is not finite.
    """
    unknowns, equations = len(task.problem.unknowns), len(task.problem.equations)
    rows = math.ceil(oversampling * (trial.space.size + 1) * unknowns)
    matrix, side = task.collocation(-(-rows // equations), rows // 2, generator).system(trial, about)
    if not (torch.isfinite(matrix).all() and torch.isfinite(side).all()):
        return math.inf
    coefficients, residual = solve_least_squares(matrix, side)
    trial.set_head(coefficients.reshape(unknowns, -1))
    return residual
