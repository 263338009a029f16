"""Random features: a frozen hidden layer, for least squares over the head."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..errors import InputError
from .space import Space, positive, whole

KINDS = ("sine", "product", "tanh")


class RandomFeatures(Space):
    r"""A frozen first layer with a linear head.

    - "sine": :math:`\phi_m = \sin(\omega_m \cdot x + b_m)`.
    - "product": :math:`\phi_m = \prod_j \sin(\omega_{mj} x_j + b_{mj})`.
    - "tanh": TransNet's neurons :math:`\tanh(\gamma (a_m \cdot x + r_m))` with a_m uniform on the sphere and r_m
      uniform on [0, R], so that their kinks spread evenly over the ball of radius R around the domain.

    Args:
        features: number of functions M; None leaves it to the method (500 where that does not choose).
        kind: one of the three.
        scale: standard deviation of the frequencies of "sine" and "product" over the domain scaled to [-1, 1],
            where the method offers none; gamma of "tanh".

    Raises:
        InputError: an option is out of range.

    Reference:
        Zhang et al. 2023 (TransNet), arXiv:2301.11701; Rahimi and Recht 2007 (random features).
    """

    formula = "phi_m(x) = sin(w_m . x + b_m), prod_j sin(w_mj x_j + b_mj) or tanh(gamma (a_m . x + r_m))"
    references = ("rahimi2007random", "zhang2023transnet")

    def __init__(self, features: int | None = None, kind: str = "sine", scale: float | None = None) -> None:
        """Keep the options; see the class."""
        super().__init__()
        whole("features", features)
        positive("scale", scale)
        if kind not in KINDS:
            raise InputError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}.")
        self.features, self.kind, self.scale = features, kind, scale
        self.spectral, self.frozen = scale is None, True

    def resized(self, size: int) -> Self:
        """Return the space with this many features, unless a number was asked for."""
        return self if self.features else type(self)(size, self.kind, self.scale)

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        m = self.features or 500
        normal = torch.randn(m, inputs, generator=generator, dtype=torch.float64)
        if self.kind == "tanh":
            direction = normal / normal.norm(dim=1, keepdim=True)
            # The scaled domain lies in the ball of radius sqrt(d); the distance is uniform in it.
            offset = math.sqrt(inputs) * torch.rand(m, generator=generator, dtype=torch.float64)
            gamma = self.scale or self._sharpness(frequencies)
            weight, phase = gamma * direction, gamma * offset
        else:
            weight = normal * (self.scale or 4.0)
            if frequencies is not None and self.scale is None:
                weight = frequencies[torch.randint(len(frequencies), (m,), generator=generator)]
            shape = (m, inputs) if self.kind == "product" else (m,)
            phase = 2 * math.pi * torch.rand(shape, generator=generator, dtype=torch.float64)
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.phase = nn.Parameter(phase, requires_grad=False)
        return m

    @staticmethod
    def _sharpness(frequencies: Tensor | None) -> float:
        # Our choice, found by a search: a tanh of slope gamma serves waves of about four times that frequency.
        return 2.0 if frequencies is None else max(1.0, frequencies.norm(dim=1).median().item() / 4)

    def _basis(self, x: Any) -> Any:
        if self.kind == "product":
            return torch.sin(x[:, None, :] * self.weight + self.phase).prod(-1)
        z = nn.functional.linear(x, self.weight, self.phase)
        return torch.tanh(z) if self.kind == "tanh" else torch.sin(z)
