"""How far an answer moves when the data move: ill-posed problems are told by it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..algebra import solve_least_squares
from ..domains import Domain
from ..problem import Block, validation_points
from ..problem.collocation import constant
from ..spaces import LRNN
from .frozen.head import collocation_sizes
from .inverse.posterior import has_noise
from .scales import POINTS, scales
from .task import Task

SIZE = 300
EXACT = 1e-12
SUSPICIOUS = 3.0
"""From here on twice the functions are asked, too: an ill-posed problem is the worse the more of them there are."""
ILL_POSED = 1e3
"""From this amplification on, a summary says so. (Our choice.)"""


@torch.no_grad()
def amplification(trial: nn.Module, task: Task) -> float | None:
    r"""Measure the relative change of the answer over that of the data, for noise in the data.

    Sources, boundary and initial data get independent normal noise at every point, of one and the same size relative
    to what varies of them (of sources at that point; constants are taken as exact, unless there is nothing else); the
    linearised problem is solved for what that changes, in a space of functions that look like the solution. Where a
    problem is well-posed the ratio is about one or less, because noise averages out, and some hundreds for pressures,
    which follow from derivatives of prescribed velocities; it is far more where the problem turns small changes into
    large ones, as the heat equation backwards in time, and then grows with the space. (Our choice.)

    Args:
        trial: the solution.
        task: its task.

    Returns:
        The ratio, with `scales` of the solution; None for energies, inverse problems (whose posterior tells it), and
        problems without data.
    """
    if task.problem.energies or has_noise(task.problem) or task.problem.trainable_parameters:
        return None
    found = _ratio(trial, task, SIZE)
    return found if found is None or found < SUSPICIOUS else max(found, _ratio(trial, task, 2 * SIZE) or 0.0)


def _ratio(trial: nn.Module, task: Task, size: int) -> float | None:
    problem = task.problem
    space = task.suited(LRNN()).resized(size // len(problem.unknowns))
    probe = task.trial(space, task.generator(14, 0))
    made = task.collocation(*collocation_sizes(probe, task, 4.0), task.generator(14, 1))
    matrix, _ = made.system(probe, None if problem.nonlinear is None else trial)
    data = made.residuals(constant(matrix.new_zeros(len(problem.unknowns))))
    varying = [values - values.mean() for values in data]
    if all(part.abs().max() <= EXACT * values.abs().max() for part, values in zip(varying, data, strict=True)):
        varying = data
    generator, parts = task.generator(14, 2), []
    for block, values in zip(made.blocks, varying, strict=True):
        noise = torch.randn(len(values), generator=generator, dtype=torch.float64).to(values)
        inside = isinstance(block, Block) and isinstance(block.residual.region, Domain)
        amplitude = values if inside else values.square().mean().sqrt()
        parts.append(noise * amplitude * (block.weight / math.sqrt(len(values))))
    noise = torch.cat(parts)
    if not noise.any() or not (torch.isfinite(matrix).all() and torch.isfinite(noise).all()):
        return None
    heads = solve_least_squares(matrix, noise)[0].reshape(len(problem.unknowns), -1)
    x = validation_points(problem, POINTS).to(task.dtype, task.device).coordinates
    moved: Tensor = torch.stack([probe.columns(x, k) @ head for k, head in enumerate(heads)], 1)
    return (moved.square().mean(0).sqrt() / scales(trial(x), task)).max().item()
