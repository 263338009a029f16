"""What the conditions of a problem leave unsaid: initial states, and parts of the boundary without conditions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..domains import Boundary, Domain, Piece, Points, SpaceTime
from ..errors import InputError
from ..jets import LAPLACIAN, Key
from .residual import FixedPoints, Residual, Values, order

if TYPE_CHECKING:
    from .problem import Problem

SAMPLES = 2**13
GAP = 1e-3
"""Part of the boundary from which on a gap counts; smaller ones are a matter of rounding at the ends of pieces."""
NEXT = 1e-7
"""Distance from the boundary, relative to the domain, at which coefficients are looked at."""
DEGENERATE = 1e5
"""Coefficients that grow or fall towards the boundary by more than this stand for a condition there."""


def unsaid(problem: Problem) -> list[str]:
    """Find what nothing is said about, so that the solution cannot be determined.

    Equations with time derivatives of order m need as many conditions at one time or another; unknowns with derivatives
    of order m >= 2 in space need half as many (rounded down) all along the boundary, all together, and on a line m in
    all; on faces across an axis only derivatives along that axis count, because others may be those of an evolution.
    Weak forms and energies have natural conditions, data at points or in a part of the domain take the place of others,
    and so do coefficients that are singular or vanish at the boundary. (Our choice; only what is surely missing is
    told.)

    Args:
        problem: the problem.

    Returns:
        A sentence for each gap.
    """
    if any(_inner(residual, problem.domain) for residual in problem.soft):
        return []
    found = []
    for name in problem.unknowns:
        keys = {key for residual in [*problem.equations, *problem.factors] for key in residual.keys[name]}
        if isinstance(problem.domain, SpaceTime):
            found += _start(problem, name, keys, problem.domain)
    return found + (_around(problem) if problem.equations else [])


def _inner(residual: Residual, domain: Domain) -> bool:
    """Tell whether a condition holds at points, or in a part of the domain."""
    region = residual.region
    if isinstance(region, FixedPoints):
        return True
    return isinstance(region, Domain) and region.measure < 0.999 * domain.measure


def _start(problem: Problem, name: str, keys: set[Key], domain: SpaceTime) -> list[str]:
    axis = domain.dimension - 1
    highest = max((key.count(axis) for key in keys if not isinstance(key, str)), default=0)
    if not highest or axis in problem.periodic_axes:
        return []
    given = sum(_at_a_time(piece_region, axis) for piece_region in _regions(problem, name))
    if given >= highest:
        return []
    time = domain.names[axis]
    missing = [f"{name}=..."] if not given else [f"{name}_{time * k}=..." for k in range(given, highest)]
    return [
        f"nothing is said about {missing[0].removesuffix('=...')} at {time} = {domain.time.t0:g}, or at another time; "
        f"add pk.Initial({missing[0]})"
    ]


def _at_a_time(region: Boundary, axis: int) -> bool:
    return bool(region.pieces) and all(piece.face is not None and piece.face[0] == axis for piece in region.pieces)


def _regions(problem: Problem, name: str | None = None) -> list[Boundary]:
    """Give the parts of the boundary with a condition, soft or hard, on an unknown (None for any), one for each."""
    outer = [r for r in problem.soft if r.outer and (name is None or r.keys[name])]
    soft = [r.region for r in outer if isinstance(r.region, Boundary)]
    hard = []
    for condition in problem.conditions:
        for key in condition.data if condition.hard else ():
            if name is None or key == name or key.startswith(f"{name}_"):
                hard.append(condition.region(problem.domain))
    return [*soft, *hard]


def _around(problem: Problem) -> list[str]:
    """Look for parts of the boundary, without time, where too little is said about all unknowns together."""
    domain, space = problem.domain, {*problem.coordinates.space}
    keys = {
        name: [key for r in problem.equations for key in r.keys[name] if key == LAPLACIAN or {*key} <= space]
        for name in problem.unknowns
    }
    orders = {name: highest for name, found in keys.items() if (highest := order(found)) > 1}
    pieces = [
        piece for piece in domain.boundary.pieces
        if piece.face is None or piece.face[0] not in problem.periodic_axes
    ]
    if not orders or not pieces:
        return []
    names, total = " and ".join(orders), sum(orders.values())
    high = f"an equation of order {total}" if len(orders) == 1 else f"equations of orders {total} in all"
    verb = "need" + "s" * (len(orders) == 1)
    points, counts, owners = _counted(problem, pieces)
    if len(space) == 1:
        at = [points[:, 0] == end for end in domain.bounds[:, 0]]
        ends = [counts[here].double().mean().item() for here in at]
        if problem.periodic_axes or sum(ends) >= total - 0.01:
            return []
        # A singular end stands for its half of the conditions, and not for those of the other end.
        regular = sum(all(_regular(problem, name, points[here]) for name in orders) for here in at)
        if sum(ends) >= (most := total * regular // 2) - 0.01:
            return []
        return [
            f"too little is said about {names}: {high} {verb} {most} condition{'s' * (most > 1)} at the ends of the "
            f"line, and has {sum(ends):g}"
        ]
    needed = torch.tensor([sum(_across(keys[n], piece) // 2 for n in orders) for piece in pieces])[owners]
    short = counts < needed
    # What is said where nothing is needed, as a first state, stands for nothing that is missing elsewhere.
    extra, missing = ((counts - needed) * (needed > 0)).clamp_min(0), (needed - counts).clamp_min(0)
    surplus = extra.sum() >= missing.sum()
    if short.double().mean() < GAP or surplus or not all(_regular(problem, n, points[short]) for n in orders):
        return []
    low, up = points[short].amin(0), points[short].amax(0)
    where = ", ".join(
        f"{n} = {a:.4g}" if b - a < 1e-9 * max(abs(a), abs(b), 1e-300) else f"{n} in [{a:.4g}, {b:.4g}]"
        for n, a, b in zip(domain.names, low.tolist(), up.tolist(), strict=True)
    )
    share, most = short.double().mean().item(), int(needed[short].max())
    return [
        f"too little is said about {names} on {share:.1%} of the boundary, where {where}: {high} {verb} {most} "
        f"condition{'s' * (most > 1)} there, and has {int(counts[short].max())}"
    ]


def _across(keys: Sequence[Key], piece: Piece) -> int:
    """Give the highest order of derivatives across a piece of the boundary, any where it is no face across an axis."""
    if piece.face is None:
        return order(keys)
    return max((2 if isinstance(key, str) else key.count(piece.face[0]) for key in keys), default=0)


def _counted(problem: Problem, pieces: list[Piece]) -> tuple[Tensor, Tensor, Tensor]:
    """Give points of pieces of the boundary (of space), how many conditions hold at each, and whose they are."""
    points, normals, owners = [], [], []
    generator = torch.Generator().manual_seed(0)
    total = sum(piece.measure for piece in pieces)
    for number, piece in enumerate(pieces):
        n = 1 if piece.dimension == 0 else max(64, math.ceil(SAMPLES * piece.measure / total))
        x, normal = piece.sample(n, generator)
        points.append(x)
        normals.append(normal)
        owners.append(torch.full((n,), number))
    x, normal, owner = torch.cat(points), torch.cat(normals), torch.cat(owners)
    counts = torch.zeros(len(x), dtype=torch.int64)
    for region in _regions(problem):
        on = torch.zeros(len(x), dtype=torch.bool)
        for part in region.pieces:
            on |= _on(part, pieces, x, normal, owner)
        counts += on
    return x, counts, owner


def _on(part: Piece, pieces: list[Piece], x: Tensor, normal: Tensor, owner: Tensor) -> Tensor:
    """Tell which points are on a part of a piece of the boundary."""
    same = torch.tensor([piece.name == part.name and piece.face == part.face for piece in pieces])
    on = same[owner]
    return on if part.keep is None else on & part.keep(x, normal)


def _regular(problem: Problem, name: str, x: Tensor) -> bool:
    """Tell whether the equations have ordinary coefficients next to points of the boundary."""
    domain = problem.domain
    inside = domain.interior(64, torch.Generator().manual_seed(0)).coordinates
    near = x[: SAMPLES // 16]
    near = near + NEXT * (inside[torch.arange(len(near)) % len(inside)] - near)
    for residual in problem.equations:
        if order(residual.keys[name]) < 2:
            continue
        try:
            near_leading, near_lower = _coefficients(residual, name, near)
            leading, lower = _coefficients(residual, name, inside)
        except InputError:
            return False
        vanishes = near_leading * DEGENERATE < leading
        grows = lower > 0 and not near_lower < DEGENERATE * lower  # so that NaN grows, too
        if vanishes or grows:
            return False
    return True


def _coefficients(residual: Residual, name: str, x: Tensor) -> tuple[float, float]:
    """Give the median size of the coefficients of the highest derivatives of an unknown, and of the others."""
    values: Values = {u: {k: torch.full_like(x[:, 0], 0.7) for k in found} for u, found in residual.keys.items()}
    slopes = residual.linearise(values, Points(x, residual.coordinates.names))[1][name]
    highest = order(slopes)
    leading = torch.stack([s.abs() for key, s in slopes.items() if order([key]) == highest]).median().item()
    lower = [s.abs() for key, s in slopes.items() if order([key]) < highest]
    return leading, torch.stack(lower).median().item() if lower else 0.0
