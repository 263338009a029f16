"""Low-rank separated networks: neurons that are products of learned functions of projections."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..errors import InputError
from .space import Space, positive, uniform, whole

PROJECTIONS = ("axes", "free", "identity")


class ProductLayer(nn.Module):
    r"""One layer of product neurons.

    :math:`\phi^l(x) = \prod_{j=1}^{D} (1 + \gamma g_j^l(z_j^l))` with :math:`z^l = W^l x + b^l`,
    :math:`g(z) = c\,\sigma(\omega_0 (a z + e))` and :math:`\gamma = D^{-1/2}`.

    Args:
        inputs: number of inputs d.
        rank: number of neurons r.
        components: number of factors D.
        omega: frequency factor omega0.
        activation: the function sigma.
        norm: LayerNorm over the r outputs.
        offset: the "1 +" in each factor; without it the factor is g itself.
        bound: bound of the uniform weights W.
        generator: source of random numbers.
        axes: each factor sees one input only, in turn, in training too.
    """

    axes: Tensor | None

    def __init__(
        self,
        inputs: int,
        rank: int,
        components: int,
        omega: float,
        activation: Callable[[Any], Any],
        norm: bool,
        offset: bool,
        bound: float,
        generator: torch.Generator,
        axes: bool = False,
    ) -> None:
        """Draw the parameters; see the class."""
        super().__init__()
        shape = (rank, components)
        self.omega, self.activation, self.offset = omega, activation, offset
        self.weight = uniform((*shape, 1 if axes else inputs), bound, generator)
        seen = nn.functional.one_hot(torch.arange(components) % inputs, inputs).to(torch.float64)
        self.register_buffer("axes", seen if axes else None)
        self.bias = uniform(shape, math.pi / omega, generator)
        # Uniform in +-sqrt(6) gives c sin(.) the variance one that Lemma 1 of the paper asks to be O(1).
        self.amplitude = uniform(shape, math.sqrt(6), generator)
        self.slope = nn.Parameter(torch.ones(shape, dtype=torch.float64))
        self.shift = nn.Parameter(torch.zeros(shape, dtype=torch.float64))
        self.norm = nn.LayerNorm(rank, dtype=torch.float64) if norm else nn.Identity()

    def forward(self, x: Any) -> Any:
        """Map ``(n, d)`` to ``(n, r)``."""
        rank, components, _ = self.weight.shape
        w = self.weight if self.axes is None else self.weight * self.axes
        # z and the inner map a z + e are both affine, so that one matrix product serves both.
        weight = (self.omega * self.slope[..., None] * w).reshape(rank * components, -1)
        bias = (self.omega * (self.slope * self.bias + self.shift)).reshape(-1)
        z = nn.functional.linear(x, weight, bias).reshape(-1, rank, components)
        g = self.amplitude * self.activation(z)
        factors = 1 + g / math.sqrt(components) if self.offset else g
        return self.norm(factors.prod(-1))


class LRNN(Space):
    r"""Low-rank separated network: layers of product neurons, LayerNorm between them when deep, linear head.

    Shallow, :math:`y(x) = \sum_l s_l \prod_{j=1}^{D} (1 + \gamma g_j^l(z_j^l))`; see `ProductLayer`. Our choices,
    which the paper does not print: SIREN's bounds for W, phases uniform over a period, c uniform with variance 2.

    Args:
        rank: product neurons in each layer; None leaves it to the method (64 where that does not choose).
        components: factors D of a neuron; None takes one for each coordinate.
        depth: number of product layers; LayerNorm follows each one if there are several.
        omega: frequency factor omega0.
        activation: the component function sigma.
        projection: of the first layer: "free" (W is full), "axes" (each factor sees one coordinate, so that the
            shallow network is separable), "identity" (z = x).
        offset: keep the "1 +"; without it, and with the identity projection, this is the classical separated
            representation.
        spectral: draw the first layer's frequencies from the data of the problem where the method offers them.

    Raises:
        InputError: an option is out of range.

    Reference:
        "Deep Learning with Learnable Product-Structured Activations", ICLR 2026.
    """

    def __init__(
        self,
        rank: int | None = None,
        components: int | None = None,
        depth: int = 1,
        omega: float = 30.0,
        activation: Callable[[Any], Any] = torch.sin,
        projection: str = "axes",
        offset: bool = True,
        spectral: bool = True,
    ) -> None:
        """Keep the options; see the class."""
        super().__init__()
        for name, value in {"rank": rank, "components": components, "depth": depth}.items():
            whole(name, value)
        positive("omega", omega)
        if projection not in PROJECTIONS:
            raise InputError(f"projection must be one of {', '.join(PROJECTIONS)}, got {projection!r}.")
        self.rank, self.components, self.depth, self.omega = rank, components, depth, omega
        self.activation, self.projection, self.offset, self.spectral = activation, projection, offset, spectral
        self.frozen = depth == 1

    def resized(self, size: int) -> Self:
        """Return the space with this rank, unless a rank was asked for."""
        if self.rank:
            return self
        other = copy.deepcopy(self)
        other.rank = size
        return other

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        rank, components = self.rank or 64, self.components or inputs
        if self.projection == "identity" and components != inputs:
            raise InputError(f"the identity projection needs components = {inputs}, got {components}.")
        layers = []
        for number in range(self.depth):
            d = inputs if number == 0 else rank
            bound = 1 / d if number == 0 else math.sqrt(6 / d) / self.omega
            norm, axes = self.depth > 1, number == 0 and self.projection == "axes"
            layer = ProductLayer(
                d, rank, components, self.omega, self.activation, norm, self.offset, bound, generator, axes
            )
            layers.append(layer)
        self.layers = nn.Sequential(*layers)
        self._place_first(layers[0], inputs, generator, frequencies)
        return rank

    @torch.no_grad()
    def _place_first(
        self, first: ProductLayer, inputs: int, generator: torch.Generator, frequencies: Tensor | None
    ) -> None:
        rank, components = first.bias.shape
        if self.projection == "identity":
            first.weight = _frozen(torch.eye(inputs, dtype=torch.float64).expand(rank, -1, -1).clone())
            first.bias = _frozen(torch.zeros_like(first.bias))
            # With z fixed to x, the frequencies and phases are those of the components themselves.
            first.slope.copy_(2 * torch.rand(rank, components, generator=generator, dtype=torch.float64) - 1)
            first.shift.copy_((2 * torch.rand(rank, components, generator=generator, dtype=torch.float64) - 1)
                              * math.pi / self.omega)
            if frequencies is not None:
                first.slope.copy_(_pick(frequencies, (rank,), generator) / self.omega)
        elif frequencies is not None and self.projection == "axes":
            # One frequency vector serves the factors of all axes, so that their product is that plane wave's.
            chosen = _pick(frequencies, (rank, -(-components // inputs)), generator).reshape(rank, -1, 1)
            first.weight.copy_(chosen[:, :components] / self.omega)
        elif frequencies is not None:
            first.weight.copy_(_pick(frequencies, (rank, components), generator) / self.omega)

    def _basis(self, x: Any) -> Any:
        return self.layers(x)


def _pick(frequencies: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return frequencies[torch.randint(len(frequencies), shape, generator=generator)]


def _frozen(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)
