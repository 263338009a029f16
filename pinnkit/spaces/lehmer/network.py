"""Lehmer networks as trial spaces."""

from __future__ import annotations

import copy
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..space import Space, positive, whole
from .positive import PositiveFeatures
from .units import ComplexLehmer, Lehmer, count


class LehmerNetwork(Space):
    r"""Layers of Lehmer units over positive features, each unit with features of its own.

    A layer maps :math:`p \mapsto \sum_i w_{mi} x_{mi}^{s_m} / \sum_i w_{mi} x_{mi}^{s_m - 1}` with
    :math:`x = \exp(\tanh(W p + b))`, i = 1 ... k; several are stacked, with a linear head. Our choices: two features a
    unit, and W, b drawn as in TransNet (see `PositiveFeatures`), in deeper layers around 1, the middle of the
    features' range; suddencies and weights as the authors draw them.

    Args:
        units: units in each layer; None leaves it to the method (200 where that does not choose).
        features: features k of a unit.
        depth: number of layers; the basis of a single layer serves as it is drawn.
        complex: complex units.
        scale: sharpness gamma of the features on the domain scaled to [-1, 1].

    Raises:
        InputError: an option is out of range.

    Reference:
        Ataei et al. 2026, Entropy 28(2):157; arXiv:2501.15223.
    """

    formula = "phi_m(p) = sum_i w_mi x_mi^(s_m) / sum_i w_mi x_mi^(s_m - 1), x = exp(tanh(W p + b))"
    references = ("ataei2026lau", "ataei2025lehmer")

    def __init__(
        self,
        units: int | None = None,
        features: int = 2,
        depth: int = 1,
        complex: bool = False,
        scale: float = 1.0,
    ) -> None:
        """Keep the options; see the class."""
        super().__init__()
        whole("units", units)
        count("features", features)
        count("depth", depth)
        positive("scale", scale)
        self.units, self.features, self.depth, self.complex, self.scale = units, features, depth, complex, scale
        self.frozen = depth == 1

    def resized(self, size: int) -> Self:
        """Return the space with this many units, unless a number was asked for."""
        if self.units:
            return self
        other = copy.deepcopy(self)
        other.units = size
        return other

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        units = self.units or 200
        layer = ComplexLehmer if self.complex else Lehmer
        self.positive, self.lehmer = nn.ModuleList(), nn.ModuleList()
        for number in range(self.depth):
            columns = self.features * units
            if number == 0:
                features = PositiveFeatures(inputs, columns, generator, self.scale)
            else:
                features = PositiveFeatures(units, columns, generator, self.scale, radius=1.0, centre=1.0)
            self.positive.append(features)
            self.lehmer.append(layer(self.features, units, generator, grouped=True))
        return units

    def _basis(self, x: Any) -> Any:
        layers: Any = zip(self.positive, self.lehmer, strict=True)
        for features, units in layers:
            x = units.of_logarithms(features.logarithms(x))
        return x
