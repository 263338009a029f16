"""Jacobians of residuals by everything trainable: one row a collocation point."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from ...problem import Collocation, EnergyIntegral, Trial
from ...problem.collocation import Block
from ...problem.energy import second_order

CHUNK = 1024
"""Points differentiated at once, at most: more would only leave the caches. (Measured.)"""
ROOM = 8
"""How many numbers a row may need while it is made, for each number that is kept."""


class NotPointwise(Exception):
    """The residuals have no Jacobian point by point: a weak form, or a module that `torch.func.vmap` cannot map."""


def scaled_residuals(collocation: Collocation, trial: Trial) -> Tensor:
    """Evaluate all residuals, scaled so that their squared norm is the loss.

    Args:
        collocation: the residuals with their points, weights and factors.
        trial: the trial function.

    Returns:
        The residuals, shape ``(m,)``.
    """
    found = zip(_scales(collocation), collocation.residuals(trial), strict=True)
    return torch.cat([scale / math.sqrt(len(r)) * r for scale, r in found])


def _scales(collocation: Collocation) -> list[Tensor | float]:
    pairs = zip(collocation.blocks, collocation.factors, strict=True)
    return [block.weight if factor is None else block.weight * factor.sqrt() for block, factor in pairs]


def residual_jacobian(
    collocation: Collocation, trial: Trial, parameters: Sequence[nn.Parameter], memory: float = math.inf
) -> tuple[Tensor, Tensor]:
    r"""Differentiate the scaled residuals by the trial function's and the problem's parameters.

    Residuals are local: :math:`\partial r_i / \partial\theta = \sum_k a_{ik} \, \partial (D_k u)(x_i) /
    \partial\theta`, with :math:`a_{ik}` from `Residual.linearise`. The equations' own code is therefore not mapped
    over points, only the trial function is.

    Args:
        collocation: the residuals.
        trial: the trial function; of its parameters, those that require gradients are differentiated by.
        parameters: trainable parameters of the problem, whose columns come last.
        memory: bytes that may be used beside the result, about.

    Returns:
        The Jacobian ``(m, P)`` and the residuals ``(m,)``, double precision.

    Raises:
        NotPointwise: see there.
    """
    rows, sides = [], []
    for block, scale in zip(collocation.blocks, _scales(collocation), strict=True):
        if not isinstance(block, Block):
            raise NotPointwise("a weak form has no residuals at points")
        with torch.no_grad():
            values = block.values(trial, block.points)
        residual, slopes = block.residual.linearise(values, block.points)
        coefficients = torch.stack([slope for found in slopes.values() for slope in found.values()], 1)
        jacobian = _rows(block, trial, block.points.coordinates, coefficients, memory)
        jacobian, residual = (block.points.average(part) for part in (jacobian, residual))
        if parameters:
            jacobian = torch.cat([jacobian, block.parameter_columns(trial, parameters)], 1)
        factor = torch.as_tensor(scale, dtype=torch.float64, device=residual.device) / math.sqrt(len(residual))
        rows.append(jacobian.double() * factor.reshape(-1, 1))
        sides.append(residual.double() * factor)
    return torch.cat(rows), torch.cat(sides)


def metric_root(integral: EnergyIntegral, trial: Trial, memory: float = math.inf) -> Tensor:
    r"""Give a root J of the energy's metric :math:`G = J^T J = \int D^T (\partial^2 e) D`.

    D are the derivatives of the trial function that the density e uses, differentiated by the parameters. Directions
    in which the density is concave are left out, so that the metric has no negative ones.

    Args:
        integral: the energy.
        trial: the trial function.
        memory: bytes that may be used beside the result, about.

    Returns:
        J, one row a node and direction, double precision.

    Raises:
        NotPointwise: see there.

    Reference:
        Mueller and Zeinhofer 2023, arXiv:2302.13163.
    """
    roots = _metric_coefficients(integral, trial)
    return torch.cat([_rows(block, trial, block.points.coordinates, c, memory).double() for block, c in roots])


def metric_values(integral: EnergyIntegral, trial: Trial) -> Tensor:
    """Evaluate what `metric_root` is the Jacobian of, shape ``(m,)``, with a graph."""
    found = []
    for block, coefficients in _metric_coefficients(integral, trial):
        values = block.values(trial, block.points)
        parts = [value for of_unknown in values.values() for value in of_unknown.values()]
        found.append((torch.stack(parts, 1) * coefficients).sum(1))
    return torch.cat(found)


def _metric_coefficients(integral: EnergyIntegral, trial: Trial) -> list[tuple[Block, Tensor]]:
    """Take roots of the density's second derivatives at the nodes: coefficients ``(n, keys)`` of rows."""
    found = []
    for block, weights in integral.parts:
        with torch.no_grad():
            values = block.values(trial, block.points)
        _, curvatures = second_order(block.residual, values, block.points)
        zero = torch.zeros_like(weights)
        hessian = torch.stack([torch.stack([zero if c is None else c for c in row], 1) for row in curvatures], 1)
        size, direction = torch.linalg.eigh(hessian)
        roots = (weights[:, None] * size.clamp_min(0)).sqrt()[:, None] * direction
        found += [(block, root) for root in roots.unbind(2) if root.any()]
    # A density that is nowhere convex has no metric; one row of zeros stands for it.
    return found or [(block, roots[:, :, 0])]


def _count(trial: Trial) -> int:
    return sum(p.numel() for p in trial.parameters() if p.requires_grad)


def _rows(block: Block, trial: Trial, x: Tensor, coefficients: Tensor, memory: float) -> Tensor:
    """Differentiate, at each point, the sum of coefficients times derivatives of the unknowns, shape ``(n, P)``."""
    trained = {name: p.detach() for name, p in trial.named_parameters() if p.requires_grad}
    keys = [(k, key) for k, found in enumerate(block.residual.keys.values()) for key in found]

    def combined(tensors: dict[str, Tensor], point: Tensor, factors: Tensor) -> Tensor:
        found = block.derivatives(lambda y: functional_call(trial, tensors, (y,)), point[None])
        return torch.stack([found[key][0, k] for k, key in keys]) @ factors

    row_bytes = ROOM * x.element_size() * _count(trial)
    chunk = max(1, min(CHUNK, int(min(memory, 2**62) // row_bytes)))
    try:
        mapped = vmap(grad(combined), (None, 0, 0), chunk_size=chunk)(trained, x, coefficients)
    except (RuntimeError, NotImplementedError) as error:
        raise NotPointwise(" ".join(str(error).split())[:100]) from error
    return torch.cat([mapped[name].flatten(1) for name in trained], 1)
