"""Function bases on [-1, 1], periodic: what an integral activation transform reads its state from and writes to."""

from __future__ import annotations

import math
from abc import abstractmethod
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import InputError


class Basis:
    r"""A finite basis p_1, ..., p_d of functions on [-1, 1], continued with period 2.

    All bases share the mesh of d cells of width 2/d, and every function has the L2 norm of the indicator of a cell,
    :math:`\sqrt{2/d}` (our choice of the common norm), so that the state :math:`s = \sum_i p_i x_i` has about the
    size of x whatever the basis.

    Args:
        size: number of functions d, at least two.

    Attributes:
        degree: the polynomial degree in each cell; None where the functions are no piecewise polynomials.

    Raises:
        InputError: fewer than two functions.
    """

    name: str
    degree: int | None

    def __init__(self, size: int) -> None:
        """Keep the size; see the class."""
        if isinstance(size, bool) or not isinstance(size, int) or size < 2:
            raise InputError(f"the basis {self.name!r} needs at least two functions, got size = {size!r}.")
        self.size = size

    def __repr__(self) -> str:
        """Show name and size."""
        return f"{type(self).__name__}({self.size})"

    @property
    def norm(self) -> float:
        """L2 norm on [-1, 1] of each function."""
        return math.sqrt(2 / self.size)

    @property
    def breakpoints(self) -> tuple[Fraction, ...]:
        """Points of [-1, 1) between which all functions are smooth, exact."""
        return tuple(Fraction(2 * i, self.size) - 1 for i in range(self.size))

    @abstractmethod
    def values(self, t: Any, order: int = 0) -> Tensor:
        """Evaluate all functions or one of their derivatives; at a breakpoint, from the right.

        Args:
            t: points, any shape ``(*s)``.
            order: which derivative.

        Returns:
            The values, shape ``(*s, d)``, float64.
        """

    @abstractmethod
    def in_cells(self, edges: list[Fraction]) -> np.ndarray:
        r"""Write the functions as polynomials :math:`\sum_i c_i \tau^i`, -1 <= tau <= 1, on cells of a finer mesh.

        Args:
            edges: ascending, from -1 to 1; the breakpoints are among them.

        Returns:
            Coefficients, shape ``(d, degree + 1, cells)``, float64.
        """


class PiecewisePolynomial(Basis):
    """A basis of one function moved from cell to cell.

    Attributes:
        pieces: coefficients in u, 0 <= u <= 1, lowest degree first, on the cells that the function occupies.
        shift: function i starts in cell i + shift.
    """

    degree: int
    pieces: tuple[tuple[float, ...], ...]
    shift = 0

    def __init__(self, size: int) -> None:
        """Normalise the pieces; see the class."""
        super().__init__(size)
        self._scale = 1.0  # until the norm is known
        u, w = np.polynomial.legendre.leggauss(self.degree + 1)
        values = np.array([[self._in_cell(cell, point, 0)[0] for point in (1 + u) / 2] for cell in range(size)])
        self._scale = math.sqrt(2 / (values**2 @ w).sum())

    def _in_cell(self, cell: int, u: float, order: int) -> np.ndarray:
        """Evaluate d/du of some order of all functions in one cell."""
        out = np.zeros(self.size)
        for j, piece in enumerate(self.pieces):
            taken = np.polynomial.polynomial.polyder(piece, order) if order else piece
            out[(cell - j - self.shift) % self.size] += self._scale * np.polynomial.polynomial.polyval(u, taken)
        return out

    def values(self, t: Any, order: int = 0) -> Tensor:
        """Evaluate; see `Basis.values`."""
        t = torch.as_tensor(t, dtype=torch.float64)
        place = (t + 1) * (self.size / 2)
        cell = torch.floor(place)
        u, out = place - cell, torch.zeros(*t.shape, self.size, dtype=torch.float64)
        for j, piece in enumerate(self.pieces):
            value = torch.zeros_like(u)
            taken = np.polynomial.polynomial.polyder(piece, order) if order else piece
            for coefficient in reversed(taken):
                value = value * u + float(coefficient)
            at = (cell.long() - j - self.shift) % self.size
            out.scatter_add_(-1, at[..., None], (self._scale * (self.size / 2) ** order * value)[..., None])
        return out

    def in_cells(self, edges: list[Fraction]) -> np.ndarray:
        """Write as local polynomials, by Taylor's formula in exact places; see `Basis.in_cells`."""
        out = np.zeros((self.size, self.degree + 1, len(edges) - 1))
        for c, (left, right) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            place = ((left + right) / 2 + 1) * self.size / 2
            cell, ratio = math.floor(place), float((right - left) * self.size / 4)
            for i in range(self.degree + 1):
                out[:, i, c] = self._in_cell(cell, float(place - cell), i) * (ratio**i / math.factorial(i))
        return out


class Rect(PiecewisePolynomial):
    """Indicators of the cells: the transform between two of these is the plain activation, times 2/d."""

    name, degree = "rect", 0
    pieces = ((1.0,),)


class PWL(PiecewisePolynomial):
    """Piecewise linear hats, one for each breakpoint."""

    name, degree, shift = "pwl", 1, -1
    pieces = ((0.0, 1.0), (1.0, -1.0))


class PWQ(PiecewisePolynomial):
    """Quadratic B-splines, one for each three neighbouring cells; once continuously differentiable."""

    name, degree, shift = "pwq", 2, -1
    pieces = ((0.0, 0.0, 0.5), (0.5, 1.0, -1.0), (0.5, -1.0, 0.5))


class RectW(PiecewisePolynomial):
    """Haar-like steps: +1 on a cell, -1 on the next; zero integral. Their sum vanishes, so the rank is d - 1."""

    name, degree = "rect-w", 0
    pieces = ((1.0,), (-1.0,))


class PWLW(PiecewisePolynomial):
    """Hats less half of each neighbour; continuous, zero integral. Their sum vanishes, so the rank is d - 1."""

    name, degree, shift = "pwl-w", 1, -2
    pieces = ((0.0, -0.5), (-0.5, 1.5), (1.0, -1.5), (-0.5, 0.5))


class Fourier(Basis):
    """cos(pi t), sin(pi t), cos(2 pi t), sin(2 pi t), ..., without the constant; zero integral, smooth."""

    name, degree = "fourier", None

    def __init__(self, size: int) -> None:
        """Keep the size; see `Basis`."""
        super().__init__(size)
        i = np.arange(size)
        self.frequencies = np.pi * (i // 2 + 1)
        self._phases = -np.pi / 2 * (i % 2)  # sin(a) = cos(a - pi/2)

    @property
    def breakpoints(self) -> tuple[Fraction, ...]:
        """Cells of at most half a wave of the highest frequency; the functions are smooth everywhere."""
        waves = (self.size + 1) // 2
        return tuple(Fraction(i, waves) - 1 for i in range(2 * waves))

    def values(self, t: Any, order: int = 0) -> Tensor:
        """Evaluate; see `Basis.values`."""
        t = torch.as_tensor(t, dtype=torch.float64)
        omega, phase = torch.from_numpy(self.frequencies), torch.from_numpy(self._phases)
        # The argument is reduced first: at t = 1 the sines are then zero to the last digit.
        angle = torch.remainder(t[..., None] * (omega / math.pi).round(), 2) * math.pi
        return self.norm * omega**order * torch.cos(angle + phase + order * math.pi / 2)

    def in_cells(self, edges: list[Fraction]) -> np.ndarray:
        r"""Write as local polynomials to machine precision; see `Basis.in_cells`.

        The Chebyshev series :math:`\cos(a + \theta \tau) = \sum_i (2 - \delta_{i0}) J_i(\theta) \cos(a + i \pi/2)
        T_i(\tau)` of Jacobi and Anger ends where the Bessel functions fall below 1e-17.

        Args:
            edges: ascending, from -1 to 1.

        Returns:
            Coefficients, shape ``(d, degree + 1, cells)``, float64.
        """
        from scipy.special import jv

        centre = np.array([float((a + b) / 2) for a, b in zip(edges[:-1], edges[1:], strict=True)])
        theta = self.frequencies[:, None] * np.array(
            [float((b - a) / 2) for a, b in zip(edges[:-1], edges[1:], strict=True)]
        )
        count = 3
        while 2 * jv(count, theta.max()) > 1e-17:
            count += 1
        i = np.arange(count)[:, None, None]
        angle = self.frequencies[:, None] * centre + self._phases[:, None] + i * np.pi / 2
        series = self.norm * (2 - (i == 0)) * jv(i, theta) * np.cos(angle)
        powers = np.zeros((count, count))
        for row in range(count):
            powers[row, : row + 1] = np.polynomial.chebyshev.cheb2poly([0] * row + [1])
        return np.einsum("idc,ip->dpc", series, powers)


BASES = {kind.name: kind for kind in (Rect, PWL, PWQ, Fourier, RectW, PWLW)}


def basis(name: str, size: int) -> Basis:
    """Make a basis by its name.

    Args:
        name: one of rect, pwl, pwq, fourier, rect-w, pwl-w.
        size: number of functions.

    Returns:
        The basis.

    Raises:
        InputError: there is no basis of this name, or the size is below two.
    """
    if name not in BASES:
        raise InputError(f"there is no basis {name!r}; known are {', '.join(BASES)}.")
    return BASES[name](size)


def common_mesh(bases: tuple[Basis, ...]) -> list[Fraction]:
    """Join the breakpoints of several bases: ascending, from -1 to 1."""
    return sorted({point for each in bases for point in each.breakpoints}) + [Fraction(1)]
