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

RADII = 1024
SHARE = 0.5
"""Points around all features together, for each evenly distributed one. (Our choice.)"""


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
        self.title: str | None = None

    @classmethod
    def found(cls, centre: Tensor, frame: Tensor, title: str | None = None) -> Feature:
        """Make one from its frame B ``(k, d)``, with words that describe it."""
        made = cls.__new__(cls)
        made.centre, made.frame, made.title = centre, frame, title
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
        radii, share, _ = self._profile(self.farthest(bounds))
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

    def density(self, x: Tensor, bounds: Tensor) -> Tensor:
        """Give the density of such points relative to even ones, about, ``(n,)``."""
        k = self.codimension
        farthest = self.farthest(bounds)
        _, _, total = self._profile(farthest)
        return (1 + self.distance(x).square()) ** (-k / 2) * (farthest**k / (k * total))

    def _profile(self, farthest: float) -> tuple[Tensor, Tensor, float]:
        """Give radii, the share of points within them, and the integral of r^(k-1) (1 + r^2)^(-k/2)."""
        if self._profiles.get(farthest) is None:
            k = self.codimension
            steps = torch.linspace(0, math.asinh(farthest), RADII, dtype=torch.float64)
            r = torch.sinh(steps)
            # dr = cosh(s) ds, and 1 + r^2 = cosh(s)^2.
            rate = r ** (k - 1) * torch.cosh(steps) ** (1 - k)
            total = torch.cat([r.new_zeros(1), torch.cumulative_trapezoid(rate, steps)])
            self._profiles[farthest] = (r, total / total[-1], total[-1].item())
        return self._profiles[farthest]

    @cached_property
    def _profiles(self) -> dict[float, tuple[Tensor, Tensor, float]]:
        return {}

    def describe(self, names: Sequence[str]) -> str:
        """Say where it is and how wide, in words."""
        if self.title is not None:
            return self.title
        at = ", ".join(f"{name} = {value:.4g}" for name, value in zip(names, self.centre.tolist(), strict=True))
        return f"a feature {self.widths.min().item():.2g} wide at {at}"


def importance(x: Tensor, features: Sequence[Feature], bounds: Tensor) -> Tensor:
    """Give the factor of squared residuals that makes their mean over crowded points one over even points.

    Args:
        x: points, shape ``(n, d)``.
        features: around which there are more points.
        bounds: bounding box of the domain, ``(2, d)``.

    Returns:
        Factors, shape ``(n,)``, about one far from all features.
    """
    total = torch.ones_like(x[:, 0])
    for feature in features:
        total = total + SHARE / len(features) * feature.density(x, bounds.to(x))
    return 1 / total
