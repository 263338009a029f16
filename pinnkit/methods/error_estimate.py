"""Error estimates without a reference."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from ..problem import Trial, validation_points
from ..spaces import LRNN
from .frozen.head import solve_head
from .geometric_error import geometric_error as geometric_error
from .scales import scales
from .task import Task

SIZE = 400
SPREADS = (1.0, 4.0)
POINTS = 2048
OVERSAMPLING = 8.0
"""Nodes for each function of a correction of an energy."""


@torch.no_grad()
def sampled(trial: Trial, task: Task) -> Tensor:
    """Evaluate a trial function where differences are measured, shape ``(n, K)``."""
    return trial(validation_points(task.problem, POINTS).to(task.dtype, task.device).coordinates)


def apart(a: Tensor, b: Tensor, task: Task) -> float:
    """Measure the root-mean-square difference of `sampled` values relative to `scales`, the largest of the unknowns."""
    return _largest_ratio(a - b, torch.maximum(scales(a, task), scales(b, task)))


@torch.no_grad()
def difference(one: Trial, other: Trial, task: Task, values: tuple[Tensor, Tensor] | None = None) -> float:
    """Measure by how much two trial functions are `apart`.

    Over one and the same basis (a module that is not drawn anew) they agree, however wrong they are; then it is the
    size of the first one's correction in another space.

    Args:
        one: a trial function.
        other: a trial function over a basis drawn independently.
        task: their task.
        values: of both, as `sampled`, where they are known.

    Returns:
        The difference.
    """
    x = validation_points(task.problem, 8).to(task.dtype, task.device).coordinates
    if torch.equal(one.columns(x, 0), other.columns(x, 0)):
        return correction_size(one, task)
    return apart(*(values or (sampled(one, task), sampled(other, task))), task)


@torch.no_grad()
def correction_size(trial: Trial, task: Task) -> float:
    """Estimate the relative error of a trial function by a Newton step in a space it has never seen.

    The residual of the trial function u is a source of the linearised problem L'(u) e = -R(u), which is solved for
    the correction e by least squares over an independent space; the estimate is |e|, root mean square, relative to
    the `scales` of u + e, the largest of the unknowns. (Our choice.)

    Args:
        trial: the trial function.
        task: its problem.

    Returns:
        The estimate, with the geometric error; infinite where the trial function is not finite.
    """
    return math.hypot(explained_error(trial, task)[0], geometric_error(trial, task))


@torch.no_grad()
def explained_error(trial: Trial, task: Task) -> tuple[float, float]:
    """Measure the correction of a trial function; see `correction_size`.

    Args:
        trial: the trial function.
        task: its problem.

    Returns:
        Its relative size, and the part of the residual that it leaves; infinite where something is not finite.
    """
    least, best = _correction(trial, task)
    if not math.isfinite(least):
        return math.inf, math.inf
    x = validation_points(task.problem, POINTS).to(task.dtype, task.device).coordinates
    # The lift belongs to the trial function, not to the correction.
    e, u = best(x) - best.lift(x), trial(x)
    return _largest_ratio(e, scales(u + e, task)), least


def _correction(trial: Trial, task: Task) -> tuple[float, Trial]:
    """Solve the problem linearised about a trial function, in a fresh space; least residual or energy with it."""
    generator = task.generator(7, 7)
    # Energies need more nodes for each function, and serve as well with fewer functions.
    space = task.suited(LRNN()).resized(SIZE // 2 if task.problem.energies else SIZE)
    groupings = (True, False) if space.spectral and task.spectrum.interactions is not None else (True,)
    ways = itertools.product(SPREADS, groupings)
    corrections = [task.trial(space, generator, *way) for way in ways]
    # A correction can be far smaller than the rounding and quadrature errors that it must not mistake for its source.
    oversampling = OVERSAMPLING if task.problem.energies else 4.0
    residuals = [solve_head(correction, task, generator, oversampling, about=trial) for correction in corrections]
    least = min(residuals)
    return least, corrections[residuals.index(least)]


@torch.no_grad()
def energy_residual(trial: Trial, task: Task) -> float:
    """Estimate the residual of an energy's Euler-Lagrange equation, in the dual of its norm.

    That is the norm of the Newton step in a fresh space, whose energy J is lower by half of its square, relative to
    what all of the trial function does for the energy: :math:`((J(u) - J(u + e)) / (J(0) - J(u + e)))^{1/2}`. (Our
    choice.)

    Args:
        trial: the trial function.
        task: its problem.

    Returns:
        The estimate; infinite where the trial function is not finite.
    """
    decrease = -_correction(trial, task)[0]
    energy = task.discretisation(POINTS, POINTS, task.generator(9, 9)).loss
    gained = energy(trial.lift).item() - energy(trial).item()
    # Rounding may leave a minute increase; only the size counts.
    decrease = abs(decrease)
    return math.sqrt(decrease / (abs(gained) + decrease)) if 0 < decrease < math.inf else decrease


def _largest_ratio(errors: Tensor, sizes: Tensor) -> float:
    """Give the root-mean-square of errors ``(n, K)`` relative to sizes ``(K,)``, the largest of the unknowns."""
    return (errors.square().mean(0).sqrt() / sizes).max().item()
