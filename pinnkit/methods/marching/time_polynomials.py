"""Polynomials in time on one window: Legendre polynomials, and Radau points to collocate at."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from numpy.polynomial import legendre
from torch import Tensor


@cache
def radau_points(count: int) -> np.ndarray:
    """Give the right Radau points of (-1, 1], the roots of P_{s-1} - P_s, in rising order."""
    series = np.zeros(count + 1)
    series[-2:] = 1.0, -1.0
    roots = np.sort(legendre.legroots(series).real)
    roots[-1] = 1.0
    return roots


@cache
def _modes(order: int, count: int, degree: int) -> np.ndarray:
    r"""Legendre series of :math:`\tau^q / q!`, q < order, then of :math:`\tau^{order} P_j`, j < count, rows."""
    tau = np.array([0.5, 0.5])
    rows = [legendre.legpow(tau, q) / math.factorial(q) for q in range(order)]
    start = legendre.legpow(tau, order) if order else np.ones(1)
    rows += [legendre.legmul(start, np.eye(count)[j]) for j in range(count)]
    return np.array([np.pad(row[: degree + 1], (0, max(0, degree + 1 - len(row)))) for row in rows])


class TimePolynomials:
    r"""Polynomials on a window of length h for one unknown, with :math:`\tau = (t - t_0) / h`.

    The first ``order`` of them carry the state, :math:`h^q \partial_t^q u(t_0)`, the others vanish to that order at
    the window's start, :math:`\tau^{order} P_j(2 \tau - 1)`.

    Args:
        order: of the equation in time.
        count: how many carry no state.
        degree: of the Legendre series that they are written in.
        length: h.
    """

    def __init__(self, order: int, count: int, degree: int, length: float) -> None:
        """Expand them; see the class."""
        self.order, self.count, self.length = order, count, length
        self.modes = _modes(order, count, degree)

    def values(self, times: np.ndarray, derivative: int) -> Tensor:
        """Evaluate a derivative in time at times scaled to [-1, 1], shape ``(times, order + count)``."""
        series = legendre.legder(self.modes, derivative, axis=1) if derivative else self.modes
        found = legendre.legval(times, series.T) if series.shape[1] else np.zeros((len(self.modes), len(times)))
        return torch.from_numpy(np.atleast_2d(found).T * (2 / self.length) ** derivative).contiguous()

    @property
    def series(self) -> Tensor:
        """The Legendre series of each, shape ``(order + count, degree + 1)``."""
        return torch.from_numpy(self.modes)
