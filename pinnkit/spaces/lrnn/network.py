"""The trial space of low-rank separated networks."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...errors import InputError
from ..activation import KINKED, Activation, as_activation
from ..space import Space, positive, whole
from .grid import grid_values
from .layer import ProductLayer

PROJECTIONS = ("axes", "free", "identity")
PROBE = 256
"""Points at which the mean square of an activation is measured."""


class LRNN(Space):
    r"""Low-rank separated network: layers of product neurons, LayerNorm between them when deep, linear head.

    Shallow, :math:`y(x) = \sum_l s_l \prod_{j=1}^{D} (1 + \gamma g_j^l(z_j^l))`; see `ProductLayer`. With D = 1 and g
    fixed this is a shallow MLP. The paper proves that such networks are universal, and that functions of low ANOVA
    order need O(poly(d) / eps) parameters. Our choices, which it does not print: SIREN's bounds for W, phases uniform
    over a period, amplitudes uniform with the variance that gives g the variance one.

    Args:
        rank: product neurons in each layer; None leaves it to the method (64 where that does not choose).
        components: factors D of a neuron; None takes one for each coordinate.
        depth: number of product layers; LayerNorm follows each one if there are several.
        omega: frequency factor omega0.
        activation: the function sigma in the components, a name among `ACTIVATIONS` or an elementwise function.
        projection: of the first layer: "free" (W is full), "axes" (each factor sees one coordinate, so that the
            shallow network is separable), "identity" (z = x).
        offset: keep the "1 +"; without it, and with the identity projection, this is the classical separated
            representation.
        spectral: draw the first layer's frequencies from the data of the problem where the method offers them.
        hidden: hidden units h of a component function g.
        shared: all neurons of a layer use the same D component functions.

    Raises:
        InputError: an option is out of range.

    Reference:
        "Deep Learning with Learnable Product-Structured Activations", ICLR 2026.
    """

    formula = "phi_l(x) = prod_j (1 + D^(-1/2) sum_k c_ljk sigma(omega (a_ljk z_lj + e_ljk))),  z_lj = w_lj . x + b_lj"
    references = ("maharaj2026lrnn",)

    def __init__(
        self,
        rank: int | None = None,
        components: int | None = None,
        depth: int = 1,
        omega: float = 30.0,
        activation: str | Activation = "sin",
        projection: str = "axes",
        offset: bool = True,
        spectral: bool = True,
        hidden: int = 1,
        shared: bool = False,
    ) -> None:
        """Keep the options; see the class."""
        super().__init__()
        for name, value in {"rank": rank, "components": components, "depth": depth, "hidden": hidden}.items():
            whole(name, value)
        positive("omega", omega)
        if projection not in PROJECTIONS:
            raise InputError(f"projection must be one of {', '.join(PROJECTIONS)}, got {projection!r}.")
        self.rank, self.components, self.depth, self.omega = rank, components, depth, omega
        self.activation, self.projection, self.offset = as_activation(activation), projection, offset
        self.spectral, self.hidden, self.shared = spectral, hidden, shared
        self.frozen = depth == 1 and self.activation not in KINKED

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
                d, rank, components, self.omega, self.activation, norm, self.offset, bound, generator, axes,
                self.hidden, self.shared,
            )  # fmt: skip
            layers.append(layer)
        self.layers = nn.Sequential(*layers)
        self._place_first(layers[0], inputs, generator, frequencies)
        if self.activation is not torch.sin:
            probe = 2 * torch.quasirandom.SobolEngine(inputs).draw(PROBE, dtype=torch.float64) - 1
            for layer in layers:
                layer.normalise(probe)
                probe = layer(probe).detach()
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
            shape = first.slope.shape
            first.slope.copy_(2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)
            first.shift.copy_((2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1)
                              * math.pi / self.omega)
            if frequencies is not None:
                first.slope.copy_(_pick(frequencies, (shape[0], self.hidden), generator).mT / self.omega)
        elif frequencies is not None and self.projection == "axes":
            # One frequency vector serves the factors of all axes, so that their product is that plane wave's.
            chosen = _pick(frequencies, (rank, -(-components // inputs)), generator).reshape(rank, -1, 1)
            first.weight.copy_(chosen[:, :components] / self.omega)
        elif frequencies is not None:
            first.weight.copy_(_pick(frequencies, (rank, components), generator) / self.omega)

    def _basis(self, x: Any) -> Any:
        return self.layers(x)

    def on_grid(self, axes: Sequence[Tensor]) -> Tensor:
        r"""Evaluate the unknowns on a tensor grid, at the cost of the sum of the axes for the basis.

        A shallow network whose factors see one coordinate each is separable,
        :math:`y(x) = \sum_l s_l \prod_i \phi_i^l(x_i)`, so that each axis is evaluated once; one matrix product joins
        them. Equal to `forward` on the grid's points, and differentiable.

        Args:
            axes: coordinates along each of the d axes, in the domain's units, shapes ``(n_i,)``.

        Returns:
            Values, shape ``(n_1, ..., n_d, K)``.

        Raises:
            InputError: the network is not separable, or the axes do not fit it.
        """
        if self.depth > 1 or self.projection == "free":
            what = f"depth {self.depth}" if self.depth > 1 else "a free projection"
            raise InputError(f"on_grid needs a separable network; {what} is not: use depth 1, projection axes.")
        d, shapes = len(self.centre), [tuple(torch.as_tensor(axis).shape) for axis in axes]
        if len(axes) != d or any(len(shape) != 1 for shape in shapes):
            raise InputError(f"on_grid needs {d} axes, each a tensor of shape (n,); got {len(axes)}, of {shapes}.")
        layer: Any = self.layers[0]
        scaled = [(axis - c) / h for axis, c, h in zip(axes, self.centre, self.halfwidth, strict=True)]
        return grid_values([layer.along_axis(i, x) for i, x in enumerate(scaled)], self.head)


def _pick(frequencies: Tensor, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return frequencies[torch.randint(len(frequencies), shape, generator=generator)]


def _frozen(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)
