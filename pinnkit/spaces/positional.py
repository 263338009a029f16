"""ReLU networks over a positional encoding."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import InputError
from .network import Network, with_bias
from .space import linear, whole


class PositionalReLU(Network):
    r"""A ReLU network over a positional encoding in octaves.

    Each coordinate in [-1, 1] becomes :math:`(x, \sin(2^k \pi x), \cos(2^k \pi x))` for k = 0 ... L - 1. L follows from
    the resolution N, the number of samples along an axis: the highest octave stays within the Nyquist frequency of the
    grid, :math:`2^{L-1} \pi \le \pi N / 2`, so that :math:`L = \lfloor \log_2 N \rfloor`. Weights are He's for ReLU,
    biases uniform in +-1/sqrt(fan-in). The authors use 10 octaves for positions and eight layers of 256; for images
    three layers of 256 are usual.

    The gradient of such a function jumps across the kinks, and no second derivative tells of that: residuals of second
    order in strong form can be made small by wrong solutions. Use it for data, or in a form of first order (energy).

    Args:
        width: neurons in each hidden layer; None leaves it to the method (64 where the network is trained).
        depth: number of hidden layers; None leaves it to the method (3 where the network is trained, else 1).
        resolution: samples along an axis that the encoding should tell apart, at least 2.

    Raises:
        InputError: an option is out of range.

    Reference:
        Mildenhall et al. 2020, arXiv:2003.08934.
    """

    formula = "phi_m(x) = max(0, w_m . h + b_m), h = layers of such functions over (x, sin 2^k pi x, cos 2^k pi x)"
    references = ("mildenhall2020nerf",)
    waves: Tensor

    def __init__(self, width: int | None = None, depth: int | None = None, resolution: int = 256) -> None:
        """Keep the options; see the class."""
        super().__init__(width, depth)
        self.frozen = False  # as drawn, too rough for the head alone
        whole("resolution", resolution)
        if resolution < 2:
            raise InputError(f"resolution must be at least 2 samples along an axis, got {resolution}.")
        self.resolution = resolution

    @property
    def octaves(self) -> int:
        """Number of octaves L."""
        return self.resolution.bit_length() - 1

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        waves = math.pi * 2.0 ** torch.arange(self.octaves, dtype=torch.float64)
        self.register_buffer("waves", torch.kron(waves[:, None], torch.eye(inputs, dtype=torch.float64)))
        self.hidden = nn.ModuleList()
        for a, b in itertools.pairwise([inputs * (2 * self.octaves + 1), *self.widths]):
            self.hidden.append(with_bias(linear(a, b, generator, math.sqrt(6 / a)), 1 / math.sqrt(a), generator))
        return self.widths[-1]

    def _basis(self, x: Any) -> Any:
        z = nn.functional.linear(x, self.waves)
        x = torch.cat([x, torch.sin(z), torch.cos(z)], -1)
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return x
