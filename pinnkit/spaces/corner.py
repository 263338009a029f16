"""Coordinates around a corner, in which its singular functions are smooth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

SMOOTHNESS = 6


class CornerMap(nn.Module):
    r"""The points themselves beside a complex power of them, :math:`y = (z / R)^p`, as four real coordinates.

    At a corner solutions are sums of :math:`r^{jp + k}` times smooth functions of the angle: polynomials in y and x
    (Kondratiev 1967), so that smooth functions of both together converge fast. Where the branch cut of the power
    meets the domain at the distance R, functions are multiplied by the window :math:`(1 - |z/R|^2)_+^6`. (Our choice.)

    Args:
        vertex: of the corner, shape ``(2,)``.
        bisector: direction of the middle of the domain's sector, where y is real.
        exponent: p.
        cut: direction of the branch cut.
        radius: R.
        windowed: whether to multiply by the window.
    """

    dimension = 4

    def __init__(
        self, vertex: Tensor, bisector: float, exponent: float, cut: float, radius: float, windowed: bool
    ) -> None:
        """Keep the corner; see the class."""
        super().__init__()
        self.register_buffer("vertex", vertex.to(torch.float64))
        # The angle is measured from the direction opposite to the cut, where it is zero.
        opposite = cut + math.pi
        self.turn = opposite
        self.offset = math.remainder(opposite - bisector, 2 * math.pi)
        self.exponent, self.radius, self.windowed = exponent, radius, windowed

    def forward(self, x: Any) -> Any:
        """Map points ``(n, 2)`` to ``(n, 4)``."""
        z = (x - self.vertex) / self.radius
        r, angle = _polar(z, self.turn)
        angle = self.exponent * (angle + self.offset)
        size = torch.exp(self.exponent * torch.log(r))
        return torch.stack([z[:, 0], z[:, 1], size * torch.cos(angle), size * torch.sin(angle)], -1)

    def window(self, y: Any) -> Any:
        """Evaluate the window at mapped points ``(n, 4)``, shape ``(n, 1)``; None without one."""
        if not self.windowed:
            return None
        inside = torch.clamp_min(1 - y[:, :1] * y[:, :1] - y[:, 1:2] * y[:, 1:2], 0.0)
        return inside**SMOOTHNESS


class PolarMap(nn.Module):
    r"""The points themselves beside their polar coordinates around a vertex, as four coordinates.

    Homogeneous functions :math:`r^k g(\theta)` are smooth in them: terms of flows at a corner where a wall slides past
    another one, say. All functions are multiplied by :math:`r^m`, so that derivatives up to order m stay bounded.
    (Our choice.)

    Args:
        vertex: the corner, two numbers.
        bisector: direction of the middle of the domain's sector, from which the angle is measured, in radians.
        opening: angle of the sector.
        power: m.
        radius: unit of length.
    """

    dimension = 4

    def __init__(
        self, vertex: Sequence[float], bisector: float, opening: float, power: int = 2, radius: float = 1.0
    ) -> None:
        """Keep the corner; see the class."""
        super().__init__()
        self.register_buffer("vertex", torch.tensor(vertex, dtype=torch.float64))
        self.bisector, self.opening, self.power, self.radius = bisector, opening, power, radius

    def forward(self, x: Any) -> Any:
        """Map points ``(n, 2)`` to ``(n, 4)``."""
        z = (x - self.vertex) / self.radius
        r, angle = _polar(z, self.bisector)
        return torch.stack([z[:, 0], z[:, 1], r, angle * (2 / self.opening)], -1)

    def window(self, y: Any) -> Any:
        """Evaluate the factor at mapped points ``(n, 4)``, shape ``(n, 1)``."""
        return y[:, 2:3] ** self.power


def _polar(z: Any, axis: float) -> tuple[Any, Any]:
    """Distance from the origin, and angle from an axis in (-pi, pi), of points ``(n, 2)`` or a jet of them."""
    cosine, sine = math.cos(axis), math.sin(axis)
    a, b = z[:, 0] * cosine + z[:, 1] * sine, z[:, 1] * cosine - z[:, 0] * sine
    # At the origin itself the values are finite, though no derivative is.
    r = torch.sqrt(a * a + b * b + torch.finfo(z.dtype).tiny)
    return r, 2 * torch.atan(b / (r + a))
