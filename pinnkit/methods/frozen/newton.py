"""Newton's method for the head of a frozen space, by least squares."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...algebra import solve_least_squares
from ...problem import Collocation, Trial
from ..task import Task
from .head import collocation_sizes

ITERATIONS = 25
SHORTEST = 1 / 1024
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

    Args:
        trial: its head is set.
        task: the problem.
        generator: source of the collocation points.
        oversampling: interior points for each unknown coefficient.
        guess: where to start; None starts from what the hard conditions prescribe, else zero.

    Returns:
        The relative residual; infinite, with the head left as it is, where a first step is not finite.
    """
    collocation = task.collocation(*collocation_sizes(trial, task, oversampling), generator)
    if guess is None:
        trial.set_head(torch.zeros_like(trial.coefficients))
    elif (first := _entered(trial, task, collocation, guess)) is not None:
        return first
    return newton_steps(trial, collocation)


def _entered(trial: Trial, task: Task, collocation: Collocation, guess: Callable[[Any], Any]) -> float | None:
    """Solve the problem linearised about a function of another space, the whole of it, in this one.

    That is a full step, whatever its residual; only where it leads further away than the function itself is, as from
    a guess at which the linearised problem is nearly singular, the function is fitted instead, if that is better.

    Args:
        trial: its head is set.
        task: the problem.
        collocation: the residuals.
        guess: the function.

    Returns:
        The relative residual, where nothing is left to be done; None where steps may follow.
    """
    coefficients, linear = collocation.solve(trial, guess, trial.lift)
    loss = math.inf
    if math.isfinite(linear):
        trial.set_head(coefficients)
        loss = collocation.loss(trial).sqrt().item()
        if loss < NEAR * linear:
            return loss / collocation.size(trial)
    if not loss < collocation.loss(guess).sqrt().item():
        entered, fitted = trial.coefficients, fit(trial, task, guess)
        trial.set_head(fitted)
        near = collocation.loss(trial).sqrt().item()
        if not near < loss:
            if not math.isfinite(loss):
                return math.inf
            trial.set_head(entered)
    return None


@torch.no_grad()
def fit(trial: Trial, task: Task, function: Callable[[Any], Any]) -> Tensor:
    """Fit a function in the mean square.

    Args:
        trial: whose columns are combined.
        task: the problem.
        function: of points ``(n, d)``, values ``(n, K)``.

    Returns:
        The head, shape ``(K, M + 1)``.
    """
    x = points(trial, task)
    rest = (function(x) - trial.lift(x)).mT
    return torch.stack([solve_least_squares(trial.columns(x, k), side)[0] for k, side in enumerate(rest)])


def points(trial: Trial, task: Task) -> Tensor:
    """Give evenly spread points at which functions of a trial space can be told from each other, shape ``(n, d)``."""
    inside = task.problem.domain.interior(4 * (trial.space.size + 1), task.generator(21, 4))
    return inside.to(task.dtype, task.device).coordinates


@torch.no_grad()
def newton_steps(trial: Trial, collocation: Collocation) -> float:
    """Go on from the head that a trial function has, by steps that are halved until the loss falls.

    Each step solves the linearised problem for the whole trial function, not for a correction: rounding does not build
    up.

    Args:
        trial: its head is where to start, and is set.
        collocation: the residuals.

    Returns:
        The relative residual; infinite, with the head left as it is, where the first step is not finite.
    """
    head = trial.coefficients
    before = collocation.loss(trial).sqrt().item()
    for iteration in range(ITERATIONS):
        # A copy, because the head of the trial function itself is about to change.
        about = copy.deepcopy(trial)
        coefficients, linear = collocation.solve(trial, about, trial.lift)
        if not math.isfinite(linear):
            if not iteration:
                return math.inf
            break
        step, length = coefficients - head, 1.0
        while True:
            trial.set_head(head + length * step)
            loss = collocation.loss(trial).sqrt().item()
            if loss < before or length <= SHORTEST:
                break
            length /= 2
        if not loss < before:
            trial.set_head(head)
            break
        near = length == 1 and (loss > 0.9 * before or loss < NEAR * linear)
        before, head = loss, trial.coefficients
        if near:
            break
    return before / collocation.size(trial)
