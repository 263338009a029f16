"""Coordinates around a feature, in which what varies on its scale and decays from it is smooth."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class CoreMap(nn.Module):
    r"""Compressed coordinates :math:`y = a / \sqrt{1 + |a|^2}` and :math:`\log(1 + |a|^2)` of :math:`a = B (x - c)`.

    Around a peak much narrower than the domain a solution varies on every scale in between: in d = 2 it falls like a
    logarithm outside the peak, say. In the k + 1 coordinates y and the logarithm, scaled to [-1, 1], all these scales
    are alike, so that smooth functions of few frequencies follow them. Along a layer (k < d) the points themselves are
    further coordinates. (Our choice.)

    Args:
        centre: c, shape ``(d,)``.
        frame: B, shape ``(k, d)``.
        farthest: the largest |a| in the domain.
        bounds: bounding box of the domain, shape ``(2, d)``.
    """

    def __init__(self, centre: Tensor, frame: Tensor, farthest: float, bounds: Tensor) -> None:
        """Keep the frame; see the class."""
        super().__init__()
        self.register_buffer("centre", centre.to(torch.float64))
        self.register_buffer("frame", frame.to(torch.float64))
        self.register_buffer("middle", bounds.mean(0).to(torch.float64))
        self.register_buffer("halfwidth", ((bounds[1] - bounds[0]) / 2).to(torch.float64))
        self.rate = 2 / math.log(1 + farthest**2)
        k, d = frame.shape
        self.along = k < d
        self.dimension = k + 1 + (d if self.along else 0)

    def forward(self, x: Any) -> Any:
        """Map points ``(n, d)`` to ``(n, dimension)``."""
        frame: Any = self.frame
        a = nn.functional.linear(x - self.centre, frame)
        square = (a * a).sum(-1, keepdim=True) + 1.0
        parts = [a * square**-0.5, torch.log(square) * self.rate - 1.0]
        if self.along:
            parts.append((x - self.middle) / self.halfwidth)
        return torch.cat(parts, -1)

    def window(self, y: Any) -> Any:
        """Give None: the map is smooth everywhere."""
        return None
