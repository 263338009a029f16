"""Layers of Lehmer activation units."""

from __future__ import annotations

import math
from abc import abstractmethod
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import InputError
from ...jets import plain
from ..space import positive
from .mean import complex_lehmer_mean, lehmer_mean

MARGIN = 0.05
"""Share of the admissible |b| that is left out, so that denominators stay away from zero."""


def count(name: str, value: Any) -> None:
    """Check a count that nobody else chooses.

    Args:
        name: its name.
        value: a number, as plain or numpy integer.

    Raises:
        InputError: it is not a positive whole number.
    """
    if not isinstance(value, Integral) or value < 1:
        raise InputError(f"{name} must be a positive whole number, got {value!r}.")


class LehmerLayer(nn.Module):
    """What the real and the complex layer share: weights, the shape of their input, and its check.

    Args:
        features: number of features d that a unit sees.
        units: number of units m.
        grouped: each unit has features of its own, given as ``(..., d m)``, feature by feature; by default all units
            see the same ``(..., d)``.
    """

    span = math.inf

    def __init__(self, features: int, units: int, grouped: bool = False) -> None:
        """Set all weights equal; see the class."""
        super().__init__()
        count("features", features)
        count("units", units)
        self.features, self.units, self.grouped = features, units, grouped
        self.v = nn.Parameter(torch.ones(units, features, dtype=torch.float64))

    @property
    def weights(self) -> Tensor:
        """The weights w = softplus(v), shape ``(m, d)``; a unit's mean does not change with their scale."""
        return nn.functional.softplus(self.v)

    def forward(self, x: Any) -> Any:
        """Map positive features to means.

        The sign of the features is checked on every plain call; not while `torch.compile` traces, nor inside
        transforms such as ``vmap``, where values cannot be seen.

        Args:
            x: positive features, shape ``(..., d)``, or ``(..., d m)`` of a grouped layer; or a jet of them.

        Returns:
            Outputs of the units, shape ``(..., m)``.

        Raises:
            InputError: there is another number of features, or some are not positive, not finite, or span too wide
                a range for a complex layer.
        """
        columns = self.features * (self.units if self.grouped else 1)
        if x.shape[-1] != columns:
            raise InputError(f"this Lehmer layer takes {columns} features in the last dimension, got {x.shape[-1]}.")
        if not torch.compiler.is_compiling():
            self._check(plain(x).detach())
        return self.of_logarithms(torch.log(x))

    def of_logarithms(self, u: Any) -> Any:
        """Map ln x, of any sign, to means: what `forward` does to x, unchecked.

        Args:
            u: logarithms of features, shape ``(..., d)``, or ``(..., d m)`` of a grouped layer; or a jet of them.

        Returns:
            Outputs of the units, shape ``(..., m)``.
        """
        shape = (*u.shape[:-1], self.features, self.units if self.grouped else 1)
        return self._means(u.reshape(shape), _log_softplus(self.v).mT)

    @abstractmethod
    def _means(self, u: Any, log_weights: Tensor) -> Any:
        """Give the outputs for ln x of shape ``(..., d, m)`` or ``(..., d, 1)``."""

    def _check(self, x: Tensor) -> None:
        if x.numel() == 0:
            return
        grouped = x.reshape(*x.shape[:-1], self.features, -1)
        low, high = grouped.amin(-2), grouped.amax(-2)
        ok = (low > 0) & (high < math.inf)
        span = torch.log(high) - torch.log(low)
        try:
            if ok.all() and (self.span == math.inf or not (span > self.span * (1 + 1e-5)).any()):
                return
        except RuntimeError:  # inside vmap, no value can be looked at
            return
        if not ok.all():
            bad = x[~((x > 0) & (x < math.inf))][0].item()
            raise InputError(
                f"a Lehmer layer needs features that are positive and finite, got {bad:g}; map them first, by "
                "rescaled_rows (tabular data) or PositiveFeatures (points)."
            )
        widest = span.max().item()
        raise InputError(
            f"the logarithms of a row's features span {widest:.4g}, and this complex Lehmer layer was made for at most "
            f"{self.span:g}, beyond which its denominator may vanish; rescale the rows, or make the layer with "
            f"span={math.ceil(10 * widest) / 10:g}."
        )


class Lehmer(LehmerLayer):
    r"""Real Lehmer units, :math:`L = \sum_i w_i x_i^s / \sum_i w_i x_i^{s-1}`.

    The suddency s says how features are aggregated: by their minimum (s -> -inf), harmonic mean (0), arithmetic mean
    (1), contraharmonic mean (2) or maximum (+inf). L is homogeneous of degree 1 in x, and between min x and max x.
    At initialisation v = 1 and s ~ N(1, 1).

    Args:
        features: number of features d that a unit sees.
        units: number of units m.
        generator: source of random numbers.
        grouped: each unit has features of its own; see `LehmerLayer`.

    Raises:
        InputError: a number is not positive.

    Reference:
        Ataei et al. 2026, Entropy 28(2):157.
    """

    def __init__(self, features: int, units: int, generator: torch.Generator, grouped: bool = False) -> None:
        """Draw the suddencies; see the class."""
        super().__init__(features, units, grouped)
        self.s = nn.Parameter(1 + torch.randn(units, generator=generator, dtype=torch.float64))

    def _means(self, u: Any, log_weights: Tensor) -> Any:
        return lehmer_mean(u, log_weights, self.s)


class ComplexLehmer(LehmerLayer):
    r"""Complex Lehmer units, :math:`\alpha \Re L + \beta \Im L + \gamma` with suddency :math:`s = a + i b`.

    The terms of the denominator, :math:`w_i x_i^{a-1} e^{i b \ln x_i}`, have phases within :math:`|b| R`, where R
    bounds the range of ln x in a row (2 if ln x is in [-1, 1]). They cannot cancel if :math:`|b| < \pi / R`. A smooth
    map keeps to that, with a margin (our choice): :math:`b = B \tanh(t / B)`, :math:`B = 0.95 \pi / R`, t the
    parameter; the denominator is then at least 0.078 times the sum of its terms' moduli.

    At initialisation v = 1, a ~ N(1, 1), b ~ N(0, 0.1), alpha ~ N(1, 0.1), beta ~ N(0, 0.1), gamma = 0, the second
    numbers taken for standard deviations.

    Args:
        features: number of features d that a unit sees.
        units: number of units m.
        generator: source of random numbers.
        grouped: each unit has features of its own; see `LehmerLayer`.
        span: R, the largest range of ln x in a row.

    Raises:
        InputError: a number is not positive.

    Reference:
        Ataei et al. 2026, Entropy 28(2):157.
    """

    def __init__(
        self, features: int, units: int, generator: torch.Generator, grouped: bool = False, span: float = 2.0
    ) -> None:
        """Draw suddencies and output maps; see the class."""
        super().__init__(features, units, grouped)
        positive("span", span)
        self.span = span

        def normal(mean: float, deviation: float) -> Tensor:
            return mean + deviation * torch.randn(units, generator=generator, dtype=torch.float64)

        self.a = nn.Parameter(normal(1, 1))
        drawn = (normal(0, 0.1) / self.bound).clamp(-0.99, 0.99)
        self.t = nn.Parameter(self.bound * torch.atanh(drawn))
        self.alpha = nn.Parameter(normal(1, 0.1))
        self.beta = nn.Parameter(normal(0, 0.1))
        self.gamma = nn.Parameter(torch.zeros(units, dtype=torch.float64))

    @property
    def bound(self) -> float:
        """B, the bound of |b|."""
        return (1 - MARGIN) * math.pi / self.span

    @property
    def b(self) -> Tensor:
        """Imaginary part of the suddency, shape ``(m,)``, bounded by `bound`."""
        return self.bound * torch.tanh(self.t / self.bound)

    def _means(self, u: Any, log_weights: Tensor) -> Any:
        return complex_lehmer_mean(u, log_weights, (self.a, self.b), (self.alpha, self.beta)) + self.gamma


def _log_softplus(v: Tensor) -> Tensor:
    # Below -40 the logarithm is v itself to working precision, while softplus will underflow.
    return torch.where(v < -40, v, torch.log(nn.functional.softplus(v.clamp(min=-40))))
