"""WIRE: networks of complex Gabor wavelets, in real arithmetic."""

from __future__ import annotations

import itertools
import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from .network import Network, with_bias
from .space import linear, positive, uniform


class ComplexLinear(nn.Module):
    """An affine map of complex vectors that holds and computes real and imaginary parts.

    Args:
        inputs: complex numbers that come in.
        outputs: complex numbers that come out.
        generator: source of random numbers.
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator) -> None:
        """Draw the parameters as torch does for complex layers: both parts uniform in +-1/sqrt(inputs)."""
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = uniform((2, outputs, inputs), bound, generator)
        self.bias = uniform((2 * outputs,), bound, generator)

    def forward(self, h: Any) -> Any:
        """Map ``(n, 2 inputs)`` to ``(n, 2 outputs)``: all real parts first, then all imaginary ones."""
        real, imaginary = self.weight
        rows = torch.cat([real, -imaginary], 1), torch.cat([imaginary, real], 1)
        return nn.functional.linear(h, torch.cat(rows), self.bias)


class WIRE(Network):
    r"""A network of complex Gabor wavelets.

    Each layer maps :math:`h \mapsto \exp(i \omega_0 z - |s_0 z|^2)` with :math:`z = W h + b`; W and b are real in the
    first layer and complex in later ones. The network's value is the real part of a complex head, which is a real head
    over the real and the imaginary parts: a width of w gives 2 w basis functions. Complex parameters are held, and
    counted, as two real numbers each; the authors divide the width of a real network by sqrt(2) to make up for that.

    A wavelet is at most exp(omega0^2 / (4 s0^2)) large; the authors advise omega0 < 2 s0 and fit both to the signal.
    The default omega0 = s0 = 10 is our choice.

    Args:
        width: complex neurons in each hidden layer; None leaves it to the method (45, which is 64 / sqrt(2), where the
            network is trained).
        depth: number of hidden layers; None leaves it to the method (3 where the network is trained, else 1).
        omega: the frequency omega0 of the wavelet.
        scale: its inverse width s0.

    Reference:
        Saragadam et al. 2023, arXiv:2301.05187.
    """

    formula = "phi_m(x) = Re, Im exp(i omega z_m - |scale z_m|^2), z = W h + b, h = layers of such complex functions"
    references = ("saragadam2023wire",)
    usual_width = 45

    def __init__(
        self, width: int | None = None, depth: int | None = None, omega: float = 10.0, scale: float = 10.0
    ) -> None:
        """Keep the options; see the class."""
        super().__init__(width, depth)
        positive("omega", omega)
        positive("scale", scale)
        self.omega, self.scale = omega, scale

    def resized(self, size: int) -> Self:
        """Return the network with half as many complex neurons in its last hidden layer, if the width is open."""
        return super().resized(-(-size // 2))

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        first, *later = self.widths
        bound = 1 / math.sqrt(inputs)
        self.first = with_bias(linear(inputs, first, generator, bound), bound, generator)
        self.later = nn.ModuleList(ComplexLinear(a, b, generator) for a, b in itertools.pairwise([first, *later]))
        return 2 * self.widths[-1]

    def _basis(self, x: Any) -> Any:
        z = self.first(x)
        h = self._wave(z, torch.square(self.scale * z))
        for layer in self.later:
            real, imaginary = layer(h).chunk(2, -1)
            square = torch.square(real) + torch.square(imaginary)
            h = self._wave(real, self.omega * imaginary + self.scale**2 * square)
        return h

    def _wave(self, real: Any, decay: Any) -> Any:
        amplitude, angle = torch.exp(-decay), self.omega * real
        return torch.cat([amplitude * torch.cos(angle), amplitude * torch.sin(angle)], -1)
