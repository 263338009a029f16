"""Analytic convolution kernels as functions of continuous coordinates: Gabor atoms and Laplacians of Gaussians."""

from __future__ import annotations

import math
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..errors import InputError
from .space import Space, positive, whole

KERNELS = ("G", "Lg")
GENERALISED = ("Lt", "Tf", "Ts")
OUTSIDE = 1.3


def gabor(q: Any, phase: Any) -> Any:
    r"""Evaluate a Gabor kernel, :math:`e^{-q} \cos\varphi`.

    Args:
        q: :math:`|x - c|^2 / (2 \sigma^2)`.
        phase: :math:`\varphi = k \cdot (x - c) + \psi`.

    Returns:
        The values, of the common shape.
    """
    return torch.exp(-q) * torch.cos(phase)


def laplacian_of_gaussian(q: Any, d: int) -> Any:
    r"""Evaluate :math:`(1 - 2 q / d)\, e^{-q}`, which is :math:`-(\sigma^2 / d) \nabla^2 e^{-q}` in d dimensions.

    Args:
        q: :math:`|x - c|^2 / (2 \sigma^2)`.
        d: number of dimensions.

    Returns:
        The values, of the shape of q.
    """
    return (1 - (2 / d) * q) * torch.exp(-q)


class AnalyticKernels(Space):
    r"""Analytic convolution kernels about random centres, frozen, with a linear head.

    - "G", Gabor atoms: :math:`\phi_m = e^{-|x - c_m|^2 / (2 \sigma_m^2)} \cos(k_m \cdot (x - c_m) + \psi_m)`.
    - "Lg", Laplacians of Gaussians (Mexican hats):
      :math:`\phi_m = (1 - |x - c_m|^2 / (d \sigma_m^2))\, e^{-|x - c_m|^2 / (2 \sigma_m^2)}`.

    Each is a function of the coordinates scaled to [-1, 1]. Our choices: centres uniform on [-1.3, 1.3]^d, because
    functions of outside centres are wanted near the boundary; widths log-uniform on an interval about one; phases
    uniform. The kernels of the TGD families have a jump or a delta at their centre and are no trial functions.

    Args:
        features: number of functions M; None leaves it to the method (500 where that does not choose).
        families: "G", "Lg" or both; they share the functions evenly.
        width: sigma of the middle of the range, whose ends are half and twice of it.
        scale: standard deviation of the wave vectors k where the method offers no frequencies, or instead of them.

    Raises:
        InputError: an option is out of range.

    Reference:
        "Analytic convolutional layer", arXiv:2407.06087; Tao et al. 2023 (TGD), arXiv:2305.08098.
    """

    centres: Tensor
    sigma: Tensor
    wave: Tensor
    phase: Tensor
    frozen = True
    formula = "phi_m(x) = exp(-q) cos(k_m.(x - c_m) + psi_m) or (1 - 2 q/d) exp(-q), q = |x - c_m|^2 / (2 sigma_m^2)"
    references = ("cui2024acl", "tao2023tgd")

    def __init__(
        self, features: int | None = None, families: str = "G Lg", width: float = 1.0, scale: float | None = None
    ) -> None:
        """Keep the options; see the class."""
        super().__init__()
        whole("features", features)
        positive("width", width)
        positive("scale", scale)
        names = families.split()
        if singular := [name for name in names if name in GENERALISED]:
            raise InputError(
                f"kernels of the family {singular[0]} have a jump or a delta at their centre, and a trial function has "
                f"derivatives; take {' or '.join(KERNELS)}."
            )
        if not names or len(set(names)) < len(names) or not set(names) <= set(KERNELS):
            raise InputError(f"families must be some of {', '.join(KERNELS)}, each once, got {families!r}.")
        self.features, self.families, self.width, self.scale = features, families, width, scale
        self.spectral = scale is None and "G" in names

    def resized(self, size: int) -> Self:
        """Return the space with this many functions, unless a number was asked for."""
        return self if self.features else type(self)(size, self.families, self.width, self.scale)

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        m = self.features or 500
        real: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
        waves = {"G": m, "Lg": 0}.get(self.families.strip(), (m + 1) // 2)
        centres = OUTSIDE * (2 * torch.rand(m, inputs, **real) - 1)
        sigma = self.width * 2 ** (2 * torch.rand(m, **real) - 1)
        wave = torch.randn(waves, inputs, **real) * (self.scale or 3.0)
        if frequencies is not None and self.scale is None:
            wave = frequencies[torch.randint(len(frequencies), (waves,), generator=generator)]
        phase = 2 * math.pi * torch.rand(waves, **real)  # psi - k.c, as uniform over a turn as psi
        for name, values in {"centres": centres, "sigma": sigma, "wave": wave, "phase": phase}.items():
            setattr(self, name, nn.Parameter(values, requires_grad=False))
        return m

    def _basis(self, x: Any) -> Any:
        half = 0.5 / self.sigma**2
        # |x - c|^2 multiplied out is a matrix product; the differences x - c would need d times the memory.
        weight, bias = -2 * half[:, None] * self.centres, half * self.centres.square().sum(1)
        q = (x * x).sum(-1, keepdim=True) * half + nn.functional.linear(x, weight, bias)
        waves = len(self.phase)
        gabors = gabor(q[:, :waves], nn.functional.linear(x, self.wave, self.phase))
        return torch.cat([gabors, laplacian_of_gaussian(q[:, waves:], self.centres.shape[1])], -1)
