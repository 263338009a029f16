"""One layer of product neurons."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..activation import Activation, as_activation
from ..space import uniform
from .kernel import product_neurons


class ProductLayer(nn.Module):
    r"""One layer of product neurons.

    :math:`\phi^l(x) = \prod_{j=1}^{D} (1 + \gamma g_j^l(z_j^l))` with :math:`z^l = W^l x + b^l`,
    :math:`g(z) = \sum_{k=1}^{h} c_k\,\sigma(\omega_0 (a_k z + e_k))` and :math:`\gamma = D^{-1/2}`.

    The amplitudes c have mean zero and a variance that gives g the variance one, so that those of the products and of
    their gradients are bounded for every D (Lemma 1 of the paper, which asks for O(1)).

    Args:
        inputs: number of inputs d.
        rank: number of neurons r.
        components: number of factors D.
        omega: frequency factor omega0.
        activation: the function sigma, by name or as an elementwise function.
        norm: LayerNorm over the r outputs.
        offset: the "1 +" in each factor; without it the factor is g itself, and gamma is 1.
        bound: bound of the uniform weights W.
        generator: source of random numbers.
        axes: each factor sees one input only, in turn, in training too.
        hidden: number of hidden units h of a component function g.
        shared: all neurons use the same D component functions.
    """

    axes: Tensor | None

    def __init__(
        self,
        inputs: int,
        rank: int,
        components: int,
        omega: float,
        activation: str | Activation,
        norm: bool,
        offset: bool,
        bound: float,
        generator: torch.Generator,
        axes: bool = False,
        hidden: int = 1,
        shared: bool = False,
    ) -> None:
        """Draw the parameters; see the class."""
        super().__init__()
        self.omega, self.activation, self.offset = omega, as_activation(activation), offset
        self.weight = uniform((rank, components, 1 if axes else inputs), bound, generator)
        seen = nn.functional.one_hot(torch.arange(components) % inputs, inputs).to(torch.float64)
        self.register_buffer("axes", seen if axes else None)
        self.bias = uniform((rank, components), math.pi / omega, generator)
        shape = (1 if shared else rank, components, hidden)
        # Uniform in +-sqrt(6/h), h terms c sin(.) have the variance one together.
        self.amplitude = uniform(shape, math.sqrt(6 / hidden), generator)
        self.slope = nn.Parameter(torch.ones(shape, dtype=torch.float64))
        self.shift = nn.Parameter(torch.zeros(shape, dtype=torch.float64))
        if hidden > 1:
            # Our choice: hidden units of a component differ in frequency, and in phase over a whole period.
            self.slope = nn.Parameter(1 + uniform(shape, 0.5, generator).detach())
            self.shift = uniform(shape, math.pi / omega, generator)
        self.norm = nn.LayerNorm(rank, dtype=torch.float64) if norm else nn.Identity()

    @torch.no_grad()
    def normalise(self, x: Tensor) -> None:
        """Scale the amplitudes so that g has the variance one over inputs ``(n, d)``; for a sine it has, anywhere."""
        weight, bias, _ = self.folded()
        square = self.activation(nn.functional.linear(x, weight, bias)).square().mean()
        self.amplitude.div_((2 * square).sqrt())

    def folded(self) -> tuple[Tensor, Tensor, Tensor]:
        """Fold omega0, the inner map a z + e and gamma into weights, biases and amplitudes of one product each.

        Returns:
            For h hidden units, D factors and r neurons, with neurons as the fast dimension: weight ``(h D r, d)``, bias
            ``(h D r,)``, amplitude ``(h, D, r)``.
        """
        weight = self.weight if self.axes is None else self.weight * self.axes
        slope = self.omega * self.slope.mT  # (rank or 1, h, D)
        shift = self.omega * self.shift.mT
        gamma = self.weight.shape[1] ** -0.5 if self.offset else 1.0
        order = (1, 2, 0)
        bias = (slope * self.bias[:, None] + shift).permute(order)
        weight = (slope[..., None] * weight[:, None]).permute(*order, 3)
        amplitude = (gamma * self.amplitude.mT).expand(len(self.bias), -1, -1).permute(order)
        return weight.reshape(-1, weight.shape[-1]), bias.reshape(-1), amplitude.contiguous()

    def along_axis(self, axis: int, x: Tensor) -> Tensor:
        """Evaluate the factors that see one coordinate, where each factor sees one.

        Args:
            axis: the coordinate.
            x: its values, shape ``(n,)``.

        Returns:
            Their products, shape ``(n, r)``.
        """
        weight, bias, amplitude = self.folded()
        hidden, components, rank = amplitude.shape
        own = slice(axis, components, weight.shape[1])
        if axis >= components:
            return torch.ones_like(x)[:, None].expand(-1, rank)
        weight = weight.view(hidden, components, rank, -1)[:, own, :, axis].reshape(-1, 1)
        bias = bias.view(hidden, components, rank)[:, own].reshape(-1)
        return self._neurons(x[:, None], weight, bias, amplitude[:, own])

    def forward(self, x: Any) -> Any:
        """Map ``(n, d)`` to ``(n, r)``.

        Under autocast the layer computes in the type of its parameters and returns the lower one: omega0 multiplies
        rounding errors of coordinates and phases.

        Args:
            x: points or a jet of them.

        Returns:
            The neurons.
        """
        kind = x.device.type
        if torch.is_autocast_enabled(kind) and self.weight.dtype == torch.float32:
            with torch.autocast(kind, enabled=False):
                return self(x.to(self.weight.dtype)).to(torch.get_autocast_dtype(kind))
        return self.norm(self._neurons(x, *self.folded()))

    def _neurons(self, x: Any, weight: Tensor, bias: Tensor, amplitude: Tensor) -> Any:
        return product_neurons(x, weight, bias, amplitude, activation=self.activation, offset=self.offset)
