"""Chebyshev polynomials: the basis of classical spectral methods."""

from __future__ import annotations

import itertools
import math
from typing import Any, Self

import torch
from torch import Tensor

from .space import Space, whole


class Chebyshev(Space):
    r"""Products of Chebyshev polynomials, the basis of classical spectral methods; nothing in it is random.

    The functions are :math:`\phi_k(x) = \prod_j T_{k_j}(x_j)` on the domain's bounding box scaled to [-1, 1], in the
    order of their Euclidean degree :math:`|k|_2`: in a box, neither the total nor the largest degree but this one
    decides how well a smooth function is approximated (Trefethen 2017). The constant is the bias of the head. With
    least squares this is the spectral collocation method, except that more points than functions are taken and that
    they are spread evenly (our choice), which domains of any shape allow.

    Args:
        functions: number of functions M; None leaves it to the method (500 where that does not choose).

    Raises:
        InputError: the number is out of range.

    Reference:
        Trefethen 2000, Spectral Methods in MATLAB, doi:10.1137/1.9780898719598; Trefethen 2017, doi:10.1090/proc/13623.
    """

    frozen = True
    formula = "phi_k(x) = prod_j T_kj(x_j), k in the order of |k|_2"
    references = ("trefethen2000spectral", "trefethen2017multivariate")
    degrees: Tensor

    def __init__(self, functions: int | None = None) -> None:
        """Keep the options; see the class."""
        super().__init__()
        whole("functions", functions)
        self.functions = functions

    def resized(self, size: int) -> Self:
        """Return the space with this many functions, unless a number was asked for."""
        return self if self.functions else type(self)(size)

    def _draw(self, inputs: int, generator: torch.Generator, frequencies: Tensor | None) -> int:
        size = self.functions or 500
        self.register_buffer("degrees", euclidean_degrees(size, inputs))
        return size

    def _basis(self, x: Any) -> Any:
        values = [torch.ones_like(x), x]
        while len(values) <= int(self.degrees.max()):
            values.append(2 * x * values[-1] - values[-2])
        powers = torch.stack(values, -1)
        product = powers[:, 0, self.degrees[:, 0]]
        for axis in range(1, self.degrees.shape[1]):
            product = product * powers[:, axis, self.degrees[:, axis]]
        return product


def euclidean_degrees(size: int, dimensions: int) -> Tensor:
    """List exponents, but zero, in the order of their Euclidean norm.

    Args:
        size: how many.
        dimensions: numbers in each.

    Returns:
        The exponents, shape ``(size, dimensions)``, int64; equal norms come in alphabetical order.
    """
    found: list[tuple[int, ...]] = []
    radius = 0
    while len(found) <= size:
        radius += 1
        found = list(_within(radius * radius, dimensions))
    ordered = sorted(found, key=lambda k: (math.hypot(*k), k))
    return torch.tensor(ordered[1 : size + 1])


def _within(square: int, dimensions: int) -> itertools.chain[tuple[int, ...]] | list[tuple[int, ...]]:
    """List exponents whose sum of squares is at most ``square``."""
    if dimensions == 0:
        return [()]
    return itertools.chain.from_iterable(
        ((k, *rest) for rest in _within(square - k * k, dimensions - 1)) for k in range(math.isqrt(square) + 1)
    )
