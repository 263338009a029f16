"""Newton's method for the head of a frozen space, by least squares."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch

from ...problem import Trial
from ..task import Task
from .head import collocation_sizes
from .ridge import solve_least_squares

ITERATIONS = 25
SHORTEST = 1 / 64
NEAR = 1.5
"""A loss this many times that of the linearised problem is as good as this space gets."""


@torch.no_grad()
def newton_head(
    trial: Trial,
    task: Task,
    generator: torch.Generator,
    oversampling: float = 4.0,
    guess: Callable[[Any], Any] | None = None,
) -> float:
    """Find the head that makes the residuals of a nonlinear problem least, on fresh points.

    Each step solves the problem linearised about the last function for the whole trial function, so that the first one
    may start from a function of another space. Steps within the space are shortened until the loss falls.

    Args:
        trial: its head is set.
        task: the problem.
        generator: source of the collocation points.
        oversampling: interior points for each unknown coefficient.
        guess: where to start; None starts from what the hard conditions prescribe, else zero.

    Returns:
        The relative residual; infinite, with the head left as it is, where a first step is not finite.
    """
    unknowns = len(task.problem.unknowns)
    collocation = task.collocation(*collocation_sizes(trial, task, oversampling), generator)
    about, head = guess, torch.zeros(unknowns, trial.space.size + 1, dtype=task.dtype, device=task.device)
    before = collocation.loss(about or trial.lift).sqrt().item()
    for iteration in range(ITERATIONS):
        matrix, side = collocation.system(trial, about, trial.lift if about else None)
        if not (torch.isfinite(matrix).all() and torch.isfinite(side).all()):
            return math.inf
        coefficients, linear = solve_least_squares(matrix, side)
        whole = coefficients.reshape(unknowns, -1)
        inside = guess is None or iteration > 0
        length = 1.0
        while True:
            trial.set_head(head + length * (whole - head) if inside else whole)
            loss = collocation.loss(trial).sqrt().item()
            if loss < before or not inside or length <= SHORTEST:
                break
            length /= 2
        if inside and not loss < before:
            trial.set_head(head)
            break
        if length == 1 and (loss > 0.9 * before or loss < NEAR * linear * side.norm().item()):
            break
        # A copy, because the head of the trial function itself is about to change.
        before, about = loss, copy.deepcopy(trial)
        head = trial.coefficients
    return collocation.relative_residual(trial)
