"""Weak forms that are the first variation of an energy."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..domains import Boundary, Box, Domain, Mesh, Piece, Points
from ..domains.mesh import MeshPiece
from ..errors import InputError
from ..jets import Unknown
from .conditions import Dirichlet
from .hard import HardConditions
from .problem import Problem
from .residual import Residual
from .weak import WeakForm

SAMPLES = 64
"""Points at which it is looked whether a form is symmetric and convex."""
ROUNDING, PLANE = 1e-10, 1e-9
"""What symmetry and positivity may be off by, and how near to a side facets lie, relative to their sizes."""


def energetic(problem: Problem) -> Problem | None:
    r"""State a weak form as the energy whose first variation it is.

    A form :math:`a(u, v) - l(v)` that is linear in u, and at each point symmetric and positive semi-definite in the
    values and first derivatives of u and v, says that :math:`\tfrac12 a(u, u) - l(u)` is least. Its conditions must be
    values on sides of the domain's bounding box, all of what the domain has there, and are made hard.

    Args:
        problem: stated by a weak form or otherwise.

    Returns:
        The same problem, stated by that energy; None where the form is none of this kind.
    """
    if not problem.weak or problem.nonlinear is not None or problem.trainable_parameters:
        return None
    conditions = [hard for condition in problem.conditions if (hard := _hard(problem, condition)) is not None]
    if len(conditions) < len(problem.conditions) or problem.domain.regions:
        return None
    if not all(_convex(problem, form) for form in problem.weak):
        return None
    found = copy.copy(problem)
    for name in ("nonlinear", "unsaid", "prescribed"):  # kept from what was stated before
        found.__dict__.pop(name, None)
    found.conditions = tuple(conditions)
    try:
        found.hard = HardConditions(conditions, problem.unknowns, problem.domain)
        found.hard.check(problem.domain.interior(SAMPLES, torch.Generator().manual_seed(0)))
    except InputError:  # two conditions on one side, say
        return None
    if not all(_met(residual, found.hard) for residual in problem.soft):
        return None
    found.soft, found._held = [], problem.soft
    found.weak, found.energies = [], [_energy(problem, form) for form in problem.weak]
    for residual, form in zip(found.energies, problem.weak, strict=True):
        residual.trace(problem.unknowns, residual.sample(SAMPLES, torch.Generator().manual_seed(0)))
        residual.breaks = {**form.breaks}
    return found


def _met(residual: Residual, hard: HardConditions) -> bool:
    """Tell whether hard conditions do what a soft one says; where data on two sides disagree at an edge, none can."""
    points = residual.sample(SAMPLES, torch.Generator().manual_seed(0))
    with torch.no_grad():
        off = residual(residual.values(hard.lift, points), points)
        size = residual(residual.zero(points), points)
    return bool(off.abs().max() <= PLANE * max(size.abs().max().item(), 1e-300)) if size.any() else not off.any()


def _hard(problem: Problem, condition: Any) -> Dirichlet | None:
    """Make a condition on values hard; None where it is none, or not on all that is on a side of the bounding box."""
    if not isinstance(condition, Dirichlet) or {*condition.data} - {*problem.unknowns}:
        return None
    pieces = [side for piece in condition.on.pieces if (side := _on_side(problem.domain, piece)) is not None]
    if len(pieces) < len(condition.on.pieces):
        return None
    found = copy.copy(condition)
    found.on, found.hard = Boundary(pieces, condition.on.coordinate_names), True
    return found


def _on_side(domain: Domain, piece: Piece) -> Piece | None:
    """Give a piece of the boundary that is all that the domain has on a side of its bounding box, with that side."""
    if piece.keep is not None:
        return None
    if not isinstance(piece, MeshPiece) or not isinstance(domain, Mesh):
        return piece if piece.face is not None and isinstance(domain, Box) else None
    near = PLANE * (domain.bounds[1] - domain.bounds[0]).max()
    for axis, side in itertools.product(range(domain.dimension), (0, 1)):
        here, there = (
            (corners[..., axis] - domain.bounds[side, axis]).abs().amax(1) < near
            for corners in (piece.corners, domain.nodes[domain.facets])
        )
        if here.all() and int(here.sum()) == int(there.sum()):
            found = copy.copy(piece)
            found.face = (axis, side)
            return found
    return None


def _convex(problem: Problem, form: WeakForm) -> bool:
    """Tell whether a form is symmetric and positive semi-definite at each point."""
    residual = form.factors[0].residual
    points = residual.sample(SAMPLES, torch.Generator().manual_seed(0))
    tested = [(problem.unknowns[factor.test], factor.key) for factor in form.factors]
    used = [(unknown, key) for unknown, keys in residual.keys.items() for key in keys]
    names = [*dict.fromkeys([*tested, *used])]
    matrix = torch.zeros(len(points), len(names), len(names), dtype=torch.float64)
    for factor, row in zip(form.factors, tested, strict=True):
        slopes = factor.residual.linearise(factor.residual.zero(points), points)[1]
        for unknown, found in slopes.items():
            for key, slope in found.items():
                matrix[:, names.index(row), names.index((unknown, key))] += slope
    size = matrix.abs().max()
    if not ((matrix - matrix.mT).abs() <= ROUNDING * size).all():
        return False
    return bool((torch.linalg.eigvalsh(matrix) >= -ROUNDING * size).all())


def _energy(problem: Problem, form: WeakForm) -> Residual:
    """Give the density :math:`a(u, u) / 2 - l(u)` of a form."""
    first = form.factors[0].residual

    def density(fields: Mapping[str, Unknown], p: Points) -> Tensor:
        zero = torch.zeros_like(p.coordinates[:, 0])
        nothing = {
            name: Unknown(lambda key: zero, first.coordinates.names, first.coordinates.space, p.normals)
            for name in problem.unknowns
        }
        total = zero
        for factor in form.factors:
            load, whole = (factor.residual.function(values, p) for values in (nothing, fields))
            total = total + (load + whole) / 2 * fields[problem.unknowns[factor.test]]._lookup(factor.key)
        return total

    return Residual(first.name, density, form.region, first.coordinates)
