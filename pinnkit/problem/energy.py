"""Energies: problems whose solution makes an integral least."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..domains import Boundary, Domain, Points
from ..errors import InputError
from .conditions import Periodic, check_region
from .residual import Coordinates, Residual, Values, bind


@dataclass(frozen=True)
class Energy:
    r"""A part of the energy, :math:`\int e(u, \nabla u, \dots, x)`, of which the solution is the minimum.

    The integral is minimised as it is, never squared, so that first derivatives are enough for an equation of second
    order. Values on the boundary are prescribed by hard conditions; Neumann and Robin conditions are natural: their
    data are energies on the boundary, such as ``pk.Energy(lambda u, p: -flux(p) * u, on=domain.boundary["right"])``.

    Args:
        density: the integrand, a function of the unknowns and, last, the point.
        on: where to integrate; the domain by default.

    Reference:
        E and Yu 2018 (the deep Ritz method), doi:10.1007/s40304-018-0127-z.
    """

    density: Callable[..., Tensor]
    on: Boundary | Domain | None = None


def state_energies(
    energy: Any, unknowns: Sequence[str], domain: Domain, coordinates: Coordinates, conditions: Sequence[Any]
) -> list[Residual]:
    """Check the energies of a problem.

    Args:
        energy: a density, an `Energy`, or several of them.
        unknowns: names of the unknowns.
        domain: of the problem.
        coordinates: of the problem.
        conditions: of the problem.

    Returns:
        The densities as local functions with their regions.

    Raises:
        InputError: an energy is something else, has no quadrature, or stands beside a soft condition.
    """
    parts = list(energy) if isinstance(energy, Sequence) else [energy]
    found = []
    for number, given in enumerate(parts, 1):
        part = given if isinstance(given, Energy) else Energy(given)
        title = "energy" if len(parts) == 1 else f"energy {number}"
        region = domain if part.on is None else part.on
        check_region(title, region, domain)
        region.quadrature(1)
        found.append(Residual(title, bind(title, part.density, unknowns), region, coordinates))
    for condition in conditions:
        if not isinstance(condition, Periodic) and not condition.hard:
            raise InputError(
                f"an energy is minimised, so that {type(condition).__name__} cannot be one more residual beside it: "
                "use hard=True for values on the boundary, and pk.Energy(..., on=...) for Neumann and Robin data."
            )
    return found


def second_order(
    density: Residual, values: Values, points: Points
) -> tuple[list[Tensor], list[list[Tensor | None]]]:
    """Differentiate a density twice by the unknowns' derivatives, point by point.

    Args:
        density: the local function.
        values: where to differentiate, the derivatives in its `keys`.
        points: the n points.

    Returns:
        The gradient, a tensor ``(n,)`` for each unknown and key in turn, and the matrix of second derivatives, with
        None where one is zero.
    """
    leaves = {u: {k: v.detach().clone().requires_grad_() for k, v in d.items()} for u, d in values.items()}
    flat = [leaf for found in leaves.values() for leaf in found.values()]
    with torch.enable_grad():
        slopes = _gradient(density(leaves, points).sum(), flat, create_graph=True)
        curvatures = [_gradient(None if slope is None else slope.sum(), flat) for slope in slopes]
    gradient = [torch.zeros_like(leaf) if s is None else s.detach() for s, leaf in zip(slopes, flat, strict=True)]
    return gradient, curvatures


def _gradient(total: Tensor | None, leaves: list[Tensor], create_graph: bool = False) -> list[Tensor | None]:
    if total is None or not total.requires_grad:
        return [None] * len(leaves)
    return list(torch.autograd.grad(total, leaves, retain_graph=True, create_graph=create_graph, allow_unused=True))
