r"""Approximate distances to pieces of boundaries: smooth, zero on the piece, and of unit normal derivative there.

Reference:
    Sukumar and Srivastava 2022, doi:10.1016/j.cma.2021.114333; Shapiro 2007 (R-functions),
    doi:10.1017/S0962492906390010.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..jets import plain

Scalar = Callable[[Any], Any]
"""Maps points ``(n, d)``, or a jet of them, to ``(n,)``."""


TwoSided = Callable[[Any, float], Any]
"""Maps points, and the side of the domain, 1 inside or -1 outside, that they are on or derivatives belong to."""


@dataclass(frozen=True)
class Distances:
    """Two approximate distances to one piece of a boundary.

    Attributes:
        within: positive inside the domain; elsewhere it may vanish or be negative.
        everywhere: positive everywhere but on the piece, where its derivatives are those of one side.
        smooth: whether `within` is smooth up to the ends of the piece.
    """

    within: Scalar
    everywhere: TwoSided
    smooth: bool = True


def modulus(f: Any, size: float) -> Any:
    """Give |f|, whose derivative on the piece itself is that of the side where f > 0, whatever the rounding of f."""
    slack = 64 * torch.finfo(f.dtype).eps * size
    return torch.where(plain(f) >= -slack, f, -f)


def floor(dtype: torch.dtype) -> float:
    """Give a number that is nothing beside any distance, but not beside zero: ratios at corners have derivatives."""
    return torch.finfo(dtype).tiny ** 0.25


def root(square: Any) -> Any:
    """Give the square root of a sum of squares, with finite derivatives at zero."""
    return torch.sqrt(square + floor(square.dtype) ** 2)


def conjunction(a: Any, b: Any) -> Any:
    """Give the R-conjunction, positive where both are: a + b - (a^2 + b^2)^(1/2)."""
    return a + b - root(a * a + b * b)


def disjunction(a: Any, b: Any) -> Any:
    """Give the R-disjunction, positive where one of them is: a + b + (a^2 + b^2)^(1/2)."""
    return a + b + root(a * a + b * b)


def trimmed(f: Any, t: Any, size: float = 1.0) -> Any:
    r"""Give the distance to the part with :math:`t \ge 0` of the set f = 0.

    :math:`\phi = (f^2 + (\rho - t)^2 / 4)^{1/2}` with :math:`\rho = (t^2 + f^4)^{1/2}`. Where t > 0 it is evaluated as
    :math:`|f| (1 + (f^3 / (2 (\rho + t)))^2)^{1/2}`, which is smooth on the part itself.

    Args:
        f: normalised implicit function of the whole set.
        t: trimming function.
        size: of the domain, for the rounding of f.

    Returns:
        The distance.
    """
    rho = root(t * t + f * f * f * f)
    on = plain(t) > 0
    one = torch.ones_like(plain(t))
    share = f * f * f / torch.where(on, 2 * (rho + t), one)
    near = modulus(f, size) * torch.sqrt(1 + share * share)
    gap = (rho - t) / 2
    far = root(torch.where(on, one, f * f + gap * gap))
    return torch.where(on, near, far)


def joined(distances: Any) -> Any:
    r"""Join distances to pieces to that to their union, :math:`(\sum_i 1 / \phi_i)^{-1}` (R-equivalence).

    Args:
        distances: `(n, m)`.

    Returns:
        `(n,)`, normalised where one of them is zero.
    """
    values = plain(distances)
    least = torch.arange(values.shape[1], device=values.device) == values.argmin(1)[:, None]
    smallest = torch.where(least, distances, torch.zeros_like(values)).sum(1)
    tiny = torch.finfo(values.dtype).tiny
    others = torch.where(least | (values < tiny), torch.ones_like(values), distances)
    ratios = torch.where(least, torch.zeros_like(values), smallest[:, None] / others)
    return smallest / (1 + ratios.sum(1))


def segments(begin: Tensor, end: Tensor, inward: Tensor) -> TwoSided:
    """Give the distances to segments.

    Args:
        begin: `(m, 2)`.
        end: `(m, 2)`.
        inward: `(m, 2)`, unit normals into the domain.

    Returns:
        Maps points `(n, 2)` and a side to `(n, m)`.
    """
    length = (end - begin).norm(dim=1)
    middle = (begin + end) / 2
    offset = (middle * inward).sum(1)
    size = begin.abs().max().item() + length.max().item()

    def distances(x: Any, side: float) -> Any:
        to = {"dtype": x.dtype, "device": x.device}
        f = side * (x @ inward.mT.to(**to) - offset.to(**to))
        from_middle = x[:, None, :] - middle.to(**to)
        t = length.to(**to) / 4 - (from_middle * from_middle).sum(-1) / length.to(**to)
        return trimmed(f, t, size)

    return distances


def half_space(axis: int, at: float, sign: float) -> Scalar:
    """Give the distance to a plane across an axis, positive on the side of that sign."""
    return lambda x: (x[:, axis] - at) * sign


def box_face(bounds: Tensor, axis: int, side: int) -> Distances:
    """Give the distances to a face of a box.

    Args:
        bounds: `(2, d)`.
        axis: across which the face lies.
        side: 0 lower or 1 upper.

    Returns:
        The distances: to its plane inside, to the face itself everywhere.
    """
    plane = half_space(axis, bounds[side, axis].item(), 1.0 - 2.0 * side)
    others = [(i, *bounds[:, i].tolist()) for i in range(bounds.shape[1]) if i != axis]
    size = bounds.abs().max().item()

    def everywhere(x: Any, side: float) -> Any:
        f = side * plane(x)
        if not others:
            return modulus(f, size)
        inside: Any = None
        for i, low, high in others:
            here = (x[:, i] - low) * (high - x[:, i]) / (high - low)
            inside = here if inside is None else conjunction(inside, here)
        return trimmed(f, inside, size)

    return Distances(plane, everywhere)


def round_wall(center: Tensor, radius: float, outward: float) -> Distances:
    """Give the distances to a sphere, (R^2 - |x - c|^2) / (2 R) up to its sign.

    Args:
        center: `(d,)`.
        radius: R.
        outward: 1 if the domain is inside, -1 if it is outside.

    Returns:
        The distances.
    """

    def within(x: Any) -> Any:
        from_center = x - center.to(dtype=x.dtype, device=x.device)
        return (radius**2 - (from_center * from_center).sum(-1)) * (outward / (2 * radius))

    size = center.abs().max().item() + radius
    return Distances(within, lambda x, side: modulus(side * within(x), size))
