"""Networks with the integral activation transform as their activation, as a trial space."""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from ...errors import InputError
from ..space import Space, positive, whole
from .activation import IATReLU
from .bases import Basis, basis
from .quadrature import IATGauss

ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sin": torch.sin,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "softplus": nn.functional.softplus,
}


class IATLayer(nn.Module):
    r"""Blocks side by side, each an affine map and an integral activation transform of its own.

    Block j has the state :math:`s_j(t; x) = p(t)^T (W_j x + b_j)` and gives :math:`\frac{d}{2} \int q \sigma(s_j) dt`,
    d values of the activation's size, whatever d. The initialisation is our choice: each state is
    :math:`\cos(\pi t - \varphi) + v(t)`, :math:`v = \rho \sum_k (a_k^T x \cos k \pi t + c_k^T x \sin k \pi t) / k`,
    written in the basis p, with normal a_k and c_k and uniform phases. The factor rho keeps :math:`v^2 + (v'/\pi)^2`
    below 1/margin^2 for all |x_i| <= 1. With a margin of one or more s and s' have no common zero in the Fourier basis:
    there are no double roots, and with a Fourier basis for the outputs too these are analytic in x.

    Args:
        inputs: number of inputs.
        blocks: number of blocks.
        input: the basis p.
        output: the basis q.
        activation: one of `ACTIVATIONS`.
        margin: how far the states stay from double roots.
        generator: source of random numbers.
        bounded: whether the inputs lie in [-1, 1]; otherwise they have mean 0 and variance 1, as after LayerNorm.
    """

    def __init__(
        self,
        inputs: int,
        blocks: int,
        input: Basis,
        output: Basis,
        activation: str,
        margin: float,
        generator: torch.Generator,
        bounded: bool = True,
    ) -> None:
        """Draw the affine maps; see the class."""
        super().__init__()
        self.blocks = blocks
        transform = IATReLU(input, output) if activation == "relu" else None
        self.transform = transform or IATGauss(input, output, ACTIVATIONS[activation])
        modes = torch.arange(1, (input.size + 1) // 2 + 1, dtype=torch.float64)
        t = torch.linspace(-1, 1, 32 * input.size + 1, dtype=torch.float64)[:-1]
        angle = math.pi * modes * t[:, None]
        waves = torch.cat([torch.cos(angle) / modes, torch.sin(angle) / modes], 1)
        slopes = torch.cat([-torch.sin(angle), torch.cos(angle)], 1)
        draw = torch.randn(blocks, inputs, 2 * len(modes), generator=generator, dtype=torch.float64)
        curves = draw @ waves.T
        size = (curves**2 + (draw @ slopes.T) ** 2).sqrt()
        # By the triangle inequality; LayerNorm gives inputs of unit variance, whose sum is taken as three deviations.
        reach = (size.sum(1) if bounded else 3 * size.norm(dim=1)).amax(-1)
        phase = 2 * math.pi * torch.rand(blocks, 1, generator=generator, dtype=torch.float64)
        to_basis = torch.linalg.pinv(input.values(t))
        weight = curves / (margin * reach[:, None, None]) @ to_basis.T
        self.weight = nn.Parameter(weight.mT.reshape(-1, inputs))
        self.bias = nn.Parameter((torch.cos(math.pi * t - phase) @ to_basis.T).reshape(-1))

    def states(self, x: Any) -> Any:
        """Evaluate the states' coefficients, ``(n, d)`` to ``(n, blocks, d_in)``."""
        z = nn.functional.linear(x, self.weight, self.bias)
        return z.reshape(-1, self.blocks, self.transform.input.size)

    def forward(self, x: Any) -> Any:
        """Map ``(n, d)`` to ``(n, blocks * d_out)``."""
        d_out = self.transform.output.size
        return (d_out / 2) * self.transform(self.states(x)).reshape(-1, self.blocks * d_out)


class IAT(Space):
    r"""A network whose activation is an integral over positive parts of functions, its states.

    Each layer has blocks side by side, see `IATLayer`; deep networks have LayerNorm between the layers. (Both, and the
    initialisation, are our choices.) With a smooth activation the integrals are Gauss-Legendre sums, with "relu" they
    are exact. At states with a double root the second derivatives of the exact transform are unbounded, and their
    squares not integrable (see `IATReLU`): strong residuals are fragile there, energy and weak forms are not. The
    initialisation with Fourier bases has no double roots in the domain; training, and other bases, may meet them.

    Args:
        width: functions of each layer; None leaves it to the method (384 where that does not choose).
        depth: number of layers.
        input_basis: the basis p of the states: rect, pwl, pwq, fourier, rect-w or pwl-w.
        output_basis: the basis q of the outputs.
        inner: functions of p in each block.
        outer: functions of q in each block.
        activation: relu, or a smooth one: tanh, sin, gelu, silu, softplus.
        margin: how far the states stay from double roots; nearer to one, functions are richer and less smooth.

    Raises:
        InputError: an option is out of range.

    Reference:
        Zhang et al. 2023, arXiv:2312.12578.
    """

    formula = "phi_m(x) = int_{-1}^{1} q_m(t) sigma(p(t)^T (W x + b)) dt"
    references = ("zhang2023iat",)

    def __init__(
        self,
        width: int | None = None,
        depth: int = 1,
        input_basis: str = "fourier",
        output_basis: str = "fourier",
        inner: int = 4,
        outer: int = 12,
        activation: str = "relu",
        margin: float = 1.1,
    ) -> None:
        """Keep the options; see the class."""
        super().__init__()
        for name, value in {"width": width, "depth": depth}.items():
            whole(name, value)
        positive("margin", margin)
        if activation not in ACTIVATIONS:
            raise InputError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {activation!r}.")
        basis(input_basis, inner), basis(output_basis, outer)  # an error belongs here, before anything is drawn
        if inner == 2:
            raise InputError("inner = 2 functions hold no state but a multiple of one wave; use at least 3.")
        self.width, self.depth, self.activation, self.margin = width, depth, activation, margin
        self.input_basis, self.output_basis, self.inner, self.outer = input_basis, output_basis, inner, outer
        self.frozen = depth == 1

    def resized(self, size: int) -> Self:
        """Return the space with this width, unless a width was asked for."""
        if self.width:
            return self
        other = copy.deepcopy(self)
        other.width = size
        return other

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        width = self.width or 384
        blocks = -(-width // self.outer)
        p, q = basis(self.input_basis, self.inner), basis(self.output_basis, self.outer)
        layers: list[nn.Module] = []
        for number in range(self.depth):
            d = inputs if number == 0 else blocks * self.outer
            if number:
                layers.append(nn.LayerNorm(d, elementwise_affine=False))
            layers.append(IATLayer(d, blocks, p, q, self.activation, self.margin, generator, bounded=number == 0))
        self.layers = nn.Sequential(*layers)
        # The last block may have more functions than are wanted.
        self._size = width
        return width

    def _basis(self, x: Any) -> Any:
        return self.layers(x)[:, : self._size]
