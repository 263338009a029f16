"""Radial Gaussians with centres and widths of their own: a space that is dense where it is told to be."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .space import Space


class RadialGaussians(Space):
    r"""Gaussian bells, :math:`\phi_m(y) = \exp(-|y - c_m|^2 / (2 \sigma_m^2))`, y the domain scaled to [-1, 1].

    Args:
        centres: c, shape ``(M, d)``.
        widths: sigma, shape ``(M,)``.

    Reference:
        Broomhead and Lowe 1988 (radial basis function networks).
    """

    frozen = True
    formula = "phi_m(x) = exp(-|x - c_m|^2 / (2 sigma_m^2))"
    references = ("broomhead1988radial",)

    def __init__(self, centres: Tensor, widths: Tensor) -> None:
        """Keep centres and widths; see the class."""
        super().__init__()
        self.centres = nn.Parameter(centres.to(torch.float64), requires_grad=False)
        self.widths = nn.Parameter(widths.to(torch.float64), requires_grad=False)

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        return len(self.centres)

    def _basis(self, x: Any) -> Any:
        # Not by |x|^2 - 2 x c + |c|^2, which loses half of the digits where the bells are narrow.
        away = (x[:, None, :] - self.centres) / self.widths[:, None]
        return torch.exp(-0.5 * (away * away).sum(-1))
