"""Features: places where data or solutions vary on a scale far below the size of the domain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from .domain import Domain

RADII, BRIDGE, ITERATIONS = 1024, 2**12, 20
SHARE = 0.5
"""Points around all features together, for each evenly distributed one. (Our choice.)"""
NEAR = 3.0
"""What is within so many widths is the same place. (Our choice.)"""


class Feature:
    r"""A peak, a layer or a tube: in coordinates :math:`a = B (x - c)` it is about one unit wide.

    B has a row for each direction across the feature, orthogonal to the others, divided by the width there: d rows for
    a peak, one for a layer. Methods put points there, evenly in the logarithm of :math:`1 + |a|^2`, so that every
    scale from the width to the domain has its share, and functions with the same scales; see `CoreMap`.

    Args:
        at: a point of it, in the coordinates of the domain.
        width: how wide it is, in their units; for peaks also one number a coordinate.
        normal: the direction across a layer, shape ``(d,)``, or several of them ``(k, d)``; None for a peak.

    Raises:
        InputError: shapes do not fit, a number is not finite, a width is not positive, or normals are dependent.
    """

    def __init__(
        self, at: Sequence[float], width: float | Sequence[float], normal: Sequence[Any] | None = None
    ) -> None:
        """Check the numbers; see the class."""
        try:
            self.centre = torch.as_tensor(at, dtype=torch.float64).reshape(-1)
            widths = torch.as_tensor(width, dtype=torch.float64).reshape(-1)
            d = len(self.centre)
            across = torch.eye(d).double() if normal is None else torch.as_tensor(normal, dtype=torch.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"a feature has numbers at= and width=, got {at!r}, {width!r}, {normal!r}.") from error
        if not torch.isfinite(self.centre).all() or not d:
            raise InputError(f"a feature is at a point, one finite number for each coordinate, got at={at!r}.")
        if not (torch.isfinite(widths) & (widths > 0)).all():
            raise InputError(f"the width of a feature must be positive, got width={width!r}.")
        across = across.reshape(-1, across.shape[-1])
        if across.shape[1] != d or len(across) > d or torch.linalg.matrix_rank(across) < len(across):
            raise InputError(f"normal= must hold independent directions of {d} numbers each, got {normal!r}.")
        if len(widths) not in (1, len(across)):
            raise InputError(f"width= must be one number or {len(across)}, got {width!r}.")
        # Orthogonal to each other, the first one as it is.
        across = torch.linalg.qr(across.mT).Q.mT
        self.frame = across / widths[:, None]

    @classmethod
    def found(cls, centre: Tensor, frame: Tensor) -> Feature:
        """Make one from its frame B ``(k, d)``."""
        made = cls.__new__(cls)
        made.centre, made.frame = centre, frame
        return made

    @property
    def codimension(self) -> int:
        """In how many directions k it is narrow."""
        return len(self.frame)

    @property
    def widths(self) -> Tensor:
        """Its width along each row of the frame, shape ``(k,)``."""
        return 1 / self.frame.norm(dim=1)

    def check(self, domain: Domain) -> None:
        """Check that the feature is in a domain.

        Args:
            domain: the domain.

        Raises:
            InputError: it has another number of coordinates, or is outside.
        """
        if len(self.centre) != domain.dimension:
            raise InputError(
                f"the feature at {self.centre.tolist()} has {len(self.centre)} coordinates; the domain has "
                f"{domain.dimension}: {', '.join(domain.names)}."
            )
        slack = 1e-6 * (domain.bounds[1] - domain.bounds[0]).norm()
        if domain.signed_distance(self.centre[None]).item() > slack:
            raise InputError(
                f"the feature at {self.centre.tolist()} is outside the domain, which lies in {domain.bounds.tolist()}."
            )

    def distance(self, x: Tensor) -> Tensor:
        """Distance of points ``(n, d)`` in widths, ``(n,)``."""
        return ((x - self.centre.to(x)) @ self.frame.to(x).mT).norm(dim=1)

    def holds(self, other: Feature) -> bool:
        """Tell whether the centre of another one is within `NEAR` widths of this one."""
        return self.distance(other.centre[None]).item() <= NEAR

    def farthest(self, bounds: Tensor) -> float:
        """Distance in widths of the farthest corner of a bounding box ``(2, d)``, two at least."""
        corners = torch.cartesian_prod(*bounds.mT).reshape(-1, bounds.shape[1])
        return max(2.0, self.distance(corners).max().item())

    def place(self, unit: Tensor, bounds: Tensor) -> Tensor:
        r"""Map the unit cube to points whose density falls like :math:`(1 + |a|^2)^{-k/2}`, uniform along the feature.

        Args:
            unit: ``(n, 2 d)``.
            bounds: bounding box, ``(2, d)``, which points may leave.

        Returns:
            ``(n, d)``.
        """
        k, d = self.frame.shape
        radii, share = self._profile(self.farthest(bounds))
        at = torch.searchsorted(share, unit[:, 0].contiguous()).clamp(1, len(share) - 1)
        part = (unit[:, 0] - share[at - 1]) / (share[at] - share[at - 1])
        r = radii[at - 1] + part * (radii[at] - radii[at - 1])
        # Normal deviates have even directions.
        direction = torch.special.ndtri(unit[:, 1 : k + 1].clamp(1e-12, 1 - 1e-12))
        direction = direction / direction.norm(dim=1, keepdim=True).clamp_min(1e-300)
        away = (r[:, None] * direction) @ torch.linalg.pinv(self.frame).mT
        if k == d:
            return self.centre + away
        along = bounds[0] + unit[:, d:] * (bounds[1] - bounds[0]) - self.centre
        across = self.frame * self.widths[:, None]
        return self.centre + away + along - (along @ across.mT) @ across

    def density(self, x: Tensor, domain: Domain) -> Tensor:
        """Give the density of such points in a domain relative to even ones, at points ``(n, d)``; ``(n,)``."""
        return self._weight(x) / self._level(domain)

    def _weight(self, x: Tensor) -> Tensor:
        return (1 + self.distance(x).square()) ** (-self.codimension / 2)

    def _level(self, domain: Domain) -> float:
        """Give the mean of the weight over a domain, by bridge sampling between even points and crowded ones.

        Args:
            domain: the domain.

        Returns:
            The mean.

        Reference:
            Meng and Wong 1996, Statistica Sinica 6, 831.
        """
        if id(domain) not in self._levels:
            generator = torch.Generator().manual_seed(0)
            even = self._weight(domain.interior(BRIDGE, generator).coordinates)
            near = self._weight(domain.around(self, BRIDGE, generator))
            level = even.mean().item()
            for _ in range(ITERATIONS):
                level = ((even / (even + level)).mean() / (1 / (near + level)).mean()).item()
            self._levels[id(domain)] = domain, level
        return self._levels[id(domain)][1]

    @cached_property
    def _levels(self) -> dict[int, tuple[Domain, float]]:
        return {}  # with the domains, so that no other one gets the number of one that has gone

    def _profile(self, farthest: float) -> tuple[Tensor, Tensor]:
        """Give radii up to the farthest, and the share of points within each."""
        k = self.codimension
        steps = torch.linspace(0, math.asinh(farthest), RADII, dtype=torch.float64)
        # The integrand is r^(k-1) (1 + r^2)^(-k/2) dr with r = sinh s, dr = cosh(s) ds and 1 + r^2 = cosh(s)^2.
        rate = torch.sinh(steps) ** (k - 1) * torch.cosh(steps) ** (1 - k)
        total = torch.cat([steps.new_zeros(1), torch.cumulative_trapezoid(rate, steps)])
        return torch.sinh(steps), total / total[-1]


def locality(x: Tensor, features: Sequence[Feature], domain: Domain) -> Tensor:
    """Give the length on which a solution may vary near features, relative to that far from them.

    Args:
        x: points, shape ``(n, d)``.
        features: where it varies.
        domain: the domain.

    Returns:
        Numbers up to one, shape ``(n,)``.
    """
    total = torch.ones_like(x[:, 0])
    for feature in features:
        total = total + SHARE / len(features) * feature.density(x, domain) ** (1 / feature.codimension)
    return 1 / total


def importance(x: Tensor, features: Sequence[Feature], domain: Domain) -> Tensor:
    """Give the factor of squared residuals that makes their mean over crowded points one over even points.

    Args:
        x: points, shape ``(n, d)``.
        features: around which there are more points.
        domain: the domain.

    Returns:
        Factors, shape ``(n,)``, largest far from all features: one and a half, because so many more are the points.
    """
    total = torch.ones_like(x[:, 0])
    for feature in features:
        total = total + SHARE / len(features) * feature.density(x, domain)
    return (1 + SHARE) / total
