"""The five families of analytic kernels: Gabor, Laplacian of Gaussian, and three generalised derivatives (TGD)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..spaces.analytic_kernels import gabor, laplacian_of_gaussian

BLUR = 0.25
"""Standard deviation, in pixels, of the Gaussian through which the sign and delta of a TGD are sampled."""


@dataclass(frozen=True)
class Length:
    """A parameter in pixels, inside (least, most k) for kernels of size k: evenly spread on a logarithmic scale."""

    least: float
    most: float = 1.0

    def value(self, raw: Tensor, size: int) -> Tensor:
        """Map any real number into the range."""
        return self.least * (self.most * size / self.least) ** torch.sigmoid(raw)

    def raw(self, share: Tensor) -> Tensor:
        """Find the raw value a share in (0, 1) of the way through the range, the outermost tenths left out."""
        return torch.logit(0.1 + 0.8 * share)


@dataclass(frozen=True)
class Angle:
    """A parameter in radians; any real number will do."""

    period: float

    def value(self, raw: Tensor, size: int) -> Tensor:
        """Return the angle itself."""
        return raw

    def raw(self, share: Tensor) -> Tensor:
        """Find the angle a share in (0, 1) of the way through the period."""
        return self.period * share


Profile = Callable[[Tensor, Tensor, tuple[Tensor, ...]], Tensor]


@dataclass(frozen=True)
class Family:
    """A family of kernels: amplitude times the profile of unit norm that the parameters (AKPs) give.

    Attributes:
        name: in the mosaic notation.
        title: in words.
        parameters: name and range of each AKP.
        profile: the formula, of coordinates x and y in pixels from the centre and the AKPs.
    """

    name: str
    title: str
    parameters: dict[str, Length | Angle]
    profile: Profile

    def akps(self, raw: Tensor, size: int) -> tuple[Tensor, ...]:
        """Map raw parameters ``(n, p)`` to the AKPs of kernels of ``size`` pixels, p tensors of shape ``(n,)``."""
        ranges = self.parameters.values()
        return tuple(r.value(column, size) for r, column in zip(ranges, raw.unbind(-1), strict=True))

    def kernels(self, raw: Tensor, shape: tuple[int, int]) -> Tensor:
        """Sample kernels of unit norm.

        Args:
            raw: raw parameters, shape ``(n, p)``.
            shape: rows h and columns w of a kernel.

        Returns:
            The kernels, shape ``(n, h, w)``.
        """
        y, x = (torch.arange(s, dtype=raw.dtype, device=raw.device) - (s - 1) / 2 for s in shape)
        akps = tuple(value[:, None, None] for value in self.akps(raw, max(shape)))
        values = self.profile(x[None, None, :], y[None, :, None], akps)
        # The small number stands in where all values vanish, as for an odd kernel seen along its axis.
        square = values.square().sum((-2, -1), keepdim=True)
        return values / torch.sqrt(square + torch.finfo(raw.dtype).eps ** 2)

    def draw(self, count: int, generator: torch.Generator | None) -> Tensor:
        """Draw raw parameters spread over all ranges: a Latin hypercube of shape ``(count, p)``."""
        columns = []
        for spread in self.parameters.values():
            strata = torch.randperm(count, generator=generator, dtype=torch.float64)
            share = (strata + torch.rand(count, generator=generator, dtype=torch.float64)) / max(count, 1)
            columns.append(spread.raw(share))
        return torch.stack(columns, -1)


def _rotated(x: Tensor, y: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    c, s = torch.cos(theta), torch.sin(theta)
    return c * x + s * y, c * y - s * x


def _nearest(x: Tensor, y: Tensor) -> Tensor:
    """Give the discrete delta: one pixel, or two or four equal ones about the centre of an even kernel."""
    square = x * x + y * y
    inside = (square <= square.min() + 1e-3).to(square.dtype)
    return inside / inside.sum()


def _gabor(x: Tensor, y: Tensor, akps: tuple[Tensor, ...]) -> Tensor:
    sigma, theta, wavelength, psi = akps
    along, _ = _rotated(x, y, theta)
    return gabor((x * x + y * y) / (2 * sigma**2), 2 * math.pi * along / wavelength + psi)


def _log(x: Tensor, y: Tensor, akps: tuple[Tensor, ...]) -> Tensor:
    return -laplacian_of_gaussian((x * x + y * y) / (2 * akps[0] ** 2), 2)


def _lot(x: Tensor, y: Tensor, akps: tuple[Tensor, ...]) -> Tensor:
    delta = _nearest(x, y)
    w = torch.exp(-(x * x + y * y) / (2 * akps[0] ** 2)) * (delta == 0)
    return w - w.sum((-2, -1), keepdim=True) * delta


def _first(x: Tensor, y: Tensor, akps: tuple[Tensor, ...]) -> Tensor:
    sigma, rho, theta = akps
    along, across = _rotated(x, y, theta)
    w = torch.exp(-(along**2) / (2 * sigma**2) - across**2 / (2 * rho**2))
    return torch.erf(along / (math.sqrt(2) * BLUR)) * w


def _second(x: Tensor, y: Tensor, akps: tuple[Tensor, ...]) -> Tensor:
    sigma, rho, theta = akps
    along, across = _rotated(x, y, theta)
    smooth = torch.exp(-(across**2) / (2 * rho**2))
    w = smooth * torch.exp(-(along**2) / (2 * sigma**2))
    delta = smooth * torch.exp(-(along**2) / (2 * BLUR**2))
    total = (-2, -1)
    return w - delta * (w.sum(total, keepdim=True) / delta.sum(total, keepdim=True))


_TURN = Angle(2 * math.pi)
_OPEN: dict[str, Length | Angle] = {"sigma": Length(0.5), "rho": Length(0.3), "theta": _TURN}
FAMILIES = {
    family.name: family
    for family in (
        Family("G", "Gabor", {"sigma": Length(0.3), "theta": _TURN, "lambda": Length(2, 4), "psi": _TURN}, _gabor),
        Family("Lg", "Laplacian of Gaussian", {"sigma": Length(0.3)}, _log),
        Family("Lt", "Laplacian of TGD", {"sigma": Length(0.5)}, _lot),
        Family("Tf", "TGD, first order", _OPEN, _first),
        Family("Ts", "TGD, second order", _OPEN, _second),
    )
}
