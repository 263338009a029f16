r"""Value and gradient of the exact transform from piecewise linear states to Fourier functions, in closed form.

Integration by parts leaves only the ends of the intervals where the state is positive. With slopes :math:`\beta` on
cells, and since :math:`s^+` is continuous and periodic,

.. math:: \int s^+ e^{ik\pi z} dz = \frac{1}{(k\pi)^2} \sum_{[a, b]} \beta (e^{ik\pi b} - e^{ik\pi a}).

Breakpoints give a matrix product. At roots :math:`e^{ik\pi z} = e^{imh\pi z} e^{il\pi z}` with k = mh + l, so that the
sums over roots are small matrix products of two short tables.

Neighbouring terms cancel: for d hats the rounding errors are about d^2 / 30 units, so that this is for float64 only.
"""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from torch import Tensor, nn

from .bases import Fourier
from .roots import Roots


class LinearToFourier(nn.Module):
    """The map from a piecewise linear state x and its roots to A x, and from g to A^T g; without derivatives of these.

    Args:
        local: local coefficients of the input basis on the cells, shape ``(d_in, 2, C)``.
        edges: ends of the cells, ascending from -1 to 1.
        output: the output basis.
    """

    centre: Tensor
    radius: Tensor
    slope: Tensor
    onto: Tensor
    at_edges: Tensor
    omega: Tensor
    scale: Tensor

    def __init__(self, local: Tensor, edges: list[Fraction], output: Fourier) -> None:
        """Tabulate slopes, and the output at the breakpoints; see the class."""
        super().__init__()
        ends = torch.tensor([float(edge) for edge in edges], dtype=torch.float64)
        radius, omega = ends.diff() / 2, torch.from_numpy(output.frequencies)
        slope = local[:, 1] / radius
        tables = {
            "centre": ends[:-1] + radius,
            "radius": radius,
            "slope": slope,
            "onto": torch.cat([local[:, 0], local[:, 1], slope], -1).mT.contiguous(),
            "at_edges": output.values(ends[1:]) / omega**2,
            "omega": omega[::2],
            "scale": output.norm / omega[::2] ** 2,
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)
        self.size = output.size

    def apply_to(self, roots: Roots, x: Tensor) -> Tensor:
        """Compute A x for the very states x that have these roots, shape ``(..., d_in)``: shape ``(..., d_out)``."""
        slope = torch.matmul(x, self.slope)
        at_roots = self.scale * _sums(self._angle(roots), roots.jump * slope, len(self.scale))
        at_edges = torch.matmul(roots.right * (slope - slope.roll(-1, -1)), self.at_edges)
        return at_edges + torch.view_as_real(at_roots).flatten(-2)[..., : self.size]

    def transposed(self, roots: Roots, g: Tensor) -> Tensor:
        """Compute A^T g for g of shape ``(..., d_out)``: shape ``(..., d_in)``."""
        # With f = q^T g the antiderivative of p_i f is p_i F + p_i' E for F' = f, E' = -F.
        pairs = nn.functional.pad(g, (0, g.shape[-1] % 2)).unflatten(-1, (-1, 2)).contiguous()
        twice = self.scale * torch.view_as_complex(pairs).conj()
        once = twice * torch.complex(torch.zeros_like(self.omega), -self.omega)
        f, e = roots.jump * _series(self._angle(roots), torch.stack([once, twice]))
        at_edges = roots.right * torch.matmul(g, self.at_edges.mT)
        e = e + at_edges - at_edges.roll(1, -1)
        return torch.matmul(torch.cat([f, roots.tau * f, e], -1), self.onto)

    def _angle(self, roots: Roots) -> Tensor:
        return math.pi * (self.centre + self.radius * roots.tau)


def _tables(angle: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Tabulate e^(il angle), l = 1 ... h, and e^(imh angle), m = 0, 1, ..., with mh >= count in all."""
    h = 2 ** math.ceil(math.log2(count) / 2)
    wave = torch.polar(torch.ones_like(angle), angle)
    low, high = [wave], [torch.ones_like(wave)]
    while len(low) < h:
        low.append(low[-1] * wave)
    while len(high) * h < count:
        high.append(high[-1] * low[-1])
    return torch.stack(low, -2), torch.stack(high, -2)


def _sums(angle: Tensor, weights: Tensor, count: int) -> Tensor:
    """Sum w_r e^(ik angle_r) over r for k = 1 ... count, ``(..., K)`` to ``(..., count)``."""
    low, high = _tables(angle, count)
    return torch.matmul(high * weights[..., None, :], low.mT).flatten(-2)[..., :count]


def _series(angle: Tensor, c: Tensor) -> Tensor:
    """Sum the real part of c_k e^(ik angle_r) over k = 1 ... count, ``(..., count)`` to ``(..., K)``."""
    low, high = _tables(angle, c.shape[-1])
    padded = nn.functional.pad(c, (0, high.shape[-2] * low.shape[-2] - c.shape[-1]))
    return (torch.matmul(padded.unflatten(-1, (high.shape[-2], -1)), low) * high).sum(-2).real
